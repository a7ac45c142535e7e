"""What is fuzzed, and how bodies are spoilt: shared by the property tests and the atheris target."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache

import attrs

from llmstream import (
    Attachment,
    Done,
    Draft,
    LLMStreamError,
    ReasoningDelta,
    Request,
    TextDelta,
    Tool,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    ToolResultPart,
    Usage,
    assistant,
    step,
    system,
    tool_message,
    user,
)
from llmstream.errors import ServerError, UnsupportedError
from llmstream.jsontext import JSONError, dump_bytes, loads
from llmstream.model import registry
from llmstream.stage import Pipe, Stage, run
from llmstream.testing import corpus
from llmstream.testing.recorded import row_for
from llmstream.values.events import Event
from llmstream.wire.codec import Codec
from llmstream.wire.framing.eventstream import EventStreamFramer
from llmstream.wire.framing.ndjson import NDJSONFramer
from llmstream.wire.framing.sse import SSEFramer
from llmstream.wire.http import HttpRequest, ResponseHead

FRAMERS: dict[str, Callable[[], Stage[bytes, object]]] = {
    "sse": lambda: SSEFramer(max_frame_bytes=1 << 16),
    "ndjson": lambda: NDJSONFramer(max_frame_bytes=1 << 16),
    "eventstream": lambda: EventStreamFramer(max_frame_bytes=1 << 16),
}
# Every wire that `llmstream.testing.decode` knows, with the row that speaks it.
WIRES = (
    "openai-chat",
    "openai-responses",
    "openai-completions",
    "anthropic",
    "anthropic-vertex",
    "gemini",
    "gemini-interactions",
    "ollama",
    "bedrock",
    "bedrock-invoke",
    "mistral",
)
EVENTS: tuple[Event, ...] = (
    ReasoningDelta(0, "Let me see."),
    TextDelta(1, "Hel"),
    TextDelta(1, "lo € \U0001f600"),
    ToolCallStart(2, id="call_1", name="look"),
    ToolCallArgsDelta(2, '{"a": [1, 2.5, '),
    ToolCallArgsDelta(2, '{"b": null}]}'),
    ToolCallEnd(2, arguments={"a": [1, 2.5, {"b": None}]}),
    Done(finish_reason="tool_calls", usage=Usage(input=3, output=5), id="r_1", model="m"),
)
# Values of every kind, and those that parsers stumble over.
ODD: tuple[bytes, ...] = (
    b"null",
    b"true",
    b"0",
    b"-1",
    b"1.5",
    b"1e999",
    b"NaN",
    b"Infinity",
    b"9" * 40,
    b"9" * 5000,
    b'""',
    b'"x"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\u0000"',
    b"[]",
    b"[null]",
    b"{}",
    b'{"type":1}',
    b"[" * 2000,
    b"[" * 300 + b"]" * 300,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b"\xff\xfe",
    b"\xed\xa0\x80",
)


def codec_of(wire: str) -> Codec:
    row = registry.provider(wire)
    return row_for(wire, None).codec if row is None else row.codec


@cache
def own_bodies(wire: str) -> tuple[tuple[ResponseHead, bytes], ...]:
    """Bodies that the dialect's own server half writes: a stream, and an answer in one piece."""
    codec = codec_of(wire)
    request = Request("m", [user("x")])
    found: list[tuple[ResponseHead, bytes]] = []
    for events in (EVENTS, (EVENTS[1], EVENTS[-1]), EVENTS[3:]):
        try:
            settled = codec.server.canonical(_renumbered(events))
            body = b"".join(run(codec.server.encoder(request), settled))
            found.append((codec.server.head(request), body))
        except LLMStreamError:
            continue
    return tuple(found)


def _renumbered(events: Sequence[Event]) -> list[Event]:
    first = min((e.index for e in events if hasattr(e, "index")), default=0)
    return [attrs.evolve(e, index=e.index - first) if hasattr(e, "index") else e for e in events]


