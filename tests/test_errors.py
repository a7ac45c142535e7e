import copy
import inspect
import pickle
import re

import pytest

from llmstream import errors
from llmstream.errors import (
    ConfigError,
    LLMStreamError,
    ProviderError,
    RateLimitError,
    TimeoutExceeded,
    TransportError,
    TruncatedStreamError,
    WireError,
)
from llmstream.values.content import TextPart
from llmstream.values.response import Response

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LLMStreamError)]
RETRYABLE = {
    "TransportError", "ConnectError", "ConnectionLost", "PoolTimeout", "TimeoutExceeded",
    "TruncatedStreamError", "RateLimitError", "OverloadedError", "ServerError",
}  # fmt: skip
# Those that have none of their own have their parent's.
PHASES = {
    "LLMStreamError": "consumer", "ConfigError": "config", "UnsupportedError": "encode",
    "TransportError": "stream", "ConnectError": "connect", "TLSError": "connect", "PoolTimeout": "connect",
    "WireError": "parse", "TruncatedStreamError": "stream", "ProviderError": "headers",
}  # fmt: skip
KINDS = {
    "ProviderError": "other", "AuthError": "auth", "ForbiddenError": "permission",
    "NotFoundError": "not_found", "RateLimitError": "rate_limit", "QuotaError": "quota",
    "OverloadedError": "overloaded", "ContextLengthError": "context_length",
    "InvalidRequestError": "invalid_request", "ContentBlockedError": "content_blocked",
    "ServerError": "server",
}  # fmt: skip


def drawn_tree() -> dict[str, str]:
    """Each class and its parent, as the module's docstring draws them."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.fullmatch(r"(?P<lead>(?:│   |    )*(?:[├└]── )?)(?P<name>[A-Z]\w+)(?: {2,}.*)?", line)
        if found:
            depth = len(found["lead"]) // 4
            path[depth:] = [found["name"]]
            parents[found["name"]] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_is_the_one_that_the_docstring_draws():
    assert {kind.__name__: kind.__bases__[0].__name__ for kind in ALL} == drawn_tree()


def test_every_error_has_its_own_docstring():
    assert all("__doc__" in vars(kind) for kind in ALL)


@pytest.mark.parametrize("kind", ALL)
def test_class_attributes_say_what_each_error_is(kind: type[LLMStreamError]):
    inherited = [base.__name__ for base in kind.__mro__]
    error = kind("it failed")
    assert error.retryable == (kind.__name__ in RETRYABLE)
    assert error.phase == next(PHASES[name] for name in inherited if name in PHASES)
    assert error.partial is None
    assert str(error) == "it failed"


def test_every_refusal_has_its_own_kind():
    found = {kind.__name__: kind.kind for kind in ALL if issubclass(kind, ProviderError)}
    assert found == KINDS
    assert len(set(found.values())) == len(found)


def test_the_phase_of_one_error_can_be_set():
    assert WireError("x", phase="stream").phase == "stream"
    assert TransportError("x", phase="connect").phase == "connect"
    assert WireError("x").phase == "parse"


def test_wrong_input_is_also_a_value_error():
    with pytest.raises(ValueError, match="expected"):
        raise ConfigError("expected a name, got none")


def test_a_clock_that_ran_out_names_itself():
    error = TimeoutExceeded("too late", clock="first_event", seconds=600.0, phase="headers")
    assert (error.clock, error.seconds, error.phase) == ("first_event", 600.0, "headers")


def test_a_refusal_has_what_the_provider_said():
    error = RateLimitError("slow down", status=429, request_id="r1", retry_after=1.5, body="{}")
    assert (error.status, error.request_id, error.retry_after, error.body) == (429, "r1", 1.5, "{}")
    assert ProviderError("x").status is None
    assert ProviderError("x").body == ""


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_copies_and_pickles_keep_all_fields(kind: type[LLMStreamError], again):
    error = kind("it failed", phase="stream")
    error.partial = Response(parts=[TextPart("half")], state="failed")
    if isinstance(error, ProviderError):
        error.status, error.body, error.request_id = 500, "body", "r1"
    if isinstance(error, TimeoutExceeded):
        error.clock, error.seconds = "stall", 180.0
    other = again(error)
    assert type(other) is kind
    assert str(other) == "it failed"
    assert vars(other) == vars(error)


def test_what_the_partial_says_stays_with_the_error():
    error = TruncatedStreamError("expected the end, got none")
    error.partial = Response(parts=[TextPart("half")])
    with pytest.raises(LLMStreamError) as raised:
        raise error
    assert raised.value.partial is not None
    assert raised.value.partial.text() == "half"
    assert TruncatedStreamError("another").partial is None
