"""Standard output and standard error as bytes that go out at once."""

from __future__ import annotations

import io
import select
import sys
from collections.abc import Callable
from functools import cached_property
from typing import Protocol, TextIO, cast

import anyio

from llmstream.cli.neutral import neutralise

# As much as a pipe takes without blocking once it is ready.
_AT_ONCE: int = getattr(select, "PIPE_BUF", 4096)


class _Raw(Protocol):
    def write(self, data: memoryview, /) -> int | None: ...

    def fileno(self) -> int: ...


class Sink:
    """A standard stream.

    Text is written as UTF-8, byte for byte; a terminal gets it neutralised and in its own encoding.
    Nothing is buffered, so that what could not be written is not tried again at exit.

    Attributes:
        terminal: whether a person reads along.
        midline: whether what was written last did not end its line.
    """

    def __init__(self, stream: TextIO | None, /) -> None:
        self._stream = stream
        # There is no stream for a descriptor that was closed when the program started.
        binary = io.BytesIO() if stream is None else stream.buffer
        self._raw = cast("_Raw", getattr(binary, "raw", binary))
        self._descriptor = _descriptor(self._raw)
        self.terminal = stream is not None and stream.isatty()
        self.midline = False

    async def write(self, text: str, /, *, faint: bool = False) -> None:
        """Write text; `faint` only where the stream can show it.

        Raises:
            OSError: when the stream does not take it.
        """
        if not text:
            return
        self.midline = not text.endswith("\n")
        encoding = "utf-8"
        if self.terminal and self._stream is not None:
            encoding = self._stream.encoding
            text = self._faint(neutralise(text)) if faint else neutralise(text)
        await self._send(text.encode(encoding, "replace"))

    async def end_line(self) -> None:
        """End the line if one was begun."""
        if self.midline:
            await self.write("\n")

    @cached_property
    def _faint(self) -> Callable[[str], str]:
        from rich.console import Console
        from rich.style import Style

        styles = Console(file=self._stream).color_system not in {None, "windows"}
        return Style(dim=True).render if styles else str

    async def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            await self._ready()
            # None comes of a descriptor that another program has set to not blocking.
            left = left[self._raw.write(left[:_AT_ONCE]) or 0 :]

    async def _ready(self) -> None:
        """Wait for a slow reader in the event loop: Ctrl-C ends a wait there, but not one inside a write."""
        if self._descriptor is not None and not _takes_more(self._descriptor):
            await anyio.wait_writable(self._descriptor)


def _descriptor(raw: _Raw) -> int | None:
    if sys.platform == "win32":
        return None
    try:
        return raw.fileno()
    except OSError:
        return None


def _takes_more(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))
