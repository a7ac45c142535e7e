"""Decoders take spoilt bodies: only errors of ours leave, and what came before obeys the grammar.

The bodies are those that each dialect's own server half writes, and recorded ones where there are some.
"""

import os

import pytest
from fuzz_targets import (
    ODD,
    WIRES,
    asked,
    decoded,
    mutations,
    one,
    own_bodies,
    recorded_bodies,
    reframed,
    refusals,
    refused,
    requests,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import Done
from llmstream.wire.http import ResponseHead

MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "100")))
SEEDS = st.integers(0, 2**32)
JSON_HEAD = {"content-type": "application/json"}


def test_the_bodies_are_good_before_they_are_spoilt() -> None:
    spoken = {wire: own_bodies(wire) for wire in WIRES}
    # Interactions has no server half.
    assert [wire for wire, bodies in spoken.items() if not bodies] == ["gemini-interactions"]
    for wire, bodies in spoken.items():
        for head, body in bodies:
            assert isinstance(decoded(wire, head, body)[-1], Done), wire


@pytest.mark.parametrize("wire", WIRES)
@MANY
@given(seed=SEEDS, pieces=st.integers(1, 5))
def test_only_our_errors_leave_a_decoder(wire: str, seed: int, pieces: int) -> None:
    bodies = own_bodies(wire) or (
        (ResponseHead(200, {"content-type": "text/event-stream"}), b"data: {}\n\n"),
    )
    head, body = bodies[seed % len(bodies)]
    decoded(wire, head, mutations(seed, body, [other for _, other in bodies]), pieces=pieces)
    decoded(wire, head, reframed(wire, seed, body))


@pytest.mark.parametrize("wire", WIRES)
def test_only_our_errors_leave_a_decoder_of_recorded_bodies(wire: str, shared: object) -> None:
    bodies = recorded_bodies(wire)
    others = [body for _, body in bodies]
    for seed in range(3 * len(bodies)):
        head, body = bodies[seed % len(bodies)]
        decoded(wire, head, mutations(seed, body, others))


@pytest.mark.parametrize("wire", WIRES)
@MANY
@given(seed=SEEDS, status=st.integers(400, 599))
def test_a_spoilt_refusal_is_an_error_of_ours(wire: str, seed: int, status: int) -> None:
    bodies = list(refusals(wire))
    body = mutations(seed, bodies[seed % len(bodies)], bodies)
    refused(wire, ResponseHead(status, JSON_HEAD), body)


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire != "gemini-interactions"])
@MANY
@given(seed=SEEDS)
def test_only_our_errors_leave_a_server_half_that_reads_a_request(wire: str, seed: int) -> None:
    bodies = list(requests(wire))
    asked(wire, mutations(seed, bodies[seed % len(bodies)], bodies))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd[:12]))
def test_a_frame_that_is_an_odd_value_is_refused(wire: str, odd: bytes) -> None:
    for kind in ("text/event-stream", "application/x-ndjson", "application/json"):
        for body in (b"data: " + odd + b"\n\n", odd + b"\n"):
            decoded(wire, ResponseHead(200, {"content-type": kind}), body)
            refused(wire, ResponseHead(500, {"content-type": kind}), body)
    asked(wire, odd)


def test_the_target_of_atheris_runs_without_it() -> None:
    for number in range(60):
        for body in (b"", b"data: {}\n\n", b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}'):
            one(bytes([number]) + body)
