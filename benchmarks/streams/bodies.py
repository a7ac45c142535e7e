"""The streams that the server sends, as the two wires spell them; the same bytes for every client."""

from __future__ import annotations

import json
from typing import NamedTuple

WORDS = ("the", "a", "river", "answers", "of", "city", "under", "mountains", "and", "then", "again", "is")

# What OpenAI hides the length of a delta behind.
PADDING = b"q7Lw2Zr"
# Stands for the number that OpenAI gives each event of a response.
NUMBER = b"1000000"


class Wire(NamedTuple):
    """A text answer in this wire: what comes before its deltas, around each one's text, and after them."""

    path: str
    head: tuple[bytes, ...]
    left: bytes
    right: bytes
    tail: tuple[bytes, ...]

    def delta(self, text: str, number: int = 0) -> bytes:
        """A server-sent event; a server that does not count its events says 0 each time."""
        return (self.left + text.encode() + self.right).replace(NUMBER, b"%d" % number)

    def answer(self, count: int) -> list[bytes]:
        """One `bytes` a server-sent event, with `count` text deltas, each with its own padding and number."""
        deltas = [self.delta(word, number + 3) for number, word in enumerate(words(count))]
        padded = [delta.replace(PADDING, b"%x" % (number * 7919)) for number, delta in enumerate(deltas)]
        return [*self.head, *padded, *self.tail]


def words(count: int) -> list[str]:
    return [f" {WORDS[number % len(WORDS)]}" for number in range(count)]


def _line(payload: object, event: str = "") -> bytes:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(payload, separators=(',', ':'))}\n\n".encode()


def _chunk(choices: list[object], usage: object = None) -> bytes:
    return _line(
        {
            "id": "chatcmpl-B9zQ4mWc7YtVnK2sPfLdXoJ1gRhUe",
            "object": "chat.completion.chunk",
            "created": 1760000000,
            "model": "gpt-5.5-2026-03-05",
            "service_tier": "default",
            "system_fingerprint": "fp_3c1e5a7d90",
            "choices": choices,
            "usage": usage,
            "obfuscation": PADDING.decode(),
        }
    )


def _choice(delta: object, finish: str | None = None) -> bytes:
    return _chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}])


def _chat() -> Wire:
    left, right = _choice({"content": "@@"}).split(b"@@")
    usage = {
        "prompt_tokens": 11,
        "completion_tokens": 2000,
        "total_tokens": 2011,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    head = _choice({"role": "assistant", "content": "", "refusal": None})
    return Wire(
        "/v1/chat/completions",
        (head,),
        left,
        right,
        (_choice({}, "stop"), _chunk([], usage), b"data: [DONE]\n\n"),
    )


def _event(type: str, **fields: object) -> bytes:
    return _line({"type": type, **fields}, type)


def _messages() -> Wire:
    message: dict[str, object] = {
        "id": "msg_01Jc8TqXw5RzN3bKfYpL6vHs",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 1, "cache_read_input_tokens": 0},
    }
    delta = {"type": "text_delta", "text": "@@"}
    left, right = _event("content_block_delta", index=0, delta=delta).split(b"@@")
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    return Wire(
        "/v1/messages",
        (
            _event("message_start", message=message),
            _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            _event("ping"),
        ),
        left,
        right,
        (
            _event("content_block_stop", index=0),
            _event("message_delta", delta=end, usage={"output_tokens": 2000}),
            _event("message_stop"),
        ),
    )


def _responses() -> Wire:
    response = {
        "id": "resp_0a7c41d2e9",
        "object": "response",
        "model": "gpt-5.5-2026-03-05",
        "status": "in_progress",
    }
    item: dict[str, object] = {"id": "msg_0b1f", "type": "message", "role": "assistant", "content": []}
    part: dict[str, object] = {"type": "output_text", "text": "", "annotations": []}
    at: dict[str, object] = {"item_id": "msg_0b1f", "output_index": 0, "content_index": 0}
    name, padding = "response.output_text.delta", PADDING.decode()
    delta = _event(name, sequence_number=int(NUMBER), **at, delta="@@", logprobs=[], obfuscation=padding)
    left, right = delta.split(b"@@")
    usage = {"input_tokens": 11, "output_tokens": 2000, "total_tokens": 2011}
    ended = {**response, "status": "completed", "output": [], "usage": usage}
    return Wire(
        "/v1/responses",
        (
            _event("response.created", sequence_number=0, response=response),
            _event("response.output_item.added", sequence_number=1, output_index=0, item=item),
            _event("response.content_part.added", sequence_number=2, **at, part=part),
        ),
        left,
        right,
        (
            _event("response.output_item.done", sequence_number=int(NUMBER) + 1, output_index=0, item=item),
            _event("response.completed", sequence_number=int(NUMBER) + 2, response=ended),
        ),
    )


WIRES = {"chat": _chat(), "messages": _messages(), "responses": _responses()}
