"""The decoder as `check.py` of the recorded cases calls it."""

import re
from collections.abc import Sequence

from llmstream.errors import LLMStreamError
from llmstream.jsontext import JSONObject, loads_object
from llmstream.testing import decode as decode_body
from llmstream.testing.findings import findings
from llmstream.testing.splits import cut

MADE = re.compile(r"call_[0-9a-f]{8}_\d+")


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
        # What was made here, for a call to which the wire gave no id, is not in the body; nor is what
        # came in base64.
        made = MADE.fullmatch(row["id"]) and row["id"].encode() not in body
        row["id"] = None if made else row["id"]
    return found
