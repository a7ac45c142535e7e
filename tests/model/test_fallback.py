"""Models that stand in for each other."""

import pytest

import llmstream
from llmstream import (
    Attachment,
    AuthError,
    ConfigError,
    ConnectionLost,
    ContextLengthError,
    Done,
    InvalidRequestError,
    OverloadedError,
    Response,
    Restarted,
    TextDelta,
    TruncatedStreamError,
    UnsupportedError,
    Usage,
    assistant,
    user,
)
from llmstream.model.fallback import another_may_do_better
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.providers._provider import Provider
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, Pause, ScriptedModel, ScriptedTransport
from llmstream.wire import find
from llmstream.wire.http import ResponseHead

pytestmark = pytest.mark.anyio
END = Done(finish_reason="stop", usage=Usage(output=2))
HELLO = [TextDelta(0, "hello"), END]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def models(*scripts) -> list[ScriptedModel]:
    return [ScriptedModel([script], name=f"x/m{number}") for number, script in enumerate(scripts)]


async def test_the_next_model_answers_when_the_first_cannot() -> None:
    first, second, third = models([OverloadedError("busy")], HELLO, HELLO)
    response = await llmstream.fallback(first, second, third).prompt("hi")
    assert (response.text(), response.state, response.model) == ("hello", "complete", "m1")
    assert [len(model.requests) for model in (first, second, third)] == [1, 1, 0]
    assert second.requests[0].model == "m1"
    assert response.source == "x/m0"


async def test_the_first_that_answers_is_given_as_it_is() -> None:
    first, second = models(HELLO, HELLO)
    model = llmstream.fallback(first, second)
    events = [event async for event in model.prompt("hi")]
    assert events == HELLO
    assert (model.id, model.name, len(second.requests)) == ("m0", "x/m0", 0)


@pytest.mark.parametrize(
    "error",
    [
        AuthError("no"),
        ContextLengthError("long"),
        ConnectionLost("gone"),
        UnsupportedError("no"),
        TruncatedStreamError("cut"),
    ],
)
async def test_a_failure_of_one_model_asks_the_next(error) -> None:
    assert (await llmstream.fallback(*models([error], HELLO)).prompt("hi")).text() == "hello"


@pytest.mark.parametrize("error", [InvalidRequestError("bad"), ConfigError("bad"), ValueError("bug")])
async def test_the_callers_own_fault_is_seen(error) -> None:
    first, second = models([error], HELLO)
    with pytest.raises(type(error)):
        await llmstream.fallback(first, second).prompt("hi")
    assert second.requests == []


async def test_the_caller_may_say_when() -> None:
    first, second = models([InvalidRequestError("bad")], HELLO)
    either = llmstream.fallback(first, second, when=lambda error: isinstance(error, InvalidRequestError))
    assert (await either.prompt("hi")).text() == "hello"
    assert not another_may_do_better(InvalidRequestError("bad"))


async def test_the_last_failure_tells_of_those_before() -> None:
    stream = llmstream.fallback(*models([AuthError("one")], [ConnectionLost("two")])).prompt("hi")
    for _ in range(2):
        with pytest.raises(ConnectionLost, match="two") as caught:
            await stream
        assert [str(failure) for failure in caught.value.failures] == ["one"]
        assert "AuthError: one" in caught.value.__notes__[0]
    assert stream.state == "failed"


async def test_a_model_that_says_nothing_has_failed() -> None:
    assert (await llmstream.fallback(*models([], HELLO)).prompt("hi")).text() == "hello"


async def test_after_the_first_event_nobody_else_is_asked() -> None:
    first, second = models([TextDelta(0, "hel"), ConnectionLost("gone")], HELLO)
    with pytest.raises(ConnectionLost) as caught:
        await llmstream.fallback(first, second).prompt("hi")
    assert caught.value.partial.text() == "hel"
    assert second.requests == []


