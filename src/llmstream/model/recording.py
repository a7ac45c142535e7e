"""Record: a model whose calls are written down while they run, bytes, events and times.

The log is lines of JSON that are only ever added to. Each names its call, its place in it (`n`), and when
it was written, in seconds after the call began (`at`):

    call    the model's name and id, the request, and when it began, in seconds since the epoch
    sent    an exchange: method and address
    head    its status and headers; bytes: a piece of its body; lost: what broke it
    events  what one read brought
    failed  what ended the call; or ended: how, "complete", "ended" without Done, or "left" by its consumer
"""

from __future__ import annotations

import os
import secrets
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import attrs

from llmstream.errors import ConfigError, LLMStreamError, ProviderError, TimeoutExceeded
from llmstream.jsontext import JSON, JSONObject, dump_bytes
from llmstream.model.batched import BatchedModel, must_be_model
from llmstream.model.model import Model
from llmstream.model.provided import ProviderModel
from llmstream.model.terms import CallTerms, Terms
from llmstream.serial import event_to_json, to_dict
from llmstream.transport.base import HttpCall
from llmstream.transport.tapped import Concealed, TappedTransport
from llmstream.values.events import Done, Event
from llmstream.values.request import Request
from llmstream.wire.http import ResponseHead

if TYPE_CHECKING:
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts

VERSION = 1
# A server without keys is given a word, which may be one that JSON is written with: "null", "text".
_MIN_KEY_CHARS = 8
# Bytes of lines that wait for an event to be written with: pings may go on for hours without any.
_MOST_HELD = 64 * 1024
# What a provider sets to know its caller again.
_PRIVATE = frozenset({"set-cookie", "set-cookie2", "authorization", "proxy-authenticate"})


def record(model: Model, path: str | os.PathLike[str], /) -> Model:
    """A model whose calls are written to a file while they run; `replay` reads it.

    The file is made when there is none, for its owner alone, and added to otherwise, also by several
    processes. Of a provider's model the bytes of the wire are written, too. The key is starred out, also
    where the provider repeats it, unless it spells it out over several events; so are the values of
    `options.headers`. Requests and answers are in it in full. Each read of the stream is one short write,
    which is made at once in the thread of the event loop.

    Raises:
        ConfigError: when it is no model; from a call, when the file cannot be written.
    """
    must_be_model(model, "record")
    return Recorder(model, Path(path))


