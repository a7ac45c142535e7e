"""Which connection serves a request, and that nothing strands a slot."""

import random
import socket
import struct
from collections.abc import Callable

import anyio
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.testing.loopback import Received, Reply, in_turn, replies, serve
from llmstream.transport.fast.pool import Limits, Pool
from llmstream.transport.fast.wire import ExchangeError, Origin

pytestmark = pytest.mark.anyio
HERE, THERE = Origin(False, "here", 80), Origin(True, "there", 443)


@attrs.define(eq=False)
class FakeWire:
    origin: Origin
    idle_since: float = 0.0
    good: bool = True
    open: bool = True
    on_end: Callable[..., None] | None = None

    def rest(self, on_end) -> bool:
        self.on_end = on_end
        return self.good

    def wake(self) -> bool:
        return self.good

    def abort(self) -> None:
        self.open = False


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def pool(clock=None, **limits) -> Pool:
    return Pool(Limits(**limits), clock or Clock())


async def opened(pool: Pool, origin: Origin = HERE, timeout: float | None = 0) -> FakeWire:
    wire = await pool.acquire(origin, timeout)
    if wire is None:
        wire = FakeWire(origin)
        pool.opened(wire)
    return wire


async def test_an_idle_wire_is_reused_the_youngest_first():
    some = pool()
    first, second = await opened(some), await opened(some)
    some.release(first)
    some.release(second)
    assert await opened(some) is second
    assert await opened(some) is first
    assert (some.slots, some.idle) == (2, 0)


async def test_wires_do_not_serve_other_origins():
    some = pool()
    here = await opened(some)
    some.release(here)
    assert await opened(some, THERE) is not here
    assert some.idle == 1


async def test_a_wire_that_went_bad_is_not_given_out():
    some = pool()
    wire = await opened(some)
    some.release(wire)
    wire.good = False
    assert await opened(some) is not wire
    assert not wire.open
    assert some.slots == 1


async def test_a_wire_with_leftovers_is_not_kept():
    some = pool()
    wire = await opened(some)
    wire.good = False
    some.release(wire)
    assert (some.slots, some.idle, wire.open) == (0, 0, False)


async def test_a_wire_that_ends_while_idle_leaves_the_pool():
    some = pool()
    wire = await opened(some)
    some.release(wire)
    wire.on_end(wire)
    wire.on_end(wire)
    assert (some.slots, some.idle) == (0, 0)


async def test_idle_wires_expire():
    clock = Clock()
    some = pool(clock, expiry=10)
    old, young = await opened(some), await opened(some)
    some.release(old)
    clock.now = 6
    some.release(young)
    clock.now = 11
    assert await opened(some) is young
    assert (some.slots, old.open) == (1, False)


async def test_only_so_many_are_kept_and_the_oldest_goes():
    some = pool(idle=1)
    first, second = await opened(some), await opened(some)
    some.release(first)
    some.release(second)
    assert (some.slots, first.open, second.open) == (1, False, True)
    none = pool(idle=0)
    wire = await opened(none)
    none.release(wire)
    assert (none.slots, wire.open) == (0, False)


async def test_a_full_pool_makes_room_by_the_oldest_idle_wire():
    some = pool(connections=1)
    here = await opened(some)
    some.release(here)
    await opened(some, THERE)
    assert (some.slots, here.open) == (1, False)


async def test_a_full_pool_is_a_timeout():
    some = pool(connections=1)
    wire = await opened(some)
    with pytest.raises(ExchangeError, match="no connection became free") as caught:
        await opened(some, timeout=0.01)
    assert caught.value.kind == "PoolTimeout"
    some.release(wire)
    assert await opened(some) is wire


@pytest.mark.parametrize("how", ["release", "release there", "bad", "drop"])
async def test_who_waits_is_served_in_turn(how):
    some = pool(connections=1)
    held = await opened(some)
    served = []

    async def wait(name: str) -> None:
        wire = await opened(some, THERE if how == "release there" else HERE, None)
        served.append(name)
        some.release(wire)

    async with anyio.create_task_group() as tasks:
        for name in "abc":
            tasks.start_soon(wait, name)
            await anyio.wait_all_tasks_blocked()
        held.good = how != "bad"
        some.drop(held) if how == "drop" else some.release(held)
    assert served == ["a", "b", "c"]
    assert some.slots == some.idle == 1
    assert held.open is (how == "release")


