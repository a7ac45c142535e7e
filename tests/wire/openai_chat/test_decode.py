"""From frames to events."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import (
    AudioDelta,
    Citation,
    CitationOut,
    Done,
    Event,
    ImageOut,
    InvalidRequestError,
    LLMStreamError,
    Logprob,
    MalformedFrameError,
    PartMetadata,
    Raw,
    ReasoningDelta,
    ServerError,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    TruncatedStreamError,
    Usage,
    reduce,
)
from llmstream.testing import corpus, laws
from llmstream.values.content import Attachment
from llmstream.wire.http import ResponseHead
from llmstream.wire.openai_chat import CODEC, OpenAIChatCodec, Quirks

JSON_HEAD = ResponseHead(200, {"content-type": "application/json"})


def chunk(delta: dict | None = None, finish: str | None = None, **more) -> dict:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m1", "choices": [choice], **more}


def call(index: int | None = 0, id: str | None = None, name: str | None = None, text=None, **more) -> dict:
    entry = {"index": index, "id": id, "function": {"name": name, "arguments": text}, **more}
    return {"tool_calls": [{key: value for key, value in entry.items() if value is not None}]}


def sse(*chunks, done: bool = True) -> bytes:
    frames = [one if isinstance(one, str) else "data: " + json.dumps(one) for one in chunks]
    return "".join(frame + "\n\n" for frame in (*frames, *(["data: [DONE]"] if done else []))).encode()


def stream(
    *chunks, done: bool = True, codec: OpenAIChatCodec = CODEC, raw: bool = False
) -> tuple[list[Event], LLMStreamError | None]:
    return laws.decode_all(codec, [sse(*chunks, done=done)], raw=raw)


def events_of(*chunks, done: bool = True, codec: OpenAIChatCodec = CODEC) -> list[Event]:
    events, error = stream(*chunks, done=done, codec=codec)
    assert error is None
    laws.grammar(events)
    return events


def before_done(*chunks, **how) -> list[Event]:
    *events, done = events_of(*chunks, **how)
    assert isinstance(done, Done)
    return events


def the_end(*chunks, **how) -> Done:
    done = events_of(*chunks, **how)[-1]
    assert isinstance(done, Done)
    return done


def failure(*chunks, **how) -> LLMStreamError:
    error = stream(*chunks, **how)[1]
    assert error is not None
    return error


def whole(message: dict, finish: str | None = "stop", **more) -> list[Event]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    body = {"id": "c1", "object": "chat.completion", "model": "m1", "choices": [choice], **more}
    events, error = laws.decode_all(CODEC, [json.dumps(body).encode()], head=JSON_HEAD)
    assert error is None
    return events


STOP = chunk(finish="stop")


def test_the_codec_names_its_dialect():
    assert (CODEC.name, CODEC.provider) == ("openai-chat", "openai-chat")


def test_text_comes_as_deltas_of_one_part():
    opening = chunk({"role": "assistant", "content": ""})
    assert events_of(opening, chunk({"content": "Hel"}), chunk({"content": "lo"}), STOP) == [
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        Done(finish_reason="stop", raw_finish_reason="stop", id="c1", model="m1"),
    ]


def test_a_refusal_is_a_part_of_its_own_and_a_finish_reason():
    events = events_of(chunk({"content": "I"}), chunk({"refusal": "can"}), chunk({"refusal": "not"}), STOP)
    assert events[1:3] == [TextDelta(1, "can", refusal=True), TextDelta(1, "not", refusal=True)]
    assert events[-1].finish_reason == "refusal"


def test_an_empty_refusal_is_none():
    assert the_end(chunk({"content": "a", "refusal": ""}), STOP).finish_reason == "stop"


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_has_two_names(field: str):
    assert before_done(chunk({field: "hm", "content": None}), chunk({field: None, "content": "a"}), STOP) == [
        ReasoningDelta(0, "hm"),
        TextDelta(1, "a"),
    ]


def test_reasoning_in_two_fields_counts_once():
    assert before_done(chunk({"reasoning": "hm", "reasoning_content": "hm"}), STOP) == [
        ReasoningDelta(0, "hm")
    ]


def detail(text: str | None = None, **more) -> dict:
    entry = {"type": "reasoning.text", "text": text, "format": "f", "index": 0, **more}
    return {key: value for key, value in entry.items() if value is not None}


def test_details_repeat_the_reasoning_and_are_kept_without_their_text():
    events = before_done(
        chunk({"reasoning": "a", "reasoning_details": [detail("a")]}),
        chunk({"reasoning": "b", "reasoning_details": [detail("b")]}),
        chunk({"reasoning_details": [detail(signature="sig")]}),
        STOP,
    )
    kept = {"type": "reasoning.text", "format": "f", "index": 0}
    assert events == [
        PartMetadata(0, "openai-chat", {"reasoning_detail": kept}, kind="reasoning"),
        ReasoningDelta(0, "a"),
        ReasoningDelta(0, "b"),
        PartMetadata(0, "openai-chat", {"reasoning_detail": {**kept, "signature": "sig"}}),
    ]


def test_logprobs_belong_to_the_text_beside_them():
    token = {
        "token": "Hi",
        "logprob": -0.5,
        "bytes": [72, 105],
        "top_logprobs": [{"token": "Yo", "logprob": -2}],
    }
    with_it = chunk({"content": "Hi"})
    with_it["choices"][0]["logprobs"] = {"content": [token], "refusal": None}
    late = chunk({"content": ""})
    late["choices"][0]["logprobs"] = {"content": [{"token": "", "logprob": -1}]}
    likely = Logprob("Yo", -2.0)
    assert before_done(with_it, late, STOP) == [
        TextDelta(0, "Hi", (Logprob("Hi", -0.5, bytes=b"Hi", top=(likely,)),)),
        TextDelta(0, "", (Logprob("", -1.0),)),
    ]


def test_logprobs_of_a_refusal_belong_to_it():
    refused = chunk({"refusal": "No"})
    refused["choices"][0]["logprobs"] = {"content": None, "refusal": [{"token": "No", "logprob": -1}]}
    assert before_done(refused, STOP) == [TextDelta(0, "No", (Logprob("No", -1.0),), refusal=True)]


def test_logprobs_without_text_open_no_part():
    silent = chunk({"reasoning_content": "hm"})
    silent["choices"][0]["logprobs"] = {"content": [{"token": "hm", "logprob": -1}]}
    assert before_done(silent, STOP) == [ReasoningDelta(0, "hm")]


def test_arguments_come_as_fragments_and_end_with_the_finish():
    fragments = [chunk(call(0, "x", "f", "")), chunk(call(0, text='{"a"')), chunk(call(0, text=": 1}"))]
    assert events_of(*fragments, chunk(finish="tool_calls")) == [
        ToolCallStart(0, id="x", name="f"),
        ToolCallArgsDelta(0, '{"a"'),
        ToolCallArgsDelta(0, ": 1}"),
        ToolCallEnd(0, {"a": 1}),
        Done(finish_reason="tool_calls", raw_finish_reason="tool_calls", id="c1", model="m1"),
    ]


def test_a_stop_with_calls_is_tool_calls():
    done = the_end(chunk(call(0, "x", "f", "{}")), STOP)
    assert (done.finish_reason, done.raw_finish_reason) == ("tool_calls", "stop")


def test_arguments_cut_off_by_the_length_do_not_end():
    events = events_of(chunk(call(0, "x", "f", '{"a')), chunk(finish="length"))
    assert not any(isinstance(event, ToolCallEnd) for event in events)
    assert reduce(events).tool_calls()[0].arguments is None
    assert events[-1].finish_reason == "length"


def test_no_arguments_at_all_do_not_end_when_the_length_cut_them_off():
    assert before_done(chunk(call(0, "x", "f", "")), chunk(finish="length")) == [
        ToolCallStart(0, id="x", name="f")
    ]


def test_an_old_function_call_is_a_call():
    events = events_of(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
        chunk(finish="function_call"),
    )
    assert events[:3] == [
        ToolCallStart(0, id="call_1", name="f"),
        ToolCallArgsDelta(0, "{}"),
        ToolCallEnd(0, {}),
    ]
    assert events[-1].finish_reason == "tool_calls"


def test_an_empty_function_call_is_none():
    assert before_done(chunk({"content": "a", "function_call": {"name": "", "arguments": ""}}), STOP) == [
        TextDelta(0, "a")
    ]


def test_a_custom_call_has_free_text_and_no_end():
    custom = {"index": 0, "id": "x", "type": "custom", "custom": {"name": "sql", "input": ""}}
    assert before_done(
        chunk({"tool_calls": [custom]}),
        chunk({"tool_calls": [{"index": 0, "custom": {"input": "SELECT"}}]}),
        chunk(finish="tool_calls"),
    ) == [ToolCallStart(0, id="x", name="sql", custom=True), ToolCallArgsDelta(0, "SELECT")]


def test_tools_that_the_provider_ran_give_a_call_and_a_result():
    ran = {"index": 0, "type": "search", "arguments": '{"q": 1}', "search_results": {"results": []}}
    events = before_done(
        chunk({"executed_tools": [ran]}), chunk({"executed_tools": [{**ran, "output": "found"}]}), STOP
    )
    assert events == [
        ToolCallStart(0, id="call_1", name="search", server_executed=True),
        ToolCallArgsDelta(0, '{"q": 1}'),
        ToolCallEnd(0, {"q": 1}),
        ToolResultOut(1, "call_1", name="search", output="found", server_executed=True),
        PartMetadata(1, "openai-chat", {"executed_tool": {"search_results": {"results": []}}}),
    ]
    assert reduce(events_of(chunk({"executed_tools": [ran]}), STOP)).finish_reason == "stop"


def test_a_return_to_text_opens_a_part():
    events = before_done(
        chunk({"content": "a"}), chunk(call(0, "x", "f", "{}")), chunk({"content": "b"}), chunk(finish="stop")
    )
    assert [event.index for event in events] == [0, 1, 1, 2, 1]


def test_an_only_entry_may_stand_without_its_list():
    assert before_done(chunk({"images": IMAGE}), STOP) == [ImageOut(0, Attachment("image/png", data=b"hi"))]


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def test_images_are_parts_with_their_bytes():
    assert before_done(
        chunk({"content": "a", "images": [IMAGE, {"image_url": "https://x.test/a.png"}]}), STOP
    ) == [
        TextDelta(0, "a"),
        ImageOut(1, Attachment("image/png", data=b"hi")),
        ImageOut(2, Attachment("image/*", url="https://x.test/a.png")),
    ]


def test_audio_comes_in_pieces_with_its_id_and_transcript():
    events = before_done(
        chunk({"audio": {"id": "a1", "transcript": "Hel"}}),
        chunk({"audio": {"data": "UklGRg=="}}),
        chunk({"audio": {"expires_at": 9}}),
        STOP,
    )
    assert events == [
        PartMetadata(0, "openai-chat", {"id": "a1"}, kind="attachment"),
        AudioDelta(0, media_type="", transcript="Hel"),
        AudioDelta(0, b"RIFF", media_type="audio/wav"),
        PartMetadata(0, "openai-chat", {"expires_at": 9}),
    ]


def cite(url: str, **span) -> dict:
    return {"type": "url_citation", "url_citation": {"url": url, "title": "T", **span}}


def test_annotations_are_citations_of_the_text():
    events = before_done(
        chunk({"annotations": [cite("https://x.test/0", start_index=0, end_index=0)]}),
        chunk({"content": "abc", "annotations": [cite("https://x.test/1", start_index=0, end_index=2)]}),
        STOP,
    )
    assert events == [
        CitationOut(0, Citation("https://x.test/0", "T", provider="openai-chat")),
        TextDelta(0, "abc"),
        CitationOut(0, Citation("https://x.test/1", "T", start=0, end=2, provider="openai-chat")),
    ]


def test_a_span_over_several_parts_is_left_out():
    events = before_done(
        chunk({"content": "a"}),
        chunk({"reasoning": "hm"}),
        chunk({"content": "b", "annotations": [cite("https://x.test/1", start_index=0, end_index=2)]}),
        STOP,
    )
    source = cite("https://x.test/1", start_index=0, end_index=2)
    assert events[-1] == CitationOut(
        2, Citation("https://x.test/1", "T", provider="openai-chat", data=source)
    )


def test_lists_of_sources_are_citations_once_though_each_frame_repeats_them():
    result = {"url": "https://x.test/0", "title": "T", "snippet": "S", "date": "2026"}
    lists = {"citations": ["https://x.test/0", "https://x.test/1"], "search_results": [result]}
    events = before_done(chunk({"content": "a"}, **lists), chunk(finish="stop", **lists))
    assert events == [
        TextDelta(0, "a"),
        CitationOut(
            0, Citation("https://x.test/0", "T", cited_text="S", provider="openai-chat", data=result)
        ),
        CitationOut(0, Citation("https://x.test/1", provider="openai-chat")),
    ]


def test_content_may_be_a_list_while_the_model_thinks():
    think = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True}]
    signed = {"type": "thinking", "thinking": "so", "signature": "s"}
    events = before_done(
        chunk({"content": [{"type": "thinking", "thinking": []}]}),
        chunk({"content": think}),
        chunk({"content": [signed, "a", {"type": "text", "text": "b"}]}),
        chunk({"content": [IMAGE, {"type": "new"}, 5]}),
        STOP,
    )
    assert events == [
        ReasoningDelta(0, "hm"),
        PartMetadata(0, "openai-chat", {"thinking": {"signature": "s"}}),
        ReasoningDelta(0, "so"),
        TextDelta(1, "a"),
        TextDelta(1, "b"),
        ImageOut(2, Attachment("image/png", data=b"hi")),
    ]


COUNTS = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


@pytest.mark.parametrize(
    "late",
    [
        [chunk(finish="stop"), {"choices": [], "usage": COUNTS}],
        [chunk(finish="stop"), chunk({"content": ""}, usage=COUNTS)],
        [chunk(finish="stop", usage=COUNTS)],
        [chunk({"content": ""}, usage=COUNTS), chunk(finish="stop", usage=None)],
        [chunk(finish="stop", x_groq={"id": "r", "usage": COUNTS})],
        [chunk(finish="stop", usage={"prompt_tokens": 1}), {"usage": COUNTS}],
        [{**STOP, "choices": [{**STOP["choices"][0], "usage": COUNTS}]}],
        [{**STOP, "choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}], "usage": COUNTS}, STOP],
    ],
)
def test_usage_is_found_wherever_it_comes_and_the_last_counts(late: list[dict]):
    assert the_end(chunk({"content": "a"}, usage={"prompt_tokens": 1}), *late).usage == Usage(
        input=3, output=4
    )


def test_reasoning_is_added_where_the_provider_counts_it_apart():
    codec = OpenAIChatCodec("x", Quirks(output_excludes_reasoning=True))
    usage = {**COUNTS, "completion_tokens_details": {"reasoning_tokens": 5}}
    assert the_end(chunk({"content": "a"}), chunk(finish="stop", usage=usage), codec=codec).usage == Usage(
        input=3, output=9, reasoning=5
    )


def test_what_providers_say_beside_the_answer_is_kept():
    first = {"choices": [], "id": "", "model": "", "prompt_filter_results": [{"prompt_index": 0}]}
    last = chunk({"provider_metadata": {"gateway": 1}}, finish="stop", service_tier="default")
    last["choices"][0].update(
        native_finish_reason="STOP", content_filter_results={"hate": {"filtered": False}}
    )
    done = the_end(
        first, chunk({"content": "a"}, system_fingerprint="fp"), {"choices": [], "moderation": {"m": 1}}, last
    )
    assert done.provider_metadata["openai-chat"] == {
        "prompt_filter_results": [{"prompt_index": 0}],
        "system_fingerprint": "fp",
        "moderation": {"m": 1},
        "provider_metadata": {"gateway": 1},
        "service_tier": "default",
        "native_finish_reason": "STOP",
        "content_filter_results": {"hate": {"filtered": False}},
    }
    assert (done.id, done.model) == ("c1", "m1")


def test_only_the_first_choice_is_read():
    other = {"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": "length"}]}
    both = {"choices": [*other["choices"], {"index": 0, "delta": {"content": "a"}}]}
    assert events_of(other, both, STOP)[0] == TextDelta(0, "a")
    assert isinstance(failure(other, done=False), TruncatedStreamError)


def test_raw_frames_come_before_what_is_made_of_them():
    events, error = stream(chunk({"content": "a"}), STOP, raw=True)
    assert error is None
    assert events[:2] == [Raw(chunk({"content": "a"})), TextDelta(0, "a")]
    assert events[2] == Raw(STOP)


@pytest.mark.parametrize(
    ("raw", "unified"), [("eos", "stop"), ("max_tokens", "other"), ("error", "error"), ("", None)]
)
def test_finish_reasons_are_unified_and_the_words_kept(raw: str, unified: str | None):
    done = the_end(chunk({"content": "a"}), chunk(finish=raw))
    assert (done.finish_reason, done.raw_finish_reason) == (unified, raw or None)


def test_a_repeated_finish_says_nothing_new():
    assert len(events_of(chunk({"content": "a"}), STOP, STOP)) == 2


def test_a_finish_reason_completes_an_answer_without_done():
    assert events_of(chunk({"content": "a"}), STOP, done=False)[-1].finish_reason == "stop"


def test_done_completes_an_answer_without_a_finish_reason():
    assert the_end(chunk({"content": "a"})).finish_reason is None


def test_frames_after_done_are_passed_over():
    late = [f"data: {json.dumps(one)}" for one in (chunk({"content": "b"}), {"error": "x"})]
    assert (
        len(
            events_of(
                chunk({"content": "a"}), STOP, "data: [DONE]", *late, "data: junk", "event: error\ndata: {}"
            )
        )
        == 2
    )
    assert stream(STOP, "data: [DONE]", late[0], raw=True)[0][-1].finish_reason == "stop"


@pytest.mark.parametrize("chunks", [[], [{"choices": []}], [": a comment"], ["data:"]])
def test_done_before_any_choice_says_nothing(chunks: list):
    assert isinstance(failure(*chunks), TruncatedStreamError)


def test_an_end_too_early_is_loud():
    error = failure(chunk({"content": "a"}), done=False)
    assert isinstance(error, TruncatedStreamError)
    assert "after 1 frames" in str(error)


def test_a_whole_body_takes_the_same_way():
    calls = [{"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    message = {
        "content": "a",
        "reasoning_content": "hm",
        "tool_calls": calls,
        "annotations": [cite("https://x.test/0")],
    }
    assert whole(message, "tool_calls", usage=COUNTS) == [
        ReasoningDelta(0, "hm"),
        TextDelta(1, "a"),
        CitationOut(1, Citation("https://x.test/0", "T", provider="openai-chat")),
        ToolCallStart(2, id="x", name="f"),
        ToolCallArgsDelta(2, "{}"),
        ToolCallEnd(2, {}),
        Done(
            finish_reason="tool_calls",
            raw_finish_reason="tool_calls",
            usage=Usage(input=3, output=4),
            id="c1",
            model="m1",
        ),
    ]


def test_a_whole_body_needs_no_finish_reason():
    assert whole({"content": "a"}, "")[-1].finish_reason is None


@pytest.mark.parametrize("size", range(1, 60, 7))
def test_a_whole_body_that_is_cut_off_is_truncated(size: int):
    body = json.dumps({"choices": [{"message": {"content": "a b c", "x": 1.5}, "finish_reason": "stop"}]})[
        :size
    ]
    error = laws.decode_all(CODEC, [body.encode()], head=JSON_HEAD).error
    assert isinstance(error, TruncatedStreamError)


@pytest.mark.parametrize(
    ("frame", "kind", "status"),
    [
        ({"error": {"message": "no more", "code": 500}}, ServerError, 500),
        ({"error": "no more"}, ServerError, None),
        (
            'event: error\ndata: {"error": {"message": "no more", "status_code": 400}}',
            InvalidRequestError,
            400,
        ),
        ("event: error\ndata: no more", ServerError, None),
        ({"code": 400, "message": "no more", "type": "Bad Request"}, InvalidRequestError, 400),
        ({"detail": "no more"}, ServerError, None),
        ([{"error": {"message": "no more", "code": 400}}], InvalidRequestError, 400),
    ],
)
def test_a_failure_inside_the_stream_is_raised(frame, kind: type[LLMStreamError], status: int | None):
    events, error = stream(chunk({"content": "a"}), STOP, frame)
    assert events == [TextDelta(0, "a")]
    assert type(error) is kind
    assert (error.status, error.phase) == (status, "stream")
    assert "no more" in str(error)


def test_what_stands_beside_a_failure_is_given_first():
    events, error = stream(chunk({"content": "a"}, error={"message": "no"}))
    assert events == [TextDelta(0, "a")]
    assert isinstance(error, ServerError)


def test_what_stands_before_a_leaf_of_the_wrong_type_is_given_first():
    events, error = stream(chunk({"content": "a", "images": 5}))
    assert events == [TextDelta(0, "a")]
    assert isinstance(error, MalformedFrameError)


@pytest.mark.parametrize(
    "last",
    [
        {"error": {"message": "no"}},
        "event: error\ndata: no",
        chunk({"images": 5}),
        "data: junk",
        {"choices": 5},
        chunk({"tool_calls": [{"function": {"arguments": "{}"}}]}, finish="stop"),
        ": the end",
    ],
)
def test_an_error_knows_what_was_said_of_the_answer(last):
    error = failure(chunk({"content": "a"}, usage=COUNTS), last, done=False)
    assert error.ending is not None
    assert (error.ending.id, error.ending.model, error.ending.usage) == ("c1", "m1", Usage(input=3, output=4))


def test_a_call_that_stays_without_a_name_is_malformed_at_the_end():
    error = failure(chunk({"tool_calls": [{"function": {"arguments": "{}"}}]}))
    assert isinstance(error, MalformedFrameError)
    assert error.ending is not None


def test_a_failure_as_a_field_of_the_event_stream():
    codec = OpenAIChatCodec("x", Quirks(error_field=True))
    error = failure(chunk({"content": "a"}), 'error: {"code": 500, "message": "no more"}', codec=codec)
    assert isinstance(error, ServerError)
    assert "no more" in str(error)


@pytest.mark.parametrize(
    "frame",
    [
        "data: {not json",
        "data: 5",
        "data: []",
        {"choices": {}},
        {"choices": [None]},
        chunk({"content": 5}),
        chunk({"reasoning": {"a": 1}}),
        chunk({"refusal": 5}),
        chunk({"images": 5}),
        chunk({"images": [{"image_url": {"url": "data:image/png;base64,?"}}]}),
        chunk({"images": [5]}),
        chunk({"audio": {"data": "?"}}),
        chunk({"audio": {"data": 5}}),
        chunk({"tool_calls": [5]}),
        chunk(finish=5),  # type: ignore[arg-type]
        "data: " + "[" * 100_000,
        'data: {"usage": 1e999}',
        'data: {"usage": NaN}',
    ],
)
def test_a_frame_of_the_wrong_shape_is_named(frame):
    error = failure(chunk({"content": "a"}), frame)
    assert isinstance(error, MalformedFrameError)
    assert "in frame 2" in str(error)
    assert len(str(error)) < 600


def test_lone_surrogates_and_large_numbers_are_read():
    frame = (
        r'data: {"created": 123456789012345678901234567890, "choices": [{"delta": {"content": "\ud800a"}}]}'
    )
    assert before_done(frame, STOP) == [TextDelta(0, "\ufffda")]


def test_leaves_of_odd_types_are_passed_over():
    odd = chunk(
        {"content": "a", "annotations": [{}], "reasoning_details": []},
        id=5,
        model=None,
        usage=[],
        created="now",
    )
    odd["choices"][0]["logprobs"] = -0.5
    assert before_done(odd, STOP) == [TextDelta(0, "a")]


PIECES = st.sampled_from(["a", "é", "{", "}", '"', "\u2028", "b c"])
DELTAS = st.one_of(
    st.fixed_dictionaries({"content": PIECES}),
    st.fixed_dictionaries({"refusal": PIECES}),
    st.fixed_dictionaries({"reasoning_content": PIECES}),
    st.builds(
        lambda text, index, sign: {"reasoning_details": [detail(text, index=index, signature=sign)]},
        st.none() | PIECES,
        st.sampled_from([None, 0, 1]),
        st.none() | PIECES,
    ),
    st.builds(lambda data: {"reasoning_details": [{"type": "reasoning.encrypted", "data": data}]}, PIECES),
    st.builds(
        call,
        st.sampled_from([None, 0, 1]),
        st.sampled_from([None, "x", "y"]),
        st.sampled_from([None, "f", "g"]),
        st.sampled_from([None, "", "{}", '{"a"', ": 1}", '{"a": 1}']),
        extra_content=st.none() | st.just({"google": {"thought_signature": "s"}}),
    ),
    st.just({"images": [IMAGE]}),
    st.builds(
        lambda name, text: {"audio": {"id": name, "transcript": text}}, st.none() | st.just("a1"), PIECES
    ),
    st.just({"audio": {"data": "aGk="}}),
    st.just({"annotations": [cite("https://x.test/0", start_index=1, end_index=2)]}),
    st.builds(
        lambda name, output: {
            "executed_tools": [{"id": name, "type": "t", "arguments": "{}", "output": output}]
        },
        st.sampled_from([None, "s1", "s2"]),
        st.none() | PIECES,
    ),
    st.just({"content": [{"type": "thinking", "thinking": "t", "signature": "s"}]}),
)
ANSWERS = st.builds(
    lambda deltas, finish, usage: [*map(chunk, deltas), chunk(finish=finish, usage=usage)],
    st.lists(DELTAS, max_size=8),
    st.sampled_from([None, "stop", "length", "tool_calls", "content_filter", "odd"]),
    st.none() | st.just(COUNTS),
)


@given(ANSWERS, st.booleans())
def test_any_frames_keep_the_laws(chunks: list[dict], done: bool):
    body = sse(*chunks, done=done)
    events, error = laws.decode_all(CODEC, [body])
    laws.split(CODEC, body)
    laws.truncation(CODEC, body, offsets=range(0, len(body), 97))
    if error is None:
        laws.grammar(events)
        assert CODEC.server.canonical(events) == tuple(events)
        laws.round_trip(CODEC, events)
    else:
        assert isinstance(error, MalformedFrameError | TruncatedStreamError)
        laws.grammar(events, complete=False)


FIELDS = """
    choices delta message content type text thinking reasoning reasoning_details summary refusal annotations
    url_citation url images image_url audio data id index tool_calls function name arguments custom input
    function_call executed_tools output usage prompt_tokens prompt_tokens_details logprobs token citations
    search_results error code detail x_groq finish_reason
