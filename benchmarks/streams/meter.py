"""How a process is measured: its time, its memory, the speed of its core, and what a run is said to be."""

from __future__ import annotations

import datetime as dt
import os
import platform
import ssl
import sys
import time
from array import array
from collections.abc import Sequence
from pathlib import Path

CORE = "LLMSTREAM_BENCHMARK_CORE"


def stamp() -> dict[str, str]:
    """When and on which Python the figures were taken."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return {"date": today, "python": f"{sys.implementation.name} {platform.python_version()}"}


def fixed_work() -> float:
    """CPU seconds of a piece of work that is always the same.

    The speed of a core that others use as well changes within seconds, so every figure is divided by this,
    taken just before and after it.
    """
    start = time.process_time()
    kept: dict[int, list[str]] = {}
    for number in range(12_000):
        kept[number % 97] = f"{number}:{number ^ 21}".split(":")
    return time.process_time() - start


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def at_its_best(works: Sequence[float]) -> float:
    """What the fixed work takes while the core is as fast as in the best twentieth of a run.

    Figures are scaled to that: they are what they would be if nothing else used the machine.
    """
    return sorted(works)[len(works) // 20]


def stay_on_core() -> None:
    """Keep this process where its starter said; one that is moved from core to core finds its memory cold."""
    if CORE in os.environ:
        os.sched_setaffinity(0, {int(os.environ[CORE])})


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def waited() -> float | None:
    """Seconds in which this thread could have run and had no core, others having them; None if not told."""
    try:
        return int(Path("/proc/self/schedstat").read_text("ascii").split()[1]) / 1e9
    except (OSError, IndexError):
        return None


class Lags:
    """Delays of delivery in nanoseconds; its memory is there from the beginning, so that it adds none."""

    def __init__(self, room: int) -> None:
        self._values = array("q", [0]) * room
        self.count = 0

    def add(self, text: str) -> None:
        """Take the text of a delta: the time at which it was sent."""
        if text:
            if self.count < len(self._values):
                self._values[self.count] = time.monotonic_ns() - int(text)
            self.count += 1

    def __len__(self) -> int:
        return len(self._values)

    def milliseconds(self, share: float) -> float | None:
        taken = sorted(self._values[: self.count])
        return taken[min(int(len(taken) * share), len(taken) - 1)] / 1e6 if taken else None


def allow_many_files() -> int:
    """Raise the limit of open files as far as this process may; its value."""
    try:
        import resource
    except ImportError:
        return 512
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def certified(path: str) -> ssl.SSLContext:
    """The server's side of TLS, from one file with its key and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