async def test_a_wire_that_ends_while_it_is_handed_over_costs_no_slot():
    some = pool(connections=1)
    held = await opened(some)
    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            wire = await opened(some, timeout=None)
            assert wire is not held
            some.release(wire)

        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        some.release(held)
        held.good = False
        held.on_end(held)
    assert (some.slots, some.idle) == (1, 1)


@pytest.mark.parametrize("how", ["release", "drop"])
async def test_who_is_cancelled_as_it_is_served_passes_it_on(how):
    some = pool(connections=1)
    held = await opened(some)
    served = []
    async with anyio.create_task_group() as tasks:

        async def wait(scope: anyio.CancelScope, name: str) -> None:
            with scope:
                wire = await opened(some, timeout=None)
                served.append(name)
                some.release(wire)

        first, second = anyio.CancelScope(), anyio.CancelScope()
        tasks.start_soon(wait, first, "first")
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(wait, second, "second")
        await anyio.wait_all_tasks_blocked()
        some.release(held) if how == "release" else some.drop(held)
        first.cancel()
    assert served[-1] == "second"
    assert (some.slots, some.idle) == (1, 1)


async def test_closing_drops_all():
    some = pool(connections=2)
    idle, busy = await opened(some), await opened(some)
    some.release(idle)
    some.close()
    assert (some.slots, idle.open, busy.open) == (0, False, False)
    assert await some.acquire(HERE, None) is None
    late = FakeWire(HERE)
    with pytest.raises(ExchangeError, match="closed"):
        some.opened(late)
    assert not late.open


@given(st.integers(0, 2**32), st.sampled_from([1, 3]))
def test_no_order_of_events_strands_a_slot(seed, connections):
    async def main() -> None:
        choose = random.Random(seed)
        some = pool(connections=connections, idle=2)

        async def one(scope: anyio.CancelScope) -> None:
            with scope:
                origin = choose.choice([HERE, THERE])
                try:
                    wire = await some.acquire(origin, choose.choice([None, None, 0]))
                except ExchangeError:
                    return
                if wire is None:
                    try:
                        await anyio.lowlevel.checkpoint()
                    except BaseException:
                        some.free()
                        raise
                    if choose.random() < 0.2:
                        some.free()
                        return
                    wire = FakeWire(origin)
                    some.opened(wire)
                try:
                    for _ in range(choose.randrange(3)):
                        await anyio.lowlevel.checkpoint()
                    wire.good = choose.random() < 0.8
                    some.release(wire)
                finally:
                    some.drop(wire)

        async with anyio.create_task_group() as tasks:
            scopes = [anyio.CancelScope() for _ in range(12)]
            for scope in scopes:
                tasks.start_soon(one, scope)
            for _ in range(6):
                await anyio.lowlevel.checkpoint()
                choose.choice(scopes).cancel()
        assert some.slots == some.idle <= connections
        for _ in range(connections):
            await opened(some)

    anyio.run(main, backend=random.Random(seed).choice(["asyncio", "trio"]))


