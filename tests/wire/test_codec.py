from llmstream.wire.codec import counter


def test_ids_count_up():
    ids = counter()
    assert [ids(), ids(), ids()] == ["call_1", "call_2", "call_3"]


def test_ids_take_a_prefix():
    assert counter("x")() == "x1"


def test_each_counter_counts_for_itself():
    one, other = counter(), counter()
    one()
    assert other() == "call_1"
