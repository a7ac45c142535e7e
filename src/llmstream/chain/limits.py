"""How far a chain may go."""

from __future__ import annotations

import attrs

from llmstream.errors import ChainLimitError, ConfigError
from llmstream.tools.limits import ToolLimits, positive, whole_or_none
from llmstream.values.messages import Message


@attrs.frozen(kw_only=True)
class ChainLimits:
    """Limits of a whole chain; None is no limit.

    Each is looked at before tools run, so that what the last answer asked for is still to be done when
    the `ChainLimitError` comes, and a chain that is given its `history` does it. Where tools were running
    then (`seconds`, and eager ones), those results that had come are in the history.

    Attributes:
        rounds: calls of the model.
        calls: calls of tools.
        tokens: input and output of all rounds together.
        seconds: from the first read to the end, with the consumer's own time.
        tool: of each call of a tool.
    """

    rounds: int | None = attrs.field(default=20, validator=whole_or_none)
    calls: int | None = attrs.field(default=1000, validator=whole_or_none)
    tokens: int | None = attrs.field(default=None, validator=whole_or_none)
    seconds: float | None = attrs.field(default=None, validator=positive)
    tool: ToolLimits = attrs.field(factory=ToolLimits)

    @classmethod
    def of(cls, given: object, /) -> ChainLimits:
        """Take limits, or the default ones for None.

        Raises:
            ConfigError: when they are none.
        """
        if given is None:
            return cls()
        if not isinstance(given, ChainLimits):
            raise ConfigError(f"expected ChainLimits as limits=, got {type(given).__name__}")
        return given

    def allow(self, *, rounds: int, calls: int) -> bool:
        """Whether calls may begin before their round's end, when its tokens are not known yet."""
        return (self.rounds is None or rounds < self.rounds) and (self.calls is None or calls <= self.calls)

    def check(self, *, rounds: int, calls: int, tokens: int, history: tuple[Message, ...]) -> None:
        """Refuse to go on where a count says so.

        Raises:
            ChainLimitError: when one more round would be too many, or more calls or tokens were used.
        """
        if self.rounds is not None and rounds >= self.rounds:
            raise exceeded("rounds", self.rounds, history)
        if self.calls is not None and calls > self.calls:
            raise exceeded("calls", self.calls, history)
        if self.tokens is not None and tokens > self.tokens:
            raise exceeded("tokens", self.tokens, history)


def exceeded(limit: str, value: float, history: tuple[Message, ...], /) -> ChainLimitError:
    """The error for one limit."""
    message = f"expected the model to be done within {value} {limit}, and it went on"
    return ChainLimitError(message, limit=limit, value=value, history=history)
