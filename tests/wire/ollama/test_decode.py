"""From lines to events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import (
    Attachment,
    Done,
    Event,
    ImageOut,
    LLMStreamError,
    Logprob,
    MalformedFrameError,
    NotFoundError,
    PartMetadata,
    Raw,
    ReasoningDelta,
    ServerError,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    TruncatedStreamError,
    Usage,
)
from llmstream.testing import laws, strategies
from llmstream.wire.http import ResponseHead
from llmstream.wire.ollama import CODEC

HEAD = ResponseHead(200, {"content-type": "application/x-ndjson"})
PNG = b"\x89PNG\r\n\x1a\n"


def line(done: bool = False, **message: object) -> bytes:
    record = {"model": "m", "created_at": "t", "message": {"role": "assistant", "content": "", **message}}
    return json.dumps({**record, "done": done}).encode() + b"\n"


def last(**fields: object) -> bytes:
    told = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, **fields}
    return json.dumps(told).encode() + b"\n"


STOP = last(done_reason="stop")


def call(name: str, arguments: object, **more: object) -> dict:
    return {"function": {"name": name, "arguments": arguments}, **more}


def decoded(*lines: bytes, **how) -> tuple[list[Event], LLMStreamError | None]:
    return laws.decode_all(CODEC, [b"".join(lines)], head=HEAD, **how)


def events(*lines: bytes) -> list[Event]:
    found, error = decoded(*lines)
    assert error is None
    laws.grammar(found)
    return found


def test_thinking_and_text_are_parts_that_go_on_until_something_else_comes():
    assert events(
        line(thinking="h"),
        line(thinking="m"),
        line(content="a"),
        line(content="b", thinking="so"),
        line(),
        STOP,
    ) == [
        ReasoningDelta(0, "h"),
        ReasoningDelta(0, "m"),
        TextDelta(1, "a"),
        ReasoningDelta(2, "so"),
        TextDelta(3, "b"),
        Done(finish_reason="stop", raw_finish_reason="stop", model="m"),
    ]


def test_a_call_comes_whole_and_makes_the_stop_one_for_calls():
    found = events(
        line(tool_calls=[call("f", {"a": 1}, id="c7"), call("g", {}, id="c8")]), line(content="x"), STOP
    )
    assert found == [
        ToolCallStart(0, id="c7", name="f"),
        ToolCallArgsDelta(0, '{"a":1}'),
        ToolCallEnd(0, {"a": 1}),
        ToolCallStart(1, id="c8", name="g"),
        ToolCallArgsDelta(1, "{}"),
        ToolCallEnd(1, {}),
        TextDelta(2, "x"),
        Done(finish_reason="tool_calls", raw_finish_reason="stop", model="m"),
    ]


def test_calls_without_ids_and_with_one_that_is_taken_get_one():
    found = events(
        line(tool_calls=[call("f", {}), call("f", {}, id="call_2"), call("f", {}, id="call_2")]), STOP
    )
    starts = [event.id for event in found if isinstance(event, ToolCallStart)]
    assert starts == ["call_1", "call_2", "call_3"]
    assert [event for event in found if isinstance(event, PartMetadata)] == [
        PartMetadata(2, "ollama", {"id": "call_2"})
    ]


@pytest.mark.parametrize(
    ("given", "text", "arguments"),
    [
        (None, "{}", {}),
        ("", None, {}),
        ('{"a": 1}', '{"a": 1}', {"a": 1}),
        ('{"a', '{"a', None),
        ([1], "[1]", None),
    ],
)
def test_arguments_may_be_missing_or_text(given: object, text: str | None, arguments: dict | None):
    found = events(line(tool_calls=[call("f", given)]), STOP)
    texts = [event.json for event in found if isinstance(event, ToolCallArgsDelta)]
    ends = [event.arguments for event in found if isinstance(event, ToolCallEnd)]
    assert texts == ([] if text is None else [text])
    assert ends == ([] if arguments is None else [arguments])


def test_the_last_line_has_the_counts_and_the_times():
    found = events(
        line(content="a"),
        last(done_reason="length", prompt_eval_count=5, eval_count=7, total_duration=9, remote_model="r"),
    )
    assert found[-1] == Done(
        finish_reason="length",
        raw_finish_reason="length",
        usage=Usage(input=5, output=7),
        model="m",
        provider_metadata={"ollama": {"total_duration": 9, "remote_model": "r"}},
    )


def test_the_count_of_a_cached_prompt_may_be_absent():
    assert events(last(done_reason="stop", eval_count=7))[-1].usage == Usage(output=7)


def test_an_end_without_a_reason_has_none():
    done = events(line(content="a"), last())[-1]
    assert (done.finish_reason, done.raw_finish_reason, done.usage) == (None, None, None)


def test_log_probabilities_stand_beside_the_text():
    beside = [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -2}]}]
    likely = Logprob("a", -0.5, bytes=b"a", top=(Logprob("b", -2.0),))
    told = json.loads(line(content="a")) | {"logprobs": beside}
    silent = json.loads(line()) | {"logprobs": beside}
    thinking = json.loads(line(thinking="hm")) | {"logprobs": beside}
    found = events(*(json.dumps(one).encode() + b"\n" for one in (silent, thinking, told, silent)), STOP)
    assert found[:-1] == [ReasoningDelta(0, "hm"), TextDelta(1, "a", (likely,)), TextDelta(1, "", (likely,))]


def test_images_come_out_by_their_bytes():
    found = events(line(images=["iVBORw0KGgo=", "AAAA"]), STOP)
    assert found[:-1] == [
        ImageOut(0, Attachment("image/png", data=PNG)),
        ImageOut(1, Attachment("image/*", data=b"\0\0\0")),
    ]


def test_the_older_api_without_messages_is_read_too():
    body = (
        b'{"model":"m","response":"a","thinking":"h","done":false}\n{"model":"m","response":"","done":true}\n'
    )
    assert events(body) == [ReasoningDelta(0, "h"), TextDelta(1, "a"), Done(model="m")]


def test_a_whole_body_is_one_line():
    body = last(message={"role": "assistant", "content": "a"}, done_reason="stop")
    head = ResponseHead(200, {"content-type": "application/json"})
    assert laws.decode_all(CODEC, [body], head=head).events[0] == TextDelta(0, "a")
    assert laws.decode_all(CODEC, [body], head=ResponseHead()).events[0] == TextDelta(0, "a")


@pytest.mark.parametrize("text", ["model 'x' not found", "unexpected EOF"])
def test_an_error_line_ends_the_stream(text: str):
    found, error = decoded(line(content="a"), json.dumps({"error": text}).encode() + b"\n", STOP)
    assert found == [TextDelta(0, "a")]
    assert type(error) is ServerError
    assert (str(error), error.phase, error.status) == (text, "stream", None)
    assert error.ending is not None
    assert error.ending.model == "m"


def test_a_refusal_is_read_by_its_status():
    error = CODEC.error(ResponseHead(404), b'{"error":"model \'x\' not found"}')
    assert (type(error), str(error)) == (NotFoundError, "model 'x' not found")


@pytest.mark.parametrize("body", [b"", b"\n \n", line(content="a"), line(content="a") + b'{"message":{"cont'])
def test_a_body_that_is_not_done_is_truncated(body: bytes):
    _, error = decoded(body)
    assert type(error) is TruncatedStreamError


def test_a_line_that_ends_in_the_middle_is_broken_where_more_follows():
    found, error = decoded(line(content="a"), b'{"message":\n', STOP)
    assert found == [TextDelta(0, "a")]
    assert type(error) is MalformedFrameError
    assert "in line 2" in str(error)


@pytest.mark.parametrize(
    "hostile",
    [
        b"Ollama is running",
        b"[]",
        b"null",
        b"{}",
        b'{"message":null}',
        b'{"message":[]}',
        b'{"message":{"content":5}}',
        b'{"message":{"thinking":{"a":1}}}',
        b'{"message":{"content":5},"logprobs":[{}]}',
        b'{"message":{"tool_calls":5}}',
        b'{"message":{"tool_calls":[5]}}',
        b'{"message":{"tool_calls":[{"function":{"name":""}}]}}',
        b'{"message":{"tool_calls":{"a":1}}}',
        b'{"message":{"images":["?"]}}',
        b'{"message":{"images":[5]}}',
        b'{"message":{"content":"\xff"}}x',
        b'{"message":' + b"[" * 100_000,
    ],
)
def test_hostile_lines_are_typed_errors(hostile: bytes):
    _, error = decoded(line(content="a"), hostile + b"\n", STOP)
    assert type(error) is MalformedFrameError
    assert len(str(error)) < 1000


def test_what_came_before_a_broken_part_of_a_line_is_given():
    found, error = decoded(line(content="a", tool_calls=[{}]), STOP)
    assert found == [TextDelta(0, "a")]
    assert type(error) is MalformedFrameError


def test_what_follows_the_end_is_passed_over():
    found, error = decoded(STOP, line(content="a"), b"broken\n", b'{"error":"late"}\n')
    assert [type(event) for event in found] == [Done]
    assert error is None


def test_raw_lines_are_given_when_asked_for():
    odd = b'{"message":{"content":"\\ud800"},"done":false}\n'
    found, error = decoded(line(content="a"), odd, STOP, line(), raw=True)
    assert error is None
    assert [type(event) for event in found] == [Raw, TextDelta, Raw, TextDelta, Raw, Done]
    assert found[0] == Raw(json.loads(line(content="a")))


FIELDS = [
    "message", "content", "thinking", "tool_calls", "function", "name", "arguments", "id", "images", "done",
    "done_reason", "error", "logprobs", "model", "eval_count", "response",
]  # fmt: skip
VALUES = strategies.json_values() | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(FIELDS, strategies.json_values())
)


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES | st.lists(VALUES, max_size=2)), max_size=3))
def test_whatever_lines_say_they_are_events_or_a_typed_error(lines: list[dict]):
    found, error = decoded(*(json.dumps(one).encode() + b"\n" for one in lines))
    laws.grammar(found, complete=error is None)


ANSWER = b"".join(
    [
        line(thinking="Hm\u2028"),
        line(content="20 \u00b0C \u2600"),
        line(tool_calls=[call("f", {"a": "Z\u00fcrich"})]),
        last(done_reason="stop", prompt_eval_count=1, eval_count=2),
    ]
)


def test_any_cut_gives_the_same():
    laws.split(CODEC, ANSWER, head=HEAD)
    laws.split(CODEC, ANSWER[:-1], head=HEAD)


def test_truncation_is_loud():
    laws.truncation(CODEC, ANSWER, head=HEAD, offsets=range(len(ANSWER)))


def test_the_work_grows_with_the_size():
    laws.linear(CODEC, lambda size: b"".join([line(content="word ")] * size) + STOP, head=HEAD)


def test_prefixes_fold_alike():
    laws.prefix(events(ANSWER))
