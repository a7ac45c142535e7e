"""Faults before the head."""

from llmstream.errors import PoolTimeout, TimeoutExceeded
from llmstream.testing.fakes import Pause
from llmstream.testing.sim import openings
from llmstream.testing.sim.answers import answer, codec_of
from llmstream.testing.sim.plan import Break
from llmstream.testing.sim.seed import Seed

SAID = answer(Seed(0), codec_of("openai-chat"))


def test_what_stands_before_the_connection() -> None:
    assert openings.refused(Seed(0), SAID).dialling == [Break("refused")]
    assert openings.hanging_connect(Seed(0), SAID).dialling == [Pause()]
    assert openings.pool_wait(Seed(0), SAID).outcome.errors == (PoolTimeout,)


def test_what_stands_before_the_head() -> None:
    assert openings.no_head(Seed(0), SAID).outcome.errors == (TimeoutExceeded,)
    assert openings.lost_before_head(Seed(0), SAID).opening[-1] == Break("lost")
    assert openings.slow_head(Seed(0), SAID).outcome.whole
    assert openings.slow_connect(Seed(0), SAID).outcome.whole
