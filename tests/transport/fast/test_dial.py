"""Which address of a host is taken, on asyncio; trio's way is anyio's own."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import anyio
import pytest

from llmstream.transport.fast.dial import _interleaved, _literal, _Race, connected

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """Listens, but its queue is full, so that whoever connects waits."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield full


@pytest.fixture
def refusing() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return gone.getsockname()


def race() -> _Race:
    return _Race(anyio.lowlevel.current_token().native_token)


async def test_an_address_needs_no_resolver(listener):
    loop = anyio.lowlevel.current_token().native_token
    with await connected(loop, *listener.getsockname()) as sock:
        assert sock.getpeername() == listener.getsockname()
    assert _literal("::1", 80) == [(socket.AF_INET6, ("::1", 80))]
    assert _literal("localhost", 80) == []


async def test_an_address_that_refuses_is_followed_by_the_next_at_once(listener, refusing):
    with anyio.fail_after(0.2), await race().run([(2, refusing), (2, listener.getsockname())]) as sock:
        assert sock.getpeername() == listener.getsockname()


async def test_an_address_that_does_not_answer_is_not_waited_for(listener, deaf):
    with (
        anyio.fail_after(1),
        await race().run([(2, deaf.getsockname()), (2, listener.getsockname())]) as sock,
    ):
        assert sock.getpeername() == listener.getsockname()


async def test_all_refusals_are_told(refusing):
    with pytest.raises(OSError, match=r"failed.*; .*failed"):
        await race().run([(2, refusing), (2, refusing)])


async def test_a_cancelled_race_leaves_nothing_open(deaf):
    with anyio.move_on_after(0.05) as scope:
        await race().run([(2, deaf.getsockname()), (2, deaf.getsockname())])
    assert scope.cancelled_caught


async def test_a_race_cancelled_as_it_is_won_leaves_nothing_open(listener):
    for turns in range(8):
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                with await race().run([(2, listener.getsockname())] * 2):
                    pass

            tasks.start_soon(run)
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()


async def test_a_host_with_several_addresses_is_raced(listener, deaf, monkeypatch):
    loop = anyio.lowlevel.current_token().native_token

    async def resolve(*_: object, **__: object):
        return [(2, 1, 6, "", place.getsockname()) for place in (deaf, listener)]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    with anyio.fail_after(1), await connected(loop, "two.example", 80) as sock:
        assert sock.getpeername() == listener.getsockname()


async def test_who_comes_second_closes(listener):
    some = race()
    with socket.socket() as won:
        some._winner = won
        await some._try((2, listener.getsockname()), anyio.Event(), anyio.CancelScope())
        assert won.fileno() >= 0
    listener.accept()[0].close()


async def test_a_race_that_is_cancelled_closes_what_it_won(deaf):
    some = race()
    some._winner = socket.socket()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await some.run([(2, deaf.getsockname())])
    assert some._winner.fileno() == -1


def test_families_take_turns():
    six, four = (socket.AF_INET6, ("a", 1)), (socket.AF_INET, ("b", 1))
    assert _interleaved([six, six, six, four]) == [six, four, six, six]
    assert _interleaved([four, six, six]) == [four, six, six]
