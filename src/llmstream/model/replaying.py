"""Replay: a model that answers as one did while it was recorded."""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import anyio
import anyio.lowlevel
import attrs

from llmstream import errors
from llmstream.client.retries import ONCE
from llmstream.errors import ConfigError, ConnectionLost, LLMStreamError, ProviderError, TruncatedStreamError
from llmstream.jsontext import JSONError, JSONObject, loads
from llmstream.model.batched import BatchedModel
from llmstream.model.model import Model
from llmstream.model.provided import ProviderModel
from llmstream.model.recording import VERSION, written
from llmstream.serial import event_from_dict
from llmstream.transport.base import Exchange, HttpCall
from llmstream.values.amounts import is_amount
from llmstream.values.events import Done, Event
from llmstream.values.request import OutputMode, Request
from llmstream.wire.http import ResponseHead
from llmstream.wire.limits import rate_limits

if TYPE_CHECKING:
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts

Line: TypeAlias = JSONObject


def replay(
    path: str | os.PathLike[str],
    /,
    *,
    model: str | None = None,
    speed: float | None = None,
    through: Model | None = None,
) -> Model:
    """A model that answers each recorded call again, without a network; `record` wrote the file.

    A request is answered by the first call that asked the same and was not replayed yet, so each recorded
    call is given once. Events come in the batches in which they came, and what failed fails again; a call
    that its consumer left, or whose writer was killed, ends with TruncatedStreamError where its record
    does. The file is read at once, up to its last whole line. Time limits and retries have no meaning here.

    Args:
        model: the name of the model whose calls are meant, where several are in one file; by default
            that of the first call, whose name and id the replay has.
        speed: 1.0 takes the time that the calls took, 2.0 half of it; by default there is no waiting.
        through: a provider's model that decodes the recorded bytes anew, instead of the recorded events.

    Raises:
        ConfigError: when there is no such recording, and from a call, when it was not recorded.
    """
    if speed is not None and not (is_amount(speed) and speed > 0):
        raise ConfigError(f"expected a speed above 0, got {speed!r}")
    if through is not None and not isinstance(through, ProviderModel):
        raise ConfigError(f"expected a provider's model to decode through, got {type(through).__name__}")
    calls = [call for call in recorded(Path(path)) if model in {None, call.name}]
    if not calls:
        raise ConfigError(f"expected a call{f' of {model}' if model else ''} recorded in {path}, got none")
    calls = [call for call in calls if call.name == calls[0].name]
    return Replay(calls, speed=speed, through=through)


@attrs.frozen
class RecordedCall:
    """One call as it was recorded.

    Attributes:
        request: in its dict form.
        lines: what followed, in order and without a gap.
    """

    name: str
    id: str
    request: JSONObject
    output_mode: OutputMode = "native"
    lines: list[Line] = attrs.field(factory=list[Line], repr=False)


def recorded(path: Path, /) -> list[RecordedCall]:
    """The calls of a recording, in the order in which they were begun.

    Of a call of which a line is missing there is what stands before it.

    Raises:
        ConfigError: when the file cannot be read, or is of a later version.
    """
    calls: dict[object, RecordedCall] = {}
    for line in _lines(path):
        key = line.get("call")
        call = calls.get(key)
        if call is not None and line.get("n") == len(call.lines) + 1:
            call.lines.append(line)
        elif call is None and line.get("record") == "call" and line.get("n") == 0:
            if line["version"] > VERSION:
                raise ConfigError(
                    f"expected a recording of version {VERSION}, got {line['version']} in {path}"
                )
            calls[key] = RecordedCall(
                line["name"], line["id"], line["request"], line.get("output_mode", "native")
            )
    return list(calls.values())


def _lines(path: Path) -> Iterator[Line]:
    """The whole lines; one that is none was cut when its writer was killed."""
    try:
        texts = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise ConfigError(f"expected a recording at {path}, got {error}") from error
    for text in texts:
        try:
            line = loads(text)
        except JSONError:
            continue
        if isinstance(line, dict) and {"record", "call", "n", "at"} <= line.keys():
            yield cast("Line", line)


