"""The codec of generated content as a whole, and against recorded answers."""

from pathlib import Path

import pytest

from llmstream import Request, assistant, reduce, user
from llmstream.errors import ProviderError
from llmstream.jsontext import JSONObject, dump_bytes, loads
from llmstream.testing import corpus, laws
from llmstream.testing.corpus import Case
from llmstream.wire import find
from llmstream.wire.framing.elements import ElementFramer
from llmstream.wire.gemini import CODEC, GeminiCodec, Quirks
from llmstream.wire.http import HttpRequest, ResponseHead

JSON_HEAD = ResponseHead(200, {"content-type": "application/json; charset=UTF-8"})


def test_the_codec_says_what_it_is() -> None:
    assert (CODEC.name, CODEC.provider, CODEC.quirks) == ("gemini", "gemini", Quirks())
    assert find("gemini") is CODEC
    assert GeminiCodec("vertex").name == "gemini"
    assert GeminiCodec("vertex").server.provider == "vertex"


def test_a_body_is_framed_by_its_type() -> None:
    assert isinstance(CODEC.framer(JSON_HEAD), ElementFramer)
    stream = CODEC.framer(ResponseHead(200, {"content-type": "text/event-stream"}), max_frame_bytes=10)
    assert [frame.data for frame in stream.feed(b"data: x\r\n\r\n")] == ["x"]


def test_a_refusal_is_read() -> None:
    body = b'{"error": {"code": 404, "message": "no such model", "status": "NOT_FOUND"}}'
    error = CODEC.error(ResponseHead(404), body)
    assert isinstance(error, ProviderError)
    assert (error.kind, error.status, str(error)) == ("not_found", 404, "no such model")


@pytest.fixture(scope="module")
def answers(shared: Path) -> list[Case]:
    """The recorded answers, refusals apart."""
    cases = [case for case in corpus.cases(shared / "corpus", "gemini") if case.status < 400]
    assert len(cases) > 25
    return cases


def test_recorded_answers_keep_the_laws(answers: list[Case]) -> None:
    for case in answers:
        laws.split(CODEC, case.body, head=case.head)
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        laws.grammar(decoded.events, complete=decoded.error is None)
        laws.prefix(decoded.events)


def test_recorded_answers_that_are_cut_off_are_not_quietly_halves(answers: list[Case]) -> None:
    for case in answers:
        # These have a finish reason in every frame, so that any beginning of them is a whole.
        if case.body.count(b'"finishReason"') == 1:
            laws.truncation(CODEC, case.body, head=case.head)


def test_recorded_answers_are_canonical_and_come_back(answers: list[Case]) -> None:
    for case in answers:
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        if decoded.error is None:
            assert CODEC.server.canonical(decoded.events) == tuple(decoded.events), case.name
            assert laws.round_trip(CODEC, decoded.events), case.name


def test_recorded_answers_can_be_given_whole(answers: list[Case]) -> None:
    for case in answers:
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        if decoded.error is None:
            response = reduce(decoded.events)
            http = CODEC.server.whole(Request("m"), response)
            again = reduce(laws.decode_all(CODEC, [http.body], head=http.head).events)
            assert again == response, case.name


def test_every_signature_goes_back_byte_for_byte_and_in_order(answers: list[Case]) -> None:
    signed = 0
    for case in answers:
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        if decoded.error is not None or b"thoughtSignature" not in case.body:
            continue
        request = Request("m", [user("a"), *reduce(decoded.events).messages(), user("b")])
        ours = loads(CODEC.encode(request).body)["contents"][1]["parts"]
        given = [part["thoughtSignature"] for part in wire_parts(case) if "thoughtSignature" in part]
        assert [part["thoughtSignature"] for part in ours if "thoughtSignature" in part] == given, case.name
        signed += 1
    assert signed >= 10


def wire_parts(case: Case) -> list[JSONObject]:
    framer = CODEC.framer(case.head)
    frames = [loads(frame.data) for frame in [*framer.feed(case.body), *framer.feed_eof()]]
    contents = [one.get("content", {}) for frame in frames for one in frame.get("candidates", [])]
    return [part for content in contents for part in content.get("parts", [])]


def test_recorded_requests_are_read_and_written_alike(answers: list[Case]) -> None:
    for case in answers:
        body = dump_bytes(case.request)
        if case.request is not None and b"elided" not in body:
            path = "/v1beta/models/m:streamGenerateContent?alt=sse"
            request = CODEC.server.request(HttpRequest("POST", path, (), body))
            written = CODEC.encode(request)
            assert CODEC.encode(CODEC.server.request(written)) == written, case.name


def test_opaque_state_is_the_providers_own() -> None:
    parts = b'[{"text": "hm", "thought": true}, {"text": "a"}]'
    body = b'{"candidates": [{"content": {"parts": %s}, "finishReason": "STOP"}]}' % parts
    answer = reduce(laws.decode_all(CODEC, [body], head=JSON_HEAD).events)
    request = Request("m", [user("a"), *answer.messages(), user("b")])
    assert len(loads(CODEC.encode(request).body)["contents"][1]["parts"]) == 2
    assert len(loads(GeminiCodec("vertex").encode(request).body)["contents"][1]["parts"]) == 1


def test_an_answer_of_text_is_sent_back_as_text() -> None:
    request = Request("m", [user("a"), assistant("b"), user("c")])
    roles = [turn["role"] for turn in loads(CODEC.encode(request).body)["contents"]]
    assert roles == ["user", "model", "user"]
