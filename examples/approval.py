"""Run tools only when somebody has agreed: `python examples/approval.py state.json`, then again with `yes`.

The first process stops before the first call and stores the history; another one goes on from it.
"""

import json
import sys

import anyio
from anyio import Path

import llmstream
from llmstream import Message, PauseChain
from llmstream.serial import from_dict, to_dict


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}, 21 degrees"


def get_time(zone: str) -> str:
    """The time in a zone."""
    return f"a quarter past nine in {zone}"


TOOLS = [get_weather, get_time]


def ask_first(*_: object) -> None:
    raise PauseChain("somebody has to agree")


async def begin(state: Path) -> None:
    try:
        await llmstream.get_model("demo").chain("Show every event kind", tools=TOOLS, before_call=ask_first)
    except PauseChain as pause:
        await state.write_text(json.dumps([to_dict(message) for message in pause.history]))
        print("waits for agreement:", pause.call.name if pause.call else "")


async def go_on(state: Path) -> None:
    history = [from_dict(stored, Message) for stored in json.loads(await state.read_text())]
    response = await llmstream.get_model("demo").chain(messages=history, tools=TOOLS)
    print(response.text())


if __name__ == "__main__":
    file, *agreed = sys.argv[1:]
    anyio.run(go_on if agreed == ["yes"] else begin, Path(file))
