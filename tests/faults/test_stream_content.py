"""Rows 37 to 42, 49, 50 and 52: what a stream's bytes may be, and how they may be cut."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import Done, LLMStreamError, MalformedFrameError, TextDelta, TruncatedStreamError
from llmstream.errors import WireError
from llmstream.jsontext import dump_bytes, dumps, loads
from llmstream.testing import corpus, laws, splits
from llmstream.testing.loopback import in_turn
from llmstream.wire import find
from llmstream.wire.framing.eventstream import encode_message

DIALECTS = ["openai-chat", "openai-responses", "anthropic", "gemini", "ollama", "bedrock"]
SSE = pytest.mark.parametrize("dialect", DIALECTS[:4])


@pytest.fixture
def anyio_backend(face) -> str:
    return face.backend


@pytest.mark.anyio
async def test_row_37_cut_into_single_bytes(face, wire, standing) -> None:
    async with standing.serving(
        wire.answer(splits.single_bytes(wire.body)), lasting=True, seconds=5
    ) as server:
        standing.answered(await face.read(server.url, wire), "one two three")


def test_row_37_cut_at_every_offset(wire, read_frames) -> None:
    whole = read_frames(wire, [wire.body])
    assert whole.error is None
    for pieces in splits.two_way(wire.body):
        assert read_frames(wire, pieces) == whole


def test_row_37_every_recorded_stream_by_single_bytes(shared) -> None:
    """At other cuts: tests/test_replay_recorded.py and the dialects' own tests of the corpus."""
    cases = [case for case in corpus.cases(shared / "corpus") if case.kind == "stream"]
    cases = [case for case in cases if case.wire in DIALECTS and len(case.body) < 20_000]
    assert len(cases) > 100
    for case in cases:
        codec = find(case.wire)
        whole = laws.decode_all(codec, [case.body], head=case.head)
        single = laws.decode_all(codec, splits.single_bytes(case.body), head=case.head)
        assert (single.events, repr(single.error)) == (whole.events, repr(whole.error)), case.name


SAID = ["é", "\u4e2d", "\U0001f600", " end"]


@pytest.mark.anyio
async def test_row_38_characters_cut_in_their_bytes(face, wire, standing) -> None:
    events = [*(TextDelta(0, text) for text in SAID), Done(finish_reason="stop")]
    body = b"".join(wire.said(events))
    async with standing.serving(wire.answer(splits.single_bytes(body)), lasting=True, seconds=5) as server:
        standing.answered(await face.read(server.url, wire), "".join(SAID))


def chunk(content: str) -> bytes:
    """A frame of Chat Completions whose content is JSON text as it is given."""
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % content.encode()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("contents", "text"),
    [
        ([r"\ud83d\ude00"], {"\U0001f600"}),
        ([r"a\ud83d", r"\ude00b"], {"a\ufffd\ufffdb", "a\U0001f600b"}),
        ([r"a\ud83d"], {"a\ufffd"}),
        ([r"\ude00b"], {"\ufffdb"}),
    ],
)
async def test_row_38_halves_of_a_character_in_json(face, chat, standing, contents, text) -> None:
    end = chat.said([Done(finish_reason="stop")])
    body = [chunk("!"), *map(chunk, contents), *end]
    async with standing.serving(chat.answer(body), lasting=True) as server:
        outcome = await face.read(server.url)
    said = outcome.text.removeprefix("!")
    assert said in text
    standing.answered(outcome, f"!{said}")
    # It can be stored, and sent on.
    assert loads(dump_bytes(said)) == loads(dumps(said)) == said
    outcome.response.to_dict()


@pytest.mark.anyio
async def test_row_39_a_byte_that_is_no_utf_8(face, wire, standing) -> None:
    pieces = [
        piece.replace(b"two", b"t\xffo") for piece in wire.said([TextDelta(0, "one "), TextDelta(0, "two")])
    ]
    if wire.dialect == "bedrock":
        payload = b'{"contentBlockIndex":0,"delta":{"text":"t\xffo"}}'
        pieces[1] = encode_message({":event-type": "contentBlockDelta"}, payload)
    async with standing.serving(wire.answer(pieces), lasting=True) as server:
        outcome = await face.read(server.url, wire)
    standing.failed(outcome, TruncatedStreamError, text="one t\ufffdo")


ENDS = {"CR": b"\r", "LF": b"\n", "CRLF": b"\r\n"}


