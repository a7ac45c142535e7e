"""Runs and what they report."""

import pytest

from llmstream.errors import ConfigError
from llmstream.testing.sim import Violation, laws, simulate


def test_a_report_counts() -> None:
    report = simulate(3, calls=40)
    assert report.calls >= 40
    assert report.healthy == report.calls
    assert sum(report.faults.values()) == sum(report.acts.values()) == report.calls
    assert report.violations == ()
    report.check()


def test_one_seed_is_one_scenario() -> None:
    assert [simulate(seed, calls=1).calls for seed in range(20)].count(1) > 10


def test_only_what_was_asked_for() -> None:
    report = simulate(0, calls=10, dialects=["bedrock"], faults=["stall"])
    assert set(report.faults) == {"stall"}


def test_nothing_to_do_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected dialects and calls"):
        simulate(0, calls=0)
    with pytest.raises(ConfigError, match="expected dialects and calls"):
        simulate(0, dialects=())


def test_a_violation_names_its_seed_and_the_rest_goes_on(monkeypatch) -> None:
    def some(call) -> None:
        assert call.act.name != "leave", "expected nobody to leave"

    monkeypatch.setattr(laws, "LAWS", (some,))
    report = simulate(0, calls=100, backend="trio", violations=2)
    assert len(report.violations) == 2
    first = report.violations[0]
    with pytest.raises(Violation, match=f"seed {first.seed} on trio: .*expected nobody to leave") as found:
        report.check()
    assert f"--seed {first.seed} --calls 1 --backend trio" in str(found.value)


def test_whatever_goes_wrong_is_a_violation(monkeypatch) -> None:
    def broken(call) -> None:
        raise ZeroDivisionError("in a law")

    monkeypatch.setattr(laws, "LAWS", (broken,))
    with pytest.raises(Violation, match="ZeroDivisionError"):
        simulate(0, calls=1).check()
