"""From events to the bytes of an answer: a stream, or a whole body."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from typing import cast

from llmstream.jsontext import JSON, JSONObject, dump_bytes
from llmstream.values.events import Done, Event
from llmstream.wire.dataurl import b64
from llmstream.wire.openai_chat.server.frames import FrameWriter


def sse(record: JSONObject) -> bytes:
    """A record as a server-sent event; JSON has no line end outside its escapes."""
    return b"data: " + dump_bytes(record) + b"\n\n"


class StreamEncoder:
    """A stage from events to server-sent events; an answer without Done ends without `[DONE]`.

    Raises:
        UnsupportedError: from `feed`, when the wire cannot say an event.
    """

    def __init__(self, frames: FrameWriter) -> None:
        self._frames = frames

    def feed(self, event: Event, /) -> Iterable[bytes]:
        """Write one event."""
        written = b"".join(map(sse, self._frames.feed(event)))
        if isinstance(event, Done):
            written += b"data: [DONE]\n\n"
        return (written,) if written else ()

    def feed_eof(self) -> Iterable[bytes]:
        """Give nothing: Done was the end, and without it there is none."""
        return ()


def whole_body(frames: Iterable[JSONObject]) -> JSONObject:
    """Join frames into the body that says the same at once; the order of unlike parts is lost."""
    message = _Message()
    body: JSONObject = {}
    last: JSONObject = {}
    for frame in frames:
        body.update(frame)
        for choice in frame["choices"]:
            message.add(choice["delta"], choice["logprobs"])
            last = choice
    last = {**last, "logprobs": message.logprobs()}
    last.pop("delta", None)
    return {**body, "object": "chat.completion", "choices": [{**last, "message": message.record()}]}


class _Message:
    """A message joined from deltas."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[JSON]] = {}
        self._rest: JSONObject = {}
        self._calls: dict[int, _Call] = {}
        self._executed: dict[str, JSONObject] = {}
        self._audio: JSONObject = {}
        self._sound: list[bytes] = []
        self._tokens: dict[str, list[JSON]] = {"content": [], "refusal": []}

    def add(self, delta: JSONObject, logprobs: JSONObject | None) -> None:
        """Take one delta, with what stands beside it."""
        for name, value in delta.items():
            match name:
                case "tool_calls":
                    self._calls.setdefault(value[0]["index"], _Call()).add(value[0])
                case "executed_tools":
                    # An entry with its output takes the place of the one without.
                    self._executed[value[0]["id"]] = value[0]
                case "audio":
                    self._sound.append(b64decode(value.get("data", "")))
                    self._texts.setdefault("transcript", []).append(value.get("transcript", ""))
                    self._audio.update(value)
                case _ if isinstance(value, str):
                    self._texts.setdefault(name, []).append(value)
                case _ if isinstance(value, list):
                    self._lists.setdefault(name, []).extend(cast("list[JSON]", value))
                case _:
                    self._rest[name] = value
        for name, tokens in logprobs.items() if logprobs else ():
            self._tokens[name] += tokens or ()

    def record(self) -> JSONObject:
        """The message."""
        lists, texts = dict(self._lists), {name: "".join(pieces) for name, pieces in self._texts.items()}
        blocks, transcript = lists.pop("content", []), texts.pop("transcript", "")
        text = texts.pop("content", "")
        content: JSON = [*blocks, *([{"type": "text", "text": text}] if text else [])] if blocks else text
        silent = not content and bool(self._calls or self._audio or texts.get("refusal"))
        record: JSONObject = {"role": "assistant", "content": None if silent else content, "refusal": None}
        record.update({**texts, **lists, **self._rest, "role": "assistant"})
        if self._executed:
            record["executed_tools"] = list(self._executed.values())
        if self._audio:
            sound = b64(b"".join(self._sound))
            record["audio"] = {
                "id": "",
                "expires_at": 0,
                **self._audio,
                "data": sound,
                "transcript": transcript,
            }
        if self._calls:
            record["tool_calls"] = [call.record() for call in self._calls.values()]
        return record

    def logprobs(self) -> JSON:
        """What stands beside the message."""
        return (
            {name: tokens or None for name, tokens in self._tokens.items()}
            if any(self._tokens.values())
            else None
        )


class _Call:
    """A call joined from its entries."""

    def __init__(self) -> None:
        self._entry: JSONObject = {}
        self._name = ""
        self._pieces: list[str] = []

    def add(self, entry: JSONObject) -> None:
        """Take one entry; a later id replaces an earlier one."""
        inner: JSONObject = entry.get("function") or entry.get("custom") or {}
        self._name = self._name or inner.get("name", "")
        self._pieces += [inner.get("arguments", ""), inner.get("input", "")]
        self._entry.update({name: value for name, value in entry.items() if name not in _INNER})

    def record(self) -> JSONObject:
        """The call."""
        text = "".join(self._pieces)
        if self._entry["type"] == "custom":
            return {**self._entry, "custom": {"name": self._name, "input": text}}
        return {**self._entry, "function": {"name": self._name, "arguments": text}}


_INNER = {"index", "function", "custom"}