async def test_a_partial_answer_is_continued_where_that_was_asked_for() -> None:
    first, second, third = models(
        [TextDelta(0, "Hello wor"), ConnectionLost("gone")],
        [OverloadedError("busy")],
        [TextDelta(0, "world"), TextDelta(0, "!"), END],
    )
    stream = llmstream.fallback(first, second, third, continue_partial=True).prompt("hi")
    events = [event async for event in stream]
    assert [event.reason for event in events if isinstance(event, Restarted)] == [
        "x/m1 failed: OverloadedError: busy"
    ]
    response = await stream
    assert (response.text(), response.model, response.state) == ("Hello world!", "m2", "complete")
    assert third.requests[0].messages[:2] == (user("hi"), assistant("Hello wor"))
    assert (await stream).usage == Usage(output=2)
    assert all(model.closed == 1 for model in (first, second, third))


async def test_text_that_has_to_fit_a_schema_is_not_continued() -> None:
    first, second = models([TextDelta(0, '{"a"'), ConnectionLost("gone")], HELLO)
    with pytest.raises(ConnectionLost):
        await llmstream.fallback(first, second, continue_partial=True).prompt("hi", schema={"type": "object"})
    assert second.requests == []


async def test_leaving_closes_the_model_that_is_asked() -> None:
    first, second = models([AuthError("no")], [TextDelta(0, "a"), Pause()])
    async with llmstream.fallback(first, second).prompt("hi") as stream:
        await anext(stream)
        assert second.closed == 0
    assert (first.closed, second.closed) == (1, 1)
    assert stream.state == "cancelled"


async def test_a_fallback_may_stand_in_a_fallback() -> None:
    first, second, third = models([AuthError("no")], [AuthError("no")], HELLO)
    inner = llmstream.fallback(first, second)
    outer = llmstream.fallback(inner, third)
    assert (await outer.prompt("hi")).text() == "hello"
    assert (
        await llmstream.fallback(
            llmstream.hedge(models([AuthError("no")])[0], after=1), *models(HELLO)
        ).prompt("hi")
    ).text() == "hello"


async def test_a_model_may_stand_in_for_itself() -> None:
    model = ScriptedModel([[OverloadedError("busy")], HELLO])
    assert (await llmstream.fallback(model, model).prompt("hi")).text() == "hello"


async def test_a_reply_begins_with_the_first_again() -> None:
    first = ScriptedModel([[AuthError("no")], HELLO], name="x/a")
    second = ScriptedModel([HELLO], name="x/b")
    model = llmstream.fallback(first, second)
    response = await (await model.prompt("hi")).reply("more")
    assert (len(first.requests), len(second.requests)) == (2, 1)
    stored = Response.from_dict(response.to_dict())
    assert stored.source == "x/a"


CHAT = Provider(name="acme", codec=find("openai-chat"))
SSE = ResponseHead(200, {"content-type": "text/event-stream"})
SAID = (
    b'data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


def on_a_wire(row: Provider = CHAT) -> tuple[ProviderModel, ScriptedTransport]:
    transport = ScriptedTransport([Answer([SAID], SSE)])
    return ProviderModel("m-1", Endpoint(row, "http://acme.test", None, transport)), transport


async def test_what_the_user_showed_is_not_left_out_for_another_wire() -> None:
    wired, transport = on_a_wire(Provider(name="acme", codec=find("ollama")))
    model = llmstream.fallback(*models([AuthError("no")]), wired)
    video = Attachment("video/mp4", data=b"x")
    with pytest.raises(UnsupportedError) as caught:
        await model.prompt("see", attachments=[video])
    assert transport.calls == []
    assert [type(failure) for failure in caught.value.failures] == [AuthError]


async def test_another_wire_gets_the_request_under_its_own_id() -> None:
    wired, transport = on_a_wire()
    response = await llmstream.fallback(*models([AuthError("no")]), wired).prompt("hi")
    assert (response.text(), response.model) == ("hello", "m-1")
    assert b'"model":"m-1"' in transport.calls[0].body


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ConfigError):
        llmstream.fallback()
    with pytest.raises(ConfigError):
        llmstream.fallback("openai/gpt")
    with pytest.raises(ConfigError):
        llmstream.fallback(*models(HELLO), continue_partial="often")
    with pytest.raises(ConfigError, match="continue_partial"):
        llmstream.fallback(*models(HELLO), continue_partial=[])
    with pytest.raises(ConfigError, match="as when"):
        llmstream.fallback(*models(HELLO), when=ConfigError("x"))
