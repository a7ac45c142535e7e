"""Results made from what functions give."""

import dataclasses
import datetime as dt

import pytest

from llmstream import Attachment, Secret, ToolCallPart, ToolError, ToolLimits
from llmstream.tools.result import failure, raised, result_of, said, shown

CALL = ToolCallPart("c", "f", arguments={})
LIMITS = ToolLimits(text=100, attachments=10)


@dataclasses.dataclass
class Point:
    x: int


class Model:
    def model_dump(self, mode: str) -> dict:
        return {"mode": mode}


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("text", "text"),
        (None, ""),
        (3, "3"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (("a", "b"), '["a","b"]'),
        (Point(1), '{"x":1}'),
        (Model(), '{"mode":"json"}'),
        (dt.date(2026, 1, 2), '"2026-01-02"'),
        ({1}, "[1]"),
    ],
)
def test_text_stays_and_the_rest_is_json(value, output) -> None:
    assert result_of(CALL, value, LIMITS).output == output


def test_attachments_stand_beside_the_text() -> None:
    image = Attachment("image/png", data=b"1")
    assert result_of(CALL, image, LIMITS).attachments == (image,)
    both = result_of(CALL, ["see", image, "there"], LIMITS)
    assert (both.output, both.attachments) == ("see\nthere", (image,))
    assert result_of(CALL, [image, {"a": 1}], LIMITS).output == '{"a":1}'


def circle() -> list:
    items: list = []
    items.append(items)
    return items


class Huge(str):
    """Long, and read by nobody."""

    def __len__(self) -> int:
        return 1 << 30

    def encode(self, *_):
        raise AssertionError("read")


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        [b"bytes"],
        bytearray(3),
        object(),
        lambda: None,
        float("nan") and {"a": object()},
        {"a": circle()},
        circle(),
        "x" * 101,
        Huge("x"),
        ["x" * 60, "y" * 60],
        [0] * 1000,
        [[[]] * 60] * 60,
        Secret("sk-SENTINEL"),
        Attachment("a/b", data=b"x" * 11),
    ],
)
def test_what_is_too_large_or_no_json_is_refused(value) -> None:
    with pytest.raises(ToolError) as caught:
        result_of(CALL, value, LIMITS)
    assert "SENTINEL" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_an_exception_is_told_and_kept() -> None:
    result = raised(CALL, ValueError("no such dog"))
    assert (result.output, result.error) == ("Error: no such dog", "ValueError: no such dog")
    assert raised(CALL, KeyError()).output == "Error: KeyError"
    assert failure(CALL, "m").error == "m"


def test_a_message_is_cut_and_may_fail_itself() -> None:
    class Bad(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert said(Bad()) == "Bad, whose message raised RuntimeError"
    assert len(said(ValueError("x" * 100_000))) == 10_001


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain", "plain"),
        ("日本", "日本"),
        ("a\nb\x00\x1b[31m", "a\\nb\\x00\\x1b[31m"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
        ("x" * 10_000, "x" * 100 + "…"),
    ],
)
def test_a_name_is_shown_without_what_a_terminal_obeys(name, text) -> None:
    assert shown(name) == text