@cache
def recorded_bodies(wire: str, most: int = 60) -> tuple[tuple[ResponseHead, bytes], ...]:
    """Bodies that were recorded, where there is a folder of them: small ones, spread over the cases."""
    root = corpus.find()
    if root is None:
        return ()
    found = [
        (ResponseHead(case.status, {"content-type": case.content_type}), case.body)
        for case in corpus.cases(root / "corpus", wire)
        if len(case.body) < 20_000
    ]
    return tuple(found[:: max(1, len(found) // most)])


def mutations(seed: int, body: bytes, others: Sequence[bytes]) -> bytes:
    """Spoil a body in one to four ways; the same seed spoils it the same way."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        body = chance.choice(_WAYS)(chance, body, others)
    return body


def _span(chance: random.Random, body: bytes) -> tuple[int, int]:
    start = chance.randint(0, len(body))
    return start, min(len(body), start + chance.choice((1, 2, 8, 64, 512)))


def _flip(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    if not body:
        return body
    at = chance.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]


def _cut(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    return body[: chance.randint(0, len(body))]


def _delete(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _span(chance, body)
    return body[:start] + body[end:]


def _double(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _span(chance, body)
    return body[:end] + body[start:]


def _splice(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others) if others else b""
    start, end = _span(chance, other)
    at = chance.randint(0, len(body))
    return body[:at] + other[start:end] + body[at:]


def _swap_value(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    """Put a value of another kind where a JSON value stands."""
    spans = list(_values(body))
    if not spans:
        return body
    start, end = chance.choice(spans)
    return body[:start] + chance.choice(ODD) + body[end:]


def _swap_lines(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    """Shuffle, repeat or leave out whole lines, which are frames in most wires."""
    lines = body.split(b"\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(3):
        case 0:
            lines[first], lines[second] = lines[second], lines[first]
        case 1:
            lines.insert(first, lines[second])
        case _:
            del lines[first]
    return b"\n".join(lines)


_WAYS = (_flip, _cut, _delete, _double, _splice, _swap_value, _swap_value, _swap_value, _swap_lines)


def _values(body: bytes) -> Iterator[tuple[int, int]]:
    """Where scalar values stand behind a colon; near enough for spoiling."""
    at = body.find(b":")
    while at >= 0:
        start = at + 1
        while body[start : start + 1] == b" ":
            start += 1
        end = start
        if body[start : start + 1] == b'"':
            end = body.find(b'"', start + 1) + 1 or len(body)
        else:
            while end < len(body) and body[end : end + 1] not in b",}]\n ":
                end += 1
        yield start, end
        at = body.find(b":", at + 1)


def reframed(wire: str, seed: int, body: bytes) -> bytes:
    """Spoil the JSON inside AWS frames, whose checksums hold: one message anew with an odd payload."""
    if not wire.startswith("bedrock"):
        return body
    chance = random.Random(seed)
    try:
        frames = list(EventStreamFramer().feed(body))
    except LLMStreamError:
        return body  # a recording of another framing
    spoilt: list[bytes] = []
    for frame in frames:
        headers = frame.headers or {}
        kind = str(headers.get(":event-type", frame.event or "chunk"))
        data = frame.data if isinstance(frame.data, str) else ""
        payload = data.encode("utf-8", "surrogatepass")
        if chance.random() < 0.4:
            payload = _swap_value(chance, payload, ())
        try:
            spoilt.append(corpus._aws_message(kind, loads(payload)))
        except (JSONError, ValueError, RecursionError):
            continue
    return b"".join(spoilt)


def decoded(wire: str, head: ResponseHead, body: bytes, *, pieces: int = 1) -> list[Event]:
    """Decode a body of any kind; only errors of ours leave, and what came before obeys the grammar."""
    codec = codec_of(wire)
    if head.status >= 400:
        refused(wire, head, body)
        return []
    events: list[Event] = []
    draft = Draft()
    size = max(1, -(-len(body) // pieces))
    try:
        pipe = Pipe(codec.framer(head, max_frame_bytes=1 << 20), codec.decoder(head))
        for event in run(pipe, [body[at : at + size] for at in range(0, len(body), size)]):
            draft = step(draft, event)
            events.append(event)
    except LLMStreamError as error:
        str(error)
    draft.response()
    return events


def refused(wire: str, head: ResponseHead, body: bytes) -> LLMStreamError:
    error = codec_of(wire).error(head, body)
    assert isinstance(error, LLMStreamError)
    str(error)
    return error


def asked(wire: str, body: bytes) -> None:
    """Have the server half read a request."""
    server = codec_of(wire).server
    plain = codec_of(wire).encode(Request("m", [user("x")]))
    http = HttpRequest("POST", plain.path, plain.headers, body)
    for read in (server.request, server.streams):
        try:
            read(http)
        except LLMStreamError as error:
            str(error)


def framed(name: str, body: bytes, *, pieces: int = 1) -> None:
    size = max(1, -(-len(body) // pieces))
    try:
        for _ in run(FRAMERS[name](), [body[at : at + size] for at in range(0, len(body), size)]):
            pass
    except LLMStreamError as error:
        str(error)


def refusals(wire: str) -> Iterable[bytes]:
    """Bodies of refusals, as the dialect's own server half writes them, and as nobody does."""
    with suppress(LLMStreamError):
        yield codec_of(wire).server.refuse(ServerError("it failed", status=500)).body
    yield dump_bytes({"error": {"message": "bad", "code": 1, "type": "x", "details": [{"retryDelay": "3s"}]}})
    yield b"<html>bad gateway</html>"


def requests(wire: str) -> Iterable[bytes]:
    """Bodies of requests that the dialect's client half writes."""
    call = ToolCallPart("c1", "look", arguments={"a": 1}, raw='{"a":1}')
    history = [
        system("be brief"),
        user("look", Attachment("image/png", data=b"\x89PNG\r\n\x1a\n")),
        assistant("so", call),
        tool_message(ToolResultPart("c1", "look", output="seen")),
        user("go on"),
    ]
    tools = [Tool("look", parameters={"type": "object", "properties": {"a": {"type": "integer"}}})]
    for messages in (history, history[:1] + history[-1:], history[-1:]):
        for given in (tools, []):
            with suppress(UnsupportedError):
                yield codec_of(wire).encode(Request("m", messages, tools=given)).body


def one(data: bytes) -> None:
    """What atheris calls: the first byte chooses what is fuzzed, the rest is the body."""
    if not data:
        return
    choices = [*WIRES, *(f"request {wire}" for wire in WIRES), *FRAMERS]
    choice, body = choices[data[0] % len(choices)], data[1:]
    if choice in FRAMERS:
        framed(choice, body, pieces=3)
    elif choice.startswith("request "):
        asked(choice.removeprefix("request "), body)
    else:
        for head in {own[0].media_type: own[0] for own in own_bodies(choice)}.values():
            decoded(choice, head, body, pieces=2)
        refused(choice, ResponseHead(400, {"content-type": "application/json"}), body)
