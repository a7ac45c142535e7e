"""Log probabilities, in the wire's form; both ways.

https://ai.google.dev/api/generate-content#LogprobsResult
"""

from __future__ import annotations

from collections.abc import Iterable

from llmstream.jsontext import JSON, JSONObject, as_list, as_object
from llmstream.values.content import Logprob


def logprobs_of(result: JSONObject) -> tuple[Logprob, ...]:
    """Read what stands beside the parts: the tokens that were chosen, each with the likeliest."""
    chosen = [as_object(token) for token in as_list(result.get("chosenCandidates"))]
    likely = [as_list(as_object(step).get("candidates")) for step in as_list(result.get("topCandidates"))]
    likely += [list[JSON]()] * (len(chosen) - len(likely))
    return tuple(
        _logprob(token, [_logprob(as_object(other)) for other in others])
        for token, others in zip(chosen, likely, strict=False)
    )


def _logprob(token: JSONObject, top: Iterable[Logprob] = ()) -> Logprob:
    text, number = token.get("token"), token.get("logProbability")
    return Logprob(
        text if isinstance(text, str) else "",
        float(number) if isinstance(number, int | float) else 0.0,
        top=tuple(top),
    )


def logprobs_record(logprobs: Iterable[Logprob]) -> JSONObject:
    """Write what stands beside the parts; bytes of tokens are not said."""
    logprobs = tuple(logprobs)
    return {
        "topCandidates": [{"candidates": [_token(other) for other in one.top]} for one in logprobs],
        "chosenCandidates": [_token(one) for one in logprobs],
    }


def _token(one: Logprob) -> JSONObject:
    return {"token": one.token, "logProbability": one.logprob}
