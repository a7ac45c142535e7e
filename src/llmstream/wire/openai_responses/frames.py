"""The frames of the wire: the deltas that make up a stream as a typed struct, the rest as documents.

Fields that the struct does not name are skipped by the parser and cost nothing.
"""

from __future__ import annotations

import msgspec

from llmstream.errors import MalformedFrameError, TruncatedStreamError, WireError
from llmstream.jsontext import JSON, JSONError, JSONObject, as_object, loads
from llmstream.wire.framing import Frame

EXCERPT = 200


class Hot(msgspec.Struct, gc=False):
    """A frame of the kinds that make up nearly all of a stream."""

    type: str = ""
    output_index: int = -1
    content_index: int = 0
    summary_index: int = 0
    delta: str = ""
    logprobs: JSON = None
    sequence_number: int | None = None


read_hot = msgspec.json.Decoder(Hot).decode


def read_frame(frame: Frame, number: int) -> JSONObject:
    """Read a frame as a document.

    Raises:
        TruncatedStreamError: when it is a whole body that was cut off.
        MalformedFrameError: when it is no object of JSON.
    """
    try:
        value = loads(frame.data)
    except JSONError as error:
        # Frames without a name are whole bodies: what is no document was cut off.
        if not frame.event and frame.data.startswith("{"):
            raise TruncatedStreamError("expected a whole JSON body, got one that is cut off") from error
        raise malformed(str(error), frame.data, number) from error
    if not isinstance(value, dict):
        raise malformed("it is no object", frame.data, number)
    return as_object(value)


def malformed(why: str, text: str, number: int) -> WireError:
    """The error for a frame that breaks the protocol, with an excerpt of it."""
    return MalformedFrameError(
        f"expected an event of a response, got {text[:EXCERPT]!r} in frame {number}: {why}"
    )
