"""Starts servers and workers, asks them, and ends them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streams.meter import CORE

HERE = Path(__file__).parent.parent
PATIENCE = 240.0


class BenchmarkError(Exception):
    """A process of the benchmark did not do what it was asked."""


def _environment(paths: Sequence[str], certificate: str, core: int | None) -> dict[str, str]:
    """What the processes see: no user's keys, proxies or settings, and nothing that phones home."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(HERE), *paths]),
        "NO_PROXY": "127.0.0.1",
        "OPENAI_API_KEY": "x",
        "ANTHROPIC_API_KEY": "x",
        "LANGSMITH_TRACING": "false",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        **({} if core is None else {CORE: str(core)}),
        **({"SSL_CERT_FILE": f"{certificate}.authority"} if certificate else {}),
    }


def _cores() -> list[int]:
    """The cores that there are; none where a process cannot be kept on one, or there is only one."""
    tell = getattr(os, "sched_getaffinity", None)
    cores = sorted(tell(0)) if tell is not None else []
    return cores if len(cores) > 1 else []


class Process:
    """A Python process that speaks by lines, and ends when its standard input does."""

    def __init__(
        self, command: Sequence[str], *, python: str = "", certificate: str = "", core: int | None = None
    ) -> None:
        # This interpreter's worker finds what this one does; another's environment has all that it needs.
        paths = () if python else tuple(filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))
        self._name = " ".join(command)
        self._process = subprocess.Popen(
            [python or sys.executable, "-m", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(paths, certificate, core),
        )

    def line(self) -> str:
        assert self._process.stdout is not None
        timer = threading.Timer(PATIENCE, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise BenchmarkError(f"{self._name} ended")
        return line

    def answer(self) -> dict[str, Any]:
        """The next line that is an object; libraries may print others."""
        while not (line := self.line()).startswith("{"):
            pass
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchmarkError(f"{self._name}: {answer['error']}")
        return answer

    def ask(self, do: str, **order: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def certificate(folder: str) -> str:
    """A certificate for 127.0.0.1 by an authority of this run's own, which only its clients trust."""
    import trustme

    authority = trustme.CA()
    path = Path(folder) / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    authority.cert_pem.write_to_path(f"{path}.authority")
    return str(path)


@contextmanager
def servers(count: int, pem: str = "") -> Iterator[list[str]]:
    """The addresses of servers, each in a process of its own."""
    command = ["streams.server", *(["--tls", pem] if pem else [])]
    # The first core is the client's.
    cores = _cores()[1:] or [None]
    running = [Process(command, core=cores[number % len(cores)]) for number in range(count)]
    try:
        scheme = "https" if pem else "http"
        yield [f"{scheme}://127.0.0.1:{int(one.line())}" for one in running]
    finally:
        for one in running:
            one.end()


class Worker(Process):
    """The process of one client, which has said hello."""

    def __init__(
        self,
        client: str,
        wire: str,
        bases: Sequence[str],
        *,
        python: str = "",
        loop: str = "asyncio",
        pem: str = "",
    ) -> None:
        command = ["streams.worker", client, wire, ",".join(bases), "--loop", loop]
        super().__init__(command, python=python, certificate=pem, core=next(iter(_cores()), None))
        self.version: str = self.answer()["version"]
