"""On what terms a call is made."""

import pytest

import llmstream
from llmstream import Budget, ConfigError, Request, Retries, Timeouts, sync, user
from llmstream.model.terms import Terms
from llmstream.testing.fakes import ScriptedModel


def test_a_call_is_told_only_what_was_given() -> None:
    assert Terms().of_a_call() == {}
    limits, tries = Timeouts(total=1), Retries(attempts=2)
    assert Terms(timeouts=limits, budget=Budget(tokens=1), keep=False).of_a_call() == {"timeouts": limits}
    assert Terms(timeouts=limits, retries=tries).of_a_call() == {"timeouts": limits, "retries": tries}


MODEL = ScriptedModel([])
WRONG = [
    lambda **given: MODEL.prompt("hi", **given),
    lambda **given: MODEL.prompt(Request("m", [user("hi")]), **given),
    lambda **given: MODEL.chain("hi", **given),
    lambda **given: MODEL.conversation().prompt("hi", **given),
    lambda **given: MODEL.conversation().chain("hi", **given),
    lambda **given: llmstream.map_prompts(MODEL, ["hi"], **given),
    lambda **given: llmstream.fallback(MODEL).prompt("hi", **given),
    lambda **given: llmstream.hedge(MODEL, after=1).prompt("hi", **given),
    lambda **given: sync.Model(MODEL).prompt("hi", **given),
    lambda **given: sync.Model(MODEL).chain("hi", **given),
    lambda **given: sync.Model(MODEL).conversation().prompt("hi", **given),
]


@pytest.mark.parametrize("ask", WRONG)
@pytest.mark.parametrize("given", [{"timeouts": 30}, {"retries": 2}, {"retries": False}, {"budget": 100}])
def test_terms_of_another_kind_are_refused_at_once_and_named(ask, given) -> None:
    (name,) = given
    with pytest.raises(ConfigError, match=f"as {name}, got "):
        ask(**given)


@pytest.mark.parametrize("find", [llmstream.get_model, llmstream.get_provider, sync.get_model])
@pytest.mark.parametrize("given", [{"timeouts": 30}, {"retries": 0}, {"limits": 1}, {"limiter": 5}])
def test_so_are_those_of_a_model(find, given) -> None:
    (name,) = given
    with pytest.raises(ConfigError, match=f"as {name}, got "):
        find("openai", key="none", **given)


def test_so_are_those_of_all_else_that_is_asked() -> None:
    found = sync.get_provider("openai", key="none")
    for name, ask in {
        "timeouts": lambda: found.models(timeouts=3),
        "retries": lambda: found.model("m").embed(["a"], retries=2),
    }.items():
        with pytest.raises(ConfigError, match=f"as {name}, got "):
            ask()
    with pytest.raises(ConfigError, match="as timeouts, got 3"):
        found.model("m").resume("r", timeouts=3)
    with pytest.raises(ConfigError, match="as timeouts, got 3"):
        sync.fetch_attachment("http://127.0.0.1/", timeouts=3)
    with pytest.raises(ConfigError, match="ChainLimits as limits=, got int"):
        MODEL.chain("hi", limits=3)


@pytest.mark.parametrize("wrong", ["1", True, float("nan"), -1])
def test_so_are_numbers_of_another_kind(wrong) -> None:
    for make in (
        lambda: Timeouts(total=wrong),
        lambda: Retries(wrong),
        lambda: Retries(within=wrong),
        lambda: Retries(first_wait=wrong),
        lambda: llmstream.Limits(frame_bytes=wrong),
        lambda: llmstream.RateLimiter(concurrency=wrong),
        lambda: llmstream.budget(tokens=wrong),
        lambda: llmstream.hedge(MODEL, after=wrong),
        lambda: llmstream.map_prompts(MODEL, [], concurrency=wrong),
    ):
        with pytest.raises(ConfigError):
            make()
    with pytest.raises(ConfigError, match="frame_bytes"):
        llmstream.Limits(frame_bytes=None)
