"""A standard stream: exact bytes to a pipe, harmless text to a terminal, never stuck."""

import os
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import anyio
import pytest
from anyio.lowlevel import checkpoint

from llmstream.cli.sink import Sink


class Pipe:
    """The two ends of a pipe, the one that is written as a text stream of another encoding."""

    def __init__(self) -> None:
        self.outlet, inlet = os.pipe()
        self.stream: TextIO = os.fdopen(inlet, "w", encoding="latin-1", newline="\r\n")


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.stream.close()
    os.close(pipe.outlet)


pytestmark = pytest.mark.anyio


async def test_a_pipe_gets_the_text_byte_for_byte_at_once(pipe: Pipe) -> None:
    await Sink(pipe.stream).write("é\x1b[31m\u202e\r\n", faint=True)
    assert os.read(pipe.outlet, 100) == "é\x1b[31m\u202e\r\n".encode()


async def test_a_lone_surrogate_does_not_stop_the_text(pipe: Pipe) -> None:
    await Sink(pipe.stream).write("a\ud800b")
    assert os.read(pipe.outlet, 100) == b"a?b"


async def test_text_larger_than_the_pipe_arrives_whole(pipe: Pipe) -> None:
    text = "0123456789" * 30_000
    received = bytearray()

    async def read() -> None:
        while len(received) < len(text):
            await anyio.wait_readable(pipe.outlet)
            received.extend(os.read(pipe.outlet, 65_536))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await Sink(pipe.stream).write(text)
    assert received == text.encode()


async def test_a_write_that_nobody_reads_can_be_cancelled(pipe: Pipe) -> None:
    sink = Sink(pipe.stream)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sink.write, "x" * 1_000_000)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert tasks.cancel_scope.cancelled_caught


async def test_a_reader_that_has_gone_is_a_broken_pipe() -> None:
    outlet, inlet = os.pipe()
    os.close(outlet)
    with os.fdopen(inlet, "w") as stream, pytest.raises(BrokenPipeError):
        await Sink(stream).write("x")
    # Closing the stream raised nothing: no text was left in its buffer.


async def test_a_file_is_always_ready(tmp_path: Path) -> None:
    path = tmp_path / "answer"
    with path.open("w") as stream:
        await Sink(stream).write("text\n")
    assert path.read_bytes() == b"text\n"


async def test_a_stream_that_was_closed_takes_everything() -> None:
    sink = Sink(None)
    await sink.write("text", faint=True)
    await checkpoint()
    assert not sink.terminal


async def test_a_terminal_gets_text_that_cannot_steer_it(screen: TextIOWrapper) -> None:
    sink = Sink(screen)
    await sink.write("\x1b")
    await sink.write("[31mred\n")
    assert sink.terminal
    assert screen.buffer.getvalue().decode() == "␛[31mred\n"


async def test_faint_text_is_neutralised_before_it_is_styled(screen: TextIOWrapper) -> None:
    await Sink(screen).write("\x1b[0m", faint=True)
    assert screen.buffer.getvalue().decode() == "\x1b[2m␛[0m\x1b[0m"


async def test_a_terminal_without_styles_gets_none(
    screen: TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    await Sink(screen).write("thought", faint=True)
    assert screen.buffer.getvalue() == b"thought"


async def test_only_a_line_that_was_begun_is_ended(pipe: Pipe) -> None:
    sink = Sink(pipe.stream)
    await sink.end_line()
    await sink.write("a")
    await sink.write("")
    await sink.end_line()
    await sink.end_line()
    await sink.write("b\n")
    await sink.end_line()
    assert os.read(pipe.outlet, 100) == b"a\nb\n"
