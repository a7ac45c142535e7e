"""The embedded default: deterministic, multi-turn, and plain about what it is."""

import zlib

import pytest

import llmstream
from llmstream import (
    AttachmentPart,
    CitationOut,
    ImageOut,
    ReasoningDelta,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultPart,
)

pytestmark = pytest.mark.anyio


async def test_it_answers_and_says_what_it_is() -> None:
    text = await llmstream.get_model("demo").prompt("Capital of France?").text()
    assert text.startswith("Paris.")
    assert "demo model" in text


async def test_the_name_alone_means_its_one_model() -> None:
    model = llmstream.get_model("demo")
    assert (model.name, model.id) == ("demo/demo", "demo")


async def test_it_counts_turns_and_repeats_what_was_said() -> None:
    first = await llmstream.get_model("demo").prompt("Hello there")
    second = await first.reply("x" * 300)
    assert "This is turn 1, and you wrote: Hello there" in first.text()
    assert "This is turn 2, and you wrote: " + "x" * 200 + "…" in second.text()


async def test_the_same_request_gets_the_same_events() -> None:
    model = llmstream.get_model("demo")
    once = [event async for event in model.prompt("Show every event kind")]
    assert once == [event async for event in model.prompt("Show every event kind")]


async def test_every_kind_of_event_is_shown() -> None:
    stream = llmstream.get_model("demo").prompt("Please show every event kind.")
    kinds = [type(event) async for event in stream]
    assert {ReasoningDelta, TextDelta, CitationOut, ToolCallStart, ToolCallEnd, ImageOut} < set(kinds)
    response = await stream
    assert [call.name for call in response.tool_calls()] == ["get_weather", "get_time"]
    assert response.finish_reason == "tool_calls"
    assert response.usage is not None
    assert response.usage.reasoning > 0


async def test_its_picture_is_one() -> None:
    response = await llmstream.get_model("demo").prompt("Show every event kind")
    (picture,) = [part.attachment.data for part in response.parts if isinstance(part, AttachmentPart)]
    assert picture is not None
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    length = int.from_bytes(picture[33:37])
    assert len(zlib.decompress(picture[41 : 41 + length])) == 32 * (1 + 3 * 32)


async def test_it_takes_the_results_of_its_calls() -> None:
    response = await llmstream.get_model("demo").prompt("Show every event kind")
    results = [
        ToolResultPart(call.id, call.name, output=f"done {n}") for n, call in enumerate(response.tool_calls())
    ]
    text = await response.reply(tool_results=results).text()
    assert "done 0" in text
    assert "done 1" in text


async def test_a_word_that_names_no_capital_is_no_question_for_one() -> None:
    text = await llmstream.get_model("demo").prompt("Tell me of a holiday in France, please").text()
    assert "This is turn 1" in text
