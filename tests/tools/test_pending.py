"""Which calls of a history are open."""

from llmstream import ToolCallPart, ToolResultPart, assistant, tool_message, user
from llmstream.tools.pending import answered, unanswered

A, B = ToolCallPart("a", "f", arguments={}), ToolCallPart("b", "g", arguments={})
RA, RB = ToolResultPart("a", "f"), ToolResultPart("b", "g")


def test_the_calls_at_the_end_without_results_are_open() -> None:
    assert unanswered([user("x"), assistant(A, B)]) == (A, B)
    assert unanswered([user("x"), assistant(A, B), tool_message(RB)]) == (A,)
    assert unanswered([user("x"), assistant(A, B), tool_message(RB), tool_message(RA)]) == ()


def test_a_history_that_moved_on_has_none() -> None:
    assert unanswered([]) == ()
    assert unanswered([tool_message(RA)]) == ()
    assert unanswered([assistant(A), user("never mind")]) == ()
    assert unanswered([assistant(A), tool_message(RB), assistant("ok")]) == ()


def test_what_the_provider_runs_is_not_ours() -> None:
    assert unanswered([assistant(ToolCallPart("s", "web", server_executed=True))]) == ()


def test_calls_without_ids_are_matched_by_name_and_count() -> None:
    one, other = ToolCallPart("", "f", arguments={"n": 1}), ToolCallPart("", "f", arguments={"n": 2})
    result = ToolResultPart("", "f")
    assert unanswered([assistant(one, other), tool_message(result)]) == (other,)
    assert unanswered([assistant(one, other), tool_message(result, result)]) == ()
    assert unanswered([assistant(one), tool_message(ToolResultPart("", "g"))]) == (one,)


def test_results_join_those_that_are_there_in_call_order() -> None:
    history = (user("x"), assistant(A, B), tool_message(RB))
    assert answered(history, [RA]) == (user("x"), assistant(A, B), tool_message(RA, RB))
    assert answered(history[:2], [RA, RB])[-1] == tool_message(RA, RB)
    assert answered(history[:1], []) == history[:1]
