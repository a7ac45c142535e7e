"""What tools and hooks say to the chain that runs them."""

from __future__ import annotations

import attrs

from llmstream.jsontext import JSON, JSONObject
from llmstream.values.content import ToolCallPart, ToolResultPart
from llmstream.values.messages import Message
from llmstream.values.response import Response


@attrs.frozen
class ToolCall:
    """The call that a tool answers: a parameter annotated with this receives it, and is in no schema."""

    id: str
    name: str
    arguments: JSONObject


@attrs.frozen
class Progress:
    """Yielded by an async-generator tool to report; what else it yields last is its result."""

    data: JSON = None


class CancelToolCall(Exception):  # noqa: N818 - the name that others rely on
    """Raised in `before_call` or a tool: the call is not made, and the model is told why."""


class PauseChain(Exception):  # noqa: N818 - the name that others rely on
    """Raised in a hook or a tool: the chain stops, to go on later from its history.

    Attributes:
        call: the call at which it was raised.
        results: of the other calls of the round, as far as they were made, in call order.
        history: the messages so far, with those results; `model.chain(messages=...)` goes on from them.
        partial: the Response of the round that made the call.
    """

    call: ToolCallPart | None = None
    results: tuple[ToolResultPart, ...] = ()
    history: tuple[Message, ...] = ()
    partial: Response | None = None
