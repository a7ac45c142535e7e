"""What an event costs as text: microseconds to write and to read one of each kind; prints JSON."""

import json
from collections.abc import Callable
from timeit import repeat

from llmstream.serial import event_from_json, event_to_json, from_dict, to_dict
from llmstream.values.content import Logprob, TextPart
from llmstream.values.events import (
    AudioDelta,
    Done,
    Event,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmstream.values.messages import assistant, user
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.values.usage import Usage

ROUNDS = 2_000
TURNS = 500

LIKELY = Logprob(" token", -0.1, bytes=b" token", top=[Logprob(" token", -0.1), Logprob(" word", -2.5)])
EVENTS: dict[str, Event] = {
    "text_delta": TextDelta(0, " token"),
    "text_delta_with_logprobs": TextDelta(0, " token", (LIKELY,)),
    "reasoning_delta": ReasoningDelta(0, " token"),
    "tool_call_start": ToolCallStart(1, id="call_1", name="f"),
    "tool_call_args_delta": ToolCallArgsDelta(1, '{"a":'),
    "tool_call_end": ToolCallEnd(1, {"a": 1, "b": [1, 2, 3]}),
    "audio_delta_of_4_kib": AudioDelta(2, bytes(4096)),
    "done": Done(finish_reason="stop", usage=Usage(input=10, output=20), id="r1", model="m"),
}


def microseconds(work: Callable[[], object], rounds: int) -> float:
    return round(min(repeat(work, number=rounds, repeat=7)) / rounds * 1e6, 2)


def event_cost(event: Event) -> dict[str, float]:
    line = event_to_json(event)
    return {
        "write_us": microseconds(lambda: event_to_json(event), ROUNDS),
        "read_us": microseconds(lambda: event_from_json(line), ROUNDS),
    }


def response_cost(turns: int) -> dict[str, float]:
    history = [message for _ in range(turns) for message in (user("a question"), assistant("an answer"))]
    response = Response(request=Request("m", history), parts=[TextPart("an answer")], state="complete")
    stored = to_dict(response)
    return {
        "write_us": microseconds(lambda: to_dict(response), 1),
        "read_us": microseconds(lambda: from_dict(stored), 1),
    }


if __name__ == "__main__":
    short, long = response_cost(TURNS), response_cost(4 * TURNS)
    ratios = {name.replace("_us", "_ratio"): round(long[name] / short[name], 2) for name in short}
    costs = {name: event_cost(event) for name, event in EVENTS.items()}
    print(json.dumps({"events": costs, f"response_of_{TURNS}_turns": {**short, **ratios}}, indent=2))
