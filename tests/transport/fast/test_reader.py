"""The reader against h11, on generated and damaged responses, and where it is stricter."""

import re
from itertools import pairwise

import attrs
import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmstream.transport.fast.reader import MAX_CHUNK_LINE, MAX_HEAD_BYTES, MAX_HEADERS, ResponseReader

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@attrs.frozen
class Outcome:
    good: bool
    status: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


def run(data: bytes, method: str = "GET", *, cuts=(), eof: bool = True) -> tuple[ResponseReader, bytes]:
    reader, body = ResponseReader(method), b""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, stop in pairwise(places):
        body += reader.feed(data[start:stop])
    if eof:
        reader.feed_eof()
    return reader, body


def read(data: bytes, method: str = "GET", *, eof: bool = True) -> ResponseReader:
    return run(data, method, eof=eof)[0]


def ours(data: bytes, method: str = "GET", cuts=()) -> Outcome:
    reader, body = run(data, method, cuts=cuts)
    if reader.head is None:
        return Outcome(False)
    return Outcome(reader.failure is None, reader.head.status, lowered(reader.head.headers), body)


def lowered(headers) -> tuple[tuple[bytes, bytes], ...]:
    """As h11 gives them: a repeated content-length is one, and the transfer-encoding in lower case."""
    fields = [(name.lower(), value) for name, value in headers]
    fields = [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in fields]
    lengths = [(name, value.split(b",")[0].strip()) for name, value in fields if name == b"content-length"]
    return tuple(field for field in fields if field[0] != b"content-length") + tuple(lengths[:1])


def theirs(data: bytes, method: str = "GET") -> Outcome:
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    client.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    status, headers, body, ended = None, (), b"", False
    try:
        while True:
            event = client.next_event()
            match event:
                case h11.NEED_DATA if ended:
                    return Outcome(False, status, headers, body)
                case h11.NEED_DATA:
                    ended = True
                    client.receive_data(b"")
                case h11.Response():
                    status, headers = event.status_code, lowered(event.headers)
                case h11.Data():
                    body += bytes(event.data)
                case h11.EndOfMessage():
                    # What came after the end is the next response's, or nobody's.
                    return Outcome(not client.trailing_data[0], status, headers, body)
                case h11.ConnectionClosed():
                    return Outcome(False, status, headers, body)
    except h11.RemoteProtocolError:
        return Outcome(False, status, headers, body)


TOKENS = st.sampled_from([b"x-a", b"X-B", b"date", b"Server", b"!#$%&'*+-.^_`|~"])
VALUES = st.sampled_from([b"", b"v", b"a b", b"tab\there", b"caf\xe9", b"  padded\t", b'"q", z'])
FIELDS = st.lists(st.tuples(TOKENS, VALUES), max_size=4)
STATUS = st.sampled_from(
    [b"200 OK", b"200", b"200 ", b"404 Not Found", b"204 No", b"304 Same", b"503 caf\xe9", b"999 x"]
)
EXTENSIONS = st.sampled_from([b"", b"", b"", b";a=b", b';q="x y" ', b"  "])


