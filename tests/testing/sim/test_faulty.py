"""Models for tests of one's own."""

import anyio
import pytest

from llmstream.errors import ConfigError, LLMStreamError, TruncatedStreamError
from llmstream.testing import clock, sim
from llmstream.testing.sim.answers import DIALECTS
from llmstream.values.events import Done, TextDelta

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def paris(request):
    yield TextDelta(0, "Paris")
    yield Done(finish_reason="stop")


async def asked(seed: int, **how) -> list[str]:
    """What an agent gets that asks ten times, and says so when it fails."""
    model, got = sim.model(seed, script=paris, **how), []
    for _ in range(10):
        try:
            got.append(await model.prompt("Capital of France?").text())
        except LLMStreamError as error:
            got.append(type(error).__name__)
    return got


async def test_a_seed_gives_the_same_faults_to_the_same_calls() -> None:
    assert await asked(1) == await asked(1)
    assert await asked(1) != await asked(2)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_some_calls_go_well_and_some_do_not(dialect: str) -> None:
    got = [answer for seed in range(5) for answer in await asked(seed, dialect=dialect)]
    assert "Paris" in got
    assert {answer for answer in got if answer != "Paris"}


async def test_the_faults_can_be_named() -> None:
    model = sim.model(3, faults=["empty body"], faulty=1)
    with pytest.raises(TruncatedStreamError):
        await model.prompt("hi")
    assert set(await asked(3, faults=["none"])) == {"Paris"}


async def test_without_a_script_it_says_something() -> None:
    response = await sim.model(0, faults=["none"]).prompt("hi")
    assert response.parts
    assert response.state == "complete"


async def test_waits_are_virtual() -> None:
    began = anyio.current_time()
    with pytest.raises(LLMStreamError, match="first_event"):
        await sim.model(0, faults=["no head"], faulty=1).prompt("hi")
    assert anyio.current_time() - began == pytest.approx(30.0)


def test_names_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="catalogue"):
        sim.model(0, faults=["x"])
    with pytest.raises(ConfigError, match="dialects"):
        sim.model(0, dialect="morse")
