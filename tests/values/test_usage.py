from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from llmstream.values.usage import Usage

counts = st.integers(0, 10**9)
usages = st.builds(
    Usage,
    input=counts,
    output=counts,
    cached_input=counts,
    cache_write=counts,
    reasoning=counts,
    details=st.dictionaries(st.sampled_from("abc"), counts | st.dictionaries(st.sampled_from("de"), counts)),
)
numbers = usages.filter(lambda usage: not usage.details)


def test_every_count_is_added():
    left = Usage(input=1, output=2, cached_input=3, cache_write=4, reasoning=5)
    right = Usage(input=10, output=20, cached_input=30, cache_write=40, reasoning=50)
    assert left + right == Usage(input=11, output=22, cached_input=33, cache_write=44, reasoning=55)


def test_details_are_added_as_deep_as_they_go():
    left = Usage(details={"audio": 1, "by": {"text": 1}, "tier": "a", "paid": True})
    right = Usage(details={"cost": 0.5, "by": {"text": 2, "image": 3}, "tier": "b", "paid": True})
    assert (left + right).details == {
        "audio": 1,
        "by": {"text": 3, "image": 3},
        "tier": "b",
        "paid": True,
        "cost": 0.5,
    }


def test_details_of_another_kind_are_replaced():
    assert (Usage(details={"a": {"b": 1}}) + Usage(details={"a": 2})).details == {"a": 2}
    assert (Usage(details={"a": 1}) + Usage(details={"a": None})).details == {"a": None}


def test_the_total_is_input_and_output():
    assert Usage(input=3, output=4, cached_input=2, reasoning=1).total == 7


@given(usages)
def test_nothing_added_changes_nothing(usage: Usage):
    assert usage + Usage() == usage
    assert Usage() + usage == usage


@given(usages, usages)
def test_adding_leaves_both_sides_as_they_were(left: Usage, right: Usage):
    before = repr((left, right))
    assert (left + right).input == left.input + right.input
    assert repr((left, right)) == before


@given(st.lists(numbers, min_size=1), st.randoms())
def test_the_order_of_adding_does_not_count(parts: list[Usage], random):
    shuffled = random.sample(parts, len(parts))
    assert reduce(add, parts) == reduce(add, shuffled)
