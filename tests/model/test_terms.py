"""On what terms a call is made."""

from llmstream import Budget, Timeouts
from llmstream.client.retries import Retries
from llmstream.model.terms import Terms


def test_a_call_is_told_only_what_was_given() -> None:
    assert Terms().of_a_call() == {}
    limits, tries = Timeouts(total=1), Retries(attempts=2)
    assert Terms(timeouts=limits, budget=Budget(tokens=1), keep=False).of_a_call() == {"timeouts": limits}
    assert Terms(timeouts=limits, retries=tries).of_a_call() == {"timeouts": limits, "retries": tries}
