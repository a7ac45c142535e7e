"""What the combinators are tested with: scripts with pauses, on a clock that jumps."""

from collections.abc import AsyncGenerator

import anyio
import anyio.lowlevel
import pytest

from llmstream import Event
from llmstream.testing import clock


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


class Script:
    """Events, seconds to wait, and exceptions to raise, as an asynchronous generator that notes its end."""

    def __init__(self, *steps: Event | float | Exception) -> None:
        self.steps = steps
        self.read = 0
        self.closed_at: float | None = None
        self._events = self._run()

    def __aiter__(self):
        return self._events

    async def aclose(self) -> None:
        await self._events.aclose()

    async def _run(self) -> AsyncGenerator[Event, None]:
        try:
            for step in self.steps:
                await anyio.lowlevel.checkpoint()
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, int | float):
                    await anyio.sleep(step)
                    continue
                self.read += 1
                yield step
        finally:
            self.closed_at = anyio.current_time()


@pytest.fixture
def script() -> type[Script]:
    return Script
