"""How long simulated calls take: `python benchmarks/simulate.py [calls] [seed]` prints JSON."""

import json
import sys
import time

from llmstream.testing.sim import simulate

BACKENDS = ("asyncio", "trio")


def main(calls: int = 10_000, seed: int = 1) -> None:
    for backend in BACKENDS:
        began, used = time.perf_counter(), time.process_time()
        report = simulate(seed, calls=calls, backend=backend)
        found = {
            "backend": backend,
            "calls": report.calls,
            "healthy": report.healthy,
            "seconds": round(time.perf_counter() - began, 2),
            "cpu_seconds": round(time.process_time() - used, 2),
            "violations": len(report.violations),
            "seeds": [violation.seed for violation in report.violations],
            "digest": report.digest,
        }
        print(json.dumps(found))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
