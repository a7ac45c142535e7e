"""Server-sent events, against the standard's rules and against a line-by-line reading of them."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmstream.errors import FrameTooLargeError
from llmstream.stage import run
from llmstream.wire.framing.frame import MAX_FRAME_BYTES
from llmstream.wire.framing.sse import SSEFramer

NO_LIMIT = 1 << 60


def frames_of(pieces, **options):
    """What a framer gives for these reads, as tuples."""
    framer = SSEFramer(**options)
    return [(frame.event, frame.data, frame.id, frame.retry) for frame in run(framer, pieces)]


def messages(*data):
    return [("message", text, "", None) for text in data]


def outcome(pieces, limit):
    """Frames, and None at the end if the limit was hit."""
    found = []
    try:
        for frame in run(SSEFramer(max_frame_bytes=limit), pieces):
            found.append(frame.data)  # noqa: PERF401 - what came before a failure is kept
    except FrameTooLargeError:
        found.append(None)
    return found


def cut(body, places):
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in pairwise(edges)]


def reference(body, *, error_field=False):
    """The standard's own steps, one line at a time over the whole decoded text."""
    *lines, _unfinished = re.split("\r\n|\r|\n", body.decode("utf-8", "replace").removeprefix("\ufeff"))
    found, data, event, last_id, retry = [], [], "", "", None
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append((event or "message", "\n".join(data), last_id, retry))
                retry = None
            data, event = [], ""
        elif field == "data":
            data.append(value)
        elif field == "event":
            event = value
        elif field == "id" and "\0" not in value:
            last_id = value
        elif field == "retry" and re.fullmatch("[0-9]{1,18}", value):
            retry = int(value)
        elif field == "error" and error_field:
            found.append(("error", value, last_id, None))
    return found


