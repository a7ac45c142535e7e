"""Tool calls in the making: which fragment belongs to which call.

The wire names a call by `index`, by `id`, by both or, on some servers, by neither; an index may be used
again for the next call, an id for two. A fragment goes on with a call unless it plainly begins another:
it has a name, and the id, the name or the finished arguments of the call it would go on with say no.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmstream.errors import MalformedFrameError
from llmstream.jsontext import JSON, JSONObject, as_object, dumps, loads_object
from llmstream.values.events import (
    Event,
    PartMetadata,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
)
from llmstream.wire.codec import Ids
from llmstream.wire.openai_chat._names import EXECUTED, EXTRA, WIRE_ID
from llmstream.wire.openai_chat._parts import Parts
from llmstream.wire.openai_chat.frames import Call, Function

_NOTHING = Function()
# What the old `function_call` is filed under: it has neither index nor id, and there is only one.
_LEGACY = -1


class _Slot:
    """One call: what the wire said of it so far."""

    __slots__ = (
        "_arguments",
        "_read",
        "closed",
        "custom",
        "id",
        "index",
        "name",
        "pieces",
        "rest",
        "result",
        "wire_id",
    )

    def __init__(self) -> None:
        self.index = -1
        self.id = ""
        self.wire_id: str | None = None
        self.name: str | None = None
        self.custom = False
        self.pieces: list[str] = []
        self.closed = False
        # Of a call that the provider ran: the part that answers it, and what else the wire said.
        self.result = -1
        self.rest: JSONObject = {}
        # What the pieces say, and how many there were when they were read.
        self._arguments: JSONObject | None = None
        self._read = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def blank(self) -> bool:
        return not any(piece.strip() for piece in self.pieces)

    def arguments(self) -> JSONObject | None:
        if self._read != len(self.pieces):
            self._read = len(self.pieces)
            self._arguments = loads_object(self.text)
        return self._arguments

    def ends(self) -> bool:
        return bool(self.pieces) and self.pieces[-1].rstrip().endswith("}")


class Calls:
    """The calls of one answer. `made`: some are the client's to make."""

    __slots__ = ("_by_id", "_by_index", "_executed", "_ids", "_last", "_parts", "_slots", "_used", "made")

    def __init__(self, parts: Parts, ids: Ids) -> None:
        self._parts = parts
        self._ids = ids
        self._slots: list[_Slot] = []
        self._by_index: dict[int, _Slot] = {}
        self._by_id: dict[str, _Slot] = {}
        self._executed: dict[JSON, _Slot] = {}
        self._last: _Slot | None = None
        self._used: set[str] = set()
        self.made = False

    def feed(self, calls: Iterable[Call], out: list[Event]) -> None:
        """Take the entries of one `tool_calls`."""
        for call in calls:
            function = call.function
            if function is not None and (call.type != "custom" or not call.custom):
                text = function.arguments
                bare = not (call.id or function.name or call.extra_content)
                if bare and text.__class__ is str and text[:1] != "{":
                    slot = self._by_index.get(call.index) if call.index.__class__ is int else None
                    if slot is not None and slot.index >= 0 and not slot.closed:
                        # Nearly all entries are this one: a fragment of a call that was begun.
                        if text:
                            slot.pieces.append(text)
                            out.append(ToolCallArgsDelta(slot.index, text))
                        continue
                self._take(call, function, _index(call.index), out)
            elif call.custom:
                custom = as_object(call.custom)
                self._take(call, Function(custom.get("name"), custom.get("input")), _index(call.index), out)
            else:
                self._take(call, _NOTHING, _index(call.index), out)

    def legacy(self, function: Function, out: list[Event]) -> None:
        """Take the old `function_call`; an empty one says nothing."""
        if function.name or function.arguments:
            self._take(Call(), function, _LEGACY, out)

    def close(self, out: list[Event], *, cut: bool = False) -> None:
        """End the calls whose arguments are complete; of one that was `cut`, none at all is not complete."""
        # In the order of the parts: a call whose name came late began after others that came later.
        for slot in sorted(self._slots, key=lambda slot: slot.index):
            if slot.index >= 0:
                self._close(slot, out, blank_too=not cut)
            elif not slot.blank():
                raise MalformedFrameError(
                    f"expected a name for a tool call, got none for {slot.text[:200]!r}"
                )

    def _take(self, call: Call, function: Function, index: int | None, out: list[Event]) -> None:
        wire_id = call.id if isinstance(call.id, str) and call.id else None
        name = function.name if isinstance(function.name, str) and function.name else None
        text = _text(function.arguments)
        slot = self._find(index, wire_id, name, text)
        if slot is None:
            slot = self._new(index)
            slot.custom = call.type == "custom" or (call.function is None and bool(call.custom))
        # An entry of an id alone, or the first id that comes, says what the call is called.
        alone = function is _NOTHING and wire_id != slot.wire_id
        if wire_id and (slot.wire_id is None or alone):
            slot.wire_id = wire_id
            self._by_id.setdefault(wire_id, slot)
            if slot.index >= 0:
                out.append(PartMetadata(slot.index, self._parts.provider, {WIRE_ID: wire_id}))
        slot.name = slot.name or name
        if text and self._adds(slot, text):
            slot.pieces.append(text)
            if slot.index >= 0:
                out.append(ToolCallArgsDelta(slot.index, text))
        if slot.index < 0 and slot.name:
            self._start(slot, out)
        if call.extra_content is not None and slot.index >= 0:
            # google-compat: thought signatures ride here and are wanted back on the same call
            out.append(PartMetadata(slot.index, self._parts.provider, {EXTRA: call.extra_content}))

    def _find(self, index: int | None, wire_id: str | None, name: str | None, text: str) -> _Slot | None:
        at = None if index is None else self._by_index.get(index)
        known = None if wire_id is None else self._by_id.get(wire_id)
        slot: _Slot | None = None
        if at is not None and (known is None or name or not text or at.wire_id in {None, wire_id}):
            slot = at
        elif known is not None and (index is None or name is None):
            slot = known
        elif index is None and (wire_id is None or name is None):
            slot = self._last
        if slot is None or _begins(slot, wire_id, name, text, numbered=index is not None):
            return None
        return slot

    def _new(self, index: int | None) -> _Slot:
        slot = self._last = _Slot()
        self._slots.append(slot)
        if index is not None:
            self._by_index[index] = slot
        return slot

    def _adds(self, slot: _Slot, text: str) -> bool:
        """Whether a fragment is more of the arguments: not blanks after them, nor all of them again."""
        if slot.closed and not text.strip():
            return False
        if _repeats(slot, text):
            return False
        if slot.closed:
            raise MalformedFrameError(
                f"expected no more arguments of the call {slot.id!r}, which were complete, got {text[:200]!r}"
            )
        return True

    def _start(self, slot: _Slot, out: list[Event]) -> None:
        for other in reversed(self._slots):
            if other is not slot and other.index >= 0:
                self._close(other, out)
                break
        slot.index = self._parts.open()
        slot.id = self._unique(slot.wire_id)
        self.made = True
        out.append(ToolCallStart(slot.index, id=slot.id, name=slot.name or "", custom=slot.custom))
        if slot.wire_id and slot.wire_id != slot.id:
            out.append(PartMetadata(slot.index, self._parts.provider, {WIRE_ID: slot.wire_id}))
        if slot.pieces:
            out.append(ToolCallArgsDelta(slot.index, slot.text))

    def _close(self, slot: _Slot, out: list[Event], *, blank_too: bool = False) -> None:
        if slot.closed or slot.custom:
            return
        arguments = slot.arguments()
        if arguments is None and blank_too and slot.blank():
            arguments = {}
        if arguments is not None:
            slot.closed = True
            out.append(ToolCallEnd(slot.index, arguments))

    def _unique(self, wire_id: JSON) -> str:
        name = wire_id if isinstance(wire_id, str) and wire_id else self._ids()
        while name in self._used:
            name = self._ids()
        self._used.add(name)
        return name

    def executed(self, entries: Iterable[JSON], out: list[Event]) -> None:
        """Take tools that the provider ran: first the call, in a later frame the call with its output."""
        # groq (corpus: openai-chat/groq/pyai-test_groq_model_web_search_tool_stream-0)
        for position, entry in enumerate(entries):
            if isinstance(entry, dict):
                self._execute(as_object(entry), position, out)

    def _execute(self, entry: JSONObject, position: int, out: list[Event]) -> None:
        given = entry.get("id") or entry.get("index")
        key = given if isinstance(given, str | int) else position
        slot = self._executed.get(key)
        text = _text(entry.get("arguments"))
        if slot is None or (slot.result >= 0 and text != slot.text):
            slot = self._executed[key] = _Slot()
            slot.name = str(entry.get("name") or entry.get("type") or "tool")
            slot.id = self._unique(entry.get("id"))
            slot.index = self._parts.open()
            out.append(ToolCallStart(slot.index, id=slot.id, name=slot.name, server_executed=True))
            if text:
                slot.pieces.append(text)
                out.append(ToolCallArgsDelta(slot.index, text))
            self._close(slot, out, blank_too=True)
        error = entry.get("error") if isinstance(entry.get("error"), str) else None
        if slot.result < 0 and (entry.get("output") is not None or error is not None):
            slot.result = self._parts.open()
            output: JSON = "" if entry.get("output") is None else entry["output"]
            out.append(
                ToolResultOut(
                    slot.result,
                    slot.id,
                    name=slot.name or "",
                    output=output,
                    error=error,
                    server_executed=True,
                )
            )
        rest = {name: value for name, value in entry.items() if name not in _OWN and value}
        if slot.result >= 0 and rest and rest != slot.rest:
            slot.rest = rest
            out.append(PartMetadata(slot.result, self._parts.provider, {EXECUTED: rest}))


