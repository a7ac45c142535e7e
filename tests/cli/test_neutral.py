"""Model text on a terminal: whatever could steer it is shown."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.cli.neutral import neutralise, one_line

STEERING = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
]
texts = st.text(st.one_of(st.sampled_from(STEERING), st.characters()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x1b]0;title\x1b\\", "␛]0;title␛\\"),
        ("one\rtwo\r\n", "one␍two␍\n"),
        ("\x9b31m\x7f", "<U+009B>31m␡"),
        ("a\u202egnp.exe", "a<U+202E>gnp.exe"),
        ("\u2066x\u2069", "<U+2066>x<U+2069>"),
        ("\0\b", "␀␈"),
    ],
)
def test_what_steers_a_terminal_is_shown(text: str, shown: str) -> None:
    assert neutralise(text) == shown


def test_ordinary_text_stays_as_it_is() -> None:
    text = "# Título\n\n\t`código` — 日本語 👩‍👩‍👧 مرحبا \u200f!\n"
    assert neutralise(text) == text


@given(texts)
def test_no_character_that_steers_is_left(text: str) -> None:
    shown = neutralise(text)
    left = {character for character in shown if unicodedata.category(character) == "Cc"}
    assert left <= {"\n", "\t"}
    assert not set(shown) & set(STEERING) - {"\n", "\t"}


@given(texts, texts)
def test_a_cut_makes_no_difference(head: str, tail: str) -> None:
    assert neutralise(head) + neutralise(tail) == neutralise(head + tail)


@given(texts)
def test_shown_text_is_shown_as_it_is(text: str) -> None:
    assert neutralise(neutralise(text)) == neutralise(text)


@given(texts)
def test_one_line_is_one_line(text: str) -> None:
    assert not set(one_line(text)) & set(STEERING)


def test_a_line_end_on_one_line_is_shown() -> None:
    assert one_line("a\n\tb") == "a␊ b"
