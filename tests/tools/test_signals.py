"""What tools and hooks say to their chain."""

from llmstream import CancelToolCall, LLMStreamError, PauseChain, Progress, ToolCall


def test_signals_are_no_errors_of_the_library() -> None:
    assert not issubclass(CancelToolCall, LLMStreamError)
    pause = PauseChain("ask somebody")
    assert not isinstance(pause, LLMStreamError)
    assert (str(pause), pause.call, pause.results, pause.history) == ("ask somebody", None, (), ())


def test_records_are_compared_by_content() -> None:
    assert ToolCall("c", "f", {"a": 1}) == ToolCall("c", "f", {"a": 1})
    assert Progress(1) == Progress(1)
