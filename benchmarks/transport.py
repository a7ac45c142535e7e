"""What reading a stream costs over the transports: CPU of this process, the server in another.

    python benchmarks/transport.py [--events 2000] [--open 1000] [--rounds 5]

Prints JSON: microseconds of CPU an event of a burst, read as raw bytes through an `httpx.AsyncClient` over
its own transport and over ours, and through a bare protocol that only takes the chunks apart; the ratios to
the latter; and milliseconds to open and close one stream while many are open.
"""

from __future__ import annotations

import argparse
import asyncio  # noqa: TID251 - the bare protocol is asyncio's
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import httpx

from llmstream.transport.fast import FastTransport, Limits

EVENT = (
    b'data: {"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1759764321,'
    b'"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_0123456789",'
    b'"choices":[{"index":0,"delta":{"content":" word%d"},"logprobs":null,"finish_reason":null}],'
    b'"usage":null,"obfuscation":"%b"}\n\n'
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def burst(events: int) -> bytes:
    """A response with one HTTP chunk an event."""
    bodies = [EVENT % (number, b"x" * (number % 16)) for number in range(events)]
    return HEAD + b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies) + END


class Replay(asyncio.Protocol):
    """Answers /burst with the whole, and /open with a beginning that never ends."""

    def __init__(self, response: bytes) -> None:
        self._response = response
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while b"\r\n\r\n" in self._unread:
            head, _, self._unread = self._unread.partition(b"\r\n\r\n")
            self._transport.write(self._response if b"/burst" in head else HEAD + b"1\r\nx\r\n")


async def serve(events: int) -> None:
    response = burst(events)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Replay(response), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class Bare(asyncio.Protocol):
    """The least: takes the chunks apart, and believes whatever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self) -> asyncio.Future[None]:
        self._over = asyncio.get_running_loop().create_future()
        self._rest = b""
        self._transport.write(b"GET /burst HTTP/1.1\r\nhost: x\r\n\r\n")
        return self._over

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at = data.find(b"\r\n\r\n") + 4 if data.startswith(b"HTTP") else 0
        parts: list[bytes] = []
        while (end := data.find(b"\r\n", at)) >= 0:
            size = int(data[at:end], 16)
            stop = end + 2 + size
            if stop + 2 > len(data):
                break
            if not size:
                self._over.set_result(None)
                return
            parts.append(data[end + 2 : stop])
            at = stop + 2
        self._rest = data[at:]
        self.body = b"".join(parts)


def through(client: httpx.AsyncClient, base: str) -> Callable[[], Awaitable[None]]:
    async def once() -> None:
        async with client.stream("GET", f"{base}/burst") as response:
            async for _ in response.stream:
                pass

    return once


async def bare(port: int) -> Callable[[], Awaitable[None]]:
    _, protocol = await asyncio.get_running_loop().create_connection(Bare, "127.0.0.1", port)

    async def once() -> None:
        await protocol.ask()

    return once


async def cpu(once: Callable[[], Awaitable[None]], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        await once()
    return (time.process_time() - start) / times


async def opening(client: httpx.AsyncClient, base: str, many: int) -> float:
    """Seconds of CPU to open and close one stream, while `many` are open."""
    async with AsyncExitStack() as stack:
        for _ in range(many):
            await stack.enter_async_context(client.stream("GET", f"{base}/open"))

        async def once() -> None:
            async with client.stream("GET", f"{base}/open"):
                pass

        return await cpu(once, 50)


def clients() -> dict[str, httpx.AsyncClient]:
    unbounded = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    fast = FastTransport.under(httpx, limits=Limits(idle=None))
    return {
        "httpx": httpx.AsyncClient(limits=unbounded, timeout=60),
        "fast": httpx.AsyncClient(transport=fast, timeout=60),
    }


async def measure(port: int, options: argparse.Namespace) -> dict[str, object]:
    base = f"http://127.0.0.1:{port}"
    made = clients()
    ways = {name: through(client, base) for name, client in made.items()} | {"bare": await bare(port)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for once in ways.values():
        await once()
    for _ in range(options.rounds):
        for name, once in ways.items():
            times[name].append(await cpu(once, 5))
    event = {name: round(statistics.median(took) / options.events * 1e6, 3) for name, took in times.items()}
    opened = {
        name: round(await opening(client, base, options.open) * 1e3, 3) for name, client in made.items()
    }
    for client in made.values():
        await client.aclose()
    return {
        "us_per_event": event,
        "ratio_to_bare": {name: round(took / event["bare"], 2) for name, took in event.items()},
        "open_and_close_ms": opened,
        "open_streams": options.open,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--open", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.events))
        return
    command = [sys.executable, __file__, "--serve", "--events", str(options.events)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        found = asyncio.run(measure(int(server.stdout.readline()), options))
        server.stdin and server.stdin.close()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
