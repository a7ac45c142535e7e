"""The elements of a JSON array, and documents one after another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.errors import FrameTooLargeError
from llmstream.jsontext import dump_bytes, loads
from llmstream.stage import run
from llmstream.testing import splits
from llmstream.testing.strategies import json_objects
from llmstream.wire.framing.elements import EXCERPT, ElementFramer


def texts(pieces, **options):
    return [frame.data for frame in run(ElementFramer(**options), pieces)]


def outcome(pieces, limit):
    found = []
    try:
        for frame in run(ElementFramer(max_frame_bytes=limit), pieces):
            found.append(frame.data)  # noqa: PERF401 - what came before a failure is kept
    except FrameTooLargeError:
        found.append(None)
    return found


@pytest.mark.parametrize(
    ("body", "elements"),
    [
        (b'[{"a": 1}\r\n,\r\n{"b": [2, {}]}]', ['{"a": 1}', '{"b": [2, {}]}']),
        (b'\xef\xbb\xbf[ {"a": "]}\\"["} ]\n', ['{"a": "]}\\"["}']),
        (b'{\n  "a": {}\n}\n', ['{\n  "a": {}\n}']),
        (b'{"a": 1}\n[{"b": 2}]{"c": 3}', ['{"a": 1}', '{"b": 2}', '{"c": 3}']),
        (b'[[{"a": 1}], {"b": "\\\\"}]', ['[{"a": 1}]', '{"b": "\\\\"}']),
        ('[{"a": "é\u2028"}]'.encode(), ['{"a": "é\u2028"}']),
        (b"[]", []),
        (b"", []),
        (b'[{"a": 1}, {"b": ', ['{"a": 1}']),
        (b'{"a": 1', []),
        (b'[{"a": 1}, 7, {"b": 2}]', ['{"a": 1}', '7, {"b": 2}]']),
        (b"]", ["]"]),
        (b"<html>" + b"x" * 500, ["<html>" + "x" * (EXCERPT - 6)]),
    ],
)
def test_each_element_is_a_frame_however_it_is_cut(cuts, body: bytes, elements: list[str]):
    for pieces in cuts(body):
        assert texts(pieces) == elements


def test_an_element_comes_with_its_end_and_not_later():
    framer = ElementFramer()
    assert [frame.data for frame in framer.feed(b'[{"a": 1}')] == ['{"a": 1}']
    assert [frame.data for frame in framer.feed(b', {"b": 2')] == []
    assert [frame.data for frame in framer.feed(b"}]")] == ['{"b": 2}']


def test_no_element_is_longer_than_the_limit(cuts):
    for pieces in cuts(b'[{"a": 1}, {"bcd": 2}]'):
        assert outcome(pieces, 8) == ['{"a": 1}', None]
    for pieces in cuts(b'[{"a": 1}, {"bcd": 2'):
        assert outcome(pieces, 8) == ['{"a": 1}', None]


@given(st.lists(json_objects(), max_size=4), st.integers(0, 5))
def test_any_array_comes_out_as_its_elements(values, seed):
    body = dump_bytes(values)
    for pieces in ([body], *splits.random_cuts(body, seed, 2)):
        assert [loads(text) for text in texts(pieces)] == values
