"""What arguments and standard input ask for."""

from io import BytesIO, TextIOWrapper

import click
import pytest

from llmstream import Attachment, ConfigError, Options
from llmstream.cli import question
from llmstream.cli.question import Question, ask, read_options, words


@pytest.fixture
def pipe_in(monkeypatch: pytest.MonkeyPatch):
    def put(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(data)))

    return put


def test_the_argument_alone_is_the_text(pipe_in) -> None:
    pipe_in(b"")
    assert ask("Hi", ()) == Question("Hi")


def test_piped_text_alone_is_the_text(pipe_in) -> None:
    pipe_in("Grüß dich\r\n\n".encode())
    assert ask(None, ()) == Question("Grüß dich")


def test_piped_text_comes_before_the_argument(pipe_in) -> None:
    pipe_in(b"  def f(): ...\n")
    assert ask("Explain this", ()) == Question("  def f(): ...\n\nExplain this")


def test_a_terminal_is_not_read(monkeypatch: pytest.MonkeyPatch, screen) -> None:
    monkeypatch.setattr("sys.stdin", screen)
    assert ask("Hi", ()) == Question("Hi")
    assert not ask(None, ())


def test_no_standard_input_at_all_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert ask("Hi", ()) == Question("Hi")
    assert ask(None, ("-",)) == Question(None, (Attachment(data=b""),))


def test_attachments_are_files_addresses_and_standard_input(pipe_in) -> None:
    pipe_in(b"\x89PNG")
    asked = ask("What is this?", ("dog.png", "HTTPS://example.com/cat.png", "-"))
    assert asked.text == "What is this?"
    assert asked.attachments == (
        Attachment(path="dog.png"),
        Attachment(url="HTTPS://example.com/cat.png"),
        Attachment(data=b"\x89PNG"),
    )


def test_an_attachment_is_question_enough(pipe_in) -> None:
    pipe_in(b"")
    assert ask(None, ("dog.png",))
    assert not ask("", ())


def test_piped_bytes_that_are_no_text_are_refused(pipe_in) -> None:
    pipe_in(b"ab\xff")
    with pytest.raises(ConfigError, match=r"expected UTF-8 .* at 2; -a - takes it"):
        ask("Hi", ())


def test_standard_input_has_a_limit(pipe_in, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "MAX_STDIN_BYTES", 3)
    pipe_in(b"abc")
    assert ask(None, ()) == Question("abc")
    pipe_in(b"abcd")
    with pytest.raises(ConfigError, match="at most 3 bytes"):
        ask(None, ())


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("max_tokens", "100", 100),
        ("temperature", "0.5", 0.5),
        ("raw", "true", True),
        ("stop", '["a", "b"]', ("a", "b")),
        ("stop", "END", ("END",)),
        ("stop", "5", ("5",)),
        ("user", "123", "123"),
        ("user", '"123"', "123"),
        ("reasoning_effort", "high", "high"),
        ("extra", '{"top_a": 1}', {"top_a": 1}),
        ("prediction", "{not json", "{not json"),
    ],
)
def test_values_are_json_where_the_option_takes_it(name: str, text: str, expected: object) -> None:
    assert read_options([(name, text)]).given() == {name: expected}


def test_the_last_of_equal_options_counts() -> None:
    assert read_options([("seed", "1"), ("seed", "2")]) == Options(seed=2)


def test_an_unknown_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"expected one of the options max_tokens, .* got 'heat'"):
        read_options([("heat", "1")])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("max_tokens", "many", "expected an integer, got a string, at max_tokens"),
        ("headers", "5", "expected an object, got an integer, at headers"),
        ("reasoning_effort", "huge", "expected one of none, .* at reasoning_effort"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_options([(name, text)])


def test_an_argument_that_is_no_utf_8_is_refused() -> None:
    assert words("é") == "é"
    with pytest.raises(click.BadParameter, match="expected UTF-8"):
        words("caf\udce9")