@st.composite
def sections(draw: st.DrawFn) -> bytes:
    return b"".join(b"%b:%b\r\n" % field for field in draw(FIELDS))


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    parts = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
    sized = b"".join(b"%x%b\r\n%b\r\n" % (len(part), draw(EXTENSIONS), part) for part in parts)
    return sized + draw(st.sampled_from([b"0", b"000", b"0;x"])) + b"\r\n" + draw(sections()) + b"\r\n"


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A response as a server may send it, delimited in any of the ways there are."""
    interim = draw(
        st.sampled_from(
            [b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n"]
        )
    )
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0"]))
    head = b"HTTP/%b %b\r\n%b" % (version, draw(STATUS), draw(sections()))
    head += draw(st.sampled_from([b"", b"Connection: close\r\n", b"connection: Keep-Alive, x\r\n"]))
    kind = draw(st.sampled_from(["chunked", "chunked", "length", "lengths", "close"]))
    body = draw(st.binary(max_size=40))
    match kind:
        case "chunked":
            return interim + head + b"Transfer-Encoding: Chunked\r\n\r\n" + draw(chunks())
        case "length":
            return interim + head + b"Content-Length:%d\r\n\r\n" % len(body) + body
        case "lengths":
            return interim + head + b"Content-Length: %d, %d\r\n\r\n" % (len(body), len(body)) + body
        case _:
            return interim + head + b"\r\n" + body


JUNK = st.one_of(
    st.sampled_from(
        [
            b"\r",
            b"\n",
            b"\r\n",
            b"\r\n\r\n",
            b" ",
            b"\t",
            b"\x00",
            b":",
            b";",
            b"0",
            b"f",
            b"g",
            b"-1",
            b"_",
            b"0x",
        ]
    ),
    st.sampled_from(
        [
            b"content-length: 3\r\n",
            b"transfer-encoding: chunked\r\n",
            b"transfer-encoding: gzip\r\n",
            b"\r\n folded",
        ]
    ),
    st.binary(max_size=2),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = draw(responses())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        drop = draw(st.sampled_from([0, 0, 1, 2]))
        data = data[:at] + draw(JUNK) + data[at + drop :]
    return data


METHODS = st.sampled_from(["GET", "POST", "HEAD"])
CUTS = st.lists(st.integers(0, 2**16), max_size=8)


def stricter(data: bytes) -> bool:
    """What h11 lets pass and this reader refuses; each is a way to read one message as two."""
    sized, coded = re.search(rb"(?i)content-length", data), re.search(rb"(?i)transfer-encoding", data)
    return bool(
        re.search(rb"(?<!\r)\n|\r(?!\n)", data)  # lines that end in a bare LF, a bare CR in a value
        or re.search(rb"\n[ \t]", data)  # folded lines
        or re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", data)  # control characters
        or (sized and coded)
        or (coded and re.search(rb"HTTP/[^1]|HTTP/1.0", data))  # chunks came with HTTP/1.1
        or not re.match(rb"HTTP/1\.[0-9] [1-9]", data)  # versions and statuses that do not exist
    )


@given(responses(), METHODS, CUTS)
@example(OK + b"\r\n", "GET", [1, 2, 3])
def test_a_response_is_read_as_h11_reads_it_wherever_it_is_cut(data, method, cuts):
    found = ours(data, method, cuts)
    expected = theirs(data, method)
    if b"HTTP/1.0" in data and b"Chunked" in data:
        assert not found.good  # chunks came with HTTP/1.1
    else:
        assert found == expected


@given(damaged(), METHODS, CUTS)
def test_a_damaged_response_is_refused_where_h11_refuses_it(data, method, cuts):
    found, expected = ours(data, method, cuts), theirs(data, method)
    if found.good:
        assert found == expected
    elif expected.good:
        assert stricter(data)


@given(damaged(), METHODS, CUTS)
def test_cuts_change_nothing(data, method, cuts):
    whole = ours(data, method)
    assert ours(data, method, cuts) == whole
    assert ours(data, method, list(range(len(data)))) == whole


@given(
    st.lists(
        st.sampled_from([b"data: x\n\n" * 9, b"a\r\nb" * 9, b"\r", b"\n\r", b"0", b"x" * 500]),
        min_size=3,
        max_size=30,
    ),
    st.lists(st.integers(0, 2**16), max_size=3),
    st.binary(max_size=2),
)
def test_many_chunks_in_a_read_are_what_they_are_one_by_one(parts, cuts, junk):
    data = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts * 3) + b"0\r\n\r\n"
    assert ours(data, "GET", cuts) == ours(data, "GET", range(len(data)))
    assert ours(data).body == b"".join(parts * 3)
    at = cuts[0] % len(data) if cuts else len(data) // 2
    data = data[:at] + junk + data[at + len(junk) :]
    assert ours(data) == ours(data, "GET", range(len(data)))


@pytest.mark.parametrize(
    "data",
    [
        b"\x15\x03\x03\x00\x02\x02\x0a",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 No\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n",
        OK + b"a: b\nc: d\r\n\r\n",
        OK + b"a: b\rc\r\n\r\n",
        OK + b"a: b\r\n c\r\n\r\n",
        OK + b"a : b\r\n\r\n",
        OK + b": b\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"a: \x00\r\n\r\n",
        OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
        OK + b"content-length: 1, 2\r\n\r\nab",
        OK + b"content-length: -1\r\n\r\n",
        OK + b"content-length: +1\r\n\r\na",
        OK + b"content-length: 1_0\r\n\r\n",
        OK + b"content-length: \r\n\r\n",
        OK + b"content-length: 9999999999999999999999\r\n\r\n",
        OK + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1_0\r\n",
        CHUNKED + b" 1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1\na\n0\n\n",
        CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"1\r\na0\r\n\r\n",
        CHUNKED + b"11111111111111111\r\n",
        CHUNKED + b"1;" + b"x" * MAX_CHUNK_LINE + b"\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1;" + b"x" * MAX_CHUNK_LINE,
        CHUNKED + b"0\r\nno colon\r\n\r\n",
        CHUNKED + b"0\r\na: b\n\r\n\r\n",
        CHUNKED + b"0\r\nContent-Length: 3\r\n\r\n",
        CHUNKED + b"0\r\n" + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        OK + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        OK + b"a: " + b"b" * MAX_HEAD_BYTES,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
        OK + b"content-length: 1\r\n\r\nab",
        CHUNKED + b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 204 None\r\n\r\nbody",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_at_once(data):
    reader = read(data, eof=False)
    assert reader.failure
    assert reader.over
    assert not reader.reusable


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "server disconnected without sending a response"),
        (b"HTTP/1.1 2", "expected more of the head"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "expected more of the head"),
        (OK + b"content-length: 3\r\n\r\nab", "expected more of the body"),
        (CHUNKED + b"2\r\nab\r\n", "expected more of the body"),
        (CHUNKED + b"2\r\nab\r\n0\r\n", "expected more of the body"),
    ],
)
def test_an_early_end_is_told(data, words):
    assert words in (read(data).failure or "")


@pytest.mark.parametrize(
    ("data", "method", "reusable"),
    [
        (OK + b"content-length: 0\r\n\r\n", "GET", True),
        (OK + b"content-length: 0\r\nconnection: x, Close\r\n\r\n", "GET", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", "GET", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n", "GET", True),
        (OK + b"content-length: 7\r\n\r\n", "HEAD", True),
        (OK + b"\r\n", "HEAD", True),
        (b"HTTP/1.1 304 Same\r\ncontent-length: 7\r\n\r\n", "GET", True),
        (CHUNKED + b"0\r\n\r\n", "GET", True),
    ],
)
def test_a_whole_response_says_whether_its_connection_lasts(data, method, reusable):
    reader = read(data, method, eof=False)
    assert reader.over
    assert reader.reusable is reusable


def test_a_body_without_a_length_lasts_until_the_end_of_the_connection():
    reader = ResponseReader("GET")
    assert reader.feed(OK + b"\r\nab") == b"ab"
    assert reader.feed(b"cd") == b"cd"
    assert not reader.over
    reader.feed_eof()
    assert reader.over
    assert not reader.reusable
    assert reader.failure is None


def test_one_read_is_handed_on_as_one_piece():
    reader = ResponseReader("GET")
    assert reader.feed(CHUNKED + b"2\r\nab\r\n2\r\ncd\r\n5\r\nef") == b"abcdef"
    assert reader.feed(b"g") == b"g"


def test_what_came_before_a_failure_is_not_lost():
    reader = ResponseReader("GET")
    assert reader.feed(CHUNKED + b"2\r\nab\r\n2\r\ncdX") == b"abcd"
    assert reader.failure
    reader = ResponseReader("GET")
    assert reader.feed(OK + b"content-length: 2\r\n\r\nabX") == b"ab"
    assert reader.failure


def test_head_keeps_names_and_reason():
    reader = read(OK + b"X-Y:\t z \r\ncontent-length: 0\r\n\r\n")
    assert reader.head is not None
    assert reader.head.reason == b"OK"
    assert reader.head.version == b"HTTP/1.1"
    assert reader.head.headers[0] == (b"X-Y", b"z")
