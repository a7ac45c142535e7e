"""A provider's row, put together with an address and a key."""

import copy
import pickle
import traceback

import attrs
import pytest

from llmstream import (
    AuthError,
    ConfigError,
    ConnectionLost,
    LLMStreamError,
    Options,
    Provider,
    Request,
    Secret,
    TextDelta,
    TimeoutExceeded,
    Timeouts,
    ToolCallStart,
    TruncatedStreamError,
    UnsupportedError,
    user,
)
from llmstream.jsontext import dump_bytes
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.model.terms import Defaults
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, Pause, ScriptedModel, ScriptedTransport
from llmstream.wire import find
from llmstream.wire.http import HttpRequest, ResponseHead

pytestmark = pytest.mark.anyio
KEY = "sk-sentinel-0123456789"
ROW = Provider(
    name="acme", codec=find("openai-chat"), headers=[("x-vendor", "1")], query=[("api-version", "v 1")]
)
SSE = ResponseHead(200, {"content-type": "text/event-stream"})


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def frame(**fields: object) -> bytes:
    return b"data: " + dump_bytes(fields) + b"\n\n"


def said(text: str) -> bytes:
    return frame(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])


STOP = frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
WHOLE = Answer([said("hello"), STOP, b"data: [DONE]\n\n"], SSE)


def model(
    *answers: Answer, row: Provider = ROW, key: str | None = KEY, **more
) -> tuple[ProviderModel, ScriptedTransport]:
    transport = ScriptedTransport(answers)
    endpoint = Endpoint(row, "http://acme.test/v1/", Secret(key) if key else None, transport)
    return ProviderModel("m-1", endpoint, **more), transport


async def test_a_call_goes_to_the_row_with_its_headers_and_key() -> None:
    acme, transport = model(WHOLE)
    response = await acme.prompt("hi", timeouts=Timeouts(connect=3, pool=4))
    assert (response.text(), response.source) == ("hello", "acme/m-1")
    call = transport.calls[0]
    assert (call.method, call.url) == ("POST", "http://acme.test/v1/chat/completions?api-version=v+1")
    headers = dict(call.headers)
    assert headers["accept-encoding"] == "identity"
    assert headers["x-vendor"] == "1"
    assert headers["authorization"] == Secret(f"Bearer {KEY}")
    assert (call.connect, call.pool) == (3, 4)


async def test_a_key_may_go_bare_or_not_at_all() -> None:
    bare = attrs.evolve(ROW, key_header="x-api-key", key_prefix="")
    acme, transport = model(WHOLE, row=bare)
    await acme.prompt("hi")
    assert dict(transport.calls[0].headers)["x-api-key"] == Secret(KEY)
    acme, transport = model(WHOLE, key=None)
    await acme.prompt("hi")
    assert "authorization" not in dict(transport.calls[0].headers)


async def test_each_header_goes_once_and_the_callers_counts() -> None:
    acme, transport = model(WHOLE)
    await acme.prompt(
        "hi", options=Options(headers={"X-Vendor": "2", "Authorization": "Basic abc", "X-More": 3})
    )
    headers = transport.calls[0].headers
    assert len({name.lower() for name, _ in headers}) == len(headers)
    assert ("X-Vendor", "2") in headers
    assert ("Authorization", "Basic abc") in headers
    assert ("X-More", "3") in headers


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-a", "b\r\nx-evil: 1"), ("x-a\n", "b"), ("", "b"), ("x a", "b"), ("x-a", "ü"), ("x-a", "\0")],
)
async def test_a_header_that_http_cannot_carry_is_refused_without_its_value(name, value) -> None:
    acme, transport = model()
    with pytest.raises(ConfigError, match="printable ASCII") as caught:
        await acme.prompt("hi", options=Options(headers={name: value}))
    assert value not in str(caught.value) or value == "b"
    assert transport.calls == []


async def test_what_the_dialect_cannot_say_is_refused_before_anything_is_sent() -> None:
    acme, transport = model()
    stream = acme.prompt("hi", options=Options(n=2))
    with pytest.raises(UnsupportedError) as caught:
        await stream
    assert (caught.value.phase, caught.value.partial, stream.state) == ("encode", None, "failed")
    assert transport.calls == []


