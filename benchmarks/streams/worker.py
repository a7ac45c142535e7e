"""The process of one client: takes orders on its standard input, a JSON object a line, and answers each.

    python -m streams.worker CLIENT WIRE BASE,… [--loop asyncio|trio|uvloop]

All orders run in one event loop. Each answer has the fixed piece of work of `meter` timed beside it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from streams.clients import CLIENTS, Stream
from streams.meter import Lags, allow_many_files, fixed_work, median, resident, stay_on_core, waited

Answer = dict[str, Any]
PACKAGES = {"httpx+json": "httpx", "llmstream-folded": "llmstream", "pydantic-ai": "pydantic-ai-slim"}
# Not so many at once that the server's queue of new connections overflows.
TOGETHER = 100
PAUSE = 0.02


class Worker:
    def __init__(self, client: str, wire: str, bases: list[str]) -> None:
        self._client, self._wire, self._bases = client, wire, bases
        self._streams: dict[tuple[str, int], Stream] = {}

    def _stream(self, how: str, streams: int = 100, server: int = 0) -> Stream:
        """The client of one address; the same address is the same client, with its connections."""
        base = f"{self._bases[server]}/{how}"
        if (base, streams) not in self._streams:
            self._streams[base, streams] = CLIENTS[self._client](base, self._wire, streams)
        return self._streams[base, streams]

    async def burst(self, count: int, times: int) -> Answer:
        """Whole answers, one after the other."""
        stream, texts = self._stream(f"burst-{count}"), [""]
        gc.collect()
        work = fixed_work()
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(times):
            texts.clear()
            await stream(texts.append)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        length = len("".join(texts))
        return {"cpu": cpu, "wall": wall, "length": length, "work": (work + fixed_work()) / 2}

    async def first(self, times: int) -> Answer:
        """Milliseconds from the call to the first text, which comes by itself, the connection being open."""
        stream, took = self._stream("paced-0-3-1"), []
        for _ in range(times):
            seen: list[int] = []
            start = time.perf_counter_ns()
            await stream(lambda text, seen=seen: text and seen.append(time.perf_counter_ns()))  # type: ignore[misc]
            took.append((seen[0] - start) / 1e6)
        return {"first_ms": median(took)}

    async def many(self, streams: int, count: int, gap: float) -> Answer:
        """Paced streams, all open at once."""
        share = streams // len(self._bases)
        how = f"paced-{gap}-{count}-{share}"
        opened = [self._stream(how, streams, server) for server in range(len(self._bases))]
        await self._stream("burst-3")(len)
        run = Many(Lags(share * len(opened) * count))
        gc.collect()
        run.begin()
        before = fixed_work()
        run.mark("started")
        await together([lambda one=one: run.one(one) for one in opened for _ in range(share)])  # type: ignore[misc]
        run.mark("closed")
        ideal = count * gap / 1000
        return {**run.answer(share * len(opened), ideal), "work": (before + fixed_work()) / 2}


class Many:
    """What many streams cost, by their three times: opening, steady and closing."""

    def __init__(self, lags: Lags) -> None:
        self._lags, self._total = lags, len(lags)
        self._marks: dict[str, tuple[float, float, float]] = {}
        self._failures: list[str] = []
        self._often = max(self._total // 50, 1)
        self._memory = self._peak = 0

    def begin(self) -> None:
        self._memory = self._peak = resident()

    def mark(self, name: str) -> None:
        self._marks[name] = (time.process_time(), time.perf_counter(), waited() or 0.0)

    async def one(self, stream: Stream) -> None:
        try:
            await stream(self._take)
        except Exception as error:  # noqa: BLE001 - that a client cannot do it is a result too
            self._failures.append(f"{type(error).__name__}: {error}"[:200])

    def _take(self, text: str) -> None:
        self._lags.add(text)
        count = self._lags.count
        if count == 1:
            self.mark("first")
        if count % self._often == 0 or count == self._total:
            self._peak = max(self._peak, resident())
            self.mark("last")

    def answer(self, streams: int, ideal: float) -> Answer:
        lags, marks = self._lags, self._marks
        answer = {"lost": self._total - lags.count, "failures": len(self._failures), "events": lags.count}
        if self._failures or not lags.count:
            return {**answer, "failure": self._failures[0] if self._failures else ""}
        first, begun, waited_before = marks["first"]
        last, over, waited_after = marks["last"]
        outside = first - marks["started"][0] + marks["closed"][0] - last
        return {
            **answer,
            "steady": (last - first) / lags.count,
            "open_close": outside / streams,
            "core_share": (last - first) / (over - begun),
            "core_wait": (waited_after - waited_before) / (over - begun),
            "wall_to_ideal": (over - begun) / ideal,
            "lag_p50_ms": lags.milliseconds(0.5),
            "lag_p99_ms": lags.milliseconds(0.99),
            "kb_a_stream": (self._peak - self._memory) / streams / 1000,
        }


async def together(calls: list[Callable[[], Awaitable[None]]]) -> None:
    """Run all at once, on whichever loop this is."""
    groups = [calls[at : at + TOGETHER] for at in range(0, len(calls), TOGETHER)]
    if "trio" in sys.modules and _in_trio():
        import trio  # noqa: TID251 - both loops, with no layer between

        async with trio.open_nursery() as nursery:
            for group in groups:
                for call in group:
                    nursery.start_soon(call)
                await trio.sleep(PAUSE)
        return
    import asyncio  # noqa: TID251 - as above

    tasks = []
    for group in groups:
        tasks += [asyncio.ensure_future(call()) for call in group]
        await asyncio.sleep(PAUSE)
    await asyncio.gather(*tasks)


def _in_trio() -> bool:
    import trio  # noqa: TID251 - as above

    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


def installed(client: str) -> str:
    try:
        return version(PACKAGES.get(client, client))
    except PackageNotFoundError:
        return ""


async def orders(worker: Worker, hello: Answer) -> None:
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = await getattr(worker, order.pop("do"))(**order)
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), flush=True)


def main() -> None:
    stay_on_core()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("wire")
    parser.add_argument("bases")
    parser.add_argument("--loop", default="asyncio", choices=["asyncio", "trio", "uvloop"])
    options = parser.parse_args()
    allow_many_files()
    worker = Worker(options.client, options.wire, options.bases.split(","))
    hello = {"version": installed(options.client)}
    if options.loop == "trio":
        import trio  # noqa: TID251 - as above

        trio.run(orders, worker, hello)
    elif options.loop == "uvloop":
        import uvloop

        uvloop.run(orders(worker, hello))
    else:
        import asyncio  # noqa: TID251 - as above

        asyncio.run(orders(worker, hello))
    sys.stdout.flush()
    # What a client does at its own exit belongs to no figure.
    os._exit(0)


if __name__ == "__main__":
    main()
