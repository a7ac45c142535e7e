"""What a provider asks of a client's pace: how much is left, and how long to wait.

https://platform.openai.com/docs/guides/rate-limits and the vendors' own pages

There is no clock here. A point in time, be it a timestamp or seconds or milliseconds since the epoch, is
counted from the response's own `Date`, and says nothing without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Final

from llmstream.errors import ProviderError
from llmstream.jsontext import JSON, as_list, as_object
from llmstream.values.ratelimits import RateLimit, RateLimits
from llmstream.wire.http import ResponseHead

# Nobody waits for longer; a header that asks for it is broken.
MAX_WAIT: Final = 24 * 3600.0


_FIELD = r"(?P<field>limit|remaining|reset)"
_KIND = r"(?:-(?P<kind>[a-z0-9-]+))?"
# Each with what it counts where it does not say so.
_HEADERS: Final = (
    # openai, groq, azure, xai, together, openrouter: x-ratelimit-*; huggingface: ratelimit-*
    (re.compile(rf"(?:x-)?ratelimit-{_FIELD}{_KIND}"), "requests"),
    (re.compile(rf"anthropic-ratelimit-(?P<kind>[a-z0-9-]+)-{_FIELD}"), "requests"),
    # mistral counts tokens by "size" (corpus: mistral/chatlas-test_mistral_images-0)
    (re.compile(rf"(?:x-)?ratelimitbysize-{_FIELD}{_KIND}"), "tokens"),
)
_WINDOWS: Final = re.compile(r"second|minute|hour|day|month|[0-9]+-[a-z]+")
# The first that is there counts: without a window, then the one that runs out first.
_PREFERRED: Final = ("", "-minute", "-day")

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBER = r"\d+(?:\.\d+)?"
_DURATION: Final = re.compile(rf"(?:{_NUMBER}(?:ns|us|\u00b5s|ms|s|m|h|d))+")
_STEP: Final = re.compile(rf"({_NUMBER})\s*([a-z\u00b5]+)")
_UNIT = r"(?:ms|milliseconds?|seconds?|secs?|s|minutes?|mins?|m|hours?|h|days?|d)(?![a-z])"
_TOLD: Final = re.compile(
    rf"\b(?:try again|retry|wait)(?: again)? (?:in|after|for) ((?:{_NUMBER}\s*{_UNIT}\s*)+)",
    re.IGNORECASE,
)
# Numbers from here on are seconds since the epoch, and from there on milliseconds.
_EPOCH: Final = 1e9
_EPOCH_MS: Final = 1e11


def note(error: ProviderError, head: ResponseHead, /) -> None:
    """Put on a refusal what its head asks: whether to try again, when, and what is left."""
    match head.headers.get("x-should-retry", "").lower():
        case "true":
            error.retryable = True
        case "false":
            error.retryable = False
        case _:
            pass
    # A header that comes with an answer too must not be acted on where waiting does not help.
    wait = header_wait(head)
    error.retry_after = (error.retry_after if wait is None else wait) if error.retryable else None
    error.rate_limits = rate_limits(head)


def header_wait(head: ResponseHead, /) -> float | None:
    """Seconds to wait, by the headers; None where they do not say, or say more than `MAX_WAIT`."""
    milliseconds = _number(head.headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    told = head.headers.get("retry-after")
    seconds = _number(told)
    if seconds is not None or told is None:
        return _bounded(seconds)
    date = _date(head)
    try:
        wait = None if date is None else (_moment(told) - date).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return _bounded(wait) if wait is not None and wait > 0 else None


def body_wait(payload: JSON, message: str, /) -> float | None:
    """Seconds to wait, by an error's own record or by its words."""
    for detail in as_list(as_object(as_object(payload).get("error")).get("details")):
        # google: its RetryInfo (corpus: gemini/errors/...l_error_scenarios_gemini_gemini-2_5-flash_...52-0)
        delay = as_object(detail).get("retryDelay")
        if isinstance(delay, str) and _DURATION.fullmatch(delay):
            return _bounded(_duration(delay))
    found = _TOLD.search(message)
    return _bounded(_duration(found[1])) if found else None


def rate_limits(head: ResponseHead, /) -> RateLimits | None:
    """The limits that the headers tell of; None when they tell of none."""
    found: dict[str, dict[str, str]] = {}
    for kind, field, value in _told(head):
        found.setdefault(kind, {}).setdefault(field, value)
    limits = {kind: _limit(fields, head) for kind, fields in found.items()}
    limits = {kind: limit for kind, limit in limits.items() if limit != RateLimit()}
    if not limits:
        return None
    return RateLimits(requests=_taken(limits, "requests"), tokens=_taken(limits, "tokens"), other=limits)


def _told(head: ResponseHead) -> Iterator[tuple[str, str, str]]:
    for name, value in head.headers.items():
        for pattern, usual in _HEADERS:
            if match := pattern.fullmatch(name):
                kind = (match["kind"] or usual).replace("req-", "requests-")
                # huggingface, mistral: a window alone, of what the header counts
                yield f"{usual}-{kind}" if _WINDOWS.fullmatch(kind) else kind, match["field"], value
                break


def _taken(limits: dict[str, RateLimit], kind: str) -> RateLimit | None:
    for window in _PREFERRED:
        if f"{kind}{window}" in limits:
            return limits.pop(f"{kind}{window}")
    return None


def _limit(fields: Mapping[str, str], head: ResponseHead) -> RateLimit:
    return RateLimit(_count(fields.get("limit")), _count(fields.get("remaining")), _reset(fields, head))


def _count(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else int(number)


def _reset(fields: Mapping[str, str], head: ResponseHead) -> float | None:
    """Seconds until a limit is whole again, in any of the forms that vendors have."""
    text = fields.get("reset", "").strip()
    number = _number(text)
    if number is None:
        return _duration(text) if _DURATION.fullmatch(text) else _until(text, head)
    if number < _EPOCH:
        return number
    date = _date(head)
    if date is None:
        return None
    # openrouter: milliseconds (corpus: openai-chat/openrouter/errors/...)
    return max((number / 1000 if number >= _EPOCH_MS else number) - date.timestamp(), 0.0)


def _until(text: str, head: ResponseHead) -> float | None:
    """Seconds until a timestamp, as anthropic gives it."""
    date = _date(head)
    try:
        return None if date is None else max((_aware(datetime.fromisoformat(text)) - date).total_seconds(), 0)
    except (ValueError, OverflowError):
        return None


def _date(head: ResponseHead) -> datetime | None:
    try:
        return _moment(head.headers["date"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _moment(text: str) -> datetime:
    # Not above: it takes ten milliseconds, and dates are seldom said.
    from email.utils import parsedate_to_datetime

    return _aware(parsedate_to_datetime(text))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _duration(text: str) -> float:
    steps = ((float(number), word.lower()) for number, word in _STEP.findall(text))
    return sum(number * _seconds_in(word) for number, word in steps)


def _seconds_in(word: str) -> float:
    return _UNITS.get(word) or _UNITS["ms" if word.startswith("milli") else word[0]]


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if isfinite(number) and number >= 0 else None


def _bounded(seconds: float | None) -> float | None:
    return seconds if seconds is not None and seconds <= MAX_WAIT else None
