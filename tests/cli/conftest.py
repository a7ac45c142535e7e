"""The command line in this process with a scripted model, in a process of its own, and on a terminal."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result

from llmstream import Done, Event, hookimpl
from llmstream.cli import cli
from llmstream.model import registry
from llmstream.model.model import Model
from llmstream.plugins import plugins
from llmstream.testing.fakes import ScriptedModel

NAME = "scripted/scripted"

# `model` is bound by the source that stands in the middle.
_PROGRAM = """
import threading
from llmstream import *
from llmstream import Model, get_model, hookimpl
from llmstream.__main__ import main
from llmstream.plugins import plugins
from llmstream.testing.fakes import ScriptedModel

{source}

class Plugin:
    @hookimpl
    def register_models(self, register):
        register(model)

plugins().register(Plugin())
main()
"""


class Plugin:
    """What a third party's package would register."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @hookimpl
    def register_models(self, register: Callable[[Model], None]) -> None:
        register(self.model)


@attrs.define
class Line:
    """The command line with a model that follows a script."""

    runner: CliRunner = attrs.field(factory=CliRunner)
    model: ScriptedModel = attrs.field(factory=lambda: ScriptedModel([], name=NAME))

    def __call__(
        self, *args: str, script: Iterable[Event | BaseException] = (Done(),), stdin: bytes | str = b""
    ) -> Result:
        self.model = ScriptedModel([script], name=NAME)
        plugin = Plugin(self.model)
        plugins().register(plugin)
        try:
            return self.runner.invoke(cli, args, input=stdin, prog_name="llmstream")
        finally:
            plugins().unregister(plugin)


class Screen(TextIOWrapper):
    """A terminal that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__(BytesIO(), encoding="utf-8")

    def isatty(self) -> bool:
        return True


@attrs.define
class Terminal:
    """A pseudo-terminal on which a program runs."""

    outside: int
    inside: int

    def run(self, argv: list[str], **streams: int) -> tuple[int, bytes]:
        """Run a program on the terminal, as far as `streams` allow; give its exit code and the screen."""
        standard = {"stdin": self.inside, "stdout": self.inside, "stderr": self.inside, **streams}
        with subprocess.Popen(argv, start_new_session=True, **standard) as process:
            os.close(self.inside)
            screen = b"".join(iter(self._read, b""))
        return process.returncode, screen.replace(b"\r\n", b"\n")

    def _read(self) -> bytes:
        try:
            return os.read(self.outside, 4096)
        except OSError:
            # EIO: nobody has the inside open any more.
            return b""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no configuration, and a terminal that knows styles."""
    rows = filter(None, map(registry.provider, registry.provider_names()))
    keys = {name for row in rows for name in row.key_env}
    for name in (*keys, "LLMSTREAM_MODEL", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LLMSTREAM_HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    outside, inside = pty.openpty()
    yield Terminal(outside, inside)
    os.close(outside)


@pytest.fixture
def program() -> Callable[..., list[str]]:
    """Give the command of a process whose `scripted/scripted` is the `model` that a source binds."""

    def command(source: str, *args: str) -> list[str]:
        return [sys.executable, "-c", _PROGRAM.format(source=source), "-m", NAME, *args]

    return command
