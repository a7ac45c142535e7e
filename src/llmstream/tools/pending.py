"""Calls in a history that nobody has answered yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

import attrs

from llmstream.values.content import ToolCallPart, ToolResultPart
from llmstream.values.messages import Message


def unanswered(messages: Sequence[Message], /) -> tuple[ToolCallPart, ...]:
    """The calls that a history ends in and that have no result; none once it has moved on.

    A call that has no id is answered by a result of its name that has none, one each. Those that a
    provider makes itself are not asked for.
    """
    tail = tuple(takewhile(lambda message: message.role == "tool", reversed(messages)))
    before = messages[: len(messages) - len(tail)]
    if not before or before[-1].role != "assistant":
        return ()
    calls = [p for p in before[-1].parts if isinstance(p, ToolCallPart) and not p.server_executed]
    results = [p for message in reversed(tail) for p in message.parts if isinstance(p, ToolResultPart)]
    return tuple(_open(calls, results))


def answered(messages: Sequence[Message], results: Iterable[ToolResultPart], /) -> tuple[Message, ...]:
    """The history with results added: all those of its last calls in one message, in call order."""
    tail = tuple(takewhile(lambda message: message.role == "tool", reversed(messages)))
    before = tuple(messages[: len(messages) - len(tail)])
    parts = (*(part for message in reversed(tail) for part in message.parts), *results)
    if not parts:
        return before
    calls = before[-1].parts if before else ()
    order = {part.id: at for at, part in enumerate(calls) if isinstance(part, ToolCallPart)}
    ranked = sorted(parts, key=lambda part: order.get(getattr(part, "tool_call_id", ""), len(order)))
    message = tail[-1] if tail else Message("tool")
    return (*before, attrs.evolve(message, parts=ranked))


def _open(calls: Iterable[ToolCallPart], results: Iterable[ToolResultPart]) -> Iterator[ToolCallPart]:
    """The calls without a result; each result answers one."""
    known = Counter(result.tool_call_id or (result.name,) for result in results)
    for call in calls:
        key = call.id or (call.name,)
        if known[key] > 0:
            known[key] -= 1
        else:
            yield call
