"""Every code block of the README runs, and its commands are the ones that CI runs."""

import ast
import inspect
import re
import shlex
from pathlib import Path

import pytest

from llmstream.plugins import plugins

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def clean_plugins():
    before = set(plugins().get_plugins())
    yield
    for plugin in set(plugins().get_plugins()) - before:
        plugins().unregister(plugin)


@pytest.mark.anyio
async def test_the_python_blocks_run_one_after_the_other(clean_plugins, capsys) -> None:
    names: dict[str, object] = {"__name__": "readme"}
    blocks = [text for language, text in BLOCKS if language == "python"]
    assert len(blocks) >= 10
    for block in blocks:
        code = compile(block, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.iscoroutine(result):
            await result
    out = capsys.readouterr().out
    assert out.startswith("Paris.")
    assert "get_weather is being called" in out
    assert "['system', 'user', 'assistant', 'user', 'assistant', 'user']" in out
    assert "Rome." in out
    assert "Pretty Polly" in out


def test_the_rows_of_the_table_of_faults_have_tests() -> None:
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "faults").glob("test_*.py"))
    commands = re.findall(r"`pytest tests/faults -k \"?([\w ]+)\"?`", README)
    assert len(commands) >= 10
    for row in (row for command in commands for row in command.split(" or ")):
        assert re.search(rf"def test_{row}(_\d\d)*_|def test_row_\d\d_{row[4:]}_", tests), row


def test_the_first_two_commands_run_and_test_it() -> None:
    run, test = [text.strip() for language, text in BLOCKS if language == "sh"][:2]
    assert run.endswith('.venv/bin/llmstream "Capital of France?"')
    assert "\n" not in run
    assert "\n" not in test
    assert test in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_options_in_the_shell_examples_exist() -> None:
    from llmstream.cli import cli

    known = {name for parameter in cli.commands["prompt"].params for name in parameter.opts}
    for line in [text for language, text in BLOCKS if language == "sh"][2].splitlines():
        words = shlex.split(line[line.index("llmstream") :])
        assert {word for word in words if word.startswith("-")} <= known
