"""Faults before the head of a response."""

from __future__ import annotations

from llmstream.errors import ConnectError, ConnectionLost, PoolTimeout, TimeoutExceeded
from llmstream.testing.fakes import Pause
from llmstream.testing.sim.answers import Answer
from llmstream.testing.sim.plan import WHOLE, Break, Outcome, Plan, planned
from llmstream.testing.sim.seed import Seed

_LATE = Outcome(whole=False, errors=(TimeoutExceeded,))


def refused(_seed: Seed, answer: Answer) -> Plan:
    """Nobody listens."""
    outcome = Outcome(whole=False, errors=(ConnectError,))
    return planned(answer, (), outcome, dialling=[Break("refused")])


def hanging_connect(_seed: Seed, answer: Answer) -> Plan:
    """Nobody answers."""
    return planned(answer, (), _LATE, dialling=[Pause()])


def slow_connect(seed: Seed, answer: Answer) -> Plan:
    """Somebody answers in time."""
    return planned(answer, answer.frames, WHOLE, dialling=[Pause(seed.seconds("connecting", 0.0, 4.0))])


def pool_wait(_seed: Seed, answer: Answer) -> Plan:
    """All connections are taken, and stay so."""
    return planned(answer, (), Outcome(whole=False, errors=(PoolTimeout,)), dialling=[Break("full")])


def lost_before_head(seed: Seed, answer: Answer) -> Plan:
    """The connection is reset when the request has come."""
    wait = Pause(seed.seconds("before reset", 0.0, 3.0))
    return planned(answer, (), Outcome(whole=False, errors=(ConnectionLost,)), opening=[wait, Break("lost")])


def no_head(_seed: Seed, answer: Answer) -> Plan:
    """The request is taken, and nothing comes."""
    return planned(answer, (), _LATE, opening=[Pause()])


def slow_head(seed: Seed, answer: Answer) -> Plan:
    """The head takes long, and not too long."""
    return planned(answer, answer.frames, WHOLE, opening=[Pause(seed.seconds("head", 1.0, 15.0))])
