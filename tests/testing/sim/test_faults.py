"""The catalogue."""

import pytest

from llmstream.errors import ConfigError
from llmstream.testing.sim import simulate
from llmstream.testing.sim.answers import DIALECTS, answer, codec_of
from llmstream.testing.sim.faults import CATALOGUE, NONE, named
from llmstream.testing.sim.seed import Seed


def test_names_are_unique() -> None:
    names = [fault.name for fault in (NONE, *CATALOGUE)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", [fault.name for fault in CATALOGUE])
def test_each_fault_is_met_and_the_laws_hold(name: str) -> None:
    fault = named([name])[0]
    heads = {dialect: answer(Seed(0), codec_of(dialect)).head for dialect in DIALECTS}
    dialects = [dialect for dialect, head in heads.items() if fault.fits(head, "http")]
    report = simulate(7, calls=20, faults=[name], dialects=dialects)
    report.check()
    assert report.faults[name] >= 3


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected faults of the catalogue, got 'bad weather'"):
        named(["bad weather"])
