"""The items of one answer in the making: which part a delta belongs to, and what was told of it.

Items are known by their `output_index` alone: ids change from event to event on some servers. What an item
says when it is done counts; of its text only that of which no delta came.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

from llmstream.jsontext import JSON, JSONObject, as_list, as_object, dumps, loads_object
from llmstream.values.content import Attachment
from llmstream.values.events import (
    CitationOut,
    Event,
    ImageOut,
    OpaqueOut,
    PartKind,
    PartMetadata,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolProgress,
    ToolResultOut,
)
from llmstream.wire.codec import Ids
from llmstream.wire.logprobs import logprobs_of
from llmstream.wire.openai_responses._items import (
    CALLS,
    IMAGE,
    MESSAGE,
    PART,
    REASONING,
    REASONING_TEXT,
    arguments_of,
    is_result,
    output_field,
    result_name,
    runs_at_server,
    unsaid,
)
from llmstream.wire.openai_responses._records import citation_of
from llmstream.wire.openai_responses.quirks import Quirks

CONTENT: Final = "content"
SUMMARY: Final = "summary"
_INCOMPLETE: Final = "incomplete"
# Where the part of an item stands until it is known which of its contents it is.
_FIRST: Final = ("", 0)


class MisfitError(Exception):
    """A field is not what it should be; the message says which."""


class Slot:
    """One part: its text so far, and the metadata that was given of it; without an index until it is told."""

    __slots__ = ("cited", "index", "pieces", "told")

    def __init__(self) -> None:
        self.index = -1
        self.told: JSONObject = {}
        self.pieces: list[str] = []
        self.cited = 0


class Call(Slot):
    """A part that is a call; without an index until its name is known."""

    __slots__ = ("custom", "ended", "id")

    def __init__(self) -> None:
        super().__init__()
        self.id = ""
        self.custom = False
        self.ended = False

    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)


class Item:
    """An item that has begun."""

    __slots__ = ("call", "done", "image", "record", "slots", "type")

    def __init__(self, type: str, record: JSONObject) -> None:
        self.type = type
        self.record = record
        self.slots: dict[tuple[str, int], Slot] = {}
        self.call: Call | None = Call() if type in CALLS else None
        self.image = False
        self.done = False


class Answer:
    """All items of one answer. `called`: some calls are the client's to make; `refused`: it was refused."""

    def __init__(self, provider: str, quirks: Quirks, ids: Ids) -> None:
        self.items: dict[int, Item] = {}
        self.called = False
        self.refused = False
        self._provider = provider
        self._quirks = quirks
        self._ids = ids
        self._used: set[str] = set()
        self._count = 0

    def next(self) -> int:
        """Take the next index."""
        self._count += 1
        return self._count - 1

    def begin(self, number: int, record: JSONObject, out: list[Event]) -> Item:
        """Begin an item.

        Raises:
            MisfitError: when it has no type.
        """
        type = record.get("type")
        if not isinstance(type, str) or not type:
            raise MisfitError("an item has no type")
        item = self.items[number] = Item(type, record)
        known = unsaid(type, record, late=False)
        if item.call is not None:
            self._start(item, item.call, record, out)
        elif known and type in {MESSAGE, REASONING}:
            item.slots[_FIRST] = self._opened(item, known, out)
        return item

    def finish(self, item: Item, record: JSONObject, out: list[Event]) -> None:
        """Take an item as it is when it is done.

        Raises:
            MisfitError: when its text is none, or it is another item than the one that began.
        """
        if record.get("type") != item.type:
            raise MisfitError(f"the item {record.get('type')!r} was a {item.type!r}")
        if item.type == MESSAGE:
            self._message(item, record, out)
        elif item.type == REASONING:
            self._reasoning(item, record, out)
        elif item.call is not None:
            self._called(item, item.call, record, out)
        elif not item.done:
            self._whole(item, record, out)
        item.done = True

    def slot(self, item: Item, field: str, place: int, out: list[Event]) -> Slot:
        """The part of a content of a message, or of a paragraph of reasoning; it is opened if it is new."""
        slot = item.slots.get((field, place))
        if slot is None:
            slot = item.slots.pop(_FIRST, None)
            plain = {"type": REASONING_TEXT} if item.type == REASONING and field == CONTENT else {}
            if slot is None:
                known = unsaid(item.type, item.record, late=False)
                if item.slots:
                    known = {**_id_of(known), PART: len(item.slots)}
                slot = self._opened(item, {**known, **plain}, out)
            else:
                self._tell(slot, plain, out, kind=_kind(item))
            item.slots[field, place] = slot
        return slot

    def _opened(self, item: Item, known: JSONObject, out: list[Event]) -> Slot:
        """Open a part of a message or of reasoning with what is known of its item."""
        slot = Slot()
        self._tell(slot, known, out, kind=_kind(item))
        return slot

    def _at(self, slot: Slot) -> int:
        """The index of a part, which its first event opens."""
        if slot.index < 0:
            slot.index = self.next()
        return slot.index

    def text(self, slot: Slot, text: str, logprobs: JSON, out: list[Event], *, refusal: bool = False) -> None:
        """Add visible text to a part."""
        likely = logprobs_of({"content": logprobs}) if logprobs else ()
        if text or likely:
            slot.pieces.append(text)
            self.refused = self.refused or (refusal and bool(text))
            out.append(TextDelta(self._at(slot), text, likely, refusal))

    def cite(self, slot: Slot, entry: JSONObject, out: list[Event]) -> None:
        """Add a source to a part."""
        slot.cited += 1
        out.append(CitationOut(self._at(slot), citation_of(entry, self._provider)))

    def think(self, slot: Slot, text: str, out: list[Event]) -> None:
        """Add reasoning to a part."""
        if text:
            slot.pieces.append(text)
            out.append(ReasoningDelta(self._at(slot), text))

    def _message(self, item: Item, record: JSONObject, out: list[Event]) -> None:
        contents = list(map(as_object, as_list(record.get("content"))))
        for place, part in enumerate(contents):
            refusal = part.get("type") == "refusal"
            text = _str(part.get("refusal" if refusal else "text"))
            known = item.slots.get((CONTENT, place))
            if text and not (known and known.pieces):
                slot = self.slot(item, CONTENT, place, out)
                self.text(slot, text, part.get("logprobs"), out, refusal=refusal)
            sources = list(map(as_object, as_list(part.get("annotations"))))
            for source in sources[known.cited if known else 0 :]:
                self.cite(self.slot(item, CONTENT, place, out), source, out)
        self._note(item, record, out)

    def _reasoning(self, item: Item, record: JSONObject, out: list[Event]) -> None:
        for field in (SUMMARY, CONTENT):
            for place, part in enumerate(map(as_object, as_list(record.get(field)))):
                text = _str(part.get("text"))
                known = item.slots.get((field, place))
                if text and not (known and known.pieces):
                    self.think(self.slot(item, field, place, out), text, out)
        self._note(item, record, out)

    def _note(self, item: Item, record: JSONObject, out: list[Event]) -> None:
        """Tell what is new of an item; one that said nothing is an empty part."""
        fresh = unsaid(item.type, record)
        if not item.slots:
            slot = item.slots[_FIRST] = Slot()
            slot.told = fresh
            out.append(PartMetadata(self._at(slot), self._provider, dict(fresh), kind=_kind(item)))
        for number, slot in enumerate(item.slots.values()):
            self._tell(slot, fresh if number == 0 else _id_of(fresh), out, kind=_kind(item))

    def _tell(self, slot: Slot, fresh: JSONObject, out: list[Event], *, kind: PartKind | None = None) -> None:
        """Tell what is new of a part; one that was not opened is of that kind."""
        new = {key: value for key, value in fresh.items() if key not in slot.told or slot.told[key] != value}
        if new:
            slot.told = {**slot.told, **new}
            opens = kind if slot.index < 0 else None
            out.append(PartMetadata(self._at(slot), self._provider, new, kind=opens))

    def _start(self, item: Item, call: Call, record: JSONObject, out: list[Event]) -> None:
        """Start a call as soon as its name is known."""
        about = CALLS[item.type]
        name = about.name or record.get("name")
        if not isinstance(name, str) or not name:
            return
        server = runs_at_server(item.type, record, custom=self._quirks.server_custom_calls)
        self.called = self.called or not server
        own = record.get("call_id")
        given = own if isinstance(own, str) and own else record.get("id") if about.name or server else None
        call.index, call.id, call.custom = self.next(), self._unique(given), about.custom
        out.append(
            ToolCallStart(call.index, id=call.id, name=name, server_executed=server, custom=about.custom)
        )
        known = unsaid(item.type, record, late=False)
        if own and own != call.id:
            known["call_id"] = own
        self._tell(call, known, out)
        if call.pieces:
            out.append(ToolCallArgsDelta(call.index, call.text()))

    def _unique(self, given: JSON) -> str:
        name = given if isinstance(given, str) and given else self._ids()
        while name in self._used:
            name = self._ids()
        self._used.add(name)
        return name

    def write(self, item: Item, text: str, out: list[Event]) -> None:
        """Add to the text of a call.

        Raises:
            MisfitError: when the item is no call, or its text was complete.
        """
        call = item.call
        if call is None or not CALLS[item.type].text:
            raise MisfitError(f"a {item.type!r} has no arguments that are written bit by bit")
        if call.ended:
            if text.strip():
                raise MisfitError(f"the arguments of the call {call.id!r} were complete")
            return
        if text:
            call.pieces.append(text)
            if call.index >= 0:
                out.append(ToolCallArgsDelta(call.index, text))

    def settle(self, item: Item, text: str, out: list[Event], *, cut: bool = False) -> None:
        """Take the text of a call as it is when it is complete; of one that was `cut`, none is not."""
        call = item.call
        if call is None or call.ended:
            return
        if not call.pieces:
            self.write(item, text, out)
        if call.index < 0 or call.custom:
            return
        written = call.text()
        blank = not written.strip()
        arguments = ({} if not cut else None) if blank else loads_object(written)
        if arguments is not None:
            call.ended = True
            out.append(ToolCallEnd(call.index, arguments))

    def _called(self, item: Item, call: Call, record: JSONObject, out: list[Event]) -> None:
        about = CALLS[item.type]
        if call.index < 0:
            self._start(item, call, record, out)
        if call.index < 0:
            raise MisfitError("a call has no name")
        if about.text:
            text = record.get(about.text)
            text = dumps(text) if isinstance(text, dict) else _str(text)
            self.settle(item, text, out, cut=record.get("status") == _INCOMPLETE)
        elif not call.ended:
            call.ended = True
            arguments = arguments_of(about, record)
            if arguments:
                out.append(ToolCallArgsDelta(call.index, dumps(arguments)))
            out.append(ToolCallEnd(call.index, arguments))
        if item.type == IMAGE and record.get("result") and not item.image:
            item.image = True
            self.show(item, _str(record["result"]), record, out)
        self._tell(call, unsaid(item.type, record), out)

    def show(
        self, item: Item, data: str, record: JSONObject, out: list[Event], *, partial: bool = False
    ) -> None:
        """Give an image, or a preview of it.

        Raises:
            MisfitError: when it is no base64, or the item is no image.
        """
        if item.type != IMAGE:
            raise MisfitError(f"a {item.type!r} has no image")
        try:
            held = b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise MisfitError("the image is no base64") from None
        sort = record.get("output_format")
        slot = item.slots.get((CONTENT, 0))
        if slot is None:
            slot = item.slots[CONTENT, 0] = Slot()
            self._tell(slot, _id_of(item.record), out, kind="attachment")
        media_type = f"image/{sort if isinstance(sort, str) and sort else 'png'}"
        out.append(ImageOut(self._at(slot), Attachment(media_type, data=held), partial=partial))

    def progress(self, item: Item, data: JSONObject, out: list[Event]) -> None:
        """Tell what a tool of the provider's says of its work."""
        call = item.call
        if call is not None and call.index >= 0:
            out.append(ToolProgress(call.index, call.id, data=data))

    def _whole(self, item: Item, record: JSONObject, out: list[Event]) -> None:
        """Take an item that is a part as it is: a result, or what has no meaning here."""
        if not is_result(item.type):
            out.append(OpaqueOut(self.next(), self._provider, type=item.type, data=record))
            return
        field, index = output_field(item.type, record), self.next()
        given = record.get("call_id") or record.get("id")
        out.append(
            ToolResultOut(
                index,
                given if isinstance(given, str) else "",
                name=result_name(item.type),
                output=record.get(field),
                server_executed=True,
            )
        )
        rest = {key: value for key, value in record.items() if key != field}
        out.append(PartMetadata(index, self._provider, rest))

    def close(self, out: list[Event], *, cut: bool) -> None:
        """End the calls that no event of their own has ended."""
        calls = [item for item in self.items.values() if item.call is not None and item.call.index >= 0]
        for item in sorted(calls, key=lambda item: item.call.index if item.call else 0):
            if CALLS[item.type].text:
                self.settle(item, "", out, cut=cut or item.done)


def _id_of(record: JSONObject) -> JSONObject:
    return {key: value for key, value in record.items() if key == "id"}


def _kind(item: Item) -> PartKind:
    return "text" if item.type == MESSAGE else "reasoning"


def _str(value: JSON) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MisfitError(f"{type(value).__name__} where text is due")
    return value
