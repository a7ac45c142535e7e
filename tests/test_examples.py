"""Each example runs offline, as a user would run it."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
CASES = {
    "every_event.py": ([], '"type":"done"'),
    "tool_loop.py": ([], "sunny, 21 degrees"),
    "store_and_resume.py": (["{tmp}/talk.json"], "This is turn 1"),
}


def run(name: str, arguments: list[str]) -> str:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_example_says_what_it_should(name: str, tmp_path: Path) -> None:
    arguments, said = CASES[name]
    assert said in run(name, [argument.format(tmp=tmp_path) for argument in arguments])


def test_the_stored_conversation_goes_on(tmp_path: Path) -> None:
    file = str(tmp_path / "talk.json")
    run("store_and_resume.py", [file, "hello"])
    assert "This is turn 2" in run("store_and_resume.py", [file, "again"])
