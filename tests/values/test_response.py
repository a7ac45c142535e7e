import attrs
import pytest

from llmstream.values.content import OpaquePart, ReasoningPart, TextPart, ToolCallPart
from llmstream.values.messages import Message
from llmstream.values.request import Request
from llmstream.values.response import Response, Timing
from llmstream.values.usage import Usage

WHOLE = Response(
    request=Request("m"),
    parts=[
        ReasoningPart("hm"),
        TextPart("a"),
        ToolCallPart("c1", "f", arguments={}),
        ToolCallPart("s1", "search", arguments={}, server_executed=True),
        ReasoningPart(" so"),
        TextPart("b"),
    ],
    state="complete",
    finish_reason="tool_calls",
    raw_finish_reason="tool_use",
    usage=Usage(input=1),
    id="r1",
    model="m-1",
    provider_metadata={"a-provider": {}},
)
OTHERS = {
    "request": Request("n"),
    "parts": (TextPart("a"),),
    "state": "failed",
    "finish_reason": "stop",
    "raw_finish_reason": "stop",
    "usage": Usage(input=2),
    "id": "r2",
    "model": "m-2",
    "provider_metadata": {},
}
NOT_CONTENT = {"source": "a-provider/m", "timing": Timing(started=1.0)}


def test_the_text_is_all_visible_text():
    assert WHOLE.text() == "ab"
    assert WHOLE.reasoning() == "hm so"
    assert Response().text() == Response().reasoning() == ""


def test_tool_calls_are_those_that_the_caller_makes():
    assert WHOLE.tool_calls() == (ToolCallPart("c1", "f", arguments={}),)


def test_messages_are_what_the_answer_adds_to_the_history():
    assert WHOLE.messages() == (Message("assistant", WHOLE.parts),)
    assert Response(parts=[OpaquePart("p", "t")]).messages() == (
        Message("assistant", (OpaquePart("p", "t"),)),
    )


def test_an_empty_answer_adds_nothing():
    assert Response().messages() == ()


@pytest.mark.parametrize("name", OTHERS)
def test_responses_of_other_contents_differ(name: str):
    assert attrs.evolve(WHOLE, **{name: OTHERS[name]}) != WHOLE


@pytest.mark.parametrize("name", NOT_CONTENT)
def test_when_and_whence_do_not_count(name: str):
    assert attrs.evolve(WHOLE, **{name: NOT_CONTENT[name]}) == WHOLE


def test_every_field_counts_or_does_not():
    assert {field.name for field in attrs.fields(Response)} == {*OTHERS, *NOT_CONTENT}


def test_a_response_with_more_behind_it_equals_its_record():
    @attrs.frozen(kw_only=True, eq=False)
    class Live(Response):
        model_behind: object = None

    fields = {field.name: getattr(WHOLE, field.name) for field in attrs.fields(Response)}
    assert Live(**fields, model_behind=object()) == WHOLE
    assert Live(**fields) == WHOLE


def test_a_response_equals_nothing_else():
    assert WHOLE != "ab"
    assert Response() != None  # noqa: E711 - it is equality that is tested


def test_a_response_is_no_key():
    with pytest.raises(TypeError, match="unhashable"):
        hash(WHOLE)
