"""The codec, and the laws on recorded answers of its wire."""

from pathlib import Path

import attrs
import pytest

from llmstream import Request, TextPart, reduce
from llmstream.jsontext import dump_bytes, loads
from llmstream.model.registry import provider as find_provider
from llmstream.testing import corpus, laws
from llmstream.testing.corpus import Case
from llmstream.values.response import Response
from llmstream.wire import find
from llmstream.wire.codec import Codec
from llmstream.wire.http import HttpRequest
from llmstream.wire.openai_responses import CODEC, OpenAIResponsesCodec, Quirks


def codec_of(case: Case) -> Codec:
    """The codec of the case's vendor."""
    for name in (case.provider, f"{case.provider}-responses"):
        row = find_provider(name)
        if row is not None and row.codec.name == CODEC.name:
            return row.codec
    return CODEC


@pytest.fixture(scope="module")
def answers(shared: Path) -> list[Case]:
    cases = [case for case in corpus.cases(shared / "corpus", CODEC.name) if case.status < 400]
    assert len(cases) > 40
    return cases


def test_it_is_found_by_its_name():
    assert find("openai-responses") is CODEC
    assert (CODEC.name, CODEC.provider) == ("openai-responses", "openai-responses")
    served = OpenAIResponsesCodec("x", Quirks(server_custom_calls=True))
    assert (served.server.provider, served.server.quirks) == ("x", served.quirks)


def test_a_response_is_resumed_by_its_id():
    http = CODEC.resume("resp/1", after=0)
    assert (http.method, http.path, http.body) == (
        "GET",
        "/responses/resp%2F1?stream=true&starting_after=0",
        b"",
    )
    assert CODEC.resume("r").path == "/responses/r?stream=true"


def test_recorded_answers_keep_the_laws(answers: list[Case]):
    for case in answers:
        codec = codec_of(case)
        laws.split(codec, case.body, head=case.head)
        # Their frames are large, and their cuts many: those after the frames of the small ones are enough.
        offsets = None if len(case.body) < 20_000 else range(0, len(case.body), len(case.body) // 20)
        laws.truncation(codec, case.body, head=case.head, offsets=offsets)
        decoded = laws.decode_all(codec, [case.body], head=case.head)
        laws.grammar(decoded.events, complete=decoded.error is None)
        laws.prefix(decoded.events)


def test_recorded_answers_are_canonical_and_come_back(answers: list[Case]):
    for case in answers:
        codec = codec_of(case)
        decoded = laws.decode_all(codec, [case.body], head=case.head)
        if decoded.error is None:
            assert codec.server.canonical(decoded.events) == tuple(decoded.events), case.name
            assert laws.round_trip(codec, decoded.events), case.name


def test_recorded_answers_can_be_given_whole(answers: list[Case]):
    for case in answers:
        codec = codec_of(case)
        decoded = laws.decode_all(codec, [case.body], head=case.head)
        if decoded.error is None:
            response = reduce(decoded.events)
            http = codec.server.whole(Request("m"), response)
            again = reduce(laws.decode_all(codec, [http.body], head=http.head).events)
            assert list(again.parts) == list(response.parts), case.name
            assert attrs.evolve(again, parts=()) == attrs.evolve(response, parts=()), case.name


def test_recorded_items_go_back_as_they_came(answers: list[Case]):
    """Each item of an answer is sent back with all that it said, the ciphertexts byte for byte."""
    for case in answers:
        codec = codec_of(case)
        decoded = laws.decode_all(codec, [case.body], head=case.head)
        if decoded.error is None:
            response = without_logprobs(reduce(decoded.events))
            sent = loads(codec.encode(Request("m", response.messages())).body)["input"]
            read = codec.server.request(codec.encode(Request("m", response.messages())))
            assert [message.parts for message in read.messages] == [response.parts], case.name
            assert [item["type"] for item in sent] == item_types(codec, response), case.name


def without_logprobs(response: Response) -> Response:
    """The answer without what is not sent back."""
    parts = [attrs.evolve(p, logprobs=()) if isinstance(p, TextPart) else p for p in response.parts]
    return attrs.evolve(response, parts=parts)


def item_types(codec: Codec, response: Response) -> list[str]:
    http = codec.server.whole(Request("m"), response)
    return [item["type"] for item in loads(http.body)["output"]]


def test_recorded_requests_are_read_and_written_alike(answers: list[Case]):
    for case in answers:
        if case.request is None:
            continue
        codec = codec_of(case)
        read = codec.server.request(HttpRequest("POST", "/responses", body=dump_bytes(case.request)))
        again = codec.server.request(codec.encode(read))
        assert again == read, case.name
