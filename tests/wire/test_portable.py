"""What is set aside of a history, and what becomes of the ids of its calls."""

import re

from hypothesis import given
from hypothesis import strategies as st

from llmstream import (
    Attachment,
    AttachmentPart,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    assistant,
    user,
)
from llmstream.testing import strategies
from llmstream.wire.portable import ANY_ID, CallIds, IdShape, is_foreign, set_aside

OURS, THEIRS = {"p": {"s": 1}}, {"q": {"s": 1}}
SHORT = IdShape("[A-Za-z0-9]{9}", 9)


def test_what_only_another_provider_can_read_is_set_aside():
    kept = [
        TextPart("a", provider_metadata=THEIRS),
        ReasoningPart("mine", provider_metadata=OURS),
        ReasoningPart("of nobody known"),
        ToolCallPart("1", "f", provider_metadata=THEIRS),
        ToolCallPart("2", "f", server_executed=True, provider_metadata=OURS),
        ToolResultPart("2", "f", server_executed=True),
        AttachmentPart(Attachment("image/png", data=b"x"), provider_metadata=THEIRS),
        OpaquePart("p", "item"),
    ]
    gone = [
        ReasoningPart("theirs", provider_metadata=THEIRS),
        ReasoningPart(redacted=True, provider_metadata=THEIRS),
        ToolCallPart("3", "f", server_executed=True, provider_metadata=THEIRS),
        ToolResultPart("3", "f", server_executed=True, provider_metadata=THEIRS),
        OpaquePart("q", "item"),
    ]
    assert set_aside([assistant(kept, gone)], "p") == (assistant(kept),)
    assert all(is_foreign(part, "p") for part in gone)


def test_a_message_that_says_nothing_else_is_left_out_and_an_empty_one_is_not():
    item = assistant(OpaquePart("q", "item"))
    assert set_aside([user("a"), item, assistant()], "p") == (user("a"), assistant())


@given(st.lists(strategies.messages("p"), max_size=3))
def test_a_history_of_its_own_is_as_it_was(messages):
    assert set_aside(messages, "p") == tuple(messages)


def test_ids_that_the_provider_gave_go_back():
    ids = CallIds("p", SHORT)
    assert ids.call(ToolCallPart("call_1", "f", provider_metadata={"p": {"id": "wire"}})) == "wire"
    assert ids.call(ToolCallPart("call_2", "f", provider_metadata={"p": {}})) == "call_2"
    assert [ids.result("call_1"), ids.result("call_2")] == ["wire", "call_2"]
    item = ToolCallPart("call_3", "f", provider_metadata={"p": {"id": "of the item"}})
    assert CallIds("p", SHORT, given=None).call(item) == "call_3"
    assert CallIds("p", SHORT).call(ToolCallPart("abcdefghi", "f", provider_metadata=THEIRS)) == "abcdefghi"


def test_an_id_that_comes_twice_is_told_apart_where_the_wire_wants_that():
    call = ToolCallPart("abcdefghi", "f")
    ids = CallIds("p", SHORT)
    pairs = [(ids.call(call), ids.result(call.id)) for _ in range(3)]
    assert all(made == answered for made, answered in pairs)
    assert len(set(pairs)) == 3
    free = CallIds("p", ANY_ID)
    assert [free.call(call), free.call(call)] == [call.id, call.id]


@given(st.lists(st.text(max_size=50), unique=True), st.sampled_from([SHORT, IdShape.up_to(40)]))
def test_ids_fit_and_stay_apart_and_do_not_depend_on_what_follows(names: list[str], shape: IdShape):
    ids = CallIds("p", shape)
    made = [ids.call(ToolCallPart(name, "f")) for name in names]
    assert all(re.fullmatch(shape.pattern or "", id) for id in made)
    assert len(set(made)) == len(names)
    assert [ids.result(name) for name in names] == made
    again = CallIds("p", shape)
    assert [again.call(ToolCallPart(name, "f")) for name in names[:2]] == made[:2]


def test_a_result_whose_call_is_not_known_has_an_id_that_fits():
    ids = CallIds("p", SHORT)
    assert SHORT.fits(ids.result("toolu_01"))
    assert ids.result("toolu_01") == ids.result("toolu_01")
    assert IdShape.up_to(3).fits("a\nb")
    assert not IdShape.up_to(3).fits("")
