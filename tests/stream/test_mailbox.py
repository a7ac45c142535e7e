"""What waits between two tasks."""

from collections import deque

import anyio
import pytest

from llmstream import ServerError
from llmstream.stream.mailbox import Mailbox

pytestmark = pytest.mark.anyio


async def test_what_is_put_is_taken_in_order():
    box = Mailbox(deque(), 2)
    for number in (1, 2):
        await box.put(number)
    assert (box.full, len(box)) == (True, 2)
    assert [await box.take(), await box.take()] == [1, 2]


async def test_putting_waits_for_room_and_taking_for_something():
    box, taken = Mailbox(deque(), 1), []

    async def fill():
        for number in range(5):
            await box.put(number)
        box.end()

    async with anyio.create_task_group() as group:
        group.start_soon(fill)
        await anyio.wait_all_tasks_blocked()
        assert len(box) == 1
        taken.extend([await box.take() for _ in range(5)])
        with pytest.raises(StopAsyncIteration):
            await box.take()
    assert taken == [0, 1, 2, 3, 4]


async def test_the_end_comes_after_what_waits_and_only_once():
    box = Mailbox(deque(), 9)
    box.give(1)
    box.end(ServerError("first"))
    box.end(ServerError("second"))
    box.give(2)
    assert await box.take() == 1
    for _ in range(2):
        with pytest.raises(ServerError, match="first"):
            await box.take()


async def test_the_end_lets_go_of_who_waits_to_put():
    box = Mailbox(deque(), 1)
    box.give(1)
    async with anyio.create_task_group() as group:
        group.start_soon(box.put, 2)
        group.start_soon(box.ended)
        await anyio.wait_all_tasks_blocked()
        box.end()
    assert len(box) == 1
    box.drop()
    assert len(box) == 0
