"""Virtual clocks: event loops whose time jumps to the next deadline as soon as nothing else is to be done.

An hour of waiting takes no time, and a test of a time limit says exactly when it ran out. It is for what
stays in process: a jump does not wait for sockets or for threads.

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(request):
        return clock.virtual(request.param)
"""

from __future__ import annotations

import asyncio  # noqa: TID251 - a loop of our own is made here
import selectors
from typing import Any, Literal

Backend = Literal["asyncio", "trio"]


def virtual(backend: Backend) -> tuple[Backend, dict[str, Any]]:
    """A backend's name and its options, as `anyio.run` and the `anyio_backend` fixture take them.

    Any stands for the options, which are the backends' own. Each run needs a call of its own.
    """
    if backend == "asyncio":
        return backend, {"loop_factory": JumpingLoop}
    import trio.testing  # noqa: TID251 - its clock is used here

    return backend, {"clock": trio.testing.MockClock(autojump_threshold=0)}


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that does not wait: it moves its time on by what it was to wait for."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(min(timeout, 0) if timeout is not None else None)
        if timeout is not None and timeout > 0 and not ready:
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop on the time of its selector."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the loop was made, by its own count."""
        return self._jumping.now
