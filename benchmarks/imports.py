"""What imports cost: CPU milliseconds over a bare interpreter, the median of several runs; prints JSON."""

import json
import statistics
import subprocess
import sys
from importlib.util import find_spec

from streams.meter import stamp

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
    "import_llmstream": "import llmstream",
    "first_request": CALL,
    "get_model": "import llmstream; llmstream.get_model('demo')",
    "first_request_httpx": CALL.replace("import anyio", "import httpx, anyio"),
    "first_request_httpx2": CALL.replace("import anyio", "import httpx2, anyio"),
    "sync": "import llmstream.sync",
}


def cpu_milliseconds(statement: str) -> float:
    timed = f"import time\n{statement}\nprint(time.process_time() * 1000)"
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
