"""Log probabilities, in the form that OpenAI gave them and others took over; both ways."""

from __future__ import annotations

from llmstream.jsontext import JSON, JSONObject, as_list, as_object
from llmstream.values.content import Logprob


def logprobs_of(logprobs: JSON) -> tuple[Logprob, ...]:
    """Read what stands beside a delta; forms that are not OpenAI's are passed over."""
    given = as_object(logprobs)
    tokens = [*as_list(given.get("content")), *as_list(given.get("refusal"))]
    return tuple(_logprob(as_object(token)) for token in tokens if isinstance(token, dict))


def _logprob(token: JSONObject) -> Logprob:
    number, listed = token.get("logprob"), token.get("bytes")
    others = as_list(token.get("top_logprobs"))
    return Logprob(
        token["token"] if isinstance(token.get("token"), str) else "",
        float(number) if isinstance(number, int | float) else 0.0,
        bytes=_bytes(as_list(listed)) if isinstance(listed, list) else None,
        top=tuple(_logprob(as_object(other)) for other in others if isinstance(other, dict)),
    )


def _bytes(numbers: list[JSON]) -> bytes | None:
    try:
        return bytes(numbers)
    except (TypeError, ValueError):
        return None


def logprobs_record(logprobs: tuple[Logprob, ...], *, refusal: bool) -> JSONObject:
    """Write what stands beside a delta."""
    tokens = [{**_token(one), "top_logprobs": [_token(other) for other in one.top]} for one in logprobs]
    return {"content": None, "refusal": tokens} if refusal else {"content": tokens, "refusal": None}


def _token(one: Logprob) -> JSONObject:
    return {
        "token": one.token,
        "logprob": one.logprob,
        "bytes": None if one.bytes is None else list(one.bytes),
    }
