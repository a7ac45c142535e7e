"""The codec as a whole, and against recorded answers."""

from pathlib import Path

import pytest

from llmstream import Done, TextDelta, UnexpectedContentError
from llmstream.testing import corpus, laws
from llmstream.testing.corpus import Case
from llmstream.wire import find
from llmstream.wire.http import ResponseHead
from llmstream.wire.ollama import CODEC, OllamaCodec


def test_the_codec_says_what_it_is():
    assert (CODEC.name, CODEC.provider) == ("ollama", "ollama")
    assert OllamaCodec("ollama-cloud").server.provider == "ollama-cloud"
    assert find("ollama") is CODEC


def test_a_page_is_no_answer():
    head = ResponseHead(200, {"content-type": "text/html"})
    _, error = laws.decode_all(CODEC, [b"<p>hello</p>"], head=head)
    assert type(error) is UnexpectedContentError


@pytest.mark.parametrize("kind", ["", "text/plain", "text/event-stream", "application/octet-stream"])
def test_a_stream_is_lines_whatever_a_proxy_calls_it(kind: str):
    body = b'{"message":{"content":"a"},"done":false}\n{"message":{},"done":true}\n'
    found, error = laws.decode_all(CODEC, [body], head=ResponseHead(200, {"content-type": kind}))
    assert (found, error) == ([TextDelta(0, "a"), Done()], None)


@pytest.fixture(scope="module")
def answers(shared: Path) -> list[Case]:
    """The recorded answers; refusals, and a listing that is filed among them, apart."""
    cases = [case for case in corpus.cases(shared / "corpus", "ollama") if case.status < 400]
    cases = [case for case in cases if "models" not in case.expected]
    assert len(cases) >= 10
    return cases


def test_recorded_answers_keep_the_laws(answers: list[Case]):
    for case in answers:
        laws.split(CODEC, case.body, head=case.head)
        laws.truncation(CODEC, case.body, head=case.head)
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        laws.grammar(decoded.events)
        assert CODEC.server.canonical(decoded.events) == tuple(decoded.events), case.name
        assert laws.round_trip(CODEC, decoded.events), case.name
