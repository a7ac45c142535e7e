from pathlib import Path

import pytest

from llmstream.errors import LLMStreamError, RateLimitError
from llmstream.jsontext import dump_bytes, loads
from llmstream.reduce import reduce
from llmstream.testing import corpus
from llmstream.testing.corpus import Case
from llmstream.values.content import TextPart
from llmstream.values.events import Done, TextDelta
from llmstream.values.response import Response
from llmstream.wire.http import HttpResponse, ResponseHead

ANSWER = reduce([TextDelta(0, "hi"), Done(finish_reason="stop", id="x1")])
STREAM = {"Content-Type": "text/event-stream; charset=utf-8", "X-Request-Id": "r1", "Set-Cookie": "s=1"}


def answer(body: bytes, status: int = 200, headers: dict[str, str] = STREAM) -> HttpResponse:
    return HttpResponse(ResponseHead(status, headers), body)


def one(root: Path) -> Case:
    (case,) = corpus.cases(root)
    return case


def write(root: Path, name: str, body: bytes, expected: object = None, **row: object) -> None:
    """Write a case as a recorder of someone else's might."""
    meta = {
        "name": name.partition(".")[0],
        "file": name,
        "provider": "p",
        "status": 200,
        "kind": "stream",
        **row,
    }
    (root / name).write_bytes(body)
    (root / f"{meta['name']}.meta.json").write_bytes(dump_bytes(meta))
    (root / f"{meta['name']}.expected.json").write_bytes(dump_bytes(expected or {}))


def test_what_is_recorded_is_read_again(tmp_path: Path):
    path = corpus.record(
        tmp_path, "a/b", wire="openai-chat", provider="groq", answer=answer(b"data: 1\n\n"), outcome=ANSWER
    )
    assert path == tmp_path / "a/b.sse"
    case = one(tmp_path)
    assert (case.name, case.wire, case.provider, case.kind) == ("a/b", "openai-chat", "groq", "stream")
    assert (case.body, case.status) == (b"data: 1\n\n", 200)
    assert (case.expected["text"], case.expected["id"], case.expected["error"]) == ("hi", "x1", None)
    assert case.head.media_type == "text/event-stream"
    assert (case.request, case.next_request) == (None, None)


def test_only_headers_that_a_decoder_reads_are_recorded(tmp_path: Path):
    corpus.record(tmp_path, "a", wire="w", provider="p", answer=answer(b""), outcome=ANSWER)
    assert one(tmp_path).headers == {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "r1"}
    assert b"s=1" not in (tmp_path / "a.meta.json").read_bytes()


def test_a_case_is_never_written_over(tmp_path: Path):
    corpus.record(tmp_path, "a", wire="w", provider="p", answer=answer(b"1"), outcome=ANSWER)
    with pytest.raises(FileExistsError):
        corpus.record(tmp_path, "a", wire="w", provider="p", answer=answer(b"2"), outcome=ANSWER)
    assert one(tmp_path).body == b"1"


def refused(error: LLMStreamError, partial: Response | None) -> LLMStreamError:
    error.partial = partial
    return error


@pytest.mark.parametrize("partial", [None, Response(parts=[TextPart("half")])])
def test_a_failure_is_recorded_with_its_message(tmp_path: Path, partial: Response | None):
    error = refused(RateLimitError("slow down", status=429), partial)
    reply = answer(b"{}", 429, {"content-type": "application/json"})
    corpus.record(tmp_path, "a", wire="w", provider="p", answer=reply, outcome=error)
    case = one(tmp_path)
    assert (case.kind, case.status) == ("error", 429)
    assert case.expected["error"] == {
        "kind": "rate_limit",
        "status": 429,
        "message_contains": "slow down",
        "after_events": partial is not None,
    }