@pytest.mark.anyio
@SSE
@pytest.mark.parametrize("end", [*ENDS, "mixed"])
async def test_row_40_line_ends(face, wires, standing, dialect, end) -> None:
    wire = wires[dialect]
    lines = wire.body.replace(b"\r\n", b"\n").split(b"\n")
    ends = list(ENDS.values())
    # No CR before an LF of another line: together they would be one.
    mixed = [ends[number % 3 and 2] for number in range(len(lines))]
    body = b"".join(
        line + (mixed[number] if end == "mixed" else ENDS[end]) for number, line in enumerate(lines)
    )
    # Cut behind each CR, and cut nowhere.
    cuts = [place + 1 for place, byte in enumerate(body) if byte == 0x0D]
    answers = [wire.answer(splits.cut(body, cuts)), wire.answer(body)]
    async with standing.serving(in_turn(*answers), lasting=True, seconds=5) as server:
        for _ in answers:
            standing.answered(await face.read(server.url, wire), "one two three")


@pytest.mark.anyio
@SSE
@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2, 3]])
async def test_row_41_a_byte_order_mark(face, wires, standing, dialect, cuts) -> None:
    wire = wires[dialect]
    body = b"\xef\xbb\xbf" + wire.body
    async with standing.serving(wire.answer(splits.cut(body, cuts)), lasting=True) as server:
        standing.answered(await face.read(server.url, wire), "one two three")


@pytest.mark.anyio
async def test_row_41_a_second_byte_order_mark_is_part_of_a_field(face, chat, standing) -> None:
    """By the standard: the first line is then a field that nobody knows, and its event is lost."""
    body = 2 * b"\xef\xbb\xbf" + b"data: lost\n\n" + chat.body
    async with standing.serving(chat.answer(body), lasting=True) as server:
        standing.answered(await face.read(server.url), "one two three")


@pytest.mark.anyio
async def test_row_42_what_only_python_takes_for_line_ends(face, wire, standing) -> None:
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf"
    # As they are: JSON lets all but the last two stand.
    body = b"".join(wire.said([TextDelta(0, text), Done(finish_reason="stop")]))
    async with standing.serving(wire.answer(body), lasting=True) as server:
        standing.answered(await face.read(server.url, wire), text)


def records(wire) -> list[tuple[str, object]]:
    """The frames of the body: names, and JSON."""
    framer = wire.codec.framer(wire.codec.server.head(None))
    frames = [*framer.feed(wire.body), *framer.feed_eof()]
    return [(f.event, loads(f.data)) for f in frames if f.data != "[DONE]"]


