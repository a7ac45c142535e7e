"""Each example runs offline, as a user would run it."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
CASES = {
    "every_event.py": ([], '"type":"done"'),
    "tool_loop.py": ([], "sunny, 21 degrees"),
    "web.py": ([], 'data: {"type":"done"'),
    "approval.py": (["{tmp}/state.json"], "waits for agreement: get_weather"),
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


def test_a_chain_goes_on_in_another_process_when_it_was_agreed_to(tmp_path: Path) -> None:
    file = str(tmp_path / "state.json")
    run("approval.py", [file])
    assert "sunny in" in run("approval.py", [file, "yes"])


def test_the_notebook_runs_from_top_to_bottom() -> None:
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text("utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), names)
    assert "['user', 'assistant', 'user']" in said.getvalue()
    assert "[0, 1, 2]" in said.getvalue()