_OWN = {"index", "id", "type", "name", "arguments", "output", "error"}


def _begins(slot: _Slot, wire_id: str | None, name: str | None, text: str, *, numbered: bool) -> bool:
    """Whether a fragment with a name begins another call than the one it would go on with."""
    if name is None or slot.name is None:
        return False
    if name != slot.name or (wire_id and slot.wire_id and wire_id != slot.wire_id):
        return True
    if not _follows_whole(slot, text):
        return False
    named_alike = numbered or (wire_id is not None and wire_id == slot.wire_id)
    return not (named_alike and _repeats(slot, text))


def _follows_whole(slot: _Slot, text: str) -> bool:
    """Whether an object follows arguments that are one already; free text may say so, arguments may not."""
    return not slot.custom and text.startswith("{") and slot.ends() and slot.arguments() is not None


def _repeats(slot: _Slot, text: str) -> bool:
    """Whether a text is all of the arguments once more: some servers give the whole call at the end."""
    return _follows_whole(slot, text) and loads_object(text) == slot.arguments()


def _index(value: JSON) -> int | None:
    if isinstance(value, str) and value.isdecimal():
        return int(value[:9])
    return value if isinstance(value, int) and value >= 0 else None


def _text(arguments: JSON) -> str:
    """Arguments as text: vendors send fragments, whole text, null, or the object itself."""
    if isinstance(arguments, str):
        return arguments
    return dumps(arguments) if isinstance(arguments, dict | list) else ""
