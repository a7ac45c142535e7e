"""What came of a call: the pure record that the reducer gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from llmstream.jsontext import JSONObject
from llmstream.values.content import Part, ReasoningPart, TextPart, ToolCallPart, tuple_of
from llmstream.values.events import FinishReason
from llmstream.values.messages import Message
from llmstream.values.request import Request
from llmstream.values.usage import Usage

if TYPE_CHECKING:
    # Their defaults are for the checkers alone: Python has them from 3.13 on.
    from typing import Any

    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
    """What an answer is read as."""
    U = TypeVar("U", default=Any)
    """What the next one is read as."""
else:
    from typing import TypeVar

    T = TypeVar("T")
    U = TypeVar("U")

State: TypeAlias = Literal["complete", "incomplete", "cancelled", "failed", "budget"]


@attrs.frozen(kw_only=True)
class Timing:
    """When things happened: `started` in seconds since the epoch, the rest in seconds after it."""

    started: float
    first_event: float | None = None
    ended: float | None = None


@attrs.frozen(kw_only=True, eq=False)
class Response:
    """An answer, whole or as far as it came.

    Two are equal when their contents are, whether or not a model stands behind them; `source` and
    `timing` do not count.

    Attributes:
        model: what the provider says answered.
        source: the name by which the model that was asked is found again.
    """

    request: Request | None = None
    parts: tuple[Part, ...] = attrs.field(default=(), converter=tuple_of)
    state: State = "incomplete"
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    provider_metadata: JSONObject = attrs.field(factory=JSONObject)
    source: str | None = None
    timing: Timing | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Response):
            return NotImplemented
        return self._content() == other._content()

    __hash__ = None  # type: ignore[assignment] # parts hold dicts

    def _content(self) -> tuple[object, ...]:
        names = (f.name for f in attrs.fields(Response) if f.name not in {"source", "timing"})
        return tuple(getattr(self, name) for name in names)

    def text(self) -> str:
        """The visible text of all parts, joined with nothing."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    def reasoning(self) -> str:
        """The visible reasoning of all parts, joined with nothing."""
        return "".join(part.text for part in self.parts if isinstance(part, ReasoningPart))

    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The calls that the caller is to make, in order; not those that the provider makes itself."""
        return tuple(p for p in self.parts if isinstance(p, ToolCallPart) and not p.server_executed)

    def messages(self) -> tuple[Message, ...]:
        """What this answer adds to the history: the assistant's message, or nothing if it is empty."""
        return (Message("assistant", self.parts),) if self.parts else ()
