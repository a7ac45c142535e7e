"""The AWS binary framing, read and written."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from itertools import pairwise
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.errors import (
    FrameTooLargeError,
    MalformedFrameError,
    TruncatedStreamError,
    UnsupportedError,
    WireError,
)
from llmstream.stage import run
from llmstream.wire.framing import eventstream
from llmstream.wire.framing.eventstream import MAX_PAYLOAD_BYTES, EventStreamFramer, encode_message

HEADERS = {":message-type": "event", ":event-type": "contentBlockDelta", ":content-type": "application/json"}


def sealed(block, payload=b"", *, headers_length=None, total=None):
    """A message with right checksums, whatever its parts are."""
    size = len(block) if headers_length is None else headers_length
    lengths = struct.pack(">II", 16 + len(block) + len(payload) if total is None else total, size)
    message = lengths + struct.pack(">I", crc32(lengths)) + block + payload
    return message + struct.pack(">I", crc32(message))


def outcome(pieces, **options):
    """Headers and payloads, and at the end the class of what was raised."""
    found = []
    try:
        for frame in run(EventStreamFramer(**options), pieces):
            found.append((frame.headers, frame.payload))  # noqa: PERF401 - what came before a failure is kept
    except WireError as error:
        found.append(type(error))
    return found


def cut(body, places):
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in pairwise(edges)]


def test_messages_are_frames_however_they_are_cut(cuts):
    first = encode_message(HEADERS, '{"p": "é"}'.encode())
    second = encode_message({":message-type": "exception", ":exception-type": "throttlingException"}, b"{}")
    for pieces in cuts(first + second + encode_message({})):
        frames = list(run(EventStreamFramer(), pieces))
        assert [frame.event for frame in frames] == ["contentBlockDelta", "throttlingException", ""]
        assert [frame.data for frame in frames] == ['{"p": "é"}', "{}", ""]
        assert frames[0].headers == HEADERS
        assert frames[2].headers == {}


def test_a_message_comes_with_its_last_byte_and_not_later():
    message = encode_message(HEADERS, b"{}")
    framer = EventStreamFramer()
    assert list(framer.feed(message[:-1])) == []
    assert len(list(framer.feed(message[-1:] + message[:5]))) == 1


def test_a_payload_that_is_no_text_is_kept():
    (frame,) = run(EventStreamFramer(), [encode_message({}, b"\xff\x00")])
    assert frame.payload == b"\xff\x00"
    assert frame.data == "\N{REPLACEMENT CHARACTER}\0"


def test_every_type_of_header_is_read():
    block = b"".join(
        [
            *(b"\x01a\x00", b"\x01b\x01", b"\x01c\x02\xff", b"\x01d\x03\xff\xfe"),
            *(b"\x01e\x04" + struct.pack(">i", -3), b"\x01f\x05" + struct.pack(">q", -(2**63))),
            *(b"\x01g\x06\x00\x02\xff\x00", b"\x02\xc3\xa9\x07\x00\x02\xc3\xa9"),
            *(b"\x01h\x08" + struct.pack(">q", 2**63 - 1), b"\x01i\x09" + bytes(range(16))),
        ]
    )
    (frame,) = run(EventStreamFramer(), [sealed(block)])
    integers = {"c": -1, "d": -2, "e": -3, "f": -(2**63), "h": 2**63 - 1}
    rest = {"a": True, "b": False, "g": b"\xff\x00", "é": "é", "i": bytes(range(16))}
    assert frame.headers == integers | rest


def test_frames_do_not_share_their_headers():
    first, second = run(EventStreamFramer(), [encode_message(HEADERS) * 2])
    first.headers.clear()
    assert second.headers == HEADERS


def test_only_a_text_names_the_event():
    (frame,) = run(EventStreamFramer(), [encode_message({":event-type": 3})])
    assert frame.event == ""


BAD_BLOCKS = {
    "no_type": b"\x01a",
    "a_name_beyond_the_block": b"\x05ab",
    "no_name": b"\x00\x00",
    "a_name_that_is_no_text": b"\x01\xff\x00",
    "the_same_name_twice": b"\x01a\x00\x01a\x01",
    "an_unknown_type": b"\x01a\x0a",
    "a_short_integer": b"\x01a\x04\x00\x00",
    "a_short_length": b"\x01a\x07\x00",
    "a_text_beyond_the_block": b"\x01a\x07\x00\x03ab",
    "a_text_that_is_none": b"\x01a\x07\x00\x01\xff",
    "a_short_uuid": b"\x01a\x09" + bytes(15),
}


@pytest.mark.parametrize("block", BAD_BLOCKS)
def test_a_wrong_header_is_malformed(block, cuts):
    for pieces in cuts(encode_message({}, b"x") + sealed(BAD_BLOCKS[block], b"payload")):
        assert outcome(pieces) == [({}, b"x"), MalformedFrameError]


def test_headers_longer_than_the_message_are_malformed():
    assert outcome([sealed(b"", headers_length=1)]) == [MalformedFrameError]
    assert outcome([sealed(b"", total=15)]) == [MalformedFrameError]
    assert outcome([sealed(b"", total=0)]) == [MalformedFrameError]


def test_a_wrong_prelude_is_known_before_its_message_is_waited_for():
    prelude = bytearray(encode_message(HEADERS)[:12])
    prelude[0] ^= 1
    with pytest.raises(MalformedFrameError, match="checksum"):
        list(EventStreamFramer().feed(bytes(prelude)))


def test_every_flipped_bit_is_noticed():
    message = encode_message({":event-type": "chunk"}, b"0123456789")
    for bit in range(8 * len(message)):
        flipped = bytearray(message)
        flipped[bit // 8] ^= 1 << bit % 8
        assert outcome([bytes(flipped)]) == [MalformedFrameError]


def test_a_message_may_be_as_long_as_the_limit(cuts):
    message = encode_message({}, b"0123")
    for pieces in cuts(message + message):
        assert outcome(pieces, max_frame_bytes=20) == [({}, b"0123")] * 2
        assert outcome(pieces, max_frame_bytes=19) == [FrameTooLargeError]


@pytest.mark.parametrize(
    "prelude",
    [(2**32 - 1, 0), (MAX_PAYLOAD_BYTES + 17, 0), (2**18, 2**17 + 1)],
    ids=["all_it_can_say", "payload", "headers"],
)
def test_a_message_beyond_the_limits_is_refused_by_its_prelude(prelude):
    lengths = struct.pack(">II", *prelude)
    with pytest.raises(FrameTooLargeError, match=r"at most \d+ bytes"):
        list(EventStreamFramer().feed(lengths + struct.pack(">I", crc32(lengths))))


def test_a_body_that_ends_inside_a_message_is_truncated():
    message = encode_message(HEADERS, b"{}")
    for size in range(1, len(message)):
        assert outcome([message, message[:size]]) == [(HEADERS, b"{}"), TruncatedStreamError]
    assert outcome([]) == outcome([b""]) == []


NAMES = st.text(min_size=1, max_size=60)
VALUES = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=100) | st.binary(max_size=100)
MESSAGES = st.lists(
    st.tuples(st.dictionaries(NAMES, VALUES, max_size=5), st.binary(max_size=100)), max_size=4
)


@given(MESSAGES, st.lists(st.integers(0, 9999), max_size=12))
def test_what_is_written_is_read_again(messages, places):
    body = b"".join(encode_message(headers, payload) for headers, payload in messages)
    assert outcome(cut(body, places)) == messages


@given(st.binary(max_size=60), st.lists(st.integers(0, 999), max_size=4))
def test_any_headers_are_read_or_refused(block, places):
    body = sealed(block)
    assert outcome(cut(body, places)) == outcome([body])


def test_what_is_longer_than_the_framing_can_say_is_not_written():
    assert encode_message({"n" * 255: "v" * 65535})
    for headers in ({"": "v"}, {"n" * 256: "v"}, {"n": "v" * 65536}, {"n": b"v" * 65536}, {"n": 2**63}):
        with pytest.raises(UnsupportedError, match="expected"):
            encode_message(headers)
    with pytest.raises(UnsupportedError, match="payload"):
        encode_message({}, bytes(MAX_PAYLOAD_BYTES + 1))
    with pytest.raises(UnsupportedError, match="headers"):
        encode_message({str(number): "v" * 60000 for number in range(3)})


def test_the_work_is_linear(ledger, monkeypatch):
    checked = []

    def counting(data):
        checked.append(len(data))
        return crc32(data)

    for size in (1000, 4000):
        body = encode_message({}, b"x" * size) + encode_message({}, b"y") * (size // 10)
        framer = EventStreamFramer()
        framer._buffer = book = ledger()
        with monkeypatch.context() as patched:
            patched.setattr(eventstream, "crc32", counting)
            checked.clear()
            assert sum(1 for at in range(len(body)) for _ in framer.feed(body[at : at + 1])) == 1 + size // 10
            assert sum(1 for _ in framer.feed(body)) == 1 + size // 10
        assert framer._buffer is book
        assert book.counted < 2 * 3 * len(body)
        assert sum(checked) < 2 * 4 * len(body)


def headers_of(decoded):
    """The headers of a shared vector, whose two forms write bytes differently."""
    headers = decoded["headers"]
    if isinstance(headers, dict):
        return {
            name: b64decode(value["b64"]) if isinstance(value, dict) else value
            for name, value in headers.items()
        }
    read = {6: b64decode, 7: lambda value: b64decode(value).decode(), 9: b64decode}
    return {
        header["name"]: read.get(header["type"], lambda value: value)(header["value"]) for header in headers
    }


@pytest.fixture
def vectors(shared_cases):
    return json.loads((shared_cases / "eventstream_vectors" / "vectors.json").read_text())["vectors"]


def test_the_shared_messages_are_read_at_every_cut(vectors, cuts):
    for vector in (vector for vector in vectors if vector["kind"] == "positive"):
        for pieces in cuts(b64decode(vector["encoded_b64"])):
            (found,) = outcome(pieces)
            if decoded := vector.get("decoded"):
                payload = decoded["payload_b64"] if "payload_b64" in decoded else decoded["payload"]
                assert found == (headers_of(decoded), b64decode(payload)), vector["id"]
            else:
                assert isinstance(found, tuple), vector["id"]


def test_the_shared_corrupt_messages_are_refused_at_every_cut(vectors, cuts):
    for vector in (vector for vector in vectors if vector["kind"] == "negative"):
        if "gen" in vector:
            recipe = vector["gen"]
            middle = b64decode(recipe["repeat_b64"]) * recipe["count"]
            body = b64decode(recipe["prefix_b64"]) + middle + b64decode(recipe["suffix_b64"])
            assert outcome([body]) == [FrameTooLargeError], vector["id"]
            continue
        for pieces in cuts(b64decode(vector["encoded_b64"])):
            assert outcome(pieces) == [MalformedFrameError], vector["id"]
