"""Framers take any bytes: frames come out, or an error of ours, however the bytes are cut."""

import os

import pytest
from fuzz_targets import FRAMERS, WIRES, framed, mutations, own_bodies
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import FrameTooLargeError, LLMStreamError
from llmstream.stage import run

MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "100")))
BODIES = [body for wire in WIRES for _, body in own_bodies(wire)]
LINES = st.lists(
    st.sampled_from(
        [
            b"data:",
            b"data: x",
            b"event: a",
            b"id: 1\x00",
            b"retry: 9" + b"9" * 5000,
            b":",
            b"",
            b"\xef\xbb\xbf",
            b"\xff",
        ]
    ),
    max_size=12,
).flatmap(
    lambda lines: st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\r"]).map(lambda end: end.join(lines) + end)
)


def outcome(name: str, body: bytes, size: int) -> tuple[list[object], str]:
    frames: list[object] = []
    try:
        frames.extend(run(FRAMERS[name](), [body[at : at + size] for at in range(0, len(body), size)]))
    except LLMStreamError as error:
        return frames, repr(error)
    return frames, ""


@pytest.mark.parametrize("name", FRAMERS)
@MANY
@given(body=st.binary(max_size=400) | LINES, pieces=st.integers(1, 40))
def test_any_bytes_are_frames_or_an_error_of_ours(name: str, body: bytes, pieces: int) -> None:
    framed(name, body, pieces=pieces)


@pytest.mark.parametrize("name", FRAMERS)
@MANY
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60))
def test_spoilt_bodies_are_framed_the_same_however_they_are_cut(name: str, seed: int, size: int) -> None:
    body = mutations(seed, BODIES[seed % len(BODIES)], BODIES)
    assert outcome(name, body, size) == outcome(name, body, max(1, len(body)))


@pytest.mark.parametrize("name", FRAMERS)
def test_a_frame_without_an_end_fails_at_the_limit(name: str) -> None:
    start = b"\x7f\xff\xff\xff" if name == "eventstream" else b"data: "
    with pytest.raises((FrameTooLargeError, LLMStreamError)):
        for _ in run(FRAMERS[name](), [start, *[b"x" * 1000] * 1000]):
            pass
