"""From the frames of the wire to events.

https://platform.openai.com/docs/api-reference/responses-streaming

Each event names the item that it belongs to by `output_index`; what is made of the items is in `Answer`.
This module says which event does what, and when the answer is over: with its terminal event, which has the
usage and is the wire's last. An error before that wins. A whole body is the response that a terminal event
holds, and is read as one of whose items no event came.

The decoder may be fed the frames of a second body, where that goes on with the first from `sequence`.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Final, TypeAlias, TypeVar

import msgspec

from llmstream.errors import LLMStreamError, ProviderError, TruncatedStreamError, WireError
from llmstream.jsontext import JSON, JSONObject, as_list, as_object
from llmstream.values.events import (
    AudioDelta,
    Done,
    Event,
    Raw,
    ReasoningDelta,
    ToolCallArgsDelta,
    text_delta,
)
from llmstream.wire.codec import Ids, counter
from llmstream.wire.failures import failure
from llmstream.wire.framing import Frame
from llmstream.wire.openai_responses._answer import CONTENT, SUMMARY, Answer, Item, MisfitError, Slot
from llmstream.wire.openai_responses._items import CALLS, MESSAGE, REASONING
from llmstream.wire.openai_responses._names import ANSWER, RESPONSE_METADATA, SEQUENCE, finish_of
from llmstream.wire.openai_responses._records import usage_of
from llmstream.wire.openai_responses.frames import malformed, read_frame, read_hot
from llmstream.wire.openai_responses.quirks import Quirks

_ErrorT = TypeVar("_ErrorT", bound=LLMStreamError)
_Make: TypeAlias = Callable[[int, str], Event]

# What an event says of itself, not of the work of a tool.
_ENVELOPE: Final = frozenset({"sequence_number", "output_index", "item_id", "obfuscation"})
_GOING_ON: Final = frozenset({"queued", "in_progress"})
_OUTPUT_TEXT: Final = "response.output_text.delta"


class ResponsesDecoder:
    """A stage from the frames of one response body to its events.

    Attributes:
        sequence: the number of the event that came last, from which a background response is resumed.
        response_id: the response's own id, as far as it is known.

    Raises:
        ProviderError: when an event says that the provider gave up.
        MalformedFrameError: when a frame is no event; it has the frame's number and an excerpt.
        TruncatedStreamError: when the body ends before the answer was complete.
    """

    plain_head = b"event: response.output_text.delta\ndata: "

    def __init__(self, provider: str, quirks: Quirks, *, ids: Ids | None = None, raw: bool = False) -> None:
        self.sequence: int | None = None
        self.response_id: str | None = None
        self._provider = provider
        self._raw = raw
        self._answer = Answer(provider, quirks, ids or counter())
        self._number = 0
        self._text = ""
        self._model: str | None = None
        self._finish: str | None = None
        self._usage: JSONObject = {}
        self._metadata: JSONObject = {}
        self._audio = -1
        self._ended = False
        # The deltas that came last: their type, their place, and what is made of the next of them.
        self._type: str | None = None
        self._output = self._place = -1
        self._slot: Slot | None = None
        self._make: _Make = text_delta
        self._last: bytes | str = ""

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        """Take one frame."""
        out: list[Event] = []
        if self.plain(frame.data, out):
            return out
        self._number += 1
        self._text = frame.data
        return self._slow(frame)

    def plain(self, data: bytes | str, out: list[Event], /) -> bool:
        """Take the data of a frame that lengthens the part that was written to last; as `wire.plain`."""
        if self._type is None:
            return False
        try:
            hot = read_hot(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return False
        slot, delta = self._slot, hot.delta
        if (
            hot.type != self._type
            or hot.output_index != self._output
            or (hot.content_index or hot.summary_index) != self._place
            or slot is None
            or hot.logprobs
        ):
            return False
        last, number = self.sequence, hot.sequence_number
        if last and number and 0 < number <= last and (number < last or self._repeats(data)):
            return False
        # Nearly all frames are this one.
        self._number += 1
        self.sequence = number
        self._last = data
        if delta:
            slot.pieces.append(delta)
            out.append(self._make(slot.index, delta))
        return True

    def _repeats(self, data: bytes | str) -> bool:
        """Whether this is the data of the last event again."""
        now, last = (
            one if isinstance(one, str) else one.decode("utf-8", "replace") for one in (data, self._last)
        )
        return now == last

    def feed_eof(self) -> Iterable[Event]:
        """Say that the body has ended."""
        if self._ended:
            return ()
        got = f"the end of the body after {self._number} frames" if self._number else "an empty body"
        raise self._told(TruncatedStreamError(f"expected the end of the response, got {got}"))

    def take(self, record: JSONObject, /) -> list[Event]:
        """Take one event that was read already.

        Raises:
            MisfitError: when a field is not what it should be.
        """
        out: list[Event] = []
        self._take(record, "", out)
        return out

    def _slow(self, frame: Frame) -> Iterable[Event]:
        """Take a frame of any kind."""
        text = frame.data.strip()
        # openrouter: the end is said once more (corpus: openai-responses/openrouter/llmor-test_reasoning-1)
        if self._ended or not text or text == "[DONE]":
            return ()
        try:
            record = read_frame(frame, self._number)
        except WireError as error:
            if frame.event == "error":
                raise self._failure({"message": text}) from error
            self._told(error)
            raise
        out: list[Event] = [Raw(record)] if self._raw else []
        try:
            self._take(record, frame.event, out)
        except MisfitError as misfit:
            return _then(out, self._told(malformed(str(misfit), self._text, self._number)))
        except LLMStreamError as error:
            return _then(out, error)
        return out

    def _take(self, record: JSONObject, name: str, out: list[Event]) -> None:
        if self._ended:
            return
        number = record.get("sequence_number")
        if isinstance(number, int):
            last = self.sequence
            # A server that does not count says the same number each time, but nothing twice.
            if last is not None and 0 < number <= last and (number < last or self._repeats(self._text)):
                raise MisfitError(f"it is number {number} after {last}")
            self.sequence = number
            self._last = self._text
        type = record.get("type")
        if not isinstance(type, str):
            type = "error" if record.get("error") and "output" not in record else name
            # What follows reads it there.
            record = {**record, "type": type} if type in self.table else record
        self._type = None
        handler = self.table.get(type)
        if handler is not None:
            handler(self, record, out)
        elif type.startswith("response."):
            self._other(record, out)
        elif record.get("object") == "response" or "output" in record:
            self._end(record, str(record.get("status") or "completed"), out)

    def _other(self, record: JSONObject, out: list[Event]) -> None:
        """Take an event that says how a tool's work goes, or one of a newer version of the wire."""
        number = record.get("output_index")
        item = self._answer.items.get(number) if isinstance(number, int) else None
        if item is not None:
            data = {key: value for key, value in record.items() if key not in _ENVELOPE}
            self._answer.progress(item, data, out)

    def _ignore(self, record: JSONObject, out: list[Event]) -> None:
        """Take what another event says again."""

    def _head(self, record: JSONObject, out: list[Event]) -> None:
        self._note(as_object(record.get("response")))

    def _note(self, response: JSONObject) -> None:
        """Keep what a response says of itself, the last of each."""
        if isinstance(response.get("id"), str):
            self.response_id = response["id"] or None
        if isinstance(response.get("model"), str):
            self._model = response["model"] or None
        if isinstance(response.get("usage"), dict):
            self._usage = as_object(response["usage"])
        for name in RESPONSE_METADATA:
            if response.get(name):
                self._metadata[name] = response[name]

    def _item(self, record: JSONObject, type: str, out: list[Event]) -> Item:
        """The item that an event belongs to; one that was never begun begins now."""
        number = _int(record, "output_index")
        return self._answer.items.get(number) or self._answer.begin(number, {"type": type}, out)

    def _added(self, record: JSONObject, out: list[Event]) -> None:
        number = _int(record, "output_index")
        if number not in self._answer.items:
            self._answer.begin(number, as_object(record.get("item")), out)

    def _done(self, record: JSONObject, out: list[Event]) -> None:
        number, source = _int(record, "output_index"), as_object(record.get("item"))
        item = self._answer.items.get(number) or self._answer.begin(number, source, out)
        self._answer.finish(item, source, out)

    def _part(self, record: JSONObject, out: list[Event]) -> tuple[Slot, int]:
        """The part that an event of text belongs to, and its place in the item."""
        spoken = str(record["type"]).startswith("response.reasoning")
        summary = spoken and "summary" in record["type"]
        item = self._item(record, REASONING if spoken else MESSAGE, out)
        if item.type != (REASONING if spoken else MESSAGE):
            raise MisfitError(f"a {item.type!r} has no such text")
        place = _int(record, "summary_index" if summary else "content_index", 0)
        return self._answer.slot(item, SUMMARY if summary else CONTENT, place, out), place

    def _expect(self, record: JSONObject, slot: Slot, place: int, make: _Make) -> None:
        """Be ready for the next delta of the same place."""
        self._type = None if self._raw or slot.index < 0 else record["type"]
        self._output, self._place, self._slot, self._make = record["output_index"], place, slot, make

    def _spoken(self, record: JSONObject, out: list[Event]) -> None:
        slot, place = self._part(record, out)
        refusal = record["type"] != _OUTPUT_TEXT
        self._answer.text(slot, _str(record, "delta"), record.get("logprobs"), out, refusal=refusal)
        if not refusal:
            self._expect(record, slot, place, text_delta)

    def _thought(self, record: JSONObject, out: list[Event]) -> None:
        slot, place = self._part(record, out)
        self._answer.think(slot, _str(record, "delta"), out)
        self._expect(record, slot, place, ReasoningDelta)

    def _cited(self, record: JSONObject, out: list[Event]) -> None:
        slot, _ = self._part(record, out)
        self._answer.cite(slot, as_object(record.get("annotation")), out)

    def _written(self, record: JSONObject, out: list[Event]) -> None:
        item = self._item(record, _CALL_OF[str(record["type"]).rpartition(".")[0]], out)
        self._answer.write(item, _str(record, "delta"), out)
        if item.call is not None and item.call.index >= 0 and not item.call.ended:
            self._expect(record, item.call, 0, ToolCallArgsDelta)

    def _settled(self, record: JSONObject, out: list[Event]) -> None:
        type = _CALL_OF[str(record["type"]).rpartition(".")[0]]
        item = self._item(record, type, out)
        # lmstudio: no delta comes before (corpus: openai-responses/lmstudio/vercel-lmstudio-tool-call.1-0)
        self._answer.settle(item, _str(record, CALLS[type].text), out)

    def _preview(self, record: JSONObject, out: list[Event]) -> None:
        item = self._item(record, "image_generation_call", out)
        self._answer.show(item, _str(record, "partial_image_b64"), record, out, partial=True)

    def _sound(self, record: JSONObject, out: list[Event]) -> None:
        """Take audio, which belongs to no item."""
        text, spoken = _str(record, "delta"), "transcript" in record["type"]
        try:
            data = b"" if spoken else b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise MisfitError("the audio is no base64") from None
        if text:
            if self._audio < 0:
                self._audio = self._answer.next()
            out.append(AudioDelta(self._audio, data, transcript=text if spoken else ""))

    def _terminal(self, record: JSONObject, out: list[Event]) -> None:
        status = str(record["type"]).removeprefix("response.")
        if ANSWER in record:
            response = {**as_object(record.get("response")), **as_object(record[ANSWER])}
            record = {**record, "response": {k: "" if v is None else v for k, v in response.items()}}
        self._end(as_object(record.get("response")), status, out)

    def _end(self, response: JSONObject, status: str, out: list[Event]) -> None:
        self._note(response)
        if status in _GOING_ON:
            raise self._told(TruncatedStreamError(f"expected a response that has ended, got one {status}"))
        if status == "failed":
            raise self._failure({"error": response.get("error")})
        if not self._answer.items:
            for number, item in enumerate(map(as_object, as_list(response.get("output")))):
                self._answer.finish(self._answer.begin(number, item, out), item, out)
        reason = as_object(response.get("incomplete_details")).get("reason")
        self._finish = reason if status == "incomplete" and isinstance(reason, str) else status
        self._answer.close(out, cut=self._finish == "max_output_tokens")
        self._ended = True
        out.append(self._ending())

    def _failed(self, record: JSONObject, out: list[Event]) -> None:
        raise self._failure(record)

    def _failure(self, payload: JSON) -> ProviderError:
        self._finish = "failed"
        return self._told(failure(payload, self._text, phase="stream"))

    def _ending(self) -> Done:
        answer, metadata = self._answer, self._metadata
        return Done(
            finish_reason=finish_of(self._finish, calls=answer.called, refused=answer.refused),
            raw_finish_reason=self._finish,
            usage=usage_of(self._usage),
            id=self.response_id,
            model=self._model,
            provider_metadata={self._provider: dict(metadata)} if metadata else {},
        )

    def _told(self, error: _ErrorT) -> _ErrorT:
        """Put what is known of the answer as a whole on the error that ends it, and where it stopped."""
        if self.sequence is not None:
            self._metadata[SEQUENCE] = self.sequence
        error.ending = self._ending()
        return error

    table: ClassVar[dict[str, Callable[[ResponsesDecoder, JSONObject, list[Event]], None]]] = {
        "response.created": _head,
        "response.queued": _head,
        "response.in_progress": _head,
        "response.output_item.added": _added,
        "response.output_item.done": _done,
        "response.content_part.added": _ignore,
        "response.content_part.done": _ignore,
        "response.output_text.delta": _spoken,
        "response.output_text.done": _ignore,
        "response.output_text.annotation.added": _cited,
        "response.refusal.delta": _spoken,
        "response.refusal.done": _ignore,
        "response.reasoning_summary_part.added": _ignore,
        "response.reasoning_summary_part.done": _ignore,
        "response.reasoning_summary_text.delta": _thought,
        "response.reasoning_summary_text.done": _ignore,
        "response.reasoning_text.delta": _thought,
        "response.reasoning_text.done": _ignore,
        "response.function_call_arguments.delta": _written,
        "response.function_call_arguments.done": _settled,
        "response.custom_tool_call_input.delta": _written,
        "response.custom_tool_call_input.done": _settled,
        "response.mcp_call_arguments.delta": _written,
        "response.mcp_call_arguments.done": _settled,
        "response.code_interpreter_call_code.delta": _written,
        "response.code_interpreter_call_code.done": _settled,
        "response.image_generation_call.partial_image": _preview,
        "response.audio.delta": _sound,
        "response.audio.done": _ignore,
        "response.audio.transcript.delta": _sound,
        "response.audio.transcript.done": _ignore,
        "response.audio_transcript.delta": _sound,
        "response.audio_transcript.done": _ignore,
        "response.completed": _terminal,
        "response.incomplete": _terminal,
        "response.failed": _terminal,
        "response.cancelled": _terminal,
        "keepalive": _ignore,
        "error": _failed,
    }


# All that is not told as the progress of a tool.
EVENTS: Final = frozenset(ResponsesDecoder.table)
_CALL_OF: Final = {f"response.{type}_{about.text}": type for type, about in CALLS.items() if about.text}


def _int(record: JSONObject, name: str, default: int | None = None) -> int:
    value = record.get(name, default)
    if not isinstance(value, int) or value < 0:
        raise MisfitError(f"{name} is no position")
    return value


def _str(record: JSONObject, name: str) -> str:
    value = record.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MisfitError(f"{name} is no text")
    return value


def _then(events: list[Event], error: LLMStreamError) -> Iterator[Event]:
    """Give the events that came before a failure, then raise it."""
    yield from events
    raise error
