"""How commands end: the exit code and the one line."""

import click
import pytest

from llmstream import AuthError, ConfigError, TruncatedStreamError, UnsupportedError
from llmstream.cli.endings import endings


def ended_by(error: BaseException) -> int:
    with pytest.raises(click.exceptions.Exit) as caught, endings():
        raise error
    return caught.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("expected a key"), 2, "error: expected a key\n"),
        (UnsupportedError("expected no image"), 2, "error: expected no image\n"),
        (TruncatedStreamError("the body ended"), 1, "error: the body ended\n"),
        (AuthError("no:\n\x1b[2Jgo away"), 1, "error: no:␊␛[2Jgo away\n"),
        (TruncatedStreamError(""), 1, "error: TruncatedStreamError\n"),
        (ZeroDivisionError("in a plugin"), 1, "error: ZeroDivisionError: in a plugin\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ],
)
def test_an_error_is_a_code_and_at_most_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_by(error) == code
    assert capsys.readouterr() == ("", line)


@pytest.mark.parametrize(
    "error", [click.UsageError("no such option"), click.exceptions.Exit(3), click.Abort()]
)
def test_what_click_raises_is_clicks_affair(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, endings():
        raise error
    assert caught.value is error
