"""Usage and citations: the wire's records and our values, both ways."""

from __future__ import annotations

from llmstream.jsontext import JSON, JSONObject, as_object
from llmstream.values.content import Citation
from llmstream.values.usage import Usage

_TOTALS = ("input_tokens", "output_tokens", "total_tokens")
_INPUT, _OUTPUT = "input_tokens_details", "output_tokens_details"
_CACHED, _WRITTEN, _REASONING = "cached_tokens", "cache_write_tokens", "reasoning_tokens"


def usage_of(usage: JSONObject) -> Usage | None:
    """Read a usage record; None when it counts nothing at all."""
    if not any(isinstance(usage.get(name), int) for name in _TOTALS):
        return None
    given, made = as_object(usage.get(_INPUT)), as_object(usage.get(_OUTPUT))
    rest = {name: value for name, value in usage.items() if name not in {*_TOTALS, _INPUT, _OUTPUT}}
    rest[_INPUT] = {name: value for name, value in given.items() if name not in {_CACHED, _WRITTEN}}
    rest[_OUTPUT] = {name: value for name, value in made.items() if name != _REASONING}
    return Usage(
        input=_count(usage.get("input_tokens")),
        output=_count(usage.get("output_tokens")),
        cached_input=_count(given.get(_CACHED)),
        cache_write=_count(given.get(_WRITTEN)),
        reasoning=_count(made.get(_REASONING)),
        details={name: value for name, value in rest.items() if value not in (None, {})},
    )


def usage_record(usage: Usage) -> JSONObject:
    """Write a usage record."""
    details = {name: value for name, value in usage.details.items() if name not in _TOTALS}
    given: JSONObject = {**as_object(details.pop(_INPUT, None)), _CACHED: usage.cached_input}
    if usage.cache_write:
        given[_WRITTEN] = usage.cache_write
    made = {**as_object(details.pop(_OUTPUT, None)), _REASONING: usage.reasoning}
    return {
        **details,
        "input_tokens": usage.input,
        _INPUT: given,
        "output_tokens": usage.output,
        _OUTPUT: made,
        "total_tokens": usage.total,
    }


def _count(value: JSON) -> int:
    return int(value) if isinstance(value, int | float) else 0


def citation_of(entry: JSONObject, provider: str) -> Citation:
    """Read an annotation; its record is kept whole, for the text goes back with it."""
    start, end = entry.get("start_index"), entry.get("end_index")
    spans = isinstance(start, int) and isinstance(end, int)
    return Citation(
        _text(entry.get("url")),
        _text(entry.get("title")) or _text(entry.get("filename")),
        start=start if spans else None,
        end=end if spans else None,
        provider=provider,
        data=entry,
    )


def annotation(citation: Citation, provider: str) -> JSONObject:
    """Write an annotation: the provider's own record, where there is one."""
    if citation.provider == provider and citation.data:
        return citation.data
    record: JSONObject = {"type": "url_citation", "url": citation.url or "", "title": citation.title or ""}
    if citation.start is not None and citation.end is not None:
        record |= {"start_index": citation.start, "end_index": citation.end}
    return record


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) and value else None
