"""One virtual environment a peer, made once and kept, with uv where it is installed or else with venv."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent.parent
REQUIREMENTS: dict[str, list[str]] = {
    "limit": ["attrs", "msgspec"],
    "llmstream": ["-e", str(CHECKOUT)],
    "httpx+json": ["httpx"],
    "openai": ["openai"],
    "anthropic": ["anthropic"],
    "litellm": ["litellm"],
    "pydantic-ai": ["pydantic-ai-slim[openai]"],
    "langchain-openai": ["langchain-openai"],
}
PATIENCE = 900


def folder(named: str) -> Path:
    """Where the environments are: outside the checkout, unless told otherwise."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Path(named) if named else Path(tempfile.gettempdir()) / f"llmstream-benchmarks-{version}"


def python(peer: str, inside: Path) -> str:
    """The interpreter of a peer's environment, which is made where it is missing.

    It is made whole or again: the list of what is in it is written last.
    """
    home = inside / peer
    binary = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted, made = "\n".join(REQUIREMENTS[peer]), home / "made-of.txt"
    if not made.is_file() or made.read_text("utf-8") != wanted:
        print(f"installing {peer}", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        inside.mkdir(parents=True, exist_ok=True)
        for command in _commands(home, str(binary), REQUIREMENTS[peer]):
            subprocess.run(command, check=True, timeout=PATIENCE, stdout=sys.stderr)
        made.write_text(wanted, "utf-8")
    return str(binary)


def _commands(home: Path, binary: str, requirements: list[str]) -> list[list[str]]:
    uv = shutil.which("uv")
    if uv is None:
        return [
            [sys.executable, "-m", "venv", str(home)],
            [binary, "-m", "pip", "install", "-q", *requirements],
        ]
    return [
        [uv, "venv", "-q", "--python", sys.executable, str(home)],
        [uv, "pip", "install", "-q", "--compile-bytecode", "--python", binary, *requirements],
    ]
