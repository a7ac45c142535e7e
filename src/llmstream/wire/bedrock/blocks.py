"""Content blocks, as both halves and both directions see them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html

A block is an object with one key, which says its kind. What a part's own fields do not say is kept in its
provider metadata: keys of the block. `redactedContent` stands there for a block that was withheld, and `id`
for the id that the wire gave where the call needed another.
"""

from __future__ import annotations

from typing import Final

from llmstream.jsontext import JSON, JSONObject, as_list, as_object, dumps
from llmstream.values.content import Citation, Part
from llmstream.wire.typed import items, mapping, text

SERVER_CALL: Final = "server_tool_use"
_RESULT: Final = "_result"

# What a part's own fields say; the rest of a block is kept in metadata.
CALL_FIELDS: Final = frozenset({"toolUseId", "name", "input"})
RESULT_FIELDS: Final = frozenset({"toolUseId", "content"})
# The kinds of blocks that an answer has parts for; all others are opaque.
KNOWN: Final = frozenset({"text", "reasoningContent", "citationsContent", "toolUse", "toolResult", "image"})


def own(part: Part, provider: str, /) -> JSONObject:
    """The part's metadata of this provider: keys of its block."""
    return dict(part.provider_metadata.get(provider, {}))


def extra_of_call(record: JSONObject, /) -> JSONObject:
    """What a call's record says beyond the call; that the client is to make it, nova says too."""
    extra = {key: value for key, value in record.items() if key not in CALL_FIELDS}
    if extra.get("type") != SERVER_CALL:
        extra.pop("type", None)
    return extra


def result_name(type: str, /) -> str:
    """The tool that a type of results is named for."""
    return type.removesuffix(_RESULT)


def result_type(name: str, /) -> str:
    """The type of a server-side tool's results."""
    return f"{name}{_RESULT}"


def result_error(record: JSONObject, content: JSON, /) -> str | None:
    """What went wrong in a tool, or None."""
    if record.get("status") != "error":
        return None
    said = [as_object(item).get("text") for item in as_list(content)]
    return "".join(words for words in said if isinstance(words, str)) or dumps(content)


def result_content(output: JSON, /) -> list[JSONObject]:
    """A result as the wire takes it: a list of texts and objects."""
    if isinstance(output, list) and all(_is_item(item) for item in as_list(output)):
        return as_list(output)
    if isinstance(output, dict):
        return [{"json": output}]
    return [{"text": output if isinstance(output, str) else dumps(output)}]


def _is_item(item: JSON) -> bool:
    return isinstance(item, dict) and len(as_object(item)) == 1 and bool({"text", "json"} & item.keys())


def citation_of(record: JSONObject, provider: str, /) -> Citation:
    """Read a citation; its record is kept whole, for the text goes back with it.

    Raises:
        MisfitError: when one of its texts is no string.
    """
    web = mapping(mapping(record.get("location"), "citation.location").get("web"), "citation.location.web")
    url = text(web.get("url"), "citation.location.web.url") or text(record.get("source"), "citation.source")
    place = "citation.sourceContent"
    sources = [mapping(item, place) for item in items(record.get("sourceContent"), place)]
    return Citation(
        url or None,
        text(record.get("title"), "citation.title") or None,
        cited_text="".join(text(source.get("text"), f"{place}.text") for source in sources) or None,
        provider=provider,
        data=record,
    )


def citation_record(citation: Citation, provider: str, /) -> JSONObject:
    """Write a citation: its own record where it has one, else one of a page of the web."""
    if citation.provider == provider and citation.data:
        return citation.data
    record: JSONObject = {}
    if citation.title is not None:
        record["title"] = citation.title
    if citation.cited_text is not None:
        record["sourceContent"] = [{"text": citation.cited_text}]
    if citation.url is not None:
        record["location"] = {"web": {"url": citation.url}}
    return record
