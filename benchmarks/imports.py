"""What imports cost: CPU milliseconds over a bare interpreter, the median of several runs; prints JSON."""

import json
import statistics
import subprocess
import sys
from importlib.util import find_spec

from streams.meter import stamp

RUNS = 9

# The first is paid by whoever imports the package, the others by whoever makes a call.
STATEMENTS = {
    "import_llmstream": "import llmstream",
    "get_model": "import llmstream; llmstream.get_model('demo')",
    "first_request_httpx": "import llmstream, llmstream.transport.http, httpx; llmstream.get_model('demo')",
    "first_request_httpx2": "import llmstream, llmstream.transport.http, httpx2; llmstream.get_model('demo')",
    "sync": "import llmstream.sync",
}


def cpu_milliseconds(statement: str) -> float:
    timed = f"import time; {statement}; print(time.process_time() * 1000)"
    run = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
    return float(run.stdout)


def median(statement: str) -> float:
    return statistics.median(cpu_milliseconds(statement) for _ in range(RUNS))


def main() -> None:
    bare = median("pass")
    # httpx2 is an extra.
    said = {name: text for name, text in STATEMENTS.items() if "httpx2" not in text or find_spec("httpx2")}
    figures = {name: round(median(statement) - bare, 1) for name, statement in said.items()}
    print(json.dumps({**stamp(), "bare_interpreter": round(bare, 1), **figures}, indent=2))


if __name__ == "__main__":
    main()
