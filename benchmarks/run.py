"""Runs all benchmarks one after the other, keeps their results and draws them; about ten minutes.

    python benchmarks/run.py [--only imports micro many peers] [--quick]

Run it in an environment that has llmstream and the group "test", with as little else on the machine as can
be. peers.py installs each other library in an environment of its own, outside the checkout. `--quick` is for
seeing that it works: its figures are not worth keeping, so it keeps them in a folder of their own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS: dict[str, list[str]] = {
    "imports": [],
    "micro": [],
    "many": ["--tls"],
    "peers": [],
}
QUICK: dict[str, list[str]] = {
    "imports": [],
    "micro": ["--count", "1000", "--rounds", "1"],
    "many": ["--streams", "50", "--count", "20", "--rounds", "1"],
    "peers": ["--rounds", "1", "--peers", "llmstream,httpx+json"],
}
PATIENCE = 1800


def run(script: str, arguments: list[str], results: Path) -> bool:
    """Keep what a script prints; what it says of its progress goes to the terminal."""
    started = time.monotonic()
    print(f"{script} {' '.join(arguments)}", file=sys.stderr)
    command = [sys.executable, str(HERE / f"{script}.py"), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
    if done.returncode:
        print(f"{script} failed; the others go on", file=sys.stderr)
        return False
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{script}.json").write_bytes(done.stdout)
    print(f"{script}: {time.monotonic() - started:.0f} s\n", file=sys.stderr)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=list(SCRIPTS))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    kept = Path(tempfile.mkdtemp(prefix="llmstream-quick-")) if options.quick else HERE
    scripts = QUICK if options.quick else SCRIPTS
    worked = [run(name, scripts[name], kept / "results") for name in options.only]
    folders = ["--results", str(kept / "results"), "--plots", str(kept / "plots")]
    subprocess.run([sys.executable, str(HERE / "plot.py"), *folders], check=True)
    sys.exit(0 if all(worked) else 1)


if __name__ == "__main__":
    main()
