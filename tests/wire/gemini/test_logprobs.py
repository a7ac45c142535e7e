"""Log probabilities, both ways."""

from llmstream.values.content import Logprob
from llmstream.wire.gemini.logprobs import logprobs_of, logprobs_record

TOKENS = (Logprob("a", -0.5, top=[Logprob("a", -0.5), Logprob("b", -1.0)]), Logprob("c", -2.0))


def test_what_is_written_is_read() -> None:
    record = logprobs_record(TOKENS)
    assert record["chosenCandidates"][1] == {"token": "c", "logProbability": -2.0}
    assert logprobs_of(record) == TOKENS


def test_the_likeliest_may_be_left_out() -> None:
    assert logprobs_of({"chosenCandidates": [{"token": "a", "logProbability": -1}]}) == (Logprob("a", -1.0),)


def test_nonsense_is_read_as_nothing_in_particular() -> None:
    assert logprobs_of({"chosenCandidates": 7, "topCandidates": [None]}) == ()
    assert logprobs_of({"chosenCandidates": [{"token": 1}], "topCandidates": [{"candidates": [2]}]}) == (
        Logprob("", 0.0, top=[Logprob("", 0.0)]),
    )
