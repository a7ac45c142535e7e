"""`python -m llmstream`, and the command `llmstream`."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command line; without its extra, say how to install it."""
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        sys.exit(_how_to_install(missing))
    try:
        from llmstream.cli import cli

        cli(prog_name="llmstream")
    except KeyboardInterrupt:
        # Click turns those that come while a command runs into an exit code; this one came before it.
        sys.exit(130)


def _how_to_install(missing: list[str]) -> int:
    sys.stderr.write(
        f"error: expected {' and '.join(missing)} for the command line: pip install 'llmstream[cli]'\n"
    )
    return 2


if __name__ == "__main__":
    main()
