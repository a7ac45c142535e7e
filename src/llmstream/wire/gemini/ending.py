"""How an answer ended: finish reasons and token counts, in both directions.

https://ai.google.dev/api/generate-content#FinishReason
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmstream.jsontext import JSON, JSONObject
from llmstream.values.events import Done, FinishReason
from llmstream.values.usage import Usage

UNSPECIFIED: Final = "FINISH_REASON_UNSPECIFIED"

_FINISH: Final[Mapping[str, FinishReason | None]] = {
    UNSPECIFIED: None,
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "NO_IMAGE": "error",
    "IMAGE_OTHER": "error",
}
# Clients that ask for numbers get these (corpus: gemini/lcgo-TestGoogleAIToolCallResponse-1).
_NUMBERS: Final = (
    UNSPECIFIED,
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
)
# What is said for a reason that came from elsewhere; for those that are not here, OTHER.
_SAID: Final[Mapping[FinishReason | None, str]] = {
    None: UNSPECIFIED,
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
}

_PROMPT, _TOOLS, _ANSWER, _THOUGHTS, _CACHED, _TOTAL = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "cachedContentTokenCount",
    "totalTokenCount",
)
_COUNTS: Final = (_PROMPT, _ANSWER, _THOUGHTS, _CACHED, _TOTAL)


def reason_name(reason: str | int) -> str:
    """The name of a finish reason, which may come as its number."""
    if isinstance(reason, int):
        return _NUMBERS[reason] if 0 <= reason < len(_NUMBERS) else str(reason)
    return reason


def finish_of(reason: str, *, called: bool) -> FinishReason | None:
    """What a finish reason means; `called`: the answer holds calls that the client is to make."""
    finish: FinishReason | None = _FINISH.get(reason, "other")
    return "tool_calls" if finish == "stop" and called else finish


def reason_of(done: Done, *, called: bool) -> str:
    """The finish reason that says how an answer ended; the raw one where it means the same here."""
    finish, raw = done.finish_reason, done.raw_finish_reason
    if raw and finish_of(raw, called=called) == finish:
        return raw
    return _SAID.get(finish, "OTHER")


def usage_of(counts: JSONObject) -> Usage | None:
    """Read token counts; None where there are none.

    Tokens of the results of server-side tools count as input: the total has them.
    """
    if not any(name in counts for name in (*_COUNTS, _TOOLS)):
        return None
    thoughts = _count(counts, _THOUGHTS)
    return Usage(
        input=_count(counts, _PROMPT) + _count(counts, _TOOLS),
        # The wire counts thoughts apart from the answer.
        output=_count(counts, _ANSWER) + thoughts,
        cached_input=_count(counts, _CACHED),
        reasoning=thoughts,
        details={key: value for key, value in counts.items() if key not in _COUNTS and value is not None},
    )


def counts_of(usage: Usage) -> JSONObject:
    """Write token counts; a cache that was written is not said."""
    details = {key: value for key, value in usage.details.items() if key not in _COUNTS}
    return {
        _PROMPT: max(0, usage.input - _count(details, _TOOLS)),
        _ANSWER: max(0, usage.output - usage.reasoning),
        _THOUGHTS: usage.reasoning,
        _CACHED: usage.cached_input,
        _TOTAL: usage.total,
        **{key: value for key, value in details.items() if value is not None},
    }


def _count(counts: JSONObject, name: str) -> int:
    count: JSON = counts.get(name)
    return int(count) if isinstance(count, int | float) and 0 <= count < 2**63 else 0
