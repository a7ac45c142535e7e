"""Content blocks, as both halves and both directions see them.

https://platform.claude.com/docs/en/api/messages

A block that a part was made from is made again from the part: what the part's own fields do not say is
kept in its provider metadata. There `type` is the block's type, `id` the id that the wire gave where the
call needed another, and every other key a key of the block.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, TypeGuard, cast

from llmstream.jsontext import JSON, JSONObject, dumps
from llmstream.values.content import Citation
from llmstream.wire.typed import text

BlockKind: TypeAlias = Literal["text", "thinking", "redacted", "call", "result", "opaque"]

_KINDS: Final[dict[str, BlockKind]] = {
    "text": "text",
    "thinking": "thinking",
    "redacted_thinking": "redacted",
    "tool_use": "call",
}
_CALL, _RESULT, _ERROR = "_tool_use", "_tool_result", "_error"

# What a part's own fields say; the rest of a block is kept in metadata.
CALL_FIELDS: Final = frozenset({"type", "id", "name", "input"})
RESULT_FIELDS: Final = frozenset({"tool_use_id", "content"})


def kind_of_block(block: JSONObject, /) -> BlockKind:
    """What a block is. The ones that the wire may yet grow go by their endings, else they are opaque."""
    type = block.get("type")
    if not isinstance(type, str):
        return "opaque"
    if type in _KINDS:
        return _KINDS[type]
    if type.endswith(_CALL) and isinstance(block.get("name"), str):
        return "call"
    # The caller's own result is no part of an answer; should one come, it is kept as it is.
    if type.endswith(_RESULT) and isinstance(block.get("tool_use_id"), str):
        return "result"
    return "opaque"


def result_name(type: str, /) -> str:
    """The tool that a block type of results is named for."""
    return type.removesuffix(_RESULT)


def result_type(name: str, /) -> str:
    """The block type of a server-side tool's results."""
    return f"{name}{_RESULT}"


def result_error(block: JSONObject, /) -> str | None:
    """What went wrong in a server-side tool, or None."""
    content = block.get("content")
    if isinstance(content, dict):
        content = cast("JSONObject", content)
        type = content.get("type")
        if isinstance(type, str) and type.endswith(_ERROR):
            return str(content.get("error_code") or content.get("error_message") or type)
    return _flat(content) if block.get("is_error") is True else None


def _flat(content: JSON) -> str:
    """The words of a result, whichever way they were put."""
    if isinstance(content, str):
        return content
    texts: list[JSON] = [item.get("text") for item in content] if _is_list_of_objects(content) else []
    return "".join(text for text in texts if isinstance(text, str)) or dumps(content)


def _is_list_of_objects(value: JSON) -> TypeGuard[list[JSONObject]]:
    return isinstance(value, list) and all(isinstance(item, dict) for item in cast("list[JSON]", value))


def error_content(type: str, error: str, output: JSON, /) -> JSONObject:
    """The content of a result that says what went wrong."""
    content: JSONObject = {"type": f"{type}{_ERROR}", "error_code": error}
    return content if output in ("", None) else {**content, "output": output}


def fallback_model(block: JSONObject, /) -> str | None:
    """The model that answers from a block on, where it is one that says so.

    A server-side fallback switches inside the answer (corpus: anthropic/anthsdk-fallback_response-0).
    """
    to = block.get("to") if block.get("type") == "fallback" else None
    model: JSON = cast("JSONObject", to).get("model") if isinstance(to, dict) else None
    return model if isinstance(model, str) and model else None


def citation_of(record: JSONObject, provider: str, /) -> Citation:
    """Read a citation; its record is kept whole, for the text goes back with it.

    Raises:
        MisfitError: when one of its texts is no string.
    """
    return Citation(
        url=text(record.get("url"), "citation.url") or text(record.get("source"), "citation.source") or None,
        title=text(record.get("title") or record.get("document_title"), "citation.title") or None,
        cited_text=text(record.get("cited_text"), "citation.cited_text") or None,
        provider=provider,
        data=record,
    )


def citation_record(citation: Citation, provider: str, /) -> JSONObject:
    """Write a citation: its own record where it has one, else a search result's without its index."""
    if citation.provider == provider and citation.data:
        return citation.data
    return {
        "type": "web_search_result_location",
        "url": citation.url or "",
        "title": citation.title,
        "cited_text": citation.cited_text or "",
        "encrypted_index": "",
    }
