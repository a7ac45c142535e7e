"""Histories that other providers wrote a part of, and ids of calls in the form that a wire takes.

Each dialect writes what is left when `set_aside` has taken out what only another provider can read, and the
ids that `CallIds` gives. Neither changes a message that is kept: who goes back to the first provider sends
it what it was sent before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import attrs

from llmstream.jsontext import JSON
from llmstream.values.content import OpaquePart, Part, ReasoningPart, ToolCallPart, ToolResultPart
from llmstream.values.messages import Message

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARS: Final = 24


@attrs.frozen
class IdShape:
    """What ids of calls a wire takes.

    Attributes:
        pattern: of an id that is sent as it is; None takes any, and the same one twice.
        chars: the length of an id that is made for another, of letters and digits.
    """

    pattern: str | None = None
    chars: int = _CHARS

    @classmethod
    def up_to(cls, chars: int) -> IdShape:
        """Ids of any characters, and of so many at most."""
        return cls(rf"(?s:.{{1,{chars}}})")

    def fits(self, id: str) -> bool:
        """Whether an id is sent as it is."""
        return self.pattern is None or re.fullmatch(self.pattern, id) is not None


ANY_ID: Final = IdShape()


def is_foreign(part: Part, provider: str, /) -> bool:
    """Whether a part came from another provider; of one that says nothing of its origin it is not known."""
    if isinstance(part, OpaquePart):
        return part.provider != provider
    return bool(part.provider_metadata) and provider not in part.provider_metadata


def is_set_aside(part: Part, provider: str, /) -> bool:
    """Whether a part has no meaning but for the other provider that it came from."""
    match part:
        case OpaquePart() | ReasoningPart():
            return is_foreign(part, provider)
        case ToolCallPart() | ToolResultPart():
            return part.server_executed and is_foreign(part, provider)
        case _:
            return False


def set_aside(messages: Iterable[Message], provider: str, /) -> tuple[Message, ...]:
    """The messages without what only another provider can read, and without those that said nothing else.

    Set aside are its reasoning, its opaque items, and the calls and results of tools that it ran itself.
    Metadata of other providers stay on the parts that are kept: nobody reads them.
    """
    kept: list[Message] = []
    for message in messages:
        parts = tuple(part for part in message.parts if not is_set_aside(part, provider))
        if len(parts) == len(message.parts):
            kept.append(message)
        elif parts:
            kept.append(attrs.evolve(message, parts=parts))
    return tuple(kept)


class CallIds:
    """The ids by which a wire knows the calls of a history, given in the order of its parts.

    An id that this provider gave goes back as it was. Any other goes as it is where it fits and no other
    call before it has it; else one is made of it, always the same. A result has the id of the last call
    before it that it names.
    """

    def __init__(self, provider: str, shape: IdShape = ANY_ID, /, *, given: str | None = "id") -> None:
        self._provider = provider
        self._shape = shape
        self._given = given
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()

    def call(self, part: ToolCallPart, /) -> str:
        """The id of the next call."""
        wire_id = self._own(part)
        if wire_id is None:
            wire_id = self._fitting(part.id)
        self._known[part.id] = wire_id
        self._taken.add(wire_id)
        return wire_id

    def result(self, id: str, /) -> str:
        """The id of the call that a result answers; one of a call that is not known is made fit."""
        if id not in self._known:
            self._known[id] = self._fitting(id)
            self._taken.add(self._known[id])
        return self._known[id]

    def _own(self, part: ToolCallPart) -> str | None:
        own = part.provider_metadata.get(self._provider)
        if own is None:
            return None
        given: JSON = None if self._given is None else own.get(self._given)
        if isinstance(given, str):
            return given
        return part.id

    def _fitting(self, id: str) -> str:
        if self._shape.pattern is None:
            return id
        wire_id = id if self._shape.fits(id) else self._made(id)
        turn = 1
        while wire_id in self._taken:
            turn += 1
            # No id has a NUL, so that no other id is made into the same.
            wire_id = self._made(f"{id}\0{turn}")
        return wire_id

    def _made(self, seed: str) -> str:
        # A lone surrogate, which JSON may escape, is no UTF-8.
        number = int.from_bytes(sha256(seed.encode("utf-8", "surrogatepass")).digest())
        digits: list[str] = []
        for _ in range(self._shape.chars):
            number, digit = divmod(number, len(_DIGITS))
            digits.append(_DIGITS[digit])
        return "".join(digits)
