"""What is asked: text from arguments and standard input, attachments, options."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import chain

import attrs
import click

from llmstream import serial
from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONError, loads
from llmstream.values.content import Attachment
from llmstream.values.request import Options

MAX_STDIN_BYTES = 64 * 1024 * 1024


def words(given: str, /) -> str:
    """Take an argument as it is, if it is text that an API can be sent.

    Raises:
        click.BadParameter: when it is of other bytes than UTF-8.
    """
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter(f"expected UTF-8, got another byte at {error.start}") from error
    return given


@attrs.frozen
class Question:
    """What goes to the model besides the system prompt and options."""

    text: str | None
    attachments: tuple[Attachment, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.attachments)


def ask(text: str | None, files: Sequence[str]) -> Question:
    """Read the question; standard input is read to its end unless it is a terminal.

    What is piped in comes before the argument's text, or is a file of its own if one is named `-`.

    Raises:
        ConfigError: when standard input is too large, or is to be text and is none.
    """
    piped = _piped() if "-" in files or not _is_terminal() else b""
    attachments = tuple(_attachment(name, piped) for name in files)
    words = () if "-" in files else (_text(piped),)
    return Question("\n\n".join(filter(None, (*words, text))) or None, attachments)


def read_options(pairs: Iterable[tuple[str, str]]) -> Options:
    """Make options of names and texts; a text that is JSON is read as such where the option takes it.

    Raises:
        ConfigError: when there is no such option, or it takes no such value.
    """
    return Options.of(dict(chain.from_iterable(_fitting(name, text).items() for name, text in pairs)))


def _fitting(name: str, text: str) -> dict[str, JSON]:
    if name not in attrs.fields_dict(Options):
        return {name: text}
    value = _json(text)
    refusal: ConfigError | None = None
    for candidate in (value, text, [value], [text]):
        try:
            return {name: getattr(serial.from_dict({name: candidate}, Options), name)}
        except ConfigError as error:
            refusal = refusal or error
    raise refusal or AssertionError


def _json(text: str) -> JSON:
    try:
        return loads(text)
    except JSONError:
        return text


def _is_terminal() -> bool:
    return sys.stdin is None or sys.stdin.isatty()


def _piped() -> bytes:
    data = b"" if sys.stdin is None else sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
    if len(data) > MAX_STDIN_BYTES:
        raise ConfigError(f"expected at most {MAX_STDIN_BYTES} bytes on standard input, got more")
    return data


def _text(piped: bytes) -> str:
    """The text without the line ends that close it, as a shell takes a command's output."""
    try:
        return piped.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"expected UTF-8 on standard input, got another byte at {error.start}; -a - takes it as a file"
        ) from error


def _attachment(name: str, piped: bytes) -> Attachment:
    if name == "-":
        return Attachment(data=piped)
    if name.lower().startswith(("http://", "https://")):
        return Attachment(url=name)
    return Attachment(path=name)
