"""A model that stands on another gives events one by one, too."""

from collections.abc import AsyncGenerator, Sequence

import pytest

import llmstream
from llmstream import Attachment, ConfigError, Done, Event, Request, TextDelta, user
from llmstream.model.batched import BatchedModel, must_be_model

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
