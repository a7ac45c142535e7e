"""The limit: the least that a typed client of these wires can do on asyncio.

A protocol takes the HTTP chunks and the server-sent events apart where the socket hands them over, decodes
each by a struct of the fields that are wanted, makes an event of it and gives that to its caller. It
believes whatever comes: no errors, timeouts, cancellation or back-pressure, and no layer above it.
"""

from __future__ import annotations

import asyncio  # noqa: TID251 - the limit is asyncio's own protocol
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import urlsplit

import attrs
import msgspec

Take = Callable[[str], object]
Stream = Callable[[Take], Awaitable[None]]


@attrs.define
class Text:
    index: int
    text: str


@attrs.define
class End:
    reason: str | None


class ChatDelta(msgspec.Struct):
    content: str | None = None


class ChatChoice(msgspec.Struct):
    delta: ChatDelta
    index: int = 0
    finish_reason: str | None = None


class ChatChunk(msgspec.Struct):
    choices: list[ChatChoice]


class BlockDelta(msgspec.Struct):
    text: str | None = None
    stop_reason: str | None = None


class Message(msgspec.Struct):
    type: str
    index: int = 0
    delta: BlockDelta | None = None


class ResponseEvent(msgspec.Struct):
    type: str
    output_index: int = 0
    delta: str = ""


_response = msgspec.json.Decoder(ResponseEvent).decode
_chat = msgspec.json.Decoder(ChatChunk).decode
_message = msgspec.json.Decoder(Message).decode


def chat_event(data: bytes) -> Text | End | None:
    for choice in _chat(data).choices:
        if choice.delta.content:
            return Text(choice.index, choice.delta.content)
        if choice.finish_reason:
            return End(choice.finish_reason)
    return None


def message_event(data: bytes) -> Text | End | None:
    message = _message(data)
    if message.delta is not None:
        if message.delta.text:
            return Text(message.index, message.delta.text)
        return End(message.delta.stop_reason)
    return None


def response_event(data: bytes) -> Text | End | None:
    event = _response(data)
    if event.type == "response.output_text.delta":
        return Text(event.output_index, event.delta)
    return End("completed") if event.type == "response.completed" else None


EVENTS: dict[str, Callable[[bytes], Text | End | None]] = {
    "chat": chat_event,
    "messages": message_event,
    "responses": response_event,
}
REQUESTS = {
    "chat": ("/v1/chat/completions", {"model": "m", "stream": True, "messages": []}),
    "messages": ("/v1/messages", {"model": "m", "max_tokens": 4096, "stream": True, "messages": []}),
    "responses": ("/v1/responses", {"model": "m", "stream": True, "input": []}),
}


class Exchange(asyncio.Protocol):
    """A connection that serves one request after the other."""

    def __init__(self, event: Callable[[bytes], Text | End | None]) -> None:
        self._event = event

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes, take: Take) -> asyncio.Future[None]:
        self._take, self._wire, self._text, self._in_head = take, b"", b"", True
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._over

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over.done():
            self._over.set_exception(exc or EOFError("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        data = self._wire + data if self._wire else data
        if self._in_head:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._wire = data
                return
            data, self._in_head = data[end:], False
        body, over = self._chunks(data)
        *blocks, self._text = (self._text + body if self._text else body).split(b"\n\n")
        event, take = self._event, self._take
        for block in blocks:
            payload = block[block.find(b"data: ") + 6 :]
            if payload != b"[DONE]" and type(made := event(payload)) is Text:
                take(made.text)
        if over:
            self._over.set_result(None)

    def _chunks(self, data: bytes) -> tuple[bytes, bool]:
        """The content of the whole chunks, and whether the last was among them; keeps the rest."""
        parts: list[bytes] = []
        at, total, find = 0, len(data), data.find
        while (line := find(b"\r\n", at)) >= 0:
            size = int(data[at:line], 16)
            stop = line + 2 + size
            if stop + 2 > total:
                break
            if not size:
                return b"".join(parts), True
            parts.append(data[line + 2 : stop])
            at = stop + 2
        self._wire = data[at:]
        return parts[0] if len(parts) == 1 else b"".join(parts), False


def connect(base: str, wire: str) -> Stream:
    """A client of `base`; it keeps its connections."""
    place = urlsplit(base)
    assert place.hostname is not None
    assert place.port is not None
    host, port = place.hostname, place.port
    path, content = REQUESTS[wire]
    body = json.dumps(content).encode()
    head = f"POST {place.path}{path} HTTP/1.1\r\nhost: {place.netloc}\r\ncontent-length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    tls = ssl.create_default_context() if place.scheme == "https" else None
    idle: list[Exchange] = []

    async def stream(take: Take) -> None:
        if idle:
            exchange = idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, exchange = await loop.create_connection(lambda: Exchange(EVENTS[wire]), host, port, ssl=tls)
        await exchange.ask(request, take)
        idle.append(exchange)

    return stream
