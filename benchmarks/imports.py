"""What imports cost: CPU milliseconds over a bare interpreter, the median of several runs; prints JSON.

They are scaled to a core as fast as in the best twentieth of the runs, as those of the other scripts.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from streams.meter import at_its_best, median, stamp

HERE = Path(__file__).parent
RUNS = 9

# A call on the library's own connections, to a port where nobody listens.
CALL = """
import anyio, llmstream
model = llmstream.get_model("openai-chat/m", base_url="http://127.0.0.1:9/v1", key="k")
async def main():
    try:
        await model.prompt("hi")
    except llmstream.ConnectError:
        pass
anyio.run(main)
"""
# The first is paid by whoever imports the package, the second by whoever makes a call, those with an HTTP
# library in their names by whoever brings a client of it.
STATEMENTS = {
    "bare_interpreter": "pass",
    "import_llmstream": "import llmstream",
    "first_request": CALL,
    "get_model": "import llmstream; llmstream.get_model('demo')",
    "first_request_httpx": CALL.replace("import anyio", "import httpx, anyio"),
    "first_request_httpx2": CALL.replace("import anyio", "import httpx2, anyio"),
    "sync": "import llmstream.sync",
}


TIMED = """
import time
{statement}
cpu = time.process_time() * 1000
from streams.meter import fixed_work
print(cpu, fixed_work(), fixed_work())
"""


def timed(statement: str) -> tuple[float, float]:
    """CPU milliseconds of a process, and what the fixed piece of work took it afterwards."""
    script = TIMED.format(statement=statement)
    run = subprocess.run([sys.executable, "-c", script], cwd=HERE, capture_output=True, text=True, check=True)
    cpu, first, second = map(float, run.stdout.split())
    return cpu, (first + second) / 2


def main() -> None:
    # httpx2 is an extra.
    said = {name: text for name, text in STATEMENTS.items() if "httpx2" not in text or find_spec("httpx2")}
    runs = {name: [timed(text) for _ in range(RUNS)] for name, text in said.items()}
    best = at_its_best([work for turns in runs.values() for _, work in turns])
    scaled = {name: median([cpu / work for cpu, work in turns]) * best for name, turns in runs.items()}
    bare = scaled.pop("bare_interpreter")
    figures = {name: round(value - bare, 1) for name, value in scaled.items()}
    print(json.dumps({**stamp(), "bare_interpreter": round(bare, 1), **figures}, indent=2))


if __name__ == "__main__":
    main()
