"""The codec of interactions as a whole, and against recorded answers."""

from pathlib import Path

import pytest

from llmstream import Request, reduce, user
from llmstream.jsontext import loads
from llmstream.testing import corpus, laws
from llmstream.testing.corpus import Case
from llmstream.wire import find
from llmstream.wire.gemini_interactions import CODEC
from llmstream.wire.http import ResponseHead


def test_the_codec_says_what_it_is() -> None:
    assert find("gemini-interactions") is CODEC
    assert (CODEC.name, CODEC.provider) == ("gemini-interactions", "gemini-interactions")


def test_a_refusal_is_read() -> None:
    body = b'{"error": {"code": 404, "message": "no such model", "status": "NOT_FOUND"}}'
    error = CODEC.error(ResponseHead(404), body)
    assert (error.kind, str(error)) == ("not_found", "no such model")


@pytest.fixture(scope="module")
def answers(shared: Path) -> list[Case]:
    cases = list(corpus.cases(shared / "corpus", "gemini-interactions"))
    assert len(cases) >= 4
    return cases


def test_recorded_answers_keep_the_laws(answers: list[Case]) -> None:
    for case in answers:
        laws.split(CODEC, case.body, head=case.head)
        laws.truncation(CODEC, case.body, head=case.head)
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        assert decoded.error is None, case.name
        laws.grammar(decoded.events)
        laws.prefix(decoded.events)


def test_signatures_go_back_byte_for_byte(answers: list[Case]) -> None:
    for case in answers:
        response = reduce(laws.decode_all(CODEC, [case.body], head=case.head).events)
        request = Request("m", [user("a"), *response.messages(), user("b")])
        sent = loads(CODEC.encode(request).body)["input"]
        assert sent[1]["type"] == "thought", case.name
        assert sent[1]["signature"].encode() in case.body
