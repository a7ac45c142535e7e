from kinds import Bird, Dog, Options, Point

from llmstream.schema.fields import MISSING, is_record, record


def test_each_kind_of_record_is_read_the_same_way():
    assert [(f.name, f.key, f.required) for f in record(Dog).fields] == [
        ("name", "name", True), ("age", "age", False), ("chip", "chip", False),
    ]  # fmt: skip
    assert [f.required for f in record(Options).fields] == [True, False, True]
    assert [f.default for f in record(Point).fields] == [MISSING, 0.0]
    assert [f.fixed for f in record(Bird).fields] == ["bird", MISSING]


def test_what_is_no_record():
    assert not any(map(is_record, (int, dict, tuple, list[int], object)))