class Recorder(BatchedModel):
    """A model whose calls are written down; see `record`."""

    def __init__(self, model: Model, path: Path) -> None:
        self.id = model.id
        self.name = model.name
        self.first = self._model = model
        self._path = path

    def batches(
        self, request: Request, /, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of one call; raises as the model does."""
        return self._recorded(request, Terms(timeouts=timeouts, retries=retries).of_a_call())

    async def _recorded(self, request: Request, terms: CallTerms) -> AsyncGenerator[Sequence[Event], None]:
        track = Track(self._path, anyio.current_time)
        model = self._model
        if isinstance(model, ProviderModel):
            model = model.through(lambda transport: TappedTransport(transport, track))
        how = "left"
        try:
            track.called(self, request)
            async with aclosing(model.batches(request, **terms)) as batches:
                async for batch in batches:
                    track.gave(batch)
                    if batch and isinstance(batch[-1], Done):
                        how = "complete"
                    yield batch  # noqa: ASYNC119 - closed with the generator
            how = "complete" if how == "complete" else "ended"
        except Exception as error:
            track.failed(error)
            raise
        finally:
            track.close(how)


class Track:
    """The lines of one call, on their way to a file.

    Raises:
        ConfigError: when the file cannot be opened.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._begun = now()
        self._call = secrets.token_hex(8)
        self._lines: list[bytes] = []
        self._count = self._size = 0
        self._words: tuple[str, ...] = ()
        self._concealed = Concealed(())
        self._over = False
        self._file = _opened(path)

    def called(self, model: Model, request: Request) -> None:
        """Note what is asked."""
        self._add(
            "call",
            version=VERSION,
            started=time.time(),
            name=model.name,
            id=model.id,
            output_mode=model.output_mode,
            request=written(request),
        )

    def sent(self, call: HttpCall, /) -> None:
        """Note an exchange; from here on its secrets are starred out."""
        self._body_ends()
        self._words = tuple(word for word in call.secrets() if len(word) >= _MIN_KEY_CHARS)
        self._concealed = Concealed(self._words)
        self._add("sent", method=call.method, address=call.address)

    def opened(self, head: ResponseHead, /) -> None:
        """Note the head of a response."""
        headers = {name: value for name, value in head.headers.items() if name not in _PRIVATE}
        self._add("head", status=head.status, headers=headers)
        self._write()

    def read(self, data: bytes, /) -> None:
        """Note bytes of a body, or its end."""
        if data:
            self._note_bytes(self._concealed.feed(data))
        else:
            self._body_ends()
            self._add("bytes", text="")

    def lost(self, error: LLMStreamError | TimeoutError, /) -> None:
        """Note that an exchange broke."""
        self._body_ends()
        self._add("lost", **_of_error(error))

    def gave(self, events: Sequence[Event]) -> None:
        """Note events, and write all that was noted."""
        if events:
            # As JSON already: to make dicts of a live stream's events takes four times as long.
            self._add("events", b'"events":[%b]' % b",".join(map(event_to_json, events)))
            self._write()

    def failed(self, error: Exception) -> None:
        """Note what ended the call."""
        if not self._over:
            self._over = True
            self._body_ends()
            self._add("failed", **_of_error(error))

    def close(self, how: str) -> None:
        """Note how the call ended, if it did not fail, and let go of the file."""
        try:
            if not self._over:
                self._body_ends()
                self._add("ended", how=how)
            self._write()
        finally:
            os.close(self._file)

    def _body_ends(self) -> None:
        self._note_bytes(self._concealed.feed_eof())

    def _note_bytes(self, data: bytes) -> None:
        if not data:
            return
        try:
            self._add("bytes", text=data.decode())
        except UnicodeDecodeError:
            self._add("bytes", base64=b64encode(data).decode())

    def _add(self, record: str, ready: bytes = b"", /, **fields: JSON) -> None:
        line: JSONObject = {
            "record": record,
            "call": self._call,
            "n": self._count,
            "at": self._at(),
            **fields,
        }
        self._count += 1
        text = dump_bytes(line)
        self._lines.append(text[:-1] + b"," + ready + b"}" if ready else text)
        self._size += len(self._lines[-1])
        if self._size > _MOST_HELD:
            self._write()

    def _at(self) -> float:
        return round(self._now() - self._begun, 6)

    def _write(self) -> None:
        """Write what was noted, in one piece."""
        data = b"\n".join([*self._lines, b""])
        self._lines.clear()
        self._size = 0
        for word in self._words:
            data = data.replace(word.encode(), b"***")
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise ConfigError(f"expected to write a recording to {self._path}, got {error}") from error


def written(request: Request, /) -> JSONObject:
    """A request as it stands in a recording: without the values of its headers, which may be keys."""
    headers = dict.fromkeys(request.options.headers, "***")
    shown = attrs.evolve(request, options=attrs.evolve(request.options, headers=headers))
    return {**to_dict(shown)}


def _opened(path: Path) -> int:
    """The file to add to, at the beginning of a line: who wrote the last one may have been killed there."""
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        size = os.lseek(file, 0, os.SEEK_END)
        if size:
            os.lseek(file, size - 1, os.SEEK_SET)
            if os.read(file, 1) != b"\n":
                os.write(file, b"\n")
    except OSError as error:
        raise ConfigError(f"expected a file to record to at {path}, got {error}") from error
    return file


def _of_error(error: Exception) -> JSONObject:
    """What is needed to raise an error again."""
    fields: JSONObject = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, LLMStreamError):
        fields |= {"phase": error.phase, "retryable": error.retryable}
        if error.ending is not None:
            fields["ending"] = to_dict(error.ending)
    if isinstance(error, ProviderError):
        names = ("status", "request_id", "retry_after", "body")
        fields |= {name: getattr(error, name) for name in names}
    if isinstance(error, TimeoutExceeded):
        fields |= {"clock": error.clock, "seconds": error.seconds}
    return fields
