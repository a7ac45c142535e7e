"""What an event of one stream costs, here and in other libraries: CPU, and the time to the first.

    python benchmarks/peers.py [--peers llmstream,openai] [--rounds 9]

Each library is installed in an environment of its own and runs in a process of its own, which reads the
same 2,000 text deltas from a server on 127.0.0.1: on OpenAI's chat wire, Anthropic's messages wire, or
OpenAI's Responses wire.
`us_per_event` is CPU of the client process, user and system; `ratio` compares it with `limit`, the least
that a typed client on asyncio can do. Every figure is the median over rounds in which all take turns, scaled
by a fixed piece of work timed beside each: read the ratios, the microseconds belong to one machine.
`first_ms` is from the call to the first text on an open connection, client and server together.

Prints JSON, and a table on the standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from streams import environments
from streams.bodies import words
from streams.meter import at_its_best, median, stamp
from streams.processes import Worker, servers

EVENTS = 2000
# Of CPU: a turn of a fast client is several answers, so that chance weighs alike on all.
TURN_SECONDS = 0.2
# The client, its environment, its wire.
ROWS: dict[str, tuple[str, str, str]] = {
    "limit": ("limit", "limit", "chat"),
    "llmstream": ("llmstream", "llmstream", "chat"),
    "llmstream, folded": ("llmstream-folded", "llmstream", "chat"),
    "httpx + json": ("httpx+json", "httpx+json", "chat"),
    "openai": ("openai", "openai", "chat"),
    "langchain-openai": ("langchain-openai", "langchain-openai", "chat"),
    "pydantic-ai": ("pydantic-ai", "pydantic-ai", "chat"),
    "litellm": ("litellm", "litellm", "chat"),
    "limit, messages": ("limit", "limit", "messages"),
    "llmstream, messages": ("llmstream", "llmstream", "messages"),
    "anthropic, messages": ("anthropic", "anthropic", "messages"),
    "limit, responses": ("limit", "limit", "responses"),
    "llmstream, responses": ("llmstream", "llmstream", "responses"),
}
LIMITS = {"chat": "limit", "messages": "limit, messages", "responses": "limit, responses"}
Turn = dict[str, float]


def chosen(peers: str) -> list[str]:
    """The rows of these environments, and the limits of their wires."""
    wanted = set(peers.split(",")) if peers else set(environments.REQUIREMENTS)
    if unknown := wanted - set(environments.REQUIREMENTS):
        raise SystemExit(
            f"expected peers among {', '.join(environments.REQUIREMENTS)}, got {', '.join(unknown)}"
        )
    wires = {wire for _, environment, wire in ROWS.values() if environment in wanted}
    return [
        name
        for name, (_, environment, wire) in ROWS.items()
        if environment in wanted or (environment == "limit" and wire in wires)
    ]


def turn(worker: Worker, name: str, times: int) -> Turn:
    """One client's turn; a text that is not whole ends the benchmark."""
    burst = worker.ask("burst", count=EVENTS, times=times)
    expected = len("".join(words(EVENTS)))
    if burst["length"] != expected:
        raise SystemExit(f"expected {expected} characters from {name}, got {burst['length']}")
    first = worker.ask("first", times=15)
    return {**first, "cpu": burst["cpu"] / times / EVENTS, "work": burst["work"]}


def measure(workers: dict[str, Worker], rounds: int) -> dict[str, list[Turn]]:
    """The turns of all rounds. The first round warms up, and says how many answers fill a turn."""
    times = {
        name: max(1, min(int(TURN_SECONDS / (turn(worker, name, 2)["cpu"] * EVENTS)), 25))
        for name, worker in workers.items()
    }
    turns: dict[str, list[Turn]] = {name: [] for name in workers}
    for number in range(rounds):
        for name, worker in workers.items():
            turns[name].append(turn(worker, name, times[name]))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return turns


def figures(turns: dict[str, list[Turn]], versions: dict[str, str]) -> dict[str, Any]:
    best = at_its_best([one["work"] for took in turns.values() for one in took])
    scaled = {name: [one["cpu"] / one["work"] * best for one in took] for name, took in turns.items()}
    # Scaled too: with nothing on the way but a loopback, the time is that of two processes' work.
    first = {
        name: median([one["first_ms"] / one["work"] * best for one in took]) for name, took in turns.items()
    }
    found: dict[str, Any] = {}
    for name, costs in scaled.items():
        limit = LIMITS[ROWS[name][2]]
        found[name] = {
            "wire": ROWS[name][2],
            "version": versions[name],
            "us_per_event": round(median(costs) * 1e6, 2),
            "us_range": [round(min(costs) * 1e6, 2), round(max(costs) * 1e6, 2)],
            "ratio": round(median(costs) / median(scaled[limit]), 2),
            "first_ms": round(first[name], 2),
            "first_over_limit_ms": round(first[name] - first[limit], 2),
        }
    return found


def table(found: dict[str, Any]) -> str:
    lines = [f"{'':22}{'us/event':>10}{'x limit':>10}{'first ms':>10}"]
    for name, row in found.items():
        lines.append(f"{name:22}{row['us_per_event']:10.1f}{row['ratio']:10.1f}{row['first_ms']:10.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", default="", help="names, with commas; all by default")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--venvs", default="", help="the folder of the environments; kept for the next run")
    options = parser.parse_args()
    names, inside = chosen(options.peers), environments.folder(options.venvs)
    pythons = {name: environments.python(ROWS[name][1], inside) for name in names}
    workers: dict[str, Worker] = {}
    with servers(1) as bases:
        try:
            for name in names:
                client, _, wire = ROWS[name]
                workers[name] = Worker(client, wire, bases, python=pythons[name])
            turns = measure(workers, options.rounds)
        finally:
            for worker in workers.values():
                worker.end()
    found = figures(turns, {name: worker.version for name, worker in workers.items()})
    print(table(found), file=sys.stderr)
    print(json.dumps({**stamp(), "events": EVENTS, "rounds": options.rounds, "clients": found}, indent=2))


if __name__ == "__main__":
    main()
