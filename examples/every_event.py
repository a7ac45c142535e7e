"""Print each event of a call as one line of JSON: `python examples/every_event.py [model] [prompt]`."""

import sys

import anyio

import llmstream
from llmstream.serial import event_to_json


async def main(name: str = "demo", prompt: str = "Show every event kind") -> None:
    async with llmstream.get_model(name).prompt(prompt) as stream:
        async for event in stream:
            print(event_to_json(event).decode())


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:3])
