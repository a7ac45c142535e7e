"""The steps of an interaction, as both directions see them.

https://ai.google.dev/gemini-api/docs/interactions

A step that a part was made from is made again from the part: what the part's own fields do not say is kept
in its metadata, where `type` is the step's type.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from llmstream.jsontext import JSON, JSONObject, as_list, as_object

StepKind: TypeAlias = Literal["thought", "output", "function", "call", "result", "opaque"]

FUNCTION: Final = "function_call"
CALL, RESULT = "_call", "_result"
# What the fields of a part say.
CALL_FIELDS: Final = frozenset({"type", "id", "name", "arguments"})
RESULT_FIELDS: Final = frozenset({"type", "call_id", "result"})

_KINDS: Final[dict[str, StepKind]] = {
    "thought": "thought",
    "model_output": "output",
    FUNCTION: "function",
    # The caller's own result is no part of an answer; should one come, it is kept as it is.
    "function_result": "opaque",
}


def kind_of(type: str) -> StepKind:
    """What a step is; server-side tools go by the ending of their type."""
    if type in _KINDS:
        return _KINDS[type]
    return "call" if type.endswith(CALL) else "result" if type.endswith(RESULT) else "opaque"


def spoken(content: JSON) -> list[str]:
    """The texts in a list of contents, or in one."""
    given = as_list(content) if isinstance(content, list) else [content]
    texts = [as_object(one).get("text") for one in given]
    return [text for text in texts if isinstance(text, str)]


def without(record: JSONObject, names: frozenset[str]) -> JSONObject:
    """A record without some of its fields, and without nulls."""
    return {key: value for key, value in record.items() if key not in names and value is not None}
