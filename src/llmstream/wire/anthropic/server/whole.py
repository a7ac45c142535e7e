"""An answer as one message, for a client that did not ask for a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from llmstream.jsontext import JSONObject, loads_object
from llmstream.stage import Pipe, run
from llmstream.unfold import unfold
from llmstream.values.events import Event, ToolCallArgsDelta, ToolCallEnd, ToolCallStart
from llmstream.values.response import Response
from llmstream.wire.anthropic.ending import DELTA_FIELDS
from llmstream.wire.anthropic.server.canonical import Canonical
from llmstream.wire.anthropic.server.write import Writer
from llmstream.wire.shapes import input_of

_RANKS: Final[dict[type, int]] = {ToolCallStart: 0, ToolCallArgsDelta: 2, ToolCallEnd: 2}


def message_of(response: Response, provider: str, *, id: str, model: str) -> JSONObject:
    """Write an answer as one message; what `Canonical` loses is lost here, too.

    Raises:
        UnsupportedError: when the wire cannot say a part.
    """
    stage = Pipe(Canonical(provider), Writer(provider, id=id, model=model))
    return _folded(run(stage, _metadata_early(response)))


def _metadata_early(response: Response) -> Iterator[Event]:
    """The answer's events, a call's metadata before its arguments: there the wire says it."""
    for _, part in groupby(unfold(response), key=lambda event: getattr(event, "index", None)):
        yield from sorted(part, key=lambda event: _RANKS.get(type(event), 1))


def _folded(events: Iterable[JSONObject]) -> JSONObject:
    message: JSONObject = {}
    inputs: dict[int, list[str]] = {}
    for event in events:
        match event:
            case {"type": "message_start", "message": start}:
                message = start
            case {"type": "content_block_start", "content_block": block}:
                message["content"].append(dict(block))
            case {"type": "content_block_delta", "index": index, "delta": {"partial_json": json}}:
                inputs.setdefault(index, []).append(json)
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                _continue(message["content"][index], delta)
            case {"type": "message_delta"}:
                message |= _end(event)
            case _:
                pass
    for index, pieces in inputs.items():
        text = "".join(pieces)
        message["content"][index]["input"] = input_of(loads_object(text), text)
    return message


def _continue(block: JSONObject, delta: JSONObject) -> None:
    match delta:
        case {"text": text}:
            block["text"] += text
        case {"thinking": thinking}:
            block["thinking"] += thinking
        case {"signature": signature}:
            block["signature"] = signature
        case _:
            block["citations"] = [*block.get("citations", ()), delta["citation"]]


def _end(event: JSONObject) -> JSONObject:
    """What the end of a stream says, as a message says it."""
    delta, own = event["delta"], event.get("message", {})
    end: JSONObject = {"stop_reason": delta["stop_reason"], "usage": event["usage"]}
    end |= {key: delta[key] for key in DELTA_FIELDS & delta.keys()}
    end |= {key: value for key, value in event.items() if key not in {"type", "delta", "usage", "message"}}
    return end | {key: value for key, value in own.items() if value is not None}
