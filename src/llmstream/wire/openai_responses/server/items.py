"""The items of an answer that is being written, each with the events that it is told in.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llmstream.jsontext import JSON, JSONObject, dumps
from llmstream.wire.dataurl import b64
from llmstream.wire.openai_responses._items import (
    CALLS,
    IMAGE,
    MESSAGE,
    REASONING,
    REASONING_TEXT,
    CallItem,
)
from llmstream.wire.openai_responses._names import cannot

_SUMMARY: Final = "summary_text"
# What each sort of text is told in: its events, the field of its list, and the name of its position.
_EVENTS: Final = {
    "output_text": ("response.output_text", "content", "content_index"),
    "refusal": ("response.refusal", "content", "content_index"),
    REASONING_TEXT: ("response.reasoning_text", "content", "content_index"),
    _SUMMARY: ("response.reasoning_summary_text", "summary", "summary_index"),
}


class Out:
    """Collects the events of the wire, and numbers them; `first` is told before each which item it is of."""

    def __init__(self, first: Callable[[JSON], None]) -> None:
        self._first = first
        self._count = 0
        self._said: list[JSONObject] = []

    def say(self, type: str, fields: JSONObject) -> None:
        """Add an event."""
        self._first(fields.get("output_index"))
        self._said.append({**fields, "type": type, "sequence_number": self._count})
        self._count += 1

    def taken(self) -> list[JSONObject]:
        """What was said since the last time."""
        said, self._said = self._said, []
        return said


class Content:
    """A content of a message, or a paragraph of reasoning."""

    def __init__(self, type: str, item: Item, place: int) -> None:
        self.type = type
        self._stem, _, name = _EVENTS[type]
        self._where: JSONObject = {**item.where(), name: place}
        self._pieces: list[str] = []
        self._notes: list[JSONObject] = []
        self._likely: list[JSON] = []

    def record(self) -> JSONObject:
        """The content as it stands in the item."""
        text = "".join(self._pieces)
        match self.type:
            case "output_text":
                notes, likely = list(self._notes), list(self._likely)
                return {"type": self.type, "text": text, "annotations": notes, "logprobs": likely}
            case "refusal":
                return {"type": self.type, "refusal": text}
            case _:
                return {"type": self.type, "text": text}

    def begin(self, out: Out) -> None:
        """Say that it begins."""
        out.say(f"{self._part()}.added", {**self._where, "part": self.record()})

    def write(self, text: str, likely: list[JSON] | None, out: Out) -> None:
        """Add text, with its log probabilities where it has such."""
        self._pieces.append(text)
        fields: JSONObject = {**self._where, "delta": text}
        if likely is not None:
            self._likely += likely
            fields["logprobs"] = likely
        out.say(f"{self._stem}.delta", fields)

    def cite(self, note: JSONObject, out: Out) -> None:
        """Add a source."""
        where = {**self._where, "annotation_index": len(self._notes)}
        self._notes.append(note)
        out.say("response.output_text.annotation.added", {**where, "annotation": note})

    def end(self, out: Out) -> None:
        """Say that it is done."""
        record = self.record()
        field = "refusal" if self.type == "refusal" else "text"
        out.say(f"{self._stem}.done", {**self._where, field: record[field]})
        out.say(f"{self._part()}.done", {**self._where, "part": record})

    def _part(self) -> str:
        return "response.reasoning_summary_part" if self.type == _SUMMARY else "response.content_part"


class Item:
    """An item; `record` is what it has come to."""

    def __init__(self, number: int, record: JSONObject) -> None:
        self.number = number
        self.record = record
        self.type: str = record["type"]
        self._contents: list[Content] = []
        self._pieces: list[str] = []
        self._ended = False
        self._closed = False
        self._changed = False

    def where(self) -> JSONObject:
        """The fields by which its events name it."""
        return {"item_id": self.record.get("id"), "output_index": self.number}

    @property
    def ended(self) -> bool:
        """Whether it is a call that has ended, and was not said to be done."""
        return self._ended and not self._closed

    @property
    def closable(self) -> bool:
        """Whether nothing more of it is to be expected when another begins."""
        if self._closed:
            return False
        about = CALLS.get(self.type)
        if self.type == IMAGE:
            return self._ended or bool(self.record.get("result"))
        return about is None or about.custom or self._ended

    def begin(self, out: Out) -> None:
        """Say that it begins."""
        status: JSONObject = {"status": "in_progress"} if self.type in {MESSAGE, *CALLS} else {}
        out.say(
            "response.output_item.added", {"output_index": self.number, "item": {**self.record, **status}}
        )

    def touch(self) -> None:
        """Learn that it goes on."""
        self._changed = self._closed

    def unknown(self, data: JSONObject) -> JSONObject:
        """What of it the item does not say yet."""
        record = self.record
        return {key: value for key, value in data.items() if key not in record or record[key] != value}

    def note(self, data: JSONObject) -> None:
        """Learn what else the item says."""
        self.record = {**self.record, **data, "type": self.type}
        self.touch()

    def content(self, sort: str, out: Out) -> Content:
        """Begin a content."""
        field = _EVENTS[sort][1]
        place = sum(1 for other in self._contents if _EVENTS[other.type][1] == field)
        content = Content(sort, self, place)
        self._contents.append(content)
        content.begin(out)
        return content

    def write(self, text: str, out: Out) -> None:
        """Add to the text of a call; one that comes whole has its text from its own fields."""
        stem = CALLS[self.type].text
        if not text or not stem:
            return
        if self._ended:
            raise cannot("more arguments of a call after they were complete")
        self._pieces.append(text)
        self.touch()
        out.say(f"response.{self.type}_{stem}.delta", {**self.where(), "delta": text})

    def end(self, arguments: JSONObject, out: Out) -> None:
        """Say that the arguments are complete."""
        stem = CALLS[self.type].text
        if not stem or self._ended or CALLS[self.type].custom:
            self._ended = True
            return
        if not "".join(self._pieces).strip() and arguments:
            self.write(dumps(arguments), out)
        self._ended = True
        self.touch()
        text = "".join(self._pieces) or dumps(arguments)
        self._pieces = [text]
        out.say(f"response.{self.type}_{stem}.done", {**self.where(), stem: text})

    def show(self, image: bytes, sort: str, out: Out, *, partial: bool) -> None:
        """Give an image, or a preview of it."""
        if partial:
            fields = {"partial_image_index": 0, "partial_image_b64": b64(image), "output_format": sort}
            out.say(f"response.{IMAGE}.partial_image", {**self.where(), **fields})
        else:
            self.note({"output_format": sort, "result": b64(image)})

    def close(self, out: Out, *, last: bool = False) -> None:
        """Say that it is done; at the `last` again, if it went on."""
        again, self._closed = self._closed, True
        if again and not (last and self._changed):
            return
        self._changed = False
        about = CALLS.get(self.type)
        if about is not None:
            self._settle(about, out, again=again)
        elif self.type in {MESSAGE, REASONING}:
            for content in self._contents if not again else ():
                content.end(out)
            self._fill()
        out.say("response.output_item.done", {"output_index": self.number, "item": dict(self.record)})

    def _settle(self, about: CallItem, out: Out, *, again: bool) -> None:
        """Put a call's text and status into its record."""
        if about.text:
            text = "".join(self._pieces)
            self.record = {**self.record, about.text: text}
            if about.custom and not again:
                out.say(f"response.{self.type}_{about.text}.done", {**self.where(), about.text: text})
        complete = self._ended or about.custom or not about.text
        self.record = {"status": "completed" if complete else "incomplete", **self.record}

    def _fill(self) -> None:
        for field in ("content", "summary"):
            told = [one.record() for one in self._contents if _EVENTS[one.type][1] == field]
            if told or field in self.record:
                self.record = {**self.record, field: told}
        if self.type == MESSAGE:
            self.record = {"status": "completed", **self.record}
