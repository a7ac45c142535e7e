"""Log probabilities, both ways."""

import pytest
from hypothesis import given

from llmstream import Logprob
from llmstream.testing import strategies
from llmstream.wire.logprobs import logprobs_of, logprobs_record


@pytest.mark.parametrize(
    "beside", [None, -0.5, [], {"tokens": ["a"]}, {"content": None}, {"content": [5, None]}]
)
def test_log_probabilities_of_another_form_are_passed_over(beside):
    assert logprobs_of(beside) == ()


def test_log_probabilities_tolerate_odd_leaves():
    odd = {"token": 5, "logprob": "x", "bytes": [999], "top_logprobs": 5}
    assert logprobs_of({"content": [odd]}) == (Logprob("", 0.0),)


@pytest.mark.parametrize("refusal", [True, False])
@given(strategies.logprobs())
def test_log_probabilities_come_back(refusal: bool, logprob: Logprob):
    assert logprobs_of(logprobs_record((logprob,), refusal=refusal)) == (logprob,)
