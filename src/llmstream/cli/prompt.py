"""The command `prompt`: one question, one answer."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import click

import llmstream
from llmstream.cli.choice import fallback
from llmstream.cli.endings import MISUSED, leave_soon
from llmstream.cli.neutral import one_line
from llmstream.cli.question import ask, read_options, words
from llmstream.cli.sink import Sink
from llmstream.cli.views import JSONLines, Prose, View
from llmstream.errors import LLMStreamError

if TYPE_CHECKING:
    from llmstream import EventStream, Response


@click.command
@click.argument("text", required=False, type=words)
@click.option("-m", "--model", metavar="PROVIDER/MODEL", type=words, help="Which model is asked.")
@click.option("-s", "--system", metavar="TEXT", type=words, help="The system prompt.")
@click.option(
    "-o",
    "--option",
    "options",
    metavar="KEY VALUE",
    nargs=2,
    type=(words, words),
    multiple=True,
    help="An option of the model, such as max_tokens 100. Repeatable.",
)
@click.option(
    "-a",
    "--attachment",
    "attachments",
    metavar="FILE",
    multiple=True,
    help="A file to send, its http(s) address, or - for standard input. Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the events as lines of JSON.")
@click.option("-R", "--hide-reasoning", is_flag=True, help="Do not show the model's reasoning.")
@click.option("--no-stream", is_flag=True, help="Show the answer when it is whole.")
def prompt(  # noqa: PLR0913 - one parameter an option
    *,
    text: str | None,
    model: str | None,
    system: str | None,
    options: tuple[tuple[str, str], ...],
    attachments: tuple[str, ...],
    as_json: bool,
    hide_reasoning: bool,
    no_stream: bool,
) -> None:
    """Ask a model TEXT, after what is piped in."""
    settings = read_options(options)
    question = ask(text, attachments)
    if not question:
        click.echo(click.get_current_context().get_help(), err=True)
        raise click.exceptions.Exit(MISUSED)
    stream = llmstream.get_model(model or _fallen_back()).prompt(
        question.text, system=system, attachments=question.attachments, options=settings
    )
    out, err = Sink(sys.stdout), Sink(sys.stderr)
    view: View = JSONLines(out) if as_json else Prose(out, err, hide_reasoning=hide_reasoning)
    anyio.run(_answer, stream, view, not no_stream)


def _fallen_back() -> str:
    choice = fallback()
    click.echo(one_line(f"model: {choice.model} ({choice.why})"), err=True)
    return choice.model


async def _answer(stream: EventStream[Response], view: View, live: bool) -> None:
    """Show an answer as it comes; one that breaks off is shown as far as it came, and then raised."""
    async with stream:
        try:
            if not live:
                # What is raised here is raised again by the loop, after what came before it.
                with suppress(Exception):
                    await stream
            async for event in stream:
                await view.show(event)
            await view.end(stream.snapshot())
        except LLMStreamError:
            await view.end(stream.snapshot())
            raise
        except anyio.get_cancelled_exc_class():
            leave_soon()
            raise
        finally:
            await view.close()
