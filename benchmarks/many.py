"""What many streams at once cost one process: CPU, delay, memory.

    python benchmarks/many.py [--streams 200 1000 5000] [--tls] [--uvloop] [--rounds 3]

Every stream brings 20 events a second, 100 of them (40 where there are 5,000 streams), and all are open
before the first event is sent. The events of 64 streams are sent together, as an inference server sends the
tokens of a batch after each step: one by one, each would be a waking of the process, which costs every client
the same. Each run is a process of its own, and clients take turns over the rounds.
`us_per_event` is CPU of the client while all streams run (`ratio`: to the limit), and `core_share` what that
is of a core; both are scaled to a core as fast as in the run's best twentieth. `core_wait` is the share of
the time in which the client could have run and others had the core, and `open_close_ms` the CPU to open and
close one stream. The text of each event is the time it was sent, so `lag` is the delay to the caller, which
grows with `core_wait`; `best` is that of the best round. `wall_to_ideal` is 1 when the client keeps up; one
that does not reads several events at once, and its CPU an event flatters it. `kb_a_stream` is memory at its
peak less that before. `lost` must be 0. Client and servers have cores of their own where there are several.

Prints JSON, and a table on the standard error. `--tls` needs trustme, of the group "test".
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from importlib.util import find_spec
from typing import Any, NamedTuple

from streams.meter import allow_many_files, at_its_best, median, stamp
from streams.processes import BenchmarkError, Worker, certificate, servers

GAP = 50.0
# Files of a process that are no streams.
SPARE = 200
# Where httpx is compared: beyond this, its pool looks through all connections at each request and close.
FEW = 200
MANY = 1000


class Run(NamedTuple):
    client: str
    loop: str
    streams: int
    tls: bool

    @property
    def name(self) -> str:
        return f"{self.client}, {self.loop}{', TLS' if self.tls else ''}, {self.streams}"


def planned(options: argparse.Namespace) -> list[Run]:
    """Each run of a round: all loops and clients where streams are few, the fast ones where many."""
    runs: list[Run] = []
    for streams in options.streams:
        runs += kinds(streams, tls=False)
        if options.uvloop:
            runs += [Run(client, "uvloop", streams, tls=False) for client in ("limit", "llmstream")]
        # Thousands of handshakes at once are no test of streams.
        if options.tls and streams <= MANY:
            runs += kinds(streams, tls=True)
    return runs


def kinds(streams: int, *, tls: bool) -> list[Run]:
    runs = [Run(client, "asyncio", streams, tls) for client in ("limit", "llmstream")]
    if streams <= FEW:
        runs += [Run("httpx+json", "asyncio", streams, tls)]
        # The limit is asyncio's own protocol: on trio there is none to compare with.
        clients = ("llmstream", "httpx+json") if find_spec("trio") else ()
        runs += [Run(client, "trio", streams, tls) for client in clients]
    return runs


def measured(run: Run, options: argparse.Namespace, pem: str) -> dict[str, Any]:
    count = options.count or (100 if run.streams <= MANY else 40)
    with servers(options.servers, pem if run.tls else "") as bases:
        worker = Worker(run.client, "chat", bases, loop=run.loop, pem=pem if run.tls else "")
        try:
            found = worker.ask("many", streams=run.streams, count=count, gap=GAP)
        except BenchmarkError as error:
            found = {"failure": str(error), "failures": run.streams}
        finally:
            worker.end()
    return {"count": count, **found}


def measure(runs: list[Run], options: argparse.Namespace) -> dict[Run, list[dict[str, Any]]]:
    allowed = allow_many_files()
    found: dict[Run, list[dict[str, Any]]] = {run: [] for run in runs if run.streams + SPARE <= allowed}
    for run in runs:
        if run not in found:
            print(f"left out {run.name}: this process may open {allowed} files", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        pem = certificate(folder) if options.tls else ""
        for number in range(options.rounds):
            for run, turns in found.items():
                turns.append(measured(run, options, pem))
                time.sleep(0.2)
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return found


def summary(run: Run, turns: list[dict[str, Any]], best: float) -> dict[str, Any]:
    """The medians of one run over its rounds; the first failure, where there is one."""
    row: dict[str, Any] = {**run._asdict(), "events_each": turns[0]["count"]}
    if failed := [one for one in turns if one.get("failures") or one.get("failure") or "steady" not in one]:
        return {**row, "failures": failed[0].get("failures"), "failure": failed[0].get("failure")}

    def middle(key: str, digits: int, factor: float = 1.0) -> float:
        return round(median([one[key] for one in turns]) * factor, digits)

    def scaled(key: str, digits: int, factor: float = 1.0) -> float:
        return round(median([one[key] / one["work"] for one in turns]) * best * factor, digits)

    return {
        **row,
        "lost": max(one["lost"] for one in turns),
        "failures": 0,
        "us_per_event": scaled("steady", 2, 1e6),
        "open_close_ms": scaled("open_close", 2, 1e3),
        "core_share": scaled("core_share", 3),
        "core_wait": middle("core_wait", 3),
        "wall_to_ideal": middle("wall_to_ideal", 3),
        "lag_p50_ms": middle("lag_p50_ms", 2),
        "lag_p99_ms": middle("lag_p99_ms", 2),
        "lag_p50_best_ms": round(min(one["lag_p50_ms"] for one in turns), 2),
        "kb_a_stream": middle("kb_a_stream", 1),
    }


def figures(found: dict[Run, list[dict[str, Any]]]) -> dict[str, Any]:
    works = [one["work"] for turns in found.values() for one in turns if "work" in one]
    best = at_its_best(works) if works else 1.0
    rows = {run: summary(run, turns, best) for run, turns in found.items()}
    for run, row in rows.items():
        loop = "asyncio" if run.loop == "trio" else run.loop
        limit = rows.get(Run("limit", loop, run.streams, run.tls), {})
        if row.get("us_per_event") and limit.get("us_per_event"):
            row["ratio"] = round(row["us_per_event"] / limit["us_per_event"], 2)
    return {run.name: row for run, row in rows.items()}


COLUMNS = {
    "us_per_event": "us/event",
    "ratio": "x limit",
    "core_share": "core",
    "core_wait": "waited",
    "lag_p50_ms": "lag p50",
    "lag_p99_ms": "lag p99",
    "wall_to_ideal": "wall",
    "open_close_ms": "open ms",
    "kb_a_stream": "KB each",
    "lost": "lost",
    "failures": "failed",
}


def table(found: dict[str, Any]) -> str:
    lines = [f"{'':32}" + "".join(f"{head:>10}" for head in COLUMNS.values())]
    for name, row in found.items():
        lines.append(f"{name:32}" + "".join(f"{row.get(key, '-'):>10}" for key in COLUMNS))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, nargs="+", default=[200, 1000, 5000])
    parser.add_argument("--count", type=int, default=0, help="events a stream")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", type=int, default=1, help="processes that send")
    parser.add_argument("--tls", action="store_true", help="over TLS as well")
    parser.add_argument("--uvloop", action="store_true", help="under uvloop as well, where it is installed")
    options = parser.parse_args()
    options.uvloop = options.uvloop and find_spec("uvloop") is not None
    found = figures(measure(planned(options), options))
    print(table(found), file=sys.stderr)
    print(json.dumps({**stamp(), "gap_ms": GAP, "rounds": options.rounds, "runs": found}, indent=2))


if __name__ == "__main__":
    main()
