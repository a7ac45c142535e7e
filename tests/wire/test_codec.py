from llmstream import wire
from llmstream.wire.codec import Unshaped, counter


def test_ids_count_up():
    ids = counter()
    assert [ids(), ids(), ids()] == ["call_1", "call_2", "call_3"]


def test_ids_take_a_prefix():
    assert counter("x")() == "x1"


def test_each_counter_counts_for_itself():
    one, other = counter(), counter()
    one()
    assert other() == "call_1"


def test_a_wire_without_a_word_for_schemas_says_how_it_is_asked():
    assert isinstance(wire.find("openai-completions"), Unshaped)
    assert not isinstance(wire.find("openai-chat"), Unshaped)
