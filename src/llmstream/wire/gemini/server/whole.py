"""From frames to the bytes of an answer: a stream in either form, or a whole body."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

import attrs

from llmstream.jsontext import JSON, JSONObject, dump_bytes
from llmstream.unfold import unfold
from llmstream.values.events import (
    AudioDelta,
    Done,
    Event,
    ImageOut,
    PartKind,
    PartMetadata,
    ReasoningDelta,
    TextDelta,
)
from llmstream.values.response import Response
from llmstream.wire.gemini.server.write import FrameWriter
from llmstream.wire.gemini.turns import cannot

_KINDS: Final[dict[type, PartKind]] = {
    TextDelta: "text",
    ReasoningDelta: "reasoning",
    ImageOut: "attachment",
    AudioDelta: "attachment",
}


def sse(record: JSONObject) -> bytes:
    """A frame as a server-sent event; JSON has no line end outside its escapes."""
    return b"data: " + dump_bytes(record) + b"\r\n\r\n"


class SSEWriter:
    """A stage from frames to server-sent events."""

    def feed(self, frame: JSONObject, /) -> Iterator[bytes]:
        """Write one frame."""
        yield sse(frame)

    def feed_eof(self) -> tuple[bytes, ...]:
        """Give nothing: no frame of this wire is its last."""
        return ()


class ArrayWriter:
    """A stage from frames to the elements of one JSON array."""

    def __init__(self) -> None:
        self._begun = False

    def feed(self, frame: JSONObject, /) -> Iterator[bytes]:
        """Write one frame."""
        yield (b",\r\n" if self._begun else b"[") + dump_bytes(frame)
        self._begun = True

    def feed_eof(self) -> tuple[bytes, ...]:
        """End the array."""
        return (b"]" if self._begun else b"[]",)


def whole_body(response: Response, frames: FrameWriter) -> JSONObject:
    """Join an answer's frames into the body that says the same at once.

    Raises:
        UnsupportedError: when the wire cannot say a part, or the answer is not complete.
    """
    events = list(_metadata_early(response))
    if not events or not isinstance(events[-1], Done):
        raise cannot("an answer that is not complete")
    body: JSONObject = {}
    candidate: JSONObject = {}
    parts: list[JSON] = []
    tokens: JSONObject = {"topCandidates": [], "chosenCandidates": []}
    for event in events:
        for frame in frames.feed(event):
            body |= frame
            for one in frame.get("candidates", ()):
                candidate |= one
                parts += one.get("content", {}).get("parts", ())
                for name, more in one.get("logprobsResult", {}).items():
                    tokens[name] += more
    if parts:
        candidate["content"] = {"parts": parts, "role": "model"}
    if tokens["chosenCandidates"]:
        candidate["logprobsResult"] = tokens
    return {**body, "candidates": [candidate]} if candidate else body


def _metadata_early(response: Response) -> Iterator[Event]:
    """The answer's events, a text's or file's metadata before it: what stands beside it comes so."""
    for _, group in groupby(unfold(response), key=lambda event: getattr(event, "index", None)):
        part = list(group)
        kind = next((_KINDS[type(event)] for event in part if type(event) in _KINDS), None)
        if kind is None:
            yield from part
            continue
        metadata = [event for event in part if isinstance(event, PartMetadata)]
        yield from (attrs.evolve(event, kind=kind if not n else None) for n, event in enumerate(metadata))
        yield from (event for event in part if not isinstance(event, PartMetadata))
