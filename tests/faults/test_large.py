"""Rows 47 and 48 of the faults: frames without measure, and JSON that is built to break its reader.

Memory is measured in the process; how time grows is measured by the benchmarks.
"""

import tracemalloc
from collections.abc import Callable, Iterable, Iterator

import pytest

from llmstream import FrameTooLargeError, LLMStreamError, TextDelta
from llmstream.stage import Pipe, Stage, run
from llmstream.wire import find
from llmstream.wire.framing.eventstream import EventStreamFramer
from llmstream.wire.framing.ndjson import NDJSONFramer
from llmstream.wire.framing.sse import SSEFramer
from llmstream.wire.http import ResponseHead

MIB = 2**20
PIECE = b"x" * 65536
SSE = ResponseHead(200, {"content-type": "text/event-stream"})
FRAMERS: dict[str, tuple[Callable[[int], Stage[bytes, object]], bytes]] = {
    "sse": (lambda limit: SSEFramer(max_frame_bytes=limit), b"data: "),
    "ndjson": (lambda limit: NDJSONFramer(max_frame_bytes=limit), b'{"a":"'),
    "eventstream": (lambda limit: EventStreamFramer(max_frame_bytes=limit), b""),
}


def peak(action: Callable[[], None]) -> int:
    """The most that was allocated at once while something was done."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def endless(start: bytes, given: list[int]) -> Iterator[bytes]:
    """400 MB without an end, as a network brings them; notes how much was taken."""
    yield start
    for _ in range(400_000_000 // len(PIECE)):
        given.append(len(PIECE))
        yield PIECE


@pytest.mark.parametrize("name", FRAMERS)
def test_row_47_400_mb_without_an_end_fail_at_the_limit(name: str) -> None:
    make, start = FRAMERS[name]
    limit, given = 8 * MIB, list[int]()

    def feed() -> None:
        with pytest.raises(LLMStreamError) as caught:
            for _ in run(make(limit), endless(start, given)):
                pass
        # AWS frames say their length first, and this one's checksum is none.
        assert name == "eventstream" or isinstance(caught.value, FrameTooLargeError)

    assert peak(feed) < 2 * limit
    assert sum(given) <= limit + 2 * len(PIECE)


def frame(size: int) -> Iterator[bytes]:
    yield b'data: {"choices":[{"index":0,"delta":{"content":"'
    for _ in range(size // len(PIECE)):
        yield PIECE
    yield b'"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def decoded(body: Iterable[bytes], limit: int) -> list[object]:
    codec = find("openai-chat")
    return list(run(Pipe(codec.framer(SSE, max_frame_bytes=limit), codec.decoder(SSE)), body))


def test_row_47_a_frame_of_64_mib_is_decoded_under_a_raised_limit() -> None:
    found: list[object] = []
    used = peak(lambda: found.extend(decoded(frame(64 * MIB), 65 * MIB)))
    assert isinstance(found[0], TextDelta)
    assert len(found[0].text) == 64 * MIB
    # The bytes, their text, and the text in it: a fixed number of copies, however it was cut.
    assert used < 5 * 64 * MIB


def test_row_47_memory_is_linear_in_the_frame() -> None:
    small, large = (
        peak(lambda size=size: decoded(frame(size), 65 * MIB) and None) for size in (4 * MIB, 16 * MIB)
    )
    assert large < 4.5 * small


@pytest.mark.parametrize("body", [b"data: a\n" * 200_000 + b"\n", b"data:\n\n" * 200_000, b"\n" * 400_000])
def test_row_47_many_lines_and_empty_events_end(body: bytes) -> None:
    for _ in run(SSEFramer(), [body[at : at + 4096] for at in range(0, len(body), 4096)]):
        pass


BOMBS = [
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"choices":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"usage":{"prompt_tokens":' + b"9" * 1_000_000 + b"}}",
    b'{"usage":{"prompt_tokens":1e999}}',
    b'{"usage":{"prompt_tokens":NaN}}',
    b'{"usage":{"prompt_tokens":-Infinity}}',
    b'{"__proto__":{"x":1},"constructor":{"prototype":1},"__class__":"x"}',
]


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses", "anthropic", "gemini", "ollama"])
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: repr(bomb[:20]))
def test_row_48_json_that_is_built_to_break_its_reader_is_refused(wire: str, bomb: bytes) -> None:
    codec = find(wire)
    for kind, body in (("text/event-stream", b"data: " + bomb + b"\n\n"), ("application/json", bomb)):
        head = ResponseHead(200, {"content-type": kind})
        with pytest.raises(LLMStreamError):
            list(run(Pipe(codec.framer(head), codec.decoder(head)), [body]))
        codec.error(ResponseHead(400, {"content-type": kind}), body)


def test_row_48_of_keys_that_are_said_twice_the_last_counts() -> None:
    body = b'data: {"choices":[{"index":0,"delta":{"content":"a","content":"b"},"finish_reason":"stop"}]}\n\n'
    found = decoded([body, b"data: [DONE]\n\n"], MIB)
    assert isinstance(found[0], TextDelta)
    assert found[0].text == "b"