@pytest.mark.parametrize(
    ("media_type", "suffix", "kind"),
    [
        ("text/event-stream", "sse", "stream"),
        ("application/x-ndjson", "ndjson", "stream"),
        ("application/json", "json", "nonstream"),
        ("application/vnd.amazon.eventstream", "bin", "stream"),
        ("text/html", "json", "nonstream"),
    ],
)
def test_the_file_is_named_by_its_framing(tmp_path: Path, media_type: str, suffix: str, kind: str):
    reply = answer(b"", headers={"content-type": media_type})
    path = corpus.record(tmp_path, "a", wire="w", provider="p", answer=reply, outcome=ANSWER)
    assert (path.suffix, one(tmp_path).kind) == (f".{suffix}", kind)


def test_cases_come_by_wire_in_the_order_of_their_names(tmp_path: Path):
    for name, wire in (("b", "x"), ("a", "y"), ("c", "y")):
        write(tmp_path, f"{name}.sse", b"", wire=wire)
    assert [case.name for case in corpus.cases(tmp_path)] == ["a", "b", "c"]
    assert [case.name for case in corpus.cases(tmp_path, "y")] == ["a", "c"]


def test_an_index_says_which_cases_there_are(tmp_path: Path):
    write(tmp_path, "a.sse", b"", wire="w")
    write(tmp_path, "b.sse", b"", wire="w")
    row = loads((tmp_path / "b.meta.json").read_bytes())
    (tmp_path / "INDEX.json").write_bytes(dump_bytes([row]))
    assert one(tmp_path).name == "b"


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        ("openai-chat", b'data: {"type":"t"}\n\ndata: {"a":1}\n\ndata: [DONE]\n\n'),
        ("anthropic", b'event: t\ndata: {"type":"t"}\n\ndata: {"a":1}\n\n'),
        ("gemini", b'data: {"type":"t"}\n\ndata: {"a":1}\n\n'),
    ],
)
def test_framing_that_the_recorder_took_off_is_put_back(tmp_path: Path, wire: str, body: bytes):
    write(tmp_path, "a.jsonl", b'{"type":"t"}\r\n\n{"a":1}\n', wire=wire)
    case = one(tmp_path)
    assert (case.body, case.content_type) == (body, "text/event-stream")


def test_events_of_aws_are_put_back_into_messages(tmp_path: Path):
    write(tmp_path, "a.jsonl", b'{"messageStop":{"stopReason":"end_turn"}}\n', wire="bedrock")
    case = one(tmp_path)
    assert case.content_type == "application/vnd.amazon.eventstream"
    assert int.from_bytes(case.body[:4], "big") == len(case.body)
    assert b'{"stopReason":"end_turn"}' in case.body


def test_only_the_first_of_several_responses_is_the_body(tmp_path: Path):
    write(tmp_path, "a.sse", b"data: 1\n\ndata: 2\n\n", {"body_end": 9}, wire="w")
    assert one(tmp_path).body == b"data: 1\n\n"


def test_requests_are_read_where_they_are_known(tmp_path: Path):
    write(tmp_path, "a.sse", b"", wire="w")
    (tmp_path / "a.request.json").write_bytes(b'{"model":"m"}')
    assert one(tmp_path).request == {"model": "m"}


def test_the_folder_is_the_one_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LLMSTREAM_SHARED", str(tmp_path))
    assert corpus.find() is None
    (tmp_path / "corpus").mkdir()
    assert corpus.find() == tmp_path


def test_without_a_name_the_folder_stands_beside_the_checkout(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LLMSTREAM_SHARED", raising=False)
    beside = Path(__file__).parents[3] / "shared"
    assert corpus.find() == (beside if (beside / "corpus").is_dir() else None)


def test_every_case_beside_the_checkout_is_read(shared: Path):
    found = list(corpus.cases(shared / "corpus"))
    assert len(found) == len(loads((shared / "corpus" / "INDEX.json").read_bytes()))
    assert {case.kind for case in found} == {"stream", "nonstream", "error"}
    assert all(case.body for case in found)
