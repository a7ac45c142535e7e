"""The codec as a whole, and against recorded answers."""

from pathlib import Path

from llmstream.testing import corpus, laws
from llmstream.wire import find
from llmstream.wire.http import ResponseHead
from llmstream.wire.openai_completions import CODEC, CompletionsCodec


def test_the_codec_says_what_it_is():
    assert (CODEC.name, CODEC.provider) == ("openai-completions", "openai-completions")
    assert CompletionsCodec("x").server.provider == "x"
    assert find("openai-completions") is CODEC


def test_a_refusal_is_read():
    error = CODEC.error(ResponseHead(404), b'{"error":{"message":"no such model","code":"model_not_found"}}')
    assert (error.kind, str(error)) == ("not_found", "no such model")


def test_recorded_answers_keep_the_laws(shared: Path):
    cases = list(corpus.cases(shared / "corpus", "openai-completions"))
    assert cases
    for case in cases:
        laws.split(CODEC, case.body, head=case.head)
        laws.truncation(CODEC, case.body, head=case.head)
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        laws.grammar(decoded.events)
        assert laws.round_trip(CODEC, decoded.events), case.name
