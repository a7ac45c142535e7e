"""Run a model's tool calls by hand until it is done: `python examples/tool_loop.py [model]`."""

import sys

import anyio

import llmstream
from llmstream import Tool, ToolCallPart, ToolResultPart


def takes_text(name: str, description: str, argument: str) -> Tool:
    schema = {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
    return Tool(name, description, parameters=schema)


TOOLS = [
    takes_text("get_weather", "The weather in a city.", "city"),
    takes_text("get_time", "The time in a zone.", "zone"),
]
ANSWERS = {"get_weather": "sunny, 21 degrees", "get_time": "a quarter past nine"}


def run(call: ToolCallPart) -> ToolResultPart:
    if call.arguments is None:
        return ToolResultPart(call.id, call.name, error=call.error)
    return ToolResultPart(call.id, call.name, output=ANSWERS[call.name])


async def main(name: str = "demo") -> None:
    response = await llmstream.get_model(name).prompt("Show every event kind", tools=TOOLS)
    while calls := response.tool_calls():
        print("calls:", ", ".join(call.name for call in calls))
        response = await response.reply(tool_results=[run(call) for call in calls])
    print(response.text())


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:2])
