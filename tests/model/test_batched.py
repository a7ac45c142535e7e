"""A model that stands on another gives events one by one, too."""

from collections.abc import AsyncGenerator, Sequence

import pytest

import llmstream
from llmstream import (
    Attachment,
    AuthError,
    ConfigError,
    Done,
    Event,
    Request,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    UnsupportedError,
    user,
)
from llmstream.model.batched import BatchedModel, must_be_model
from llmstream.testing.fakes import ScriptedModel

pytestmark = pytest.mark.anyio


class Two(BatchedModel):
    id = "two"
    name = "mine/two"
    closed = False

    async def batches(
        self, request, /, *, timeouts=None, retries=None
    ) -> AsyncGenerator[Sequence[Event], None]:
        try:
            yield [TextDelta(0, "a"), TextDelta(0, "b")]
            yield [Done()]
        finally:
            self.closed = True


async def test_batches_are_events_one_by_one() -> None:
    events = [event async for event in Two().events(Request("two", [user("hi")]))]
    assert events == [TextDelta(0, "a"), TextDelta(0, "b"), Done()]
    assert (await Two().prompt("hi")).text() == "ab"


async def test_leaving_the_events_closes_the_batches() -> None:
    model = Two()
    events = model.events(Request("two", [user("hi")]))
    assert await anext(events) == TextDelta(0, "a")
    await events.aclose()
    assert model.closed


def test_histories_are_written_for_the_model_that_is_asked_first(tmp_path) -> None:
    first = llmstream.get_model("ollama/m", base_url="http://127.0.0.1:1", key="none")
    shown = [user("see", Attachment("video/mp4", data=b"x"))]
    (loss,) = llmstream.portability_report(shown, first)
    wrapped = llmstream.fallback(llmstream.hedge(llmstream.record(first, tmp_path / "log"), after=1), Two())
    assert llmstream.portability_report(shown, wrapped) == (loss,)
    assert llmstream.portability_report(shown, Two()) == ()


def test_a_models_name_is_no_model() -> None:
    must_be_model(Two(), "ask")
    with pytest.raises(ConfigError, match="a model to ask, got str"):
        must_be_model("openai/gpt", "ask")
    with pytest.raises(ConfigError, match=r"a model to race, got llmstream\.sync\.Model"):
        must_be_model(llmstream.sync.Model(Two()), "race")


class Wordy(ScriptedModel):
    """A model whose wire has no word for a schema."""

    output_mode = "prompt"


ANSWER = [TextDelta(0, '{"n": 1}'), Done(finish_reason="stop")]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


@pytest.mark.parametrize(
    "wrap",
    [
        llmstream.record,
        lambda model, _: llmstream.hedge(model, after=9),
        lambda *given: llmstream.fallback(given[0]),
        lambda model, _: llmstream.fallback(ScriptedModel([[AuthError("no")]]), model),
        lambda model, _: llmstream.fallback(llmstream.hedge(Wordy([[AuthError("no")]]), after=9), model),
    ],
)
async def test_a_schema_is_asked_for_as_the_model_behind_can(wrap, tmp_path) -> None:
    model = Wordy([ANSWER])
    assert (await wrap(model, tmp_path / "log").prompt("hi", schema=SCHEMA)).parsed() == {"n": 1}
    (request,) = model.requests
    assert request.schema is None
    assert "integer" in str(request.messages)


async def test_a_model_that_can_say_a_schema_is_asked_so_behind_one_that_cannot() -> None:
    model = ScriptedModel([ANSWER])
    both = llmstream.fallback(Wordy([[AuthError("no")]]), model)
    assert (await both.prompt("hi", schema=SCHEMA)).parsed() == {"n": 1}


async def test_a_replay_asks_as_the_recorded_model_did(tmp_path) -> None:
    recorded = await llmstream.record(Wordy([ANSWER]), tmp_path / "log").prompt("hi", schema=SCHEMA)
    played = await llmstream.replay(tmp_path / "log").prompt("hi", schema=SCHEMA)
    assert (played.parsed(), played.output_mode) == (recorded.parsed(), "prompt")


@pytest.mark.parametrize("mode", ["native", "tool", "prompt"])
async def test_a_recorded_answer_to_a_schema_comes_again_in_any_mode(mode, tmp_path) -> None:
    output = llmstream.Output.of(SCHEMA, mode=mode)
    told = (
        [ToolCallStart(0, id="c", name="output"), ToolCallArgsDelta(0, '{"n": 1}'), ToolCallEnd(0, {"n": 1})]
        if mode == "tool"
        else ANSWER[:1]
    )
    model = ScriptedModel([[*told, Done(finish_reason="stop")]])
    recorded = await llmstream.record(model, tmp_path / "log").prompt("hi", schema=output)
    played = await llmstream.replay(tmp_path / "log").prompt("hi", schema=output)
    assert recorded.parsed() == played.parsed() == {"n": 1}


@pytest.mark.parametrize(
    "wrapped",
    [
        llmstream.fallback,
        lambda model: llmstream.hedge(model, after=1),
        lambda model: llmstream.record(model, "never-made"),
    ],
)
async def test_what_a_wrapper_does_not_pass_on_it_says(wrapped) -> None:
    model = wrapped(llmstream.get_model("openai/m", key="none"))
    with pytest.raises(UnsupportedError, match=r"ask the model itself"):
        await model.embed(["a"])
    with pytest.raises(UnsupportedError, match=r"ask the model itself"):
        model.resume("resp_1")
