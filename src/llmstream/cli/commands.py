"""The group of commands, in which `prompt` may be left out."""

from __future__ import annotations

from typing import Any

import click

import llmstream
from llmstream.cli.endings import endings
from llmstream.cli.prompt import prompt


class Commands(click.Group):
    """Commands of which one is meant when the first argument names none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `prompt` before anything that is neither a command nor an option of the group."""
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        first = args[0] if args else ""
        if first not in own and self.get_command(ctx, first) is None:
            args = ["prompt", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # Any: what click says that a command returns
        """Run a command; whatever ends it becomes an exit code."""
        with endings():
            return super().invoke(ctx)


@click.group(cls=Commands)
@click.version_option(llmstream.__version__, prog_name="llmstream")
def cli() -> None:
    """Talk to language models.

    `llmstream TEXT` is short for `llmstream prompt TEXT`, which has the options.
    """


cli.add_command(prompt)
