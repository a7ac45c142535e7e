"""The parts of a content, as both halves and both directions see them.

https://ai.google.dev/api/caching#Part

A part holds one kind of data; what stands beside that (a thought signature above all) is kept in the
metadata of the part that is made of it, and goes back beside it. There `type` is the key of the data of a
server-side call or result, `id` the id that the wire gave to a call or result, null if it gave none, and
the data's own key what it holds beyond the fields of ours. `thought` marks thinking as this provider's own.
"""

from __future__ import annotations

from typing import Final

from llmstream.jsontext import JSON, JSONObject

TEXT: Final = "text"
CALL: Final = "functionCall"
INLINE: Final = "inlineData"
FILE: Final = "fileData"
CODE: Final = "executableCode"
CODE_RESULT: Final = "codeExecutionResult"
SERVER_CALL: Final = "toolCall"
SERVER_RESULT: Final = "toolResponse"
RESPONSE: Final = "functionResponse"
KINDS: Final = (CALL, CODE, CODE_RESULT, SERVER_CALL, SERVER_RESULT, INLINE, FILE, TEXT)

# What may stand beside the data and is none.
_BESIDE: Final = frozenset(
    {"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}
)

# Keys of metadata that are about a part and do not stand beside its data.
_ABOUT: Final = frozenset({"type", "id", RESPONSE, *KINDS})

# The name of the tool that runs code, which the wire does not name.
CODE_TOOL: Final = "code_execution"
CODE_OK: Final = "OUTCOME_OK"

# The fields of data that parts of ours have.
FIELDS: Final[dict[str, frozenset[str]]] = {
    CALL: frozenset({"name", "args", "id", "partialArgs", "willContinue"}),
    SERVER_CALL: frozenset({"toolType", "args", "id"}),
    SERVER_RESULT: frozenset({"toolType", "response", "id"}),
    RESPONSE: frozenset({"name", "response", "id", "parts"}),
    INLINE: frozenset({"mimeType", "data", "displayName"}),
    FILE: frozenset({"mimeType", "fileUri", "displayName"}),
}


def kind_of(part: JSONObject) -> str:
    """The key of a part's data; the first that is unknown where there is no known one, else that of text."""
    for kind in KINDS:
        if part.get(kind) is not None:
            return kind
    return next((key for key, value in part.items() if key not in _BESIDE and value is not None), TEXT)


def beside(part: JSONObject, kind: str) -> JSONObject:
    """What stands beside the data of a part."""
    return {key: value for key, value in part.items() if key != kind and value not in (None, False)}


def beside_of(own: JSONObject) -> JSONObject:
    """What of a part's metadata stands beside its data."""
    return {key: value for key, value in own.items() if key not in _ABOUT and value not in (None, False)}


def beyond(data: JSONObject, kind: str) -> JSONObject:
    """What the data of a part holds beyond the fields of ours, under its key."""
    rest = {key: value for key, value in data.items() if key not in FIELDS[kind] and value is not None}
    return {kind: rest} if rest else {}


def code_error(output: JSONObject) -> str | None:
    """What went wrong in code that the provider ran, or None."""
    outcome: JSON = output.get("outcome")
    if outcome in (None, CODE_OK):
        return None
    said: JSON = output.get("output")
    return said if isinstance(said, str) and said else str(outcome)


def is_opaque(part: JSONObject) -> bool:
    """Whether a part's data is of a kind that no part of ours is made of."""
    return kind_of(part) not in KINDS
