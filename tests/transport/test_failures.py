"""What goes wrong under a call, by the names of the libraries' exceptions and of our connections' faults."""

import ssl

import pytest

from llmstream import (
    ConfigError,
    ConnectError,
    ConnectionLost,
    PoolTimeout,
    TimeoutExceeded,
    TLSError,
)
from llmstream.transport.base import HttpCall
from llmstream.transport.failures import failure_of
from llmstream.transport.fast.wire import ExchangeError

CALL = HttpCall("POST", "https://user:secret@a.test/v1?key=secret", connect=3.0, pool=4.0)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ConnectError", ConnectError),
        ("ConnectTimeout", TimeoutExceeded),
        ("LocalProtocolError", ConnectionLost),
        ("PoolTimeout", PoolTimeout),
        ("ReadError", ConnectionLost),
        ("RemoteProtocolError", ConnectionLost),
        ("WriteTimeout", ConnectionLost),
    ],
)
def test_each_fault_of_a_connection_has_its_error(kind, expected) -> None:
    failure = failure_of(ExchangeError(kind, "why"), CALL, "headers")
    assert type(failure) is expected
    assert "secret" not in str(failure)


def test_a_limit_that_ran_out_is_named_with_its_seconds() -> None:
    failure = failure_of(ExchangeError("ConnectTimeout", "why"), CALL, "headers")
    assert isinstance(failure, TimeoutExceeded)
    assert (failure.clock, failure.seconds, failure.phase) == ("connect", 3.0, "connect")
    assert "4.0 s" in str(failure_of(ExchangeError("PoolTimeout", "why"), CALL, "headers"))


def test_a_tls_fault_below_is_told_apart_and_its_cause_is_bare() -> None:
    error = ExchangeError("ConnectError", "why")
    error.__cause__ = ssl.SSLError(1, "bad certificate")
    failure = failure_of(error, CALL, "headers")
    assert isinstance(failure, TLSError)
    assert isinstance(failure.__cause__, ssl.SSLError)
    assert failure.__cause__.__traceback__ is None


def test_what_is_no_failure_to_talk_is_none() -> None:
    assert failure_of(ZeroDivisionError(), CALL, "stream") is None
    assert isinstance(failure_of(RuntimeError("closed"), CALL, "stream"), ConfigError)