async def test_events_come_one_by_one_too() -> None:
    acme, _ = model(WHOLE)
    events = [event async for event in acme.events(Request("m-1", [user("hi")]))]
    assert events[0] == TextDelta(0, "hello")
    assert acme.codec is ROW.codec


async def test_calls_without_an_id_get_one_that_no_other_call_gets() -> None:
    tool = frame(choices=[{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}}])
    answer = Answer([tool, STOP, b"data: [DONE]\n\n"], SSE)
    acme, _ = model(answer, answer)
    ids = []
    for _ in range(2):
        events = [event async for event in acme.prompt("hi")]
        ids += [event.id for event in events if isinstance(event, ToolCallStart)]
    assert len(set(ids)) == 2


async def test_the_limits_of_a_model_hold_unless_a_call_has_others() -> None:
    acme, _ = model(*[Answer([said("a"), Pause()], SSE)] * 2, timeouts=Timeouts(stall=5))
    with pytest.raises(TimeoutExceeded) as caught:
        await acme.prompt("hi")
    assert (caught.value.clock, caught.value.seconds) == ("stall", 5)
    assert caught.value.partial is not None
    with pytest.raises(TimeoutExceeded) as caught:
        await acme.prompt("hi", timeouts=Timeouts(total=3))
    assert (caught.value.clock, caught.value.seconds) == ("total", 3)


async def test_a_call_goes_before_the_model_and_that_before_the_row_field_by_field() -> None:
    row = attrs.evolve(ROW, timeouts=Timeouts(liveness=60, stall=70, pool=80))
    endpoint = attrs.evolve(
        model()[0]._endpoint, provider=row, defaults=Defaults(timeouts=Timeouts(stall=7, total=None))
    )
    assert endpoint.timeouts() == Timeouts(liveness=60, stall=7, pool=80)
    assert endpoint.timeouts(Timeouts(liveness=None, total=3)) == Timeouts(stall=7, total=3, pool=80)
    named = ProviderModel("m", endpoint, timeouts=Timeouts(stall=1))
    assert named._endpoint.timeouts(Timeouts(total=3)) == Timeouts(liveness=60, stall=1, total=3, pool=80)


# Law 13.


def shown(thing: object) -> str:
    return f"{thing!r} {thing!s} {thing}"


async def test_the_key_is_in_nothing_that_a_model_or_its_calls_show() -> None:
    acme, transport = model(WHOLE)
    response = await acme.prompt("hi")
    endpoint = acme._endpoint
    for thing in (
        acme,
        endpoint,
        response,
        vars(acme),
        attrs.asdict(endpoint, recurse=False),
        *transport.calls,
    ):
        assert KEY not in shown(thing)
    assert KEY not in shown(endpoint.call(Request("m", [user("hi")]), Timeouts()))
    assert KEY not in shown(response.to_dict())
    assert KEY.encode() not in pickle.dumps(response)
    with pytest.raises(TypeError, match="not pickled: it holds a key"):
        pickle.dumps(acme)
    assert KEY not in shown(copy.deepcopy(acme.prompt("x").request))


@pytest.mark.parametrize(
    "answer",
    [
        Answer([dump_bytes({"error": {"message": f"bad key {KEY}"}})], ResponseHead(401)),
        Answer([said("a"), frame(error={"message": f"bad key {KEY}"})], SSE),
        Answer([f"<p>{KEY}</p>".encode()], ResponseHead(200, {"content-type": "text/html"})),
        Answer([said("a"), ConnectionLost("gone")], SSE),
        Answer([said("a")], SSE),
        Answer([], ResponseHead(302, {"location": f"http://elsewhere/?key={KEY}"})),
    ],
)
async def test_the_key_is_in_no_error(answer) -> None:
    acme, _ = model(answer)
    stream = acme.prompt("hi")
    with pytest.raises(LLMStreamError) as caught:
        await stream
    error = caught.value
    assert error.__traceback__ is not None
    # The frame of this test knows the answer.
    below = error.with_traceback(error.__traceback__.tb_next)
    told = traceback.TracebackException.from_exception(below, capture_locals=True)
    assert KEY not in shown(error) + shown(vars(error)) + "".join(told.format())
    assert KEY.encode() not in pickle.dumps(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.partial, again.phase) == (str(error), error.partial, error.phase)


