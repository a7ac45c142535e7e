"""How an answer ended: stop reasons, token counts and what else a message says of itself, in both directions.

https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from llmstream.jsontext import JSON, JSONObject
from llmstream.values.events import Done, FinishReason
from llmstream.values.usage import Usage
from llmstream.wire.typed import integer, mapping

_FINISH: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "refusal",
}
# What is said for a reason that came from elsewhere. The wire has no word of its own for a filter's cut.
_STOP: Final[Mapping[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
    "content_filter": "refusal",
}

_COUNTERS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
_DETAILS = "output_tokens_details"

MESSAGE_FIELDS: Final = frozenset(
    {"type", "id", "role", "model", "content", "stop_reason", "usage", "delta", "message"}
)
DELTA_FIELDS: Final = frozenset({"stop_sequence", "stop_details", "container"})


def finish_of(stop: str | None, *, called: bool) -> FinishReason | None:
    """What a stop reason means; `called`: the answer holds calls that the client is to make."""
    if stop is None:
        return None
    finish: FinishReason = _FINISH.get(stop, "other")
    return "tool_calls" if finish == "stop" and called else finish


def stop_of(done: Done, /) -> str | None:
    """The stop reason that says how an answer ended; the raw one where it means the same here."""
    finish, raw = done.finish_reason, done.raw_finish_reason
    if finish is None:
        return None
    if raw and (_FINISH.get(raw, "other") == _spoken(finish) or finish_of(raw, called=True) == finish):
        return raw
    return _STOP.get(finish, finish)


def _spoken(finish: FinishReason) -> FinishReason:
    return _FINISH.get(_STOP.get(finish, ""), "other")


def usage_of(counts: JSONObject, /) -> Usage | None:
    """Read token counts; None where all are zero, which is how a server that does not count says so.

    Raises:
        MisfitError: when a count is no whole number.
    """
    fresh, written, cached, output = (integer(counts.get(key, 0), f"usage.{key}") for key in _COUNTERS)
    details = {key: value for key, value in counts.items() if key not in _COUNTERS and value is not None}
    split = dict(mapping(details.pop(_DETAILS, None), f"usage.{_DETAILS}"))
    reasoning = integer(split.pop("thinking_tokens", None) or 0, f"usage.{_DETAILS}.thinking_tokens")
    if split:
        details[_DETAILS] = split
    usage = Usage(
        # The wire counts what the cache gave and took apart from the input.
        input=fresh + written + cached,
        output=output,
        cached_input=cached,
        cache_write=written,
        reasoning=reasoning,
        details=details,
    )
    return None if usage == Usage() else usage


def counts_of(usage: Usage | None, /) -> JSONObject:
    """Write token counts; an input that is less than its cached parts is said as their sum."""
    usage = usage or Usage()
    counts: JSONObject = {
        "input_tokens": max(0, usage.input - usage.cached_input - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached_input,
        "output_tokens": usage.output,
    }
    details = {key: value for key, value in usage.details.items() if key not in counts and value is not None}
    split = dict(_object(details.pop(_DETAILS, None)))
    split.pop("thinking_tokens", None)
    if usage.reasoning:
        split["thinking_tokens"] = usage.reasoning
    if split:
        counts[_DETAILS] = split
    return counts | details


def canonical_done(done: Done, provider: str, *, called: bool) -> Done:
    """The end as the wire can say it."""
    stop = stop_of(done)
    own = rest_of(_object(done.provider_metadata.get(provider)))
    return Done(
        finish_reason=finish_of(stop, called=called),
        raw_finish_reason=stop,
        usage=usage_of(counts_of(done.usage)),
        id=done.id or None,
        model=done.model or None,
        provider_metadata={provider: own} if own else {},
    )


def rest_of(record: JSONObject, /) -> JSONObject:
    """What a message says of itself beyond the fields that every message has."""
    return {key: value for key, value in record.items() if key not in MESSAGE_FIELDS and value is not None}


def _object(value: JSON) -> JSONObject:
    return cast("JSONObject", value) if isinstance(value, dict) else {}
