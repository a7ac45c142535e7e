"""Functions that block, in threads that can be abandoned."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import attrs

from llmstream.errors import ToolError

# A thread that hangs cannot be ended; more than this many are not begun beside them.
MOST_ABANDONED = 64

_lock = threading.Lock()
_abandoned: set[int] = set()


def abandoned() -> int:
    """How many threads still run a tool that nobody waits for any more."""
    return len(_abandoned)


@attrs.define
class _Outcome:
    # A tool's value is its own.
    value: Any = None
    error: BaseException | None = None
    begun: bool = False
    over: bool = False
    # Nobody waits any more: what has not begun is not begun.
    unwanted: bool = False


async def in_thread(function: Callable[[], Any], /) -> Any:
    """Run a function in a thread and give what it gives; a wait that is cancelled leaves the thread behind.

    Raises:
        ToolError: when too many threads were left behind already.
    """
    if abandoned() >= MOST_ABANDONED:
        raise ToolError(f"expected fewer than {MOST_ABANDONED} sync tools that hang, got one more to run")
    outcome = _Outcome()
    try:
        # Its own limiter: whoever runs tools bounds them, and a thread that hangs must not hold a place.
        one = anyio.CapacityLimiter(1)
        await anyio.to_thread.run_sync(_run, function, outcome, abandon_on_cancel=True, limiter=one)
    except anyio.get_cancelled_exc_class():
        with _lock:
            outcome.unwanted = True
            if outcome.begun and not outcome.over:
                _abandoned.add(id(outcome))
        raise
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def _run(function: Callable[[], Any], outcome: _Outcome) -> None:
    """Nothing leaves the thread but through its outcome: event loops take SystemExit for their own."""
    with _lock:
        if outcome.unwanted:
            return
        outcome.begun = True
    try:
        outcome.value = function()
    except BaseException as error:  # noqa: BLE001 - raised again by who waits
        outcome.error = error
    with _lock:
        outcome.over = True
        _abandoned.discard(id(outcome))
