"""How the command line ends: an exit code, at most one line on standard error, never a traceback."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager

import click

from llmstream.cli.neutral import one_line
from llmstream.errors import ConfigError, LLMStreamError, UnsupportedError

FAILED = 1
MISUSED = 2
INTERRUPTED = 130
# What a shell reports of a program that SIGPIPE ended.
PIPE_BROKEN = 141

_GRACE_SECONDS = 0.7


@contextmanager
def endings() -> Generator[None, None, None]:
    """Turn what ends a command into its exit code, and say what it was."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise click.exceptions.Exit(PIPE_BROKEN) from None
    except Exception as error:  # noqa: BLE001 - a plugin's fault is one line too
        click.echo(f"error: {one_line(_said(error))}", err=True)
        misused = isinstance(error, ConfigError | UnsupportedError)
        raise click.exceptions.Exit(MISUSED if misused else FAILED) from None


def leave_soon() -> None:
    """End the process if what is left to do after Ctrl-C takes too long.

    A thread that looks up a name or reads a file cannot be interrupted, and leaving waits for it.
    """
    timer = threading.Timer(_GRACE_SECONDS, os._exit, (INTERRUPTED,))
    timer.daemon = True
    timer.start()


def _said(error: Exception) -> str:
    name = type(error).__name__
    if isinstance(error, LLMStreamError):
        return str(error) or name
    return f"{name}: {error}"