class Replay(BatchedModel):
    """A model that answers from a recording; see `replay`."""

    def __init__(
        self, calls: Iterable[RecordedCall], *, speed: float | None, through: ProviderModel | None
    ) -> None:
        self._left = list(calls)
        self.id = self._left[0].id
        self.name = self._left[0].name
        self._output_mode: OutputMode = self._left[0].output_mode
        self._speed = speed
        self._through = through

    def batches(
        self, request: Request, /, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of a recorded call.

        Raises:
            ConfigError: when none that is left asked the same.
            LLMStreamError: what ended the call then.
        """
        return self._again(request)

    @property
    def output_mode(self) -> OutputMode:
        """How a schema was asked for while it was recorded."""
        return self._output_mode

    async def _again(self, request: Request) -> AsyncGenerator[Sequence[Event], None]:
        call = self._taken(request)
        await anyio.lowlevel.checkpoint()
        if self._through is None:
            batches = _events(call, self._pace())
        else:
            played = PlayedTransport(_last_exchange(call.lines), self._pace())
            batches = self._through.through(lambda _: played).batches(request, retries=ONCE)
        async with aclosing(batches):
            async for batch in batches:
                yield batch  # noqa: ASYNC119 - closed with the generator

    def _taken(self, request: Request) -> RecordedCall:
        asked = written(request)
        for position, call in enumerate(self._left):
            if call.request == asked:
                return self._left.pop(position)
        raise ConfigError(
            f"expected a request to {self.name} that was recorded and not replayed yet, got another; "
            f"{len(self._left)} recorded calls are left"
        )

    def _pace(self) -> Pace:
        return Pace(self._speed, anyio.current_time)


class Pace:
    """Waits until as much time has passed as had then, times the speed."""

    def __init__(self, speed: float | None, now: Callable[[], float]) -> None:
        self._speed = speed
        self._begun = now()

    async def reach(self, line: Line) -> None:
        """Wait until a line's time has come."""
        if self._speed is None:
            await anyio.lowlevel.checkpoint()
        else:
            await anyio.sleep_until(self._begun + line["at"] / self._speed)


async def _events(call: RecordedCall, pace: Pace) -> AsyncGenerator[Sequence[Event], None]:
    done, head = False, ResponseHead()
    for line in call.lines:
        match line["record"]:
            case "head":
                head = ResponseHead(line["status"], line["headers"])
            case "events":
                events = [event_from_dict(event) for event in line["events"]]
                done = isinstance(events[-1], Done)
                await pace.reach(line)
                yield events
            case "failed":
                await pace.reach(line)
                raise _told(error_of(line), head)
            case "ended" if line["how"] == "ended":
                return
            case _:
                pass
    if not done:
        raise TruncatedStreamError("expected a call that was recorded to its end, got one that stops before")


def _last_exchange(lines: Sequence[Line]) -> Sequence[Line]:
    """What followed when the call was made the last time; no event came of the times before."""
    sent = [position for position, line in enumerate(lines) if line["record"] == "sent"]
    return lines[sent[-1] :] if sent else lines


class PlayedTransport:
    """Gives the exchanges of one recorded call again, in order."""

    def __init__(self, lines: Sequence[Line], pace: Pace) -> None:
        self._lines = iter(lines)
        self._pace = pace

    async def open(self, call: HttpCall, /) -> Exchange:
        """Give the next exchange.

        Raises:
            TransportError: when it failed then.
            ConfigError: when there is none: no bytes were recorded.
        """
        for line in self._lines:
            if line["record"] == "lost":
                raise error_of(line)
            if line["record"] == "head":
                await self._pace.reach(line)
                return PlayedExchange(ResponseHead(line["status"], line["headers"]), self._lines, self._pace)
        raise ConfigError("expected a recording of a provider's model, got a call without bytes of its wire")


class PlayedExchange:
    """A response that is read from a recording."""

    def __init__(self, head: ResponseHead, lines: Iterator[Line], pace: Pace) -> None:
        self.head = head
        self._lines = lines
        self._pace = pace
        self._closed = False

    async def read(self, deadline: float = inf, /) -> bytes:
        """The next piece; empty at the end.

        Raises:
            TransportError: what broke the exchange then.
            TimeoutError: when it did not come in time.
        """
        for line in self._lines:
            if self._closed:
                break
            match line["record"]:
                case "bytes":
                    with anyio.CancelScope(deadline=deadline):
                        await self._pace.reach(line)
                        return _bytes(line)
                    raise TimeoutError
                case "lost" if line["error"] != "TimeoutError":
                    raise error_of(line)
                case _:
                    pass
        raise ConnectionLost("the recording ends here")

    def interrupt(self) -> None:
        """Give no more pieces."""
        self._closed = True

    async def aclose(self) -> None:
        """Give no more pieces."""
        self._closed = True


def _told(error: LLMStreamError, head: ResponseHead) -> LLMStreamError:
    """The error with what its response told of the account's limits."""
    if isinstance(error, ProviderError):
        error.rate_limits = rate_limits(head)
    return error


def _bytes(line: Line) -> bytes:
    text: str | None = line.get("text")
    return b64decode(line["base64"]) if text is None else text.encode()


def error_of(line: Line, /) -> LLMStreamError:
    """The error that a line tells of; one that is none of ours is told by its name."""
    kind = getattr(errors, line["error"], None)
    if not (isinstance(kind, type) and issubclass(kind, LLMStreamError)):
        return LLMStreamError(f"{line['error']}: {line['message']}")
    error = kind(line["message"])
    for name in ("phase", "retryable", "status", "request_id", "retry_after", "body", "clock", "seconds"):
        if name in line:
            setattr(error, name, line[name])
    if "ending" in line:
        ending = event_from_dict(line["ending"])
        error.ending = ending if isinstance(ending, Done) else None
    return error
