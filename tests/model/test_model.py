"""What can be prompted, and what a plugin's model is."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from llmstream import (
    Attachment,
    ConfigError,
    Done,
    Event,
    Model,
    Options,
    OutputSchema,
    OverloadedError,
    Request,
    Retries,
    TextDelta,
    Timeouts,
    Tool,
    ToolChoice,
    TruncatedStreamError,
    UnsupportedError,
    assistant,
    system,
    user,
)
from llmstream.testing.fakes import ScriptedModel

pytestmark = pytest.mark.anyio
HELLO = [TextDelta(0, "hello"), Done(finish_reason="stop")]


class Echo(Model):
    """The least that a model must have."""

    id = "echo"
    name = "mine/echo"

    async def events(self, request: Request, /) -> AsyncGenerator[Event, None]:
        yield TextDelta(0, request.messages[-1].text())
        yield Done(finish_reason="stop")


async def test_one_method_makes_a_model() -> None:
    response = await Echo().prompt("hi")
    assert (response.text(), response.state, response.source) == ("hi", "complete", "mine/echo")
    assert (await response.reply("again")).text() == "again"
    assert repr(Echo()) == "<Echo mine/echo>"


async def test_a_model_that_cannot_embed_says_so() -> None:
    with pytest.raises(UnsupportedError, match="embeds texts, got mine/echo"):
        await Echo().embed(["a"])


async def test_a_prompt_makes_one_request() -> None:
    stream = Echo().prompt(
        "hi",
        messages=[user("a"), assistant("b")],
        system="s",
        attachments=[Attachment("image/png", data=b"x")],
        tools=[Tool("f")],
        tool_choice="f",
        schema={"type": "object"},
        options={"seed": 1},
    )
    assert stream.request == Request(
        "echo",
        [system("s"), user("a"), assistant("b"), user("hi", Attachment("image/png", data=b"x"))],
        tools=[Tool("f")],
        tool_choice=ToolChoice("required", ["f"]),
        schema=OutputSchema({"type": "object"}),
        options=Options(seed=1),
    )


def test_a_request_ready_made_is_taken_as_it_is_and_alone() -> None:
    request = Request("other", [user("hi")])
    assert Echo().prompt(request).request is request
    with pytest.raises(ConfigError, match="nothing beside a Request"):
        Echo().prompt(request, system="s")


def test_nothing_to_send_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match="expected a prompt"):
        Echo().prompt()


async def test_a_model_without_clocks_takes_no_limits() -> None:
    with pytest.raises(ConfigError, match="mine/echo"):
        await Echo().prompt("hi", timeouts=Timeouts())


async def test_attachments_are_opened_when_they_are_sent(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("words")
    model = ScriptedModel([HELLO])
    stream = model.prompt("read", attachments=[Attachment(path=str(tmp_path / "a.txt"))])
    (tmp_path / "a.txt").write_text("later words")
    response = await stream
    part = model.requests[0].messages[0].parts[1]
    assert part.attachment == Attachment("text/plain", data=b"later words", name="a.txt")
    assert response.request == model.requests[0]


async def test_an_attachment_that_cannot_be_read_fails_the_call(tmp_path) -> None:
    model = ScriptedModel([HELLO])
    stream = model.prompt("read", attachments=[Attachment(path=str(tmp_path / "missing.txt"))])
    with pytest.raises(ConfigError, match=r"missing\.txt"):
        await stream
    assert (stream.state, model.requests) == ("failed", [])


async def test_strings_are_an_answer_and_strings_among_events_are_deltas_b17() -> None:
    assert [event async for event in ScriptedModel([["a", "b"]]).prompt("hi")] == [
        TextDelta(0, "a"),
        TextDelta(0, "b"),
        Done(),
    ]
    mixed = ["a", TextDelta(0, "b"), Done(finish_reason="length")]
    response = await ScriptedModel([mixed]).prompt("hi")
    assert (response.text(), response.finish_reason) == ("ab", "length")


async def test_a_models_generator_is_closed_when_it_is_left() -> None:
    model = ScriptedModel([HELLO])
    async with model.prompt("hi") as stream:
        await anext(stream)
        assert model.closed == 0
    assert model.closed == 1


async def test_a_call_is_made_again_where_retries_are_asked_for() -> None:
    def busy() -> OverloadedError:
        return OverloadedError("busy")

    scripts = [[busy()], [busy()], [TextDelta(0, "at last"), Done(finish_reason="stop")]]
    again = Retries(3, first_wait=0.001)
    model = ScriptedModel(scripts)
    assert await model.prompt("hi", retries=again).text() == "at last"
    assert (len(model.requests), model.closed) == (3, 3)
    with pytest.raises(OverloadedError):
        await ScriptedModel(scripts).prompt("hi")
    with pytest.raises(OverloadedError) as caught:
        await ScriptedModel([[first := busy()], [TextDelta(0, "a"), busy()]]).prompt("hi", retries=again)
    assert caught.value.partial is not None
    assert caught.value.attempts == (first,)


async def test_a_stream_is_closed_by_another_task_between_two_attempts() -> None:
    model = ScriptedModel([[OverloadedError("busy", retry_after=60)]])
    stream = model.prompt("hi", retries=Retries())

    async def read() -> None:
        with pytest.raises(TruncatedStreamError):
            await stream

    with anyio.fail_after(2):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            while not model.closed:
                await anyio.sleep(0.001)
            await anyio.wait_all_tasks_blocked()
            await stream.aclose()
    assert stream.state == "cancelled"
