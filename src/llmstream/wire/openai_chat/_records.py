"""Usage and citations: the wire's records and our values, both ways."""

from __future__ import annotations

from llmstream.jsontext import JSON, JSONObject, as_object
from llmstream.values.content import Citation
from llmstream.values.usage import Usage

# Where a count may stand, in order of trust: a path into `usage`, from any vendor.
_CACHED = (
    ("prompt_tokens_details", "cached_tokens"),
    # deepseek (corpus: openai-chat/deepseek/vercel-deepseek-tool-call-0)
    ("prompt_cache_hit_tokens",),
    # databricks, venice (corpus: openai-chat/venice/rig-prompt_caching-streaming_probe-2)
    ("cache_read_input_tokens",),
    # together, moonshot (corpus: openai-chat/together/oinf-test_async_chat_stream-0)
    ("cached_tokens",),
    # mistral (corpus: mistral/nonstream/...matrix-tool_return_content-url-294b63-2)
    ("num_cached_tokens",),
)
_WRITTEN = (
    # openrouter (corpus: openai-chat/openrouter/pyai-test_openrouter_cache_streaming_e2e-0)
    ("prompt_tokens_details", "cache_write_tokens"),
    # databricks, doubleword (corpus: openai-chat/databricks/chatlas-test_databricks_images-0)
    ("cache_creation_input_tokens",),
)
_REASONING = (
    ("completion_tokens_details", "reasoning_tokens"),
    # github-copilot (corpus: openai-chat/github-copilot/..._emits_required_zero_arg_tool_call-0)
    ("reasoning_tokens",),
)
# How the wire calls the formats of audio that goes in.
AUDIO_FORMATS = {
    "audio/mpeg": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/pcm": "pcm16",
    "audio/mp4": "m4a",
}
_TOTALS = ("prompt_tokens", "completion_tokens", "total_tokens")
_OTHER_NAMES = {path[0] for path in (*_CACHED, *_WRITTEN, *_REASONING) if len(path) == 1}


def usage_of(usage: JSONObject, *, output_excludes_reasoning: bool = False) -> Usage | None:
    """Read a usage record; None when it counts nothing at all."""
    given = [usage.get(name) for name in _TOTALS]
    if not any(isinstance(count, int) for count in given):
        return None
    reasoning = _count(usage, *_REASONING)
    output = _count(usage, ("completion_tokens",))
    return Usage(
        input=_count(usage, ("prompt_tokens",)),
        output=output + reasoning if output_excludes_reasoning else output,
        cached_input=_count(usage, *_CACHED),
        cache_write=_count(usage, *_WRITTEN),
        reasoning=reasoning,
        details=_rest(usage),
    )


def usage_record(usage: Usage, *, output_excludes_reasoning: bool = False) -> JSONObject:
    """Write a usage record."""
    output = usage.output - usage.reasoning if output_excludes_reasoning else usage.output
    prompt: JSONObject = {"cached_tokens": usage.cached_input}
    if usage.cache_write:
        prompt["cache_write_tokens"] = usage.cache_write
    record: JSONObject = {
        "prompt_tokens": usage.input,
        "completion_tokens": output,
        "total_tokens": usage.total,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    for name, value in usage.details.items():
        own = record.get(name)
        if isinstance(own, dict) and isinstance(value, dict):
            record[name] = {**value, **own}
        elif own is None and name not in _OTHER_NAMES:
            record[name] = value
    return record


def _count(usage: JSONObject, *paths: tuple[str, ...]) -> int:
    for path in paths:
        value: JSON = usage
        for name in path:
            value = as_object(value).get(name)
        if isinstance(value, int | float) and value:
            return int(value)
    return 0


def _rest(usage: JSONObject) -> JSONObject:
    """What the record says beyond the counts that have a field of their own."""
    rest = {name: value for name, value in usage.items() if name not in _TOTALS and value is not None}
    for path in (*_CACHED, *_WRITTEN, *_REASONING):
        if len(path) == 1:
            rest.pop(path[0], None)
        elif path[0] in rest:
            inner = as_object(rest[path[0]])
            rest[path[0]] = {k: v for k, v in inner.items() if k != path[1] and v is not None}
    return {name: value for name, value in rest.items() if value != {}}


_CITED = {"url": "url", "title": "title", "content": "cited_text", "start_index": "start", "end_index": "end"}


def citation_of(entry: JSONObject, provider: str, *, spans: bool) -> Citation:
    """Read an annotation, or a search result: the same without `type`.

    `spans` says whether offsets can be trusted to count from the beginning of one text part. Offsets of
    0 and 0 say nothing (corpus: openai-chat/openrouter/pyai-test_openrouter_web_search_annotations_stream-0).
    """
    kind = entry.get("type")
    source = as_object(entry.get(kind)) if isinstance(kind, str) else entry
    start, end = source.get("start_index"), source.get("end_index")
    told = isinstance(start, int) and isinstance(end, int) and (start, end) != (0, 0)
    given = told and spans
    plain = kind == "url_citation" and len(entry) == 2 and source and source.keys() <= _CITED.keys()
    return Citation(
        _text(source.get("url")),
        _text(source.get("title")),
        cited_text=_text(source.get("content")) or _text(source.get("snippet")),
        start=start if given else None,
        end=end if given else None,
        provider=provider,
        data={} if plain and given == told else entry,
    )


def annotation(citation: Citation, provider: str) -> JSONObject:
    """Write an annotation: the provider's own record, where there is one."""
    if citation.provider == provider and citation.data:
        return citation.data
    record: JSONObject = {}
    for name, field in _CITED.items():
        value = getattr(citation, field)
        if value is not None:
            record[name] = value
    return {"type": "url_citation", "url_citation": record}


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) and value else None
