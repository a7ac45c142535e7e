"""The lines of the wire as typed structs, read with one pass of msgspec.

Leaves are JSON: the readers narrow them. Fields that no struct names are skipped by the parser and cost
nothing.
"""

from __future__ import annotations

import msgspec

from llmstream.errors import MalformedFrameError
from llmstream.jsontext import JSON, JSONError, loads

EXCERPT = 200


class Message(msgspec.Struct, gc=False):
    """What a line adds to the answer."""

    content: JSON = None
    thinking: JSON = None
    tool_calls: JSON = None
    images: JSON = None


class Line(msgspec.Struct, gc=False):
    """One line of a stream, or a whole body: the last of its lines.

    `response` and `thinking` are what the older /api/generate has instead of a message.
    """

    message: Message | None = None
    model: JSON = None
    done: JSON = None
    done_reason: JSON = None
    error: JSON = None
    logprobs: JSON = None
    response: JSON = None
    thinking: JSON = None
    prompt_eval_count: JSON = None
    eval_count: JSON = None
    total_duration: JSON = None
    load_duration: JSON = None
    prompt_eval_duration: JSON = None
    eval_duration: JSON = None
    remote_model: JSON = None
    remote_host: JSON = None


line_of = msgspec.json.Decoder(Line).decode


def reread(text: str, number: int) -> Line:
    """Read a line that the fast path refused.

    Raises:
        MalformedFrameError: when it is no JSON, or none that is shaped like a line.
    """
    try:
        return msgspec.convert(loads(text), Line)
    except (JSONError, msgspec.ValidationError) as error:
        raise malformed(str(error), text, number) from error


def is_cut(text: str) -> bool:
    """Whether a text is the beginning of an object."""
    try:
        line_of(text)
    except msgspec.DecodeError as error:
        return text.startswith("{") and "truncated" in str(error)
    except RecursionError:
        pass
    return False


def malformed(why: str, text: str, number: int) -> MalformedFrameError:
    """The error for a line that breaks the protocol, with an excerpt of it."""
    return MalformedFrameError(
        f"expected a line of a chat answer, got {text[:EXCERPT]!r} in line {number}: {why}"
    )
