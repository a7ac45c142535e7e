"""`python -m llmstream.testing.sim`: run simulations, or one seed again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from llmstream.testing.sim.answers import DIALECTS
from llmstream.testing.sim.run import simulate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, say what was found, and give the exit code: 1 when a law did not hold."""
    given = _parser().parse_args(arguments)
    report = simulate(
        given.seed,
        calls=given.calls,
        backend=given.backend,
        dialects=given.dialect or DIALECTS,
        faults=given.fault or None,
    )
    for violation in report.violations:
        print(f"{violation}\n")
    calls = f"{report.calls} calls in {report.attempts} attempts, {report.healthy} after them"
    print(f"{calls}, {len(report.violations)} violations")
    print(f"digest {report.digest[:16]}, outcomes {report.outcomes[:16]}")
    return 1 if report.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m llmstream.testing.sim", description=simulate.__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first; each scenario has the next")
    parser.add_argument("--calls", type=int, default=1000, help="how many; 1 repeats the scenario of a seed")
    parser.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio")
    parser.add_argument("--dialect", action="append", help="only this; may be given several times")
    parser.add_argument("--fault", action="append", help="only this of the catalogue; likewise")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