async def test_an_error_keeps_its_fields_through_a_pickle() -> None:
    acme, _ = model(
        Answer([dump_bytes({"error": {"message": "no"}})], ResponseHead(401, {"x-request-id": "r"}))
    )
    with pytest.raises(AuthError) as caught:
        await acme.prompt("hi")
    again = pickle.loads(pickle.dumps(caught.value))
    assert vars(again) == vars(caught.value)


async def test_a_header_of_the_wires_own_is_checked_too() -> None:
    class Careless(type(ROW.codec)):
        def encode(self, request, /):
            return HttpRequest("POST", "/x", [("a b", "c")])

    acme, _ = model(row=attrs.evolve(ROW, codec=Careless()))
    with pytest.raises(ConfigError, match="'a b'"):
        await acme.prompt("hi")


async def test_texts_are_embedded_by_the_models_id() -> None:
    acme, transport = model(Answer([b'{"data":[{"index":0,"embedding":[1]}]}']))
    assert (await acme.embed(("a",), dimensions=1)).vectors == ((1.0,),)
    assert transport.calls[0].url == "http://acme.test/v1/embeddings?api-version=v+1"
    assert transport.calls[0].body == dump_bytes({"model": "m-1", "input": ["a"], "dimensions": 1})


async def test_the_clocks_of_an_embedding_are_the_models_or_its_own() -> None:
    for given, own, seconds in ((None, Timeouts(total=2), 2), (Timeouts(total=3), Timeouts(total=2), 3)):
        acme, _ = model(Answer([Pause()]), timeouts=own)
        with pytest.raises(TimeoutExceeded) as caught:
            await acme.embed(["a"], timeouts=given)
        assert caught.value.seconds == seconds


async def test_one_string_is_no_list_of_texts() -> None:
    acme, _ = model()
    with pytest.raises(ConfigError, match="one string"):
        await acme.embed("abc")


# Answers that go on by themselves.

RESPONSES = attrs.evolve(ROW, codec=find("openai-responses"), query=(("api-version", "v1"),))
ID = "resp_1"
CREATED = {"type": "response.created", "sequence_number": 0, "response": {"id": ID, "status": "queued"}}
ITEM = {
    "type": "response.output_item.done",
    "sequence_number": 1,
    "output_index": 0,
    "item": {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Paris"}]},
}
COMPLETED = {
    "type": "response.completed",
    "sequence_number": 2,
    "response": {"id": ID, "status": "completed", "output": [ITEM["item"]]},
}


def told(*events: dict) -> Answer:
    return Answer([b"event: %s\ndata: %s\n\n" % (e["type"].encode(), dump_bytes(e)) for e in events], SSE)


async def test_an_answer_that_goes_on_by_itself_is_listened_to_again() -> None:
    acme, transport = model(told(CREATED, ITEM), told(CREATED, ITEM, COMPLETED), row=RESPONSES)
    with pytest.raises(TruncatedStreamError) as caught:
        await acme.prompt("Capital of France?", options=Options(extra={"background": True}))
    partial = caught.value.partial
    assert partial is not None
    assert (partial.id, partial.provider_metadata["openai-responses"]["sequence_number"]) == (ID, 1)
    response = await acme.resume(partial)
    assert (response.text(), response.state, response.request) == ("Paris", "complete", partial.request)
    again = transport.calls[1]
    assert (again.method, again.body) == ("GET", b"")
    assert again.url == "http://acme.test/v1/responses/resp_1?stream=true&api-version=v1"


async def test_only_what_has_an_id_on_a_wire_that_can_is_resumed() -> None:
    acme, _ = model(row=RESPONSES)
    with pytest.raises(ConfigError, match="has an id"):
        acme.resume("")
    chat, _ = model()
    with pytest.raises(UnsupportedError, match="openai-chat"):
        chat.resume(ID)
    with pytest.raises(UnsupportedError, match="resumed"):
        ScriptedModel([]).resume(ID)