async def test_a_connection_that_the_server_closed_is_not_reused(client, transport, pooled):
    async def closing(_received: Received, reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async with serve(in_turn(closing, replies(b"again"))) as server:
        assert (await client.get(server.url)).text == "ok"
        await anyio.wait_all_tasks_blocked()
        assert (await client.get(server.url)).text == "again"
        assert server.accepted == 2
        assert pooled(transport).slots == 1


async def test_bytes_between_two_responses_end_the_connection(client):
    gate = anyio.Event()

    async def chatty(_received: Received, reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await gate.wait()
        await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        await reply.end()

    async with serve(in_turn(chatty, replies(b"good"))) as server:
        assert (await client.get(server.url)).text == "ok"
        gate.set()
        await anyio.wait_all_tasks_blocked()
        assert (await client.get(server.url)).text == "good"
        assert server.accepted == 2


async def test_bytes_that_the_loop_has_not_seen_yet_end_the_connection_too(client):
    """The answer must not be one that was written before the request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        peers = []

        async def answer(body: bytes) -> None:
            await anyio.wait_readable(listener)
            peer, _ = listener.accept()
            peers.append(peer)
            await anyio.wait_readable(peer)
            peer.recv(65536)
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n" + body)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answer, b"good")
            assert (await client.get(url)).text == "good"
            tasks.start_soon(answer, b"nice")
            peers[0].send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
            assert (await client.get(url)).text == "nice"
        for peer in peers:
            peer.close()


@pytest.mark.parametrize("how", ["reset", "end", "flood"])
async def test_an_end_that_the_loop_has_not_seen_yet_is_seen(client, how):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        peers = []

        async def answer() -> None:
            await anyio.wait_readable(listener)
            peer, _ = listener.accept()
            peers.append(peer)
            await anyio.wait_readable(peer)
            peer.recv(65536)
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(answer)
                assert (await client.get(url)).text == "ok"
                if how == "flood":
                    peers[-1].setblocking(False)
                    peers[-1].send(b"x" * 2_000_000)
                else:
                    hard = struct.pack("ii", int(how == "reset"), 0)
                    peers[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
                    peers[-1].close()
        for peer in peers:
            peer.close()


async def test_a_server_that_speaks_first_is_refused(client, library):
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)

    async def banner(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.send(b"220 mail.example ESMTP\r\n")
            await anyio.sleep_forever()

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, banner)
        with pytest.raises(library.RemoteProtocolError):
            await client.get(f"http://127.0.0.1:{port}/")
        tasks.cancel_scope.cancel()


async def test_connections_are_bounded(library, limited):
    active, most = 0, 0

    async def count(_received: Received, reply: Reply) -> None:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await anyio.sleep(0.002)
        active -= 1
        await replies(b"ok")(_received, reply)

    _, client = limited(connections=3)
    async with serve(count) as server, client, anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(client.get, server.url)
    assert most == 3
    assert server.accepted == 3


async def test_a_pool_without_room_is_a_pool_timeout(library, limited):
    async def hang(_received: Received, reply: Reply) -> None:
        await reply.head()
        await reply.hang()

    _, client = limited(connections=1)
    async with serve(in_turn(hang, replies(b"ok"))) as server, client:
        async with client.stream("GET", server.url):
            with pytest.raises(library.PoolTimeout):
                await client.get(server.url, timeout=library.Timeout(5, pool=0.02))
        assert (await client.get(server.url)).text == "ok"


async def test_240_cancelled_calls_under_contention_leave_a_healthy_pool(limited, pooled):
    """As in faults row 13: httpx 0.28's own pool never recovers from this."""
    choose = random.Random(13)

    async def slow(received: Received, reply: Reply) -> None:
        await anyio.sleep(choose.random() / 200)
        await replies([b"a", b"b"])(received, reply)

    transport, client = limited(connections=3)
    async with serve(slow) as server, client:

        async def one(delay: float) -> None:
            with anyio.move_on_after(delay):
                await client.get(server.url)

        async with anyio.create_task_group() as tasks:
            for _ in range(240):
                tasks.start_soon(one, choose.random() / 20)
        assert (await client.get(server.url, timeout=2)).text == "ab"
        assert pooled(transport).slots == pooled(transport).idle <= 3


@pytest.mark.parametrize("steps", range(30))
async def test_a_call_may_be_cancelled_at_every_step(limited, pooled, steps):
    """Cancelled after so many turns of the event loop: whatever it waits for then."""

    async def slow(received: Received, reply: Reply) -> None:
        await reply.head()
        for _ in range(5):
            await reply.send(b"x" * 100)
            await anyio.lowlevel.checkpoint()
        await reply.end()

    transport, client = limited(connections=1)
    async with serve(slow) as server, client:
        async with anyio.create_task_group() as tasks:

            async def one() -> None:
                async with client.stream("POST", server.url, content=b"x" * 100_000) as response:
                    parts = aiter(response.stream)
                    while await anext(parts, None):
                        pass
                    await parts.aclose()

            tasks.start_soon(one)
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert pooled(transport).slots == pooled(transport).idle
        assert (await client.get(server.url, timeout=2)).text == "x" * 500
        assert pooled(transport).slots == 1
    await server.wait_closed()
