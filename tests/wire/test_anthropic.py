"""The Messages codec as a whole, and against recorded answers."""

from pathlib import Path

import attrs
import pytest

from llmstream import Request, ToolCallPart, assistant, reduce, user
from llmstream.jsontext import JSONObject, dump_bytes, loads
from llmstream.testing import corpus, laws
from llmstream.testing.corpus import Case
from llmstream.values.content import Part
from llmstream.wire.anthropic import CODEC, AnthropicCodec, Quirks
from llmstream.wire.framing.sse import SSEFramer
from llmstream.wire.framing.whole import WholeFramer
from llmstream.wire.http import HttpRequest, ResponseHead


def test_the_codec_says_what_it_is() -> None:
    assert (CODEC.name, CODEC.provider, CODEC.quirks) == ("anthropic", "anthropic", Quirks())
    assert AnthropicCodec("vertex").name == "anthropic"


def test_opaque_state_is_the_providers_own() -> None:
    foreign = reduce(
        laws.decode_all(
            CODEC,
            [b'{"type":"message","content":[{"type":"thinking","thinking":"hm","signature":"s"}]}'],
            head=ResponseHead(200, {"content-type": "application/json"}),
        ).events
    )
    request = Request("m", [user("a"), *foreign.messages(), user("b")])
    assert len(loads(CODEC.encode(request).body)["messages"]) == 3
    assert len(loads(AnthropicCodec("vertex").encode(request).body)["messages"]) == 1
    assert AnthropicCodec("vertex").server.provider == "vertex"


def test_a_body_is_framed_by_its_type() -> None:
    body = b'{"type":"message"}'
    json = CODEC.framer(ResponseHead(200, {"content-type": "application/json"}))
    assert isinstance(json, WholeFramer)
    stream = CODEC.framer(ResponseHead(200, {"content-type": "text/event-stream"}), max_frame_bytes=10)
    assert list(stream.feed(b"data: x\n\n"))
    assert not isinstance(stream, SSEFramer)
    assert laws.decode_all(CODEC, [body], head=ResponseHead(200)).error is None


@pytest.fixture(scope="module")
def answers(shared: Path) -> list[Case]:
    """The recorded answers, refusals apart."""
    cases = [
        case
        for wire in ("anthropic", "anthropic-vertex")
        for case in corpus.cases(shared / "corpus", wire)
        if case.status < 400
    ]
    assert len(cases) > 30
    return cases


def test_recorded_answers_keep_the_laws(answers: list[Case]) -> None:
    for case in answers:
        laws.split(CODEC, case.body, head=case.head)
        laws.truncation(CODEC, case.body, head=case.head)
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        laws.grammar(decoded.events, complete=decoded.error is None)


def test_recorded_answers_are_canonical_and_come_back(answers: list[Case]) -> None:
    for case in answers:
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        if decoded.error is None:
            assert CODEC.server.canonical(decoded.events) == tuple(decoded.events), case.name
            assert laws.round_trip(CODEC, decoded.events), case.name


def test_recorded_answers_can_be_given_whole(answers: list[Case]) -> None:
    for case in answers:
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        if decoded.error is not None:
            continue
        response = reduce(decoded.events)
        http = CODEC.server.whole(Request("m"), response)
        again = reduce(laws.decode_all(CODEC, [http.body], head=http.head).events)
        cut = any(isinstance(part, ToolCallPart) and part.error for part in response.parts)
        assert cut or list(map(plain, again.parts)) == list(map(plain, response.parts)), case.name
        assert attrs.evolve(again, parts=()) == attrs.evolve(response, parts=()), case.name


def plain(part: Part) -> Part:
    return attrs.evolve(part, raw="") if isinstance(part, ToolCallPart) else part


def test_recorded_requests_are_read_and_written_alike(answers: list[Case]) -> None:
    for case in answers:
        if case.request is None or "anthropic_version" in case.request:
            continue
        request = CODEC.server.request(HttpRequest("POST", "/v1/messages", (), dump_bytes(case.request)))
        written = CODEC.encode(request)
        assert normal(loads(written.body)) == normal({**case.request, "stream": True}), case.name
        assert CODEC.encode(CODEC.server.request(written)) == written, case.name


def normal(body: JSONObject) -> JSONObject:
    """A body in one of the forms that mean the same."""
    body = {**body, "messages": [{**turn, "content": _blocks(turn["content"])} for turn in body["messages"]]}
    if "system" in body:
        body["system"] = _blocks(body["system"])
    if "tools" in body:
        body["tools"] = [_tool(tool) for tool in body["tools"]]
    return body


def _blocks(content: object) -> object:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_block(block) for block in content] if isinstance(content, list) else content


def _block(block: JSONObject) -> JSONObject:
    block = dict(block)
    if block.get("cache_control") == {"type": "ephemeral", "ttl": "5m"}:
        block["cache_control"] = {"type": "ephemeral"}
    if block["type"] == "tool_result":
        block["content"] = _blocks(block["content"])
        if not block.get("is_error", True):
            del block["is_error"]
    return block


def _tool(tool: JSONObject) -> JSONObject:
    return {key: value for key, value in tool.items() if value not in ("", "custom")}


def test_an_answer_of_text_is_sent_back_as_text() -> None:
    request = Request("m", [user("a"), assistant("b"), user("c")])
    roles = [turn["role"] for turn in loads(CODEC.encode(request).body)["messages"]]
    assert roles == ["user", "assistant", "user"]