CASES = {
    "one_frame": (b"data: hi\n\n", messages("hi")),
    "no_space": (b"data:hi\n\n", messages("hi")),
    "two_spaces": (b"data:  hi \n\n", messages(" hi ")),
    "colons": (b"data: a: b:\n\n", messages("a: b:")),
    "lines_are_joined": (b"data: a\ndata:\ndata: b\ndata\n\n", messages("a\n\nb\n")),
    "named": (b"event: ping\ndata: {}\n\ndata: x\n\n", [("ping", "{}", "", None), *messages("x")]),
    "named_after_the_data": (b"data: {}\nevent: ping\n\n", [("ping", "{}", "", None)]),
    "the_last_name_counts": (b"event: a\nevent:b\ndata: x\n\n", [("b", "x", "", None)]),
    "an_empty_name_is_message": (b"event: a\nevent\ndata: x\n\n", messages("x")),
    "no_data_no_frame": (b"event: ping\n\nid: 1\n\ndata: x\n\n", [("message", "x", "1", None)]),
    "empty_data_is_a_frame": (b"data\n\n", messages("")),
    "the_id_stays": (
        b"id: 7\ndata: a\n\ndata: b\n\n",
        [("message", "a", "7", None), ("message", "b", "7", None)],
    ),
    "an_empty_id_clears": (b"id: 7\n\nid\ndata: b\n\n", messages("b")),
    "an_id_with_nul_is_ignored": (b"id: 7\nid: 8\0\ndata: b\n\n", [("message", "b", "7", None)]),
    "retry_goes_with_the_next_frame": (
        b"retry: 030\n\ndata: a\n\ndata: b\n\n",
        [("message", "a", "", 30), ("message", "b", "", None)],
    ),
    "retry_is_ascii_digits": (
        "retry: -1\nretry: 1x\nretry:\nretry\nretry: \uff15\ndata: a\n\n".encode(),
        messages("a"),
    ),
    "a_retry_of_thousands_of_digits_is_ignored": (b"retry: " + b"9" * 5000 + b"\ndata: a\n\n", messages("a")),
    "comments": (b":\n: data: no\n:x\n\ndata: a\n:b\ndata: c\n\n", messages("a\nc")),
    "unknown_fields": (b"foo: 1\nData: 2\n data: 3\nerror: 4\ndata : 5\ndata: 6\n\n", messages("6")),
    "lone_cr": (b"data: a\rdata: b\r\rdata: c\r\r", messages("a\nb", "c")),
    "crlf": (b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", messages("a\nb", "c")),
    "mixed_ends": (b"data: a\n\r\ndata: b\r\n\rdata: c\r\n\n", messages("a", "b", "c")),
    "more_blank_lines": (b"\n\r\n\rdata: a\n\n\n\n\ndata: b\n\n\n", messages("a", "b")),
    "other_separators_end_no_line": (
        "data: \u2028\u2029\u0085\x0b\x0c\x1c.\n\n".encode(),
        messages("\u2028\u2029\u0085\x0b\x0c\x1c."),
    ),
    "a_byte_order_mark_is_dropped": (b"\xef\xbb\xbfdata: a\n\n", messages("a")),
    "but_one": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: \xef\xbb\xbfb\n\n", messages("\ufeffb")),
    "half_a_mark": (b"\xef\xbbdata: a\ndata: b\n\n", messages("b")),
    "characters_of_all_lengths": ("data: é€\N{DOG FACE}\n\n".encode(), messages("é€\N{DOG FACE}")),
    "invalid_bytes": (b"data: \xff\xe2\x82\n\nevent: \xf0\x9f\ndata: \xc3\n\n", [
        ("message", "\ufffd\ufffd", "", None), ("\ufffd", "\ufffd", "", None)
    ]),
    "cut_before_the_blank_line": (b"data: a\n\ndata: b\n", messages("a")),
    "cut_in_a_line": (b"data: a\n\ndata: b", messages("a")),
    "nothing": (b"", []),
    "no_event_stream": (b"Hello, world!\n", []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_body_gives_its_frames_however_it_is_cut(case, cuts):
    body, expected = CASES[case]
    for pieces in cuts(body):
        assert frames_of(pieces) == expected
    assert reference(body) == expected


def test_empty_reads_change_nothing():
    pieces = [b"", b"\xef", b"", b"\xbb\xbf", b"", b"data: a\r", b"", b"\n", b"", b"\r", b"", b"\n", b""]
    assert frames_of(pieces) == messages("a")
    assert frames_of([b"data: a\r", b"", b"\ndata: b\n\n"]) == messages("a\nb")


def test_a_frame_that_is_a_read_of_its_own_is_like_any_other():
    sole = b"data: b\n\n"
    assert frames_of([sole, sole]) == messages("b", "b")
    assert frames_of([b"data: a\n", sole]) == messages("a\nb")
    assert frames_of([b"event: e\n", sole, sole]) == [("e", "b", "", None), *messages("b")]
    assert frames_of([b"un", sole, sole]) == messages("b")
    assert frames_of([b": un", sole, sole]) == messages("b")
    assert frames_of([b"retry: 3\nid: 4\n\n", sole, sole]) == [
        ("message", "b", "4", 3),
        ("message", "b", "4", None),
    ]
    assert frames_of([sole, b"data: b\nx", b"data: b\r\n\r", b"data: b\n\n"]) == messages("b", "b", "b")
    assert outcome([sole, sole], 8) == ["b", "b"]
    assert outcome([sole, sole], 7) == [None]


def test_a_frame_comes_with_its_blank_line_and_not_later():
    framer = SSEFramer()
    for end in (b"\n", b"\r", b"\r\n"):
        assert list(framer.feed(b"data: a" + end)) == []
        assert [frame.data for frame in framer.feed(end[:1])] == ["a"]


def test_a_line_feed_after_a_dispatching_cr_ends_no_second_frame():
    assert frames_of([b"data: a\r\n\r", b"\ndata: b\r\n", b"\r\n"]) == messages("a", "b")


def test_an_unfinished_frame_is_dropped_at_the_end():
    framer = SSEFramer(error_field=True)
    assert list(framer.feed(b"event: x\ndata: a\nerror: b")) == []
    assert list(framer.feed_eof()) == []


TOKENS = st.sampled_from(
    [
        *(b"data", b"event", b"id", b"retry", b"error", b"other"),
        *(b"data: ", b"event: ", b"data:", b"id: ", b"retry: ", b":", b": ", b" "),
        *(b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b"\n\n\n"),
        *(b"data: {}\n\n", b"event: ping\ndata: {}\n\n", b"0", b"12", b"x", b"\0"),
        *("\u2028", "\ufeff", "é", "€", "\N{DOG FACE}"),
        *(b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x90", b"\x80", b"\xef\xbb", b"\xed\xa0\x80"),
    ]
).map(lambda token: token.encode() if isinstance(token, str) else token)
BODIES = st.lists(TOKENS, max_size=40).map(b"".join)
PLACES = st.lists(st.integers(0, 999), max_size=12)


@settings(max_examples=1000)
@given(BODIES, PLACES, st.booleans())
@example(b"data: a\n\ndata: b\n\n", [9], False)
def test_the_fast_lines_mean_what_the_standard_says(body, places, error_field):
    expected = reference(body, error_field=error_field)
    assert frames_of([body], error_field=error_field) == expected
    assert frames_of(cut(body, places), error_field=error_field) == expected


@given(BODIES, PLACES, st.integers(1, 40))
def test_the_cuts_do_not_move_the_limit(body, places, limit):
    assert outcome(cut(body, places), limit) == outcome([body], limit)


def test_an_error_line_is_a_frame_only_where_asked_for(cuts):
    body = b'id: 3\ndata: a\n\nerror: {"code": 500}\n\nerror\ndata: b\n\n'
    plain = [("message", "a", "3", None), ("message", "b", "3", None)]
    errors = [("error", '{"code": 500}', "3", None), ("error", "", "3", None)]
    for pieces in cuts(body):
        assert frames_of(pieces) == plain
        assert frames_of(pieces, error_field=True) == [plain[0], *errors, plain[1]]


def test_an_error_line_does_not_wait_for_a_blank_one():
    framer = SSEFramer(error_field=True)
    assert [frame.data for frame in framer.feed(b"error: down\n")] == ["down"]


def test_a_frame_may_be_as_long_as_the_limit(cuts):
    body = b"event: e\r\ndata: a\r\n\r\n"
    for pieces in cuts(body):
        assert outcome(pieces, 17) == ["a"]
        assert outcome(pieces, 16) == [None]


def test_frames_before_one_that_is_too_long_are_given(cuts):
    for pieces in cuts(b"data: 1\n\ndata: 2\n\ndata: 1234567890\n\ndata: 3\n\n"):
        assert outcome(pieces, 12) == ["1", "2", None]


def test_the_error_names_the_limit():
    with pytest.raises(FrameTooLargeError, match="at most 20 bytes"):
        frames_of([b"data: " + b"x" * 20], max_frame_bytes=20)


@pytest.mark.parametrize("line", [b"data: 12\n", b"id: 12\n", b"what: 12\n", b"12\n"])
def test_lines_of_one_frame_add_up(line):
    lines = 100 // len(line)
    assert outcome([line] * lines, 100) == []
    assert outcome([line] * (lines + 1), 100) == [None]


def test_a_line_without_end_is_refused_before_it_is_held():
    framer = SSEFramer(max_frame_bytes=1000)
    for _ in range(10):
        assert list(framer.feed(b"x" * 100)) == []
    with pytest.raises(FrameTooLargeError):
        list(framer.feed(b"x"))


def test_the_lines_before_count_for_a_line_without_end():
    framer = SSEFramer(max_frame_bytes=20)
    assert list(framer.feed(b"data: 12345\ndata: 12")) == []
    with pytest.raises(FrameTooLargeError):
        list(framer.feed(b"3"))


def test_comments_are_neither_held_nor_counted():
    framer = SSEFramer(max_frame_bytes=16)
    assert list(framer.feed(b"data: a\n: and on it goes, and on")) == []
    for _ in range(100):
        assert list(framer.feed(b": and on it goes")) == []
    assert len(framer._line) == 1
    assert [frame.data for frame in framer.feed(b"\n" + b": ping\n" * 100 + b"\n")] == ["a"]


def test_frames_without_data_are_not_added_up():
    assert outcome([b"event: ping\n\n"] * 1000 + [b"data: a\n\n"], 20) == ["a"]


def test_the_work_on_an_unfinished_line_is_linear(ledger):
    for size in (1000, 4000):
        framer = SSEFramer()
        framer._line = book = ledger()
        body = b"data: " + b"x" * size + b"\n\n" + b"data: y\n\n" * size
        found = [frame for at in range(len(body)) for frame in framer.feed(body[at : at + 1])]
        assert len(found) == size + 1
        assert framer._line is book
        assert book.counted < 4 * len(body)


def test_the_work_on_a_frame_of_many_lines_is_linear(ledger):
    for size in (1000, 4000):
        framer = SSEFramer()
        list(framer.feed(b"data: 0\ndata: 1\n"))
        framer._data = book = ledger(framer._data)
        for _ in range(size):
            assert list(framer.feed(b"data: 2\n")) == []
        assert framer._data is book
        assert [frame.data for frame in framer.feed(b"\n")] == ["0\n1" + "\n2" * size]
        assert book.counted < 5 * size


def generated(recipe):
    """The body that a shared case describes by its parts."""
    middle = b64decode(recipe["repeat_b64"]) * recipe["count"]
    return b64decode(recipe.get("prefix_b64", "")) + middle + b64decode(recipe.get("suffix_b64", ""))


@pytest.fixture
def sse_cases(shared_cases):
    return json.loads((shared_cases / "sse_cases.json").read_text())


@pytest.mark.timeout(120)
def test_the_shared_cases_hold_at_every_cut(sse_cases, cuts):
    for case in sse_cases["cases"]:
        if case["profile"] != "whatwg":
            continue
        expected = [
            (frame["event"], frame["data"], frame["id"], frame["retry"]) for frame in case["expected"]
        ]
        body = b64decode(case["input_b64"])
        given_cut = [b64decode(piece) for piece in case["chunks_b64"] or ()]
        most = 200 if len(body) > 5000 else 5000
        for pieces in (given_cut or [body], *cuts(body, most=most)):
            assert frames_of(pieces) == expected, case["id"]


def test_the_shared_cases_leave_the_id_and_the_wait_that_they_name(sse_cases):
    for case in sse_cases["cases"]:
        if case["profile"] != "whatwg":
            continue
        probed = frames_of([b64decode(case["input_b64"]), b"\n\ndata: probe\n\n"])
        if case["final_last_event_id"] is not None:
            assert probed[-1][2] == case["final_last_event_id"], case["id"]
        if case["final_retry"] is not None:
            waits = [retry for *_, retry in probed if retry is not None]
            assert waits[-1] == case["final_retry"], case["id"]


def test_the_shared_cases_of_limits_hold(sse_cases):
    cases = {case["id"]: case for case in sse_cases["limits_cases"]}
    for name, failing in (("esp-max-buffer-unterminated-line", 1), ("undici-max-event-size", 0)):
        pieces = [b64decode(piece) for piece in cases[name]["chunks_b64"]]
        framer = SSEFramer(max_frame_bytes=cases[name]["limit"])
        for piece in pieces[:failing]:
            assert list(framer.feed(piece)) == []
        with pytest.raises(FrameTooLargeError):
            list(framer.feed(pieces[failing]))

    case = cases["esp-max-buffer-data-accumulation"]
    assert outcome([b64decode(case["gen"]["repeat_b64"])] * (case["gen"]["count"] - 1), case["limit"]) == [
        None
    ]

    case = cases["esp-unterminated-comment-bounded"]
    assert outcome([b64decode(piece) for piece in case["chunks_b64"]], case["limit"]) == ["ok"]


def test_the_shared_cases_of_large_frames_hold(sse_cases):
    cases = {case["id"]: case for case in sse_cases["limits_cases"]}

    body = generated(cases["ld-5MB-one-chunk"]["gen"])
    assert [len(frame[1]) for frame in frames_of([body])] == [6990848]

    body = generated(cases["oaf-1-byte-chunks-linear"]["gen"])
    assert [len(frame[1]) for frame in frames_of(body[at : at + 1] for at in range(len(body)))] == [1_000_000]

    body = generated(cases["oaf-64MiB+1"]["gen"])
    assert [len(frame[1]) for frame in frames_of([body], max_frame_bytes=NO_LIMIT)] == [67108865]
    assert outcome([body], MAX_FRAME_BYTES) == [None]
    assert outcome((body[at : at + 65536] for at in range(0, len(body), 65536)), MAX_FRAME_BYTES) == [None]


@pytest.mark.parametrize("end", ["", "\n", "\r", "\r\n"])
def test_the_last_frame_needs_no_end_where_asked_for(cuts, end):
    body = f"data: a\n\ndata: b\r\ndata: c{end}".encode()
    for pieces in cuts(body):
        assert frames_of(pieces, unended=True) == messages("a", "b\nc")
        assert frames_of(pieces) == messages("a")


def test_a_body_that_ends_in_a_comment_has_no_frame_more(cuts):
    for pieces in cuts(b"data: a\n\n: x"):
        assert frames_of(pieces, unended=True) == messages("a")


BARE = b'data: a\r\n\r\n{\n  "error": {\n    "code": 503\n  }\n}'


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n\r\n"])
def test_bare_json_is_a_frame_without_an_event_where_asked_for(cuts, end):
    for pieces in cuts(BARE + end):
        *first, bare = frames_of(pieces, bare_json=True)
        assert first == messages("a")
        assert bare[0] == ""
        assert json.loads(bare[1]) == {"error": {"code": 503}}
        assert frames_of(pieces) == messages("a")


def test_bare_json_comes_with_its_end_and_not_with_the_bodys():
    framer = SSEFramer(bare_json=True)
    assert len(list(framer.feed(BARE))) == 1
    assert len(list(framer.feed(b"\n"))) == 1


def test_bare_json_ends_the_frame_before_it(cuts):
    for pieces in cuts(b'data: a\n[{"b": 1},\n{"c": 2}]\n'):
        assert [frame[1] for frame in frames_of(pieces, bare_json=True)] == ["a", '{"b": 1}', '{"c": 2}']


def test_bare_json_that_is_cut_off_is_dropped(cuts):
    for pieces in cuts(BARE[:-4]):
        assert frames_of(pieces, bare_json=True, unended=True) == messages("a")


def test_bare_json_keeps_the_limit(cuts):
    for pieces in cuts(b'data: a\n\n{"b":\n"cdefghijk"}\n'):
        with pytest.raises(FrameTooLargeError):
            frames_of(pieces, bare_json=True, max_frame_bytes=12)
    with pytest.raises(FrameTooLargeError):
        frames_of([b'{"b":\n', b'"cdef"}'], bare_json=True, max_frame_bytes=8)


def test_the_bracket_that_opens_a_bare_document_may_be_astray(cuts):
    for pieces in cuts(b"data: a\n\n{}\nx\n"):
        assert [frame[1] for frame in frames_of(pieces, bare_json=True)] == ["a", "{}", "x\n"]
