"""The frames of the wire as typed structs: what a delta may hold, read with one pass of msgspec.

Leaves are JSON, because vendors send nulls, numbers and objects where others send text; the readers
narrow them. Fields that no struct names are skipped by the parser and cost nothing.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from llmstream.errors import MalformedFrameError, TruncatedStreamError, WireError
from llmstream.jsontext import JSON, JSONError, loads

EXCERPT = 200


class Function(msgspec.Struct, gc=False):
    """The function of a tool call; also the old `function_call`."""

    name: JSON = None
    arguments: JSON = None


class Call(msgspec.Struct, gc=False):
    """One entry of `tool_calls`."""

    index: JSON = None
    id: JSON = None
    type: JSON = None
    function: Function | None = None
    custom: JSON = None
    extra_content: JSON = None


class Delta(msgspec.Struct, gc=False):
    """What a choice adds; a whole body's `message` has the same fields."""

    content: JSON = None
    reasoning_content: JSON = None
    reasoning: JSON = None
    reasoning_details: JSON = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    executed_tools: JSON = None
    refusal: JSON = None
    annotations: JSON = None
    images: JSON = None
    audio: JSON = None
    provider_metadata: JSON = None


class Choice(msgspec.Struct, gc=False):
    """One of the answers in a frame."""

    index: JSON = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: JSON = None
    logprobs: JSON = None
    usage: JSON = None
    native_finish_reason: JSON = None
    content_filter_results: JSON = None


class Chunk(msgspec.Struct, gc=False):
    """One frame: a chat.completion.chunk, a chat.completion, or what stands in its place."""

    choices: list[Choice] | None = None
    id: JSON = None
    model: JSON = None
    usage: JSON = None
    error: JSON = None
    message: JSON = None
    detail: JSON = None
    citations: JSON = None
    search_results: JSON = None
    service_tier: JSON = None
    system_fingerprint: JSON = None
    provider: JSON = None
    moderation: JSON = None
    prompt_filter_results: JSON = None
    x_groq: JSON = None
    timings: JSON = None
    time_info: JSON = None
    copilot_usage: JSON = None


chunk_of = msgspec.json.Decoder(Chunk).decode

_Nothing: TypeAlias = tuple[()] | None


class PlainDelta(msgspec.Struct, gc=False):
    """A delta of visible text and nothing else that `Delta` reads."""

    content: str
    refusal: None = None
    reasoning_content: None = None
    reasoning: None = None
    reasoning_details: _Nothing = None
    tool_calls: _Nothing = None
    function_call: None = None
    executed_tools: _Nothing = None
    annotations: _Nothing = None
    images: _Nothing = None
    audio: None = None
    provider_metadata: None = None


class PlainChoice(msgspec.Struct, gc=False):
    """A choice that goes on."""

    delta: PlainDelta
    index: Literal[0] = 0
    logprobs: None = None
    finish_reason: None = None


class PlainChunk(msgspec.Struct, gc=False):
    """A frame that lengthens the text: what nearly all of a stream is, read in half the time of a Chunk.

    It names what counts in the middle of a text: a value where nothing is expected makes a frame none of
    these. What a Chunk has beside that is kept from a stream's first and last frames.
    """

    choices: tuple[PlainChoice]
    id: str | None = None
    model: str | None = None
    usage: None = None
    error: None = None
    citations: _Nothing = None
    search_results: _Nothing = None


plain_chunk_of = msgspec.json.Decoder(PlainChunk).decode


def chunk_from(value: JSON, text: str, number: int) -> Chunk:
    """Shape a document that was read already.

    Raises:
        MalformedFrameError: when it is not shaped like a frame.
    """
    try:
        return msgspec.convert(value, Chunk)
    except msgspec.ValidationError as error:
        raise malformed(str(error), text, number) from error


def reread(text: str, number: int, *, whole: bool) -> JSON:
    """Read a frame's text that the fast path refused.

    Raises:
        TruncatedStreamError: when it is a whole body that was cut off.
        MalformedFrameError: when it is no JSON.
    """
    try:
        return loads(text)
    except JSONError as error:
        if whole and text.startswith("{") and _is_cut(text):
            raise TruncatedStreamError("expected a whole JSON body, got one that is cut off") from error
        raise malformed(str(error), text, number) from error


def malformed(why: str, text: str, number: int) -> WireError:
    """The error for a frame that breaks the protocol, with an excerpt of it."""
    return MalformedFrameError(
        f"expected a chat completion chunk, got {text[:EXCERPT]!r} in frame {number}: {why}"
    )


def _is_cut(text: str) -> bool:
    try:
        chunk_of(text)
    except msgspec.DecodeError as error:
        return "truncated" in str(error) or not text.endswith("}")
    except RecursionError:
        pass
    return False
