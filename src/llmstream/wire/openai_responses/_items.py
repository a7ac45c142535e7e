"""The items of the wire: which are calls, which are results, and what their parts do not say themselves.

https://platform.openai.com/docs/api-reference/responses/object

An item is one part, with three exceptions: each content of a message and each paragraph of a reasoning item
is a part of its own, and an image that was generated is a part behind its call. The parts after the first
are known by the item's `id` and by their position, as `part`; by ids alone items are not told apart.
What a part's own fields do not say of its item is kept in the part's metadata, under the item's keys; an
item of one of the built-in tools is kept there whole, its `type` and its outputs among the rest.
"""

from __future__ import annotations

from typing import Final

import attrs

from llmstream.jsontext import JSON, JSONObject, as_object

MESSAGE: Final = "message"
REASONING: Final = "reasoning"
FUNCTION: Final = "function_call"
CUSTOM: Final = "custom_tool_call"
MCP: Final = "mcp_call"
IMAGE: Final = "image_generation_call"
SHELL: Final = "shell_call"
TOOL_SEARCH: Final = "tool_search_call"

# The position of a part in its item; the first has none
# (corpus: openai-responses/xai/nonstream/rubyllm-chat_web_search_...-92004d-1: all items have one id).
PART: Final = "part"
# The metadata's mark of reasoning that is told as it is, not as a summary.
REASONING_TEXT: Final = "reasoning_text"


@attrs.frozen(kw_only=True)
class CallItem:
    """How an item says what is called.

    Attributes:
        name: what the tool is called; None where the item says it.
        text: the field that is written bit by bit; empty where the item comes whole.
        custom: whether that text is free.
        said: the fields that are the arguments of a call that comes whole.
        server: whether the provider runs it, as far as the type alone tells.
    """

    name: str | None = None
    text: str = ""
    custom: bool = False
    said: tuple[str, ...] = ()
    server: bool = True


CALLS: Final[dict[str, CallItem]] = {
    FUNCTION: CallItem(text="arguments", server=False),
    CUSTOM: CallItem(text="input", custom=True, server=False),
    MCP: CallItem(text="arguments"),
    "code_interpreter_call": CallItem(name="code_interpreter", text="code", custom=True),
    "web_search_call": CallItem(name="web_search", said=("action",)),
    "file_search_call": CallItem(name="file_search", said=("queries",)),
    IMAGE: CallItem(name="image_generation"),
    "local_shell_call": CallItem(name="local_shell", said=("action",), server=False),
    SHELL: CallItem(name="shell", said=("action",), server=False),
    "apply_patch_call": CallItem(name="apply_patch", said=("operation",), server=False),
    TOOL_SEARCH: CallItem(name="tool_search", said=("arguments",)),
    "computer_call": CallItem(name="computer", said=("action", "actions"), server=False),
}
# Calls whose parts say all that is said of a call; of the others the metadata keeps the type.
PLAIN_CALLS: Final = frozenset({FUNCTION, CUSTOM})

_OUTPUT: Final = "_output"
_OUTPUT_FIELDS: Final = ("output", "result", "tools")

# What an item has while all goes well, and nothing needs to be kept of.
USUAL: Final = frozenset({"in_progress", "completed"})
# What comes first in one form and last in another: only the last counts.
LATE: Final = frozenset({"status", "encrypted_content"})

_SAID: Final[dict[str, frozenset[str]]] = {
    MESSAGE: frozenset({"type", "role", "content", PART}),
    REASONING: frozenset({"type", "summary", "content", PART}),
    FUNCTION: frozenset({"type", "call_id", "name", "arguments"}),
    CUSTOM: frozenset({"type", "call_id", "name", "input"}),
    MCP: frozenset({"name", "arguments"}),
    "code_interpreter_call": frozenset({"code"}),
    IMAGE: frozenset({"result"}),
}
_NOTHING: Final = frozenset[str]()


def unsaid(type: str, record: JSONObject, /, *, late: bool = True) -> JSONObject:
    """What an item says beyond its parts' own fields; without `late`, as far as it is sure at the start."""
    said = _SAID.get(type, _NOTHING)
    return {
        key: value
        for key, value in record.items()
        if key not in said
        and not (key == "status" and isinstance(value, str) and value in USUAL)
        and (late or key not in LATE)
    }


def is_result(type: str, /) -> bool:
    """Whether an item of this type is what a tool gave."""
    return type.endswith(_OUTPUT)


def output_field(type: str, record: JSONObject, /) -> str:
    """The field of a result that has its output."""
    if type == f"{TOOL_SEARCH.removesuffix('_call')}{_OUTPUT}":
        return "tools"
    return next((name for name in _OUTPUT_FIELDS if name in record), "output")


def result_name(type: str, /) -> str:
    """The tool that a type of results is named for."""
    return type.removesuffix(_OUTPUT).removesuffix("_call")


def runs_at_server(type: str, record: JSONObject, /, *, custom: bool = False) -> bool:
    """Whether the provider runs a call itself; `custom`: it runs those of free text."""
    if type == SHELL:
        # Without an environment it is the client's own.
        return as_object(record.get("environment")).get("type") not in {None, "local"}
    if type == TOOL_SEARCH:
        return record.get("execution") != "client"
    return custom if type == CUSTOM else CALLS[type].server


def arguments_of(call: CallItem, record: JSONObject, /) -> JSONObject:
    """The arguments of a call that comes whole."""
    for name in call.said:
        value: JSON = record.get(name)
        if isinstance(value, dict):
            return as_object(value)
        if value:
            return {name: value}
    return {}