def framed(wire, name: str, value: object) -> bytes:
    data = dump_bytes(value)
    match wire.dialect:
        case "bedrock":
            return encode_message({":event-type": name, ":message-type": "event"}, data)
        case "ollama":
            return data + b"\n"
        case _:
            return (b"event: %s\n" % name.encode() if name else b"") + b"data: " + data + b"\n\n"


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """All paths into a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


GONE = object()


def changed(value: object, path: tuple[object, ...], other: object) -> object:
    """A JSON value with another one at a path, or without what was there."""
    if not path:
        return other
    key, *rest = path
    if isinstance(value, dict):
        inner = changed(value[key], tuple(rest), other)
        kept = {k: v for k, v in value.items() if k != key}
        return kept if inner is GONE else {**kept, key: inner}
    assert isinstance(value, list)
    inner = changed(value[key], tuple(rest), other)
    return [*value[:key], *([] if inner is GONE else [inner]), *value[key + 1 :]]


WRONG = [GONE, None, True, -1, 7, 1.5, "", "text", [], [None], [[]], {}, {"a": 1}, [{"index": 9}], 10**30]


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=max(settings.default.max_examples if settings.default else 100, 100))
@given(data=st.data())
def test_row_49_wrong_shapes_are_typed_errors(dialect: str, data: st.DataObject) -> None:
    wire = SHAPES[dialect]
    known = records(wire)
    number = data.draw(st.integers(0, len(known) - 1))
    name, value = known[number]
    path = data.draw(st.sampled_from(list(places(value))))
    other = changed(value, path, data.draw(st.sampled_from(WRONG)))
    pieces = [framed(wire, *one) for one in known]
    pieces[number] = b"" if other is GONE else framed(wire, name, other)
    # Only the library's errors are caught there.
    decoded = laws.decode_all(wire.codec, pieces, head=wire.codec.server.head(None))
    laws.grammar(decoded.events, complete=decoded.error is None)


SHAPES: dict[str, object] = {}


@pytest.fixture(autouse=True)
def _shapes(wires) -> None:
    SHAPES.update(wires)


@pytest.mark.anyio
async def test_row_49_events_of_a_newer_version_are_passed_over(face, wire, standing) -> None:
    unknown = {"type": "response.shiny", "shiny": {"new": [1, None]}}
    if wire.dialect == "anthropic":
        unknown["type"] = "shiny"
    if wire.dialect == "ollama":
        # Its lines have no type; what is new stands beside what is known.
        unknown = {"message": {"role": "assistant", "content": "", "shiny": 1}, "done": False, "shiny": 1}
    name = (
        str(unknown.get("type", "")) if wire.dialect in {"openai-responses", "anthropic", "bedrock"} else ""
    )
    new = framed(wire, name, unknown)
    frames = wire.frames
    body = b"".join([*frames[:2], new, *frames[2:]])
    async with standing.serving(wire.answer(body), lasting=True) as server:
        standing.answered(await face.read(server.url, wire), "one two three")


@pytest.mark.anyio
@pytest.mark.parametrize("wrong", ["twice", "swapped"])
async def test_row_50_events_out_of_turn(face, wires, standing, wrong) -> None:
    wire = wires["openai-responses"]
    frames = wire.frames
    first = next(number for number, frame in enumerate(frames) if b'"one "' in frame)
    one, two, three = frames[first : first + 3]
    turn = [one, two, two, three] if wrong == "twice" else [one, three, two]
    body = [*frames[:first], *turn, *frames[first + 3 :]]
    async with standing.serving(wire.answer(body), lasting=True) as server:
        outcome = await face.read(server.url, wire)
    text = "one two " if wrong == "twice" else "one three"
    error = standing.failed(outcome, MalformedFrameError, text=text, phase="parse")
    assert re.search(r"number \d+ after \d+", str(error))


@pytest.mark.anyio
async def test_row_50_numbers_that_are_left_out_or_not_counted(face, wires, standing) -> None:
    wire = wires["openai-responses"]
    without = re.sub(rb',"sequence_number":\d+', b"", wire.body)
    zeros, sevens = (
        re.sub(rb'"sequence_number":\d+', b'"sequence_number":%d' % n, wire.body) for n in (0, 7)
    )
    answers = [wire.answer(body) for body in (without, zeros, sevens)]
    async with standing.serving(in_turn(*answers), lasting=True) as server:
        for _ in answers:
            standing.answered(await face.read(server.url, wire), "one two three")


def broken(message: bytes, how: str) -> bytes:
    """A message of AWS with one thing wrong."""
    data = bytearray(message)
    match how:
        case "the prelude's checksum":
            data[8] ^= 1
        case "the message's checksum":
            data[-1] ^= 1
        case "a byte of the payload":
            data[-8] ^= 1
        case "a huge length":
            data[0] = 0x7F
        case "a length of nothing":
            data[:4] = b"\0\0\0\0"
        case "the headers' length":
            data[4:8] = b"\x7f\0\0\0"
        case _:
            raise AssertionError(how)
    return bytes(data)


HOW = [
    "the prelude's checksum",
    "the message's checksum",
    "a byte of the payload",
    "a huge length",
    "a length of nothing",
    "the headers' length",
]


@pytest.mark.anyio
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("single", [False, True])
async def test_row_52_a_broken_message_of_aws(face, wires, standing, how, single) -> None:
    wire = wires["bedrock"]
    frames = wire.frames
    body = b"".join([*frames[:2], broken(frames[2], how), *frames[3:]])
    pieces = splits.single_bytes(body) if single else [body]
    async with standing.serving(wire.answer(pieces), lasting=True, seconds=5) as server:
        outcome = await face.read(server.url, wire)
    assert isinstance(outcome.error, WireError)
    standing.failed(outcome, type(outcome.error), text="one ", phase=outcome.error.phase)


def test_row_52_the_recorded_vectors(shared, wires, read_frames) -> None:
    """What each holds, and each cut: tests/wire/framing/test_eventstream.py."""
    folder = shared / "cases" / "eventstream_vectors"
    for path in sorted(folder.glob("*.bin")):
        for pieces in ([path.read_bytes()], splits.single_bytes(path.read_bytes())):
            decoded = read_frames(wires["bedrock"], pieces)
            # None of them is an answer.
            assert isinstance(decoded.error, LLMStreamError), path.name
