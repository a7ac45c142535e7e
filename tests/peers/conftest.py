"""A server of all wires that nobody here wrote, started when the first test asks for it."""

import collections
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".venv-peers/node/node_modules/@copilotkit/aimock/dist/cli.js"


@pytest.fixture(scope="session")
def aimock() -> Iterator[str]:
    """The address of aimock, which answers as tests/peers/fixtures say."""
    node = shutil.which("node")
    if node is None or not SCRIPT.is_file():
        pytest.fail(f"expected node and {SCRIPT}, which .ci/peers sets up", pytrace=False)
    command = [node, SCRIPT, "--port", "0", "--fixtures", Path(__file__).parent / "fixtures"]
    with subprocess.Popen(
        [*command, "--validate-on-load"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield _address(process)
        finally:
            process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    """Read what the server says until it says where it listens; the rest is read and forgotten."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"listening on (http://\S+)", line):
            threading.Thread(target=collections.deque, args=(process.stdout, 0), daemon=True).start()
            return found[1]
    pytest.fail("expected aimock to listen, it ended:\n" + "".join(said), pytrace=False)
