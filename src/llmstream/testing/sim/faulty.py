"""Models whose provider is a simulated peer."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Collection, Sequence

import attrs

from llmstream.client.drive import Call
from llmstream.client.limits import Limits
from llmstream.client.line import Line
from llmstream.client.retries import Retries
from llmstream.client.retry import tried
from llmstream.client.timeouts import Timeouts
from llmstream.model.model import Model
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.providers._provider import Provider
from llmstream.testing.sim.answers import MODEL, Answer, answer, codec_of, encoded
from llmstream.testing.sim.faults import CATALOGUE, NONE, Fault, Layer, named
from llmstream.testing.sim.peer import MemoryPeer, Visit
from llmstream.testing.sim.plan import MAX_FRAME_BYTES, SENTINEL, Plan, dressed
from llmstream.testing.sim.seed import Seed
from llmstream.transport.base import HttpCall, Transport
from llmstream.transport.memory import Script
from llmstream.values.events import Event
from llmstream.values.secret import Secret
from llmstream.wire.codec import Codec, counter
from llmstream.wire.http import HttpRequest

_ADDRESS = "http://peer.invalid"
_TIMEOUTS = Timeouts(connect=5.0, first_event=30.0, stall=20.0, total=120.0, pool=10.0)


@attrs.frozen
class _Endpoint(Endpoint):
    """An endpoint of a simulation: small frames are large already; ids and waits are the same each time."""

    def asking(self, http: HttpRequest, timeouts: Timeouts, *, raw: bool = False) -> Call:
        call = Endpoint.asking(self, http, timeouts, raw=raw)
        return attrs.evolve(call, limits=Limits(frame_bytes=MAX_FRAME_BYTES), ids=counter())

    def tried(
        self, call: Call, retries: Retries | None, line: Line | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        share = zlib.crc32(call.http.body) / 2**32
        defaults = self.defaults
        return tried(call, retries or defaults.retries, line, limiter=defaults.limiter, chance=lambda: share)


def on(transport: Transport, codec: Codec, timeouts: Timeouts = _TIMEOUTS) -> ProviderModel:
    """A model that is reached over a transport; its key is `plan.SENTINEL`."""
    row = Provider(name="sim", codec=codec, base_url=_ADDRESS)
    return ProviderModel(MODEL, _Endpoint(row, _ADDRESS, Secret(SENTINEL), transport), timeouts=timeouts)


def plan(seed: Seed, said: Answer, among: Collection[Fault], layer: Layer = "memory") -> Plan:
    """What a peer does with a call: some fault of those that fit, and how the bytes come."""
    fitting = [fault for fault in among if fault.fits(said.head, layer)]
    fault = seed.pick("fault", fitting) if fitting else NONE
    return dressed(seed, fault.plan(seed, said))


def model(
    seed: int,
    *,
    dialect: str = "openai-chat",
    script: Script | None = None,
    faults: Collection[str] | None = None,
    faulty: int = 2,
    timeouts: Timeouts = _TIMEOUTS,
) -> Model:
    """A model behind a peer that goes wrong, to test your own code against.

    The same seed gives the same faults to the same calls. Waits are real unless the code runs on a clock of
    `llmstream.testing.clock`.

    Args:
        script: what the peer's model says to a request; by default something random.
        faults: names of the catalogue to draw from; by default all.
        faulty: one call in so many goes wrong; 1 is every one.

    Raises:
        ConfigError: when there is no such dialect or fault.
    """
    chance, codec = Seed(seed), codec_of(dialect)
    among = CATALOGUE if faults is None else named(faults)

    def visit(call: HttpCall) -> Visit:
        http = call.plain()
        said = answer(chance, codec, http) if script is None else _scripted(codec, http, script)
        wrong = chance.once_in("faulty", faulty)
        return Visit(plan(chance, said, among if wrong else (NONE,)))

    return on(MemoryPeer(visit), codec, timeouts)


def _scripted(codec: Codec, http: HttpRequest, script: Script) -> Answer:
    request = codec.server.request(http)
    return encoded(codec, request, script(request))
