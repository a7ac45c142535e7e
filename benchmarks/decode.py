"""What a token costs between a read and the consumer: microseconds an event, by dialect and by layer.

Prints JSON, with every dialect whose own server half can write the body. `frames` is the framer alone,
`events` the way from bytes to events that a call takes, `stream` all that a consumer of `async for` pays,
`folded` an awaited Response; each for reads of 64 KiB. `ratio` is `stream` at four times the length over
four: near 1 is linear. There is no network in it; benchmarks/transport.py has that.
"""

import json
import time
from collections.abc import Callable
from contextlib import suppress

import anyio

from llmstream import Done, TextDelta, UnsupportedError
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.providers._provider import Provider
from llmstream.testing.fakes import Answer, ScriptedTransport
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.wire import find, names
from llmstream.wire.http import ResponseHead
from llmstream.wire.plain import piped

COUNT = 10_000
READ = 64 * 1024


def dialects() -> list[str]:
    """Those whose server half can write a stream to decode."""
    found = []
    for name in names():
        with suppress(UnsupportedError):
            find(name).server.encoder(Request("m"))
            found.append(name)
    return found


def head(dialect: str) -> ResponseHead:
    return find(dialect).server.head(Request("m"))


def body(dialect: str, count: int) -> list[bytes]:
    encoder = find(dialect).server.encoder(Request("m"))
    said: list[Event] = [*(TextDelta(0, " token") for _ in range(count)), Done(finish_reason="stop")]
    pieces = [piece for event in said for piece in encoder.feed(event)]
    whole = b"".join([*pieces, *encoder.feed_eof()])
    return [whole[at : at + READ] for at in range(0, len(whole), READ)]


def frames(dialect: str, pieces: list[bytes]) -> None:
    framer = find(dialect).framer(head(dialect))
    for piece in pieces:
        for _ in framer.feed(piece):
            pass


def events(dialect: str, pieces: list[bytes]) -> None:
    codec = find(dialect)
    stage = piped(codec.framer(head(dialect)), codec.decoder(head(dialect)))
    for piece in pieces:
        for _ in stage.feed(piece):
            pass


async def consume(dialect: str, pieces: list[bytes], folded: bool) -> None:
    transport = ScriptedTransport([Answer(pieces, head(dialect))])
    row = Provider(name=dialect, codec=find(dialect))
    model = ProviderModel("m", Endpoint(row, "http://127.0.0.1", None, transport))
    async with model.prompt("x") as stream:
        if folded:
            await stream
            return
        async for _ in stream:
            pass


def stream(dialect: str, pieces: list[bytes]) -> None:
    anyio.run(consume, dialect, pieces, False)


def folded(dialect: str, pieces: list[bytes]) -> None:
    anyio.run(consume, dialect, pieces, True)


def cost(work: Callable[[str, list[bytes]], None], dialect: str, count: int) -> float:
    pieces, best = body(dialect, count), float("inf")
    for _ in range(7):
        started = time.process_time()
        work(dialect, pieces)
        best = min(best, time.process_time() - started)
    return best / count * 1e6


def measured(dialect: str) -> dict[str, float]:
    found = {work.__name__: cost(work, dialect, COUNT) for work in (frames, events, stream, folded)}
    found["ratio"] = cost(stream, dialect, 4 * COUNT) / found["stream"]
    return {name: round(value, 2) for name, value in found.items()}


if __name__ == "__main__":
    print(json.dumps({"events": COUNT, **{name: measured(name) for name in dialects()}}, indent=2))
