"""Responses that are no stream of the wire: refusals, and bodies of another kind."""

from __future__ import annotations

from itertools import cycle

from llmstream.errors import (
    AuthError,
    InvalidRequestError,
    LLMStreamError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
    TruncatedStreamError,
    UnexpectedContentError,
    UnsupportedError,
)
from llmstream.reduce import reduce
from llmstream.testing.fakes import Pause
from llmstream.testing.sim.answers import Answer
from llmstream.testing.sim.plan import SENTINEL, Outcome, Plan, Step
from llmstream.testing.sim.seed import Seed
from llmstream.wire.http import HttpResponse, ResponseHead

_STATUSES = (400, 401, 402, 403, 404, 408, 409, 410, 413, 422, 429, 500, 502, 503, 504, 529)
_KINDS: tuple[type[ProviderError], ...] = (
    AuthError,
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
    ServerError,
)
_WAITS = (
    "3", "0", "1.5", "2", "7.25", "40", "-5", "1e35", "nan", "inf", "soon", "", "9" * 400,
    "Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
)  # fmt: skip
_HTML = b"<!doctype html><html><head><title>502</title></head><body>Bad gateway</body></html>"
_STRANGE: tuple[tuple[str, bytes], ...] = (
    ("", b""),
    ("text/html", _HTML),
    ("application/json", b"{"),
    ("application/json", b"null"),
    ("application/json", b'{"error": 7}'),
    ("application/json", b'{"error": {"message": null, "code": [], "type": {}}}'),
    ("application/json", b"[" * 20_000),
    ("application/json", b"\xff\xfe\x00{"),
    ("text/plain", b"\xff" * 300),
    ("text/event-stream", b'event: error\ndata: {"error": {"message": "no"}}\n\ndata: [DONE]\n\n'),
    ("text/plain", b"no " * 40_000),
)


def _plan(answer: Answer, response: HttpResponse, outcome: Outcome) -> Plan:
    body: tuple[Step, ...] = (response.body,) if response.body else ()
    return Plan(answer=answer, head=response.head, body=lambda: body, outcome=outcome)


def _failing(status: int) -> Outcome:
    return Outcome(whole=False, errors=(ProviderError,), status=status)


def _refusal(seed: Seed, answer: Answer, words: str) -> HttpResponse:
    """What the wire's own server says."""
    kind, status = seed.pick("kind", _KINDS), seed.pick("status", _STATUSES)
    return answer.codec.server.refuse(kind(words, status=status))


def status(seed: Seed, answer: Answer) -> Plan:
    """A refusal in the wire's own form."""
    response = _refusal(seed, answer, "the peer will not")
    return _plan(answer, response, _failing(response.head.status))


def retry_after(seed: Seed, answer: Answer) -> Plan:
    """A refusal that says when to come back, in words good and bad."""
    response = _refusal(seed, answer, "later")
    headers = {**response.head.headers, seed.pick("header", ("retry-after", "retry-after-ms")): ""}
    headers[next(reversed(headers))] = seed.pick("wait", _WAITS)
    response = HttpResponse(ResponseHead(response.head.status, headers), response.body)
    return _plan(answer, response, _failing(response.head.status))


def strange_body(seed: Seed, answer: Answer) -> Plan:
    """A refusal whose body is none of the wire's."""
    kind, body = seed.pick("body", _STRANGE)
    head = ResponseHead(seed.pick("status", _STATUSES), {"content-type": kind} if kind else {})
    return _plan(answer, HttpResponse(head, body), _failing(head.status))


def endless_body(seed: Seed, answer: Answer) -> Plan:
    """A refusal that goes on for ever: fast, slowly, or with nothing more."""
    pause = seed.pick("pause", (0.0, 0.7, 7.0, float("inf")))
    code = seed.pick("status", _STATUSES)
    return Plan(
        answer=answer,
        head=ResponseHead(code, {"content-type": "text/plain"}),
        body=lambda: cycle((b"no " * 1000, Pause(pause))),
        outcome=_failing(code),
        endless=True,
    )


def echo(seed: Seed, answer: Answer) -> Plan:
    """A refusal that repeats the key it was shown."""
    words = f"Incorrect API key provided: {SENTINEL}. Find yours at {SENTINEL}"
    own = answer.codec.server.refuse(AuthError(words, status=401))
    plain = HttpResponse(ResponseHead(401, {"content-type": "text/plain"}), words.encode())
    return _plan(answer, seed.pick("form", (own, plain)), _failing(401))


def redirect(seed: Seed, answer: Answer) -> Plan:
    """Another address; a call is not sent to it."""
    places: tuple[dict[str, str], ...] = ({"location": "http://elsewhere.invalid/v1"}, {"location": ""}, {})
    head = ResponseHead(seed.pick("status", (300, 301, 302, 303, 307, 308)), seed.pick("place", places))
    outcome = Outcome(whole=False, errors=(UnexpectedContentError,))
    return _plan(answer, HttpResponse(head, b""), outcome)


def page(seed: Seed, answer: Answer) -> Plan:
    """A web page with a good status."""
    head = ResponseHead(200, {"content-type": seed.pick("type", ("text/html", "text/html; charset=utf-8"))})
    return _plan(answer, HttpResponse(head, _HTML), Outcome(whole=False, errors=(UnexpectedContentError,)))


def error_document(seed: Seed, answer: Answer) -> Plan:
    """The wire's own refusal, with a good status."""
    refused = _refusal(seed, answer, "the peer will not")
    response = HttpResponse(ResponseHead(200, refused.head.headers), refused.body)
    return _plan(answer, response, Outcome(whole=False, errors=(LLMStreamError,)))


def whole_document(seed: Seed, answer: Answer) -> Plan:
    """The answer as one document, as if no stream had been asked for."""
    try:
        response = answer.codec.server.whole(answer.request, reduce(answer.said))
    except UnsupportedError:
        return empty(seed, answer)
    return _plan(answer, response, Outcome(foreign=True))


def empty(seed: Seed, answer: Answer) -> Plan:
    """A good status, and nothing behind it."""
    head = seed.pick("head", (answer.head, ResponseHead(204, {}), ResponseHead(200, {})))
    return _plan(answer, HttpResponse(head, b""), Outcome(whole=False, errors=(TruncatedStreamError,)))