"""
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS.split()), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_any_json_is_read_or_refused_with_an_error_of_ours(delta, more):
    frame = {"choices": [{"delta": delta}], **(more if isinstance(more, dict) else {})}
    events, error = stream(frame, {"choices": [more]})
    laws.grammar(events, complete=error is None)


def test_the_work_grows_with_the_body():
    laws.linear(CODEC, lambda size: sse(*[chunk({"content": "word "})] * size, STOP))
    laws.linear(
        CODEC,
        lambda size: sse(chunk(call(0, "x", "f", '{"a": "')), *[chunk(call(0, text="word "))] * size, STOP),
    )


@pytest.mark.parametrize("wire", ["openai-chat", "mistral"])
def test_recorded_streams_keep_the_laws(shared: Path, wire: str):
    for case in corpus.cases(shared / "corpus", wire):
        if case.kind == "stream" and len(case.body) < 40_000:
            codec = OpenAIChatCodec(case.provider)
            events, error = laws.decode_all(codec, [case.body], head=case.head)
            laws.grammar(events, complete=error is None)
            laws.truncation(codec, case.body, head=case.head)
            laws.prefix(events)
            if error is None:
                assert codec.server.canonical(events) == tuple(events), case.name


def test_calls_end_in_the_order_of_their_parts():
    nameless = chunk({"tool_calls": [{"index": 0, "function": {"arguments": ""}}]})
    other = chunk({"tool_calls": [{"index": 1, "id": "x", "function": {"name": "f"}}]})
    named = chunk({"tool_calls": [{"index": 0, "function": {"name": "g"}}]})
    events = events_of(nameless, other, named, STOP)
    assert [event.name for event in events if isinstance(event, ToolCallStart)] == ["f", "g"]
    assert [event.index for event in events if isinstance(event, ToolCallEnd)] == [0, 1]


# The short way through a frame that only lengthens the text, and the long way.

LEAVES = st.sampled_from([None, "", "a", "stop", 0, 1, [], ["x"], {}, {"text": "t"}])
DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "content": LEAVES,
        "role": LEAVES,
        "refusal": LEAVES,
        "reasoning": LEAVES,
        "reasoning_details": LEAVES,
        "tool_calls": st.sampled_from([None, [], [{"index": 0, "id": "c", "function": {"name": "f"}}]]),
        "annotations": LEAVES,
        "audio": st.sampled_from([None, {"transcript": "t"}]),
        "odd": LEAVES,
    },
)
CHOICES = st.fixed_dictionaries(
    {"delta": DELTAS},
    optional={
        "index": st.sampled_from([0, 1, None]),
        "logprobs": st.sampled_from([None, {"content": [{"token": "a", "logprob": -1.0}]}]),
        "finish_reason": st.sampled_from([None, "", "stop"]),
        "odd": LEAVES,
    },
)
CHUNKS = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES, min_size=1, max_size=2)},
    optional={
        "id": LEAVES,
        "model": LEAVES,
        "usage": st.sampled_from([None, {"prompt_tokens": 1, "completion_tokens": 2}]),
        "error": st.sampled_from([None, {"message": "no"}]),
        "service_tier": LEAVES,
        "odd": LEAVES,
    },
)
WORDS = st.builds(chunk, st.builds(dict, content=st.text(max_size=3)))


@given(st.lists(st.one_of(WORDS, WORDS, CHUNKS), max_size=12))
def test_the_short_way_gives_what_the_long_way_gives(chunks: list[dict]):
    events, error = stream(*chunks)
    # The provider's own events are wanted, and those are given on the long way only.
    slowly, slow_error = stream(*chunks, raw=True)
    assert events == [event for event in slowly if not isinstance(event, Raw)]
    assert repr(error) == repr(slow_error)


def test_the_short_way_is_left_where_a_vendor_never_fits_it():
    odd = [chunk({"content": "a", "odd": 1}) for _ in range(10)]
    events, error = stream(*odd, chunk({"content": "b"}), chunk(finish="stop"))
    assert ("".join(event.text for event in events[:-1]), error) == ("a" * 10 + "b", None)
