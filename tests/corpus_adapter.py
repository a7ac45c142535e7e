"""The decoder as `check.py` of the recorded cases calls it."""

from collections.abc import Sequence

from llmstream.errors import LLMStreamError
from llmstream.jsontext import JSONObject, loads_object
from llmstream.testing import decode as decode_body
from llmstream.testing.findings import findings
from llmstream.testing.splits import cut


def decode(
    wire: str, provider: str, body: bytes, content_type: str, status: int, cuts: Sequence[int] = ()
) -> JSONObject:
    pieces = cut(body, cuts)
    # A listing is filed under the dialect that it stands beside.
    wire = "models" if "models" in (loads_object(body) or {}) else wire
    try:
        found = findings(
            decode_body(wire, pieces, provider=provider, content_type=content_type, status=status)
        )
    except LLMStreamError as error:
        found = findings(error)
    for row in (*found.get("tool_calls", ()), *found.get("tool_results", ())):
        # What the body does not hold was made here, for a call to which the wire gave no id.
        row["id"] = row["id"] if row["id"].encode() in body else None
    return found
