"""The group: `prompt` may be left out."""

import click
import pytest

import llmstream
from llmstream import ConfigError
from llmstream.cli.commands import Commands, cli
from llmstream.values.messages import user


@pytest.mark.parametrize("args", [("Hi",), ("prompt", "Hi"), ("prompt", "-R", "Hi"), ("-R", "Hi")])
def test_the_word_prompt_is_optional(line, args: tuple[str, ...]) -> None:
    result = line(*args, "-m", "scripted/scripted")
    assert result.exit_code == 0, result.output
    assert line.model.requests[0].messages == (user("Hi"),)


def test_a_prompt_that_is_a_commands_name_follows_two_dashes(line) -> None:
    assert line("-m", "scripted/scripted", "--", "prompt").exit_code == 0
    assert line.model.requests[0].messages == (user("prompt"),)


def test_the_version_is_told(line) -> None:
    result = line("--version")
    assert (result.stdout, result.exit_code) == (f"llmstream, version {llmstream.__version__}\n", 0)


def test_help_lists_the_commands(line) -> None:
    result = line("--help")
    assert result.exit_code == 0
    assert "prompt" in result.stdout


def test_an_option_that_does_not_exist_is_misuse(line) -> None:
    result = line("Hi", "--nope")
    assert result.exit_code == 2
    assert "--nope" in result.stderr


def test_a_command_that_is_added_is_found_and_ends_like_the_others(line) -> None:
    @click.command
    def fail() -> None:
        raise ConfigError("expected more")

    group = Commands("llmstream", commands={"fail": fail, "prompt": cli.commands["prompt"]})
    result = line.runner.invoke(group, ["fail"])
    assert (result.stderr, result.exit_code) == ("error: expected more\n", 2)
