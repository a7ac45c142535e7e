"""How an answer ended: stop reasons, token counts and what else is said of it, in both directions.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmstream.jsontext import JSON, JSONObject, as_object
from llmstream.values.events import Done, FinishReason
from llmstream.values.usage import Usage
from llmstream.wire.typed import integer

_FINISH: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
# What is said for a reason that came from elsewhere. The wire has no word of its own for a refusal.
_STOP: Final[Mapping[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "refusal": "content_filtered",
    "error": "malformed_model_output",
}

# nova, through InvokeModel, says the cached ones by another name
# (corpus: bedrock/invoke/otelpy-test_invoke_model_with_response_stream_no_content_tool_cal-1893ae-0)
_CACHED: Final = ("cacheReadInputTokens", "cacheReadInputTokenCount")
_WRITTEN: Final = ("cacheWriteInputTokens", "cacheWriteInputTokenCount")
_COUNTED: Final = frozenset({"inputTokens", "outputTokens", "totalTokens", *_CACHED, *_WRITTEN})
# Said in the message's stop, and not in the metadata that follow it.
_STOP_FIELDS: Final = frozenset({"additionalModelResponseFields"})
# What every stream says, padding among it; `message` is our own server half's.
_USUAL: Final = frozenset({"p", "role", "stopReason", "usage", "output", "message"})


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
    cached, written = _count(counts, *_CACHED), _count(counts, *_WRITTEN)
    usage = Usage(
        # The wire counts what the cache gave and took apart from the input.
        input=_count(counts, "inputTokens") + cached + written,
        output=_count(counts, "outputTokens"),
        cached_input=cached,
        cache_write=written,
        details={key: value for key, value in counts.items() if _is_detail(key, value)},
    )
    return None if usage == Usage() else usage


def _is_detail(key: str, value: JSON) -> bool:
    # {}: a server that has tools and used none (corpus: bedrock/lcaws-test_citations-document1--0)
    return key not in _COUNTED and value not in (None, {})


def _count(counts: JSONObject, *names: str) -> int:
    return next((integer(counts[n], f"usage.{n}") for n in names if counts.get(n) is not None), 0)


def counts_of(usage: Usage, /) -> JSONObject:
    """Write token counts; an input that is less than its cached parts is said as their sum."""
    counts: JSONObject = {
        "inputTokens": max(0, usage.input - usage.cached_input - usage.cache_write),
        "outputTokens": usage.output,
        "totalTokens": usage.total,
    }
    if usage.cached_input or usage.cache_write:
        counts |= {_CACHED[0]: usage.cached_input, _WRITTEN[0]: usage.cache_write}
    return counts | {key: value for key, value in usage.details.items() if _is_detail(key, value)}


def rest_of(record: JSONObject, /) -> JSONObject:
    """What is said of an answer beyond what is said of every one."""
    return {key: value for key, value in record.items() if key not in _USUAL and value is not None}


def stop_record(done: Done, provider: str, /) -> JSONObject:
    """Write the end of the message."""
    stop, own = stop_of(done), _own(done, provider)
    said: JSONObject = {} if stop is None else {"stopReason": stop}
    return said | {key: own[key] for key in _STOP_FIELDS & own.keys()}


def metadata_record(done: Done, provider: str, /) -> JSONObject:
    """Write what follows the message.

    The wire has no place for an id and a model that are only known at the end: they stand in `message`, a
    field that other clients do not look at.
    """
    record = {key: value for key, value in _own(done, provider).items() if key not in _STOP_FIELDS}
    if done.usage is not None:
        record["usage"] = counts_of(done.usage)
    named = {key: value for key, value in (("id", done.id), ("model", done.model)) if value}
    return {**record, "message": named} if named else record


def _own(done: Done, provider: str) -> JSONObject:
    own: JSON = done.provider_metadata.get(provider)
    return rest_of(as_object(own))
