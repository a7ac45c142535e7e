"""From frames to events."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import (
    Attachment,
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
    OpaqueOut,
    PartMetadata,
    QuotaError,
    Raw,
    ReasoningDelta,
    ServerError,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolProgress,
    ToolResultOut,
    TruncatedStreamError,
    Usage,
    reduce,
)
from llmstream.stage import Pipe, run
from llmstream.testing import laws
from llmstream.wire.http import ResponseHead
from llmstream.wire.openai_responses import CODEC, OpenAIResponsesCodec, Quirks

P = "openai-responses"
JSON_HEAD = ResponseHead(200, {"content-type": "application/json"})


def event(type: str, output: int | None = None, /, **fields) -> dict:
    where = {} if output is None else {"output_index": output, "item_id": "x"}
    return {"type": f"response.{type}", **where, **fields}


def added(output: int, type: str, /, **fields) -> dict:
    return event("output_item.added", output, item={"type": type, **fields})


def done(output: int, type: str, /, **fields) -> dict:
    return event("output_item.done", output, item={"type": type, **fields})


def end(status: str = "completed", **fields) -> dict:
    response = {"id": "resp_1", "object": "response", "model": "m1", "status": status, "output": [], **fields}
    return event(status, response=response)


def text(delta: str, output: int = 0, **fields) -> dict:
    return event("output_text.delta", output, content_index=0, delta=delta, **fields)


def sse(*records) -> bytes:
    numbered = [{"sequence_number": n, **record} for n, record in enumerate(records)]
    frames = [f"event: {one.get('type')}\ndata: {json.dumps(one)}\n\n" for one in numbered]
    return "".join(frames).encode()


def stream(*records, codec: OpenAIResponsesCodec = CODEC, raw: bool = False):
    return laws.decode_all(codec, [sse(*records)], raw=raw)


def events_of(*records, codec: OpenAIResponsesCodec = CODEC) -> list[Event]:
    events, error = stream(*records, codec=codec)
    assert error is None
    laws.grammar(events)
    return events


def before_done(*records, codec: OpenAIResponsesCodec = CODEC) -> list[Event]:
    *events, last = events_of(*records, end(), codec=codec)
    assert isinstance(last, Done)
    return events


def failure(*records) -> LLMStreamError:
    error = stream(*records)[1]
    assert error is not None
    return error


def whole(*output: dict, status: str = "completed", **fields) -> tuple[list[Event], LLMStreamError | None]:
    body = {"id": "resp_1", "object": "response", "status": status, "output": list(output), **fields}
    return laws.decode_all(CODEC, [json.dumps(body).encode()], head=JSON_HEAD)


def noted(index: int, kind: str | None = None, /, **data) -> PartMetadata:
    return PartMetadata(index, P, data, kind=kind)


CREATED = event("created", response={"id": "resp_1", "model": "m1", "status": "in_progress"})


def test_the_text_of_a_message_comes_as_deltas_of_one_part():
    assert events_of(
        CREATED,
        added(
            0, "message", id="msg_1", role="assistant", content=[], status="in_progress", phase="commentary"
        ),
        event("content_part.added", 0, content_index=0, part={"type": "output_text", "text": ""}),
        text("Hel"),
        text("lo"),
        text(""),
        event("output_text.done", 0, content_index=0, text="Hello"),
        done(
            0,
            "message",
            id="msg_1",
            role="assistant",
            status="completed",
            phase="final_answer",
            content=[{"type": "output_text", "text": "Hello", "annotations": []}],
        ),
        end(usage={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}, service_tier="flex"),
    ) == [
        noted(0, "text", id="msg_1", phase="commentary"),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        noted(0, phase="final_answer"),
        Done(
            finish_reason="stop",
            raw_finish_reason="completed",
            usage=Usage(input=3, output=2),
            id="resp_1",
            model="m1",
            provider_metadata={P: {"service_tier": "flex"}},
        ),
    ]


def test_items_are_known_by_their_output_index_and_not_by_their_ids():
    assert before_done(
        added(0, "message", id="a"),
        text("x", item_id="b"),
        text("y", item_id="c"),
        done(0, "message", id="d"),
    ) == [noted(0, "text", id="a"), TextDelta(0, "x"), TextDelta(0, "y"), noted(0, id="d")]


def test_items_may_be_written_at_the_same_time():
    assert before_done(
        added(0, "reasoning", id="r"),
        added(1, "message", id="m"),
        text("a", 1),
        done(0, "reasoning", id="r", encrypted_content="c"),
        text("b", 1),
    ) == [
        noted(0, "reasoning", id="r"),
        noted(1, "text", id="m"),
        TextDelta(1, "a"),
        noted(0, encrypted_content="c"),
        TextDelta(1, "b"),
    ]


def test_each_content_of_a_message_is_a_part_of_the_same_id():
    refusal = event("refusal.delta", 0, content_index=1, delta="no")
    *events, last = events_of(added(0, "message", id="m", phase="p"), text("a"), refusal, end())
    assert events[1:] == [
        TextDelta(0, "a"),
        noted(1, "text", id="m", part=1),
        TextDelta(1, "no", refusal=True),
    ]
    assert last.finish_reason == "refusal"


def test_what_no_delta_said_is_said_when_the_item_is_done():
    source = {"type": "file_citation", "file_id": "f", "filename": "a.pdf", "index": 1}
    token = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}
    content = [{"type": "output_text", "text": "a", "annotations": [source], "logprobs": [token]}]
    assert before_done(done(0, "message", content=content)) == [
        TextDelta(0, "a", (Logprob("a", -1.0, bytes=b"a"),)),
        CitationOut(0, Citation(None, "a.pdf", provider=P, data=source)),
    ]


def test_an_item_that_said_nothing_is_an_empty_part():
    assert before_done(added(0, "message", id="m"), done(0, "message", id="m", content=[])) == [
        noted(0, "text", id="m")
    ]
    assert before_done(done(0, "reasoning", summary=[])) == [noted(0, "reasoning")]


def test_a_part_is_numbered_when_it_first_has_something_to_show():
    assert before_done(text("", 0), text("", 0), text("a", 1), text("b", 0)) == [
        TextDelta(0, "a"),
        TextDelta(1, "b"),
    ]


def test_sources_have_spans_where_the_wire_gives_them():
    source = {"type": "url_citation", "url": "u", "title": "t", "start_index": 1, "end_index": 4}
    assert before_done(
        text("abcde"), event("output_text.annotation.added", 0, content_index=0, annotation=source)
    ) == [TextDelta(0, "abcde"), CitationOut(0, Citation("u", "t", start=1, end=4, provider=P, data=source))]


def test_sources_that_came_are_not_given_again():
    source = {"type": "url_citation", "url": "u", "title": "t"}
    content = [{"type": "output_text", "text": "a", "annotations": [source, {**source, "url": "v"}]}]
    events = before_done(
        text("a"),
        event("output_text.annotation.added", 0, content_index=0, annotation=source),
        done(0, "message", content=content),
    )
    assert [one.citation.url for one in events if isinstance(one, CitationOut)] == ["u", "v"]


def test_log_probabilities_stand_beside_their_delta():
    token = {"token": "a", "logprob": -1.0, "top_logprobs": [{"token": "b", "logprob": -2.0}]}
    assert before_done(text("x"), text("a", logprobs=[token]))[1] == TextDelta(
        0, "a", (Logprob("a", -1.0, top=[Logprob("b", -2.0)]),)
    )


def test_each_paragraph_of_a_summary_is_a_part_of_the_same_id():
    def summary(place: int, delta: str) -> dict:
        return event("reasoning_summary_text.delta", 0, summary_index=place, delta=delta)

    assert before_done(
        added(0, "reasoning", id="r", summary=[], encrypted_content="first"),
        event("reasoning_summary_part.added", 0, summary_index=0, part={"type": "summary_text", "text": ""}),
        summary(0, "a"),
        summary(0, "b"),
        summary(1, "c"),
        done(0, "reasoning", id="r2", encrypted_content="last", summary=[{"text": "ab"}, {"text": "c"}]),
    ) == [
        noted(0, "reasoning", id="r"),
        ReasoningDelta(0, "a"),
        ReasoningDelta(0, "b"),
        noted(1, "reasoning", id="r", part=1),
        ReasoningDelta(1, "c"),
        noted(0, id="r2", encrypted_content="last"),
        noted(1, id="r2"),
    ]


def test_reasoning_that_is_told_as_it_is_is_marked():
    delta = event("reasoning_text.delta", 0, content_index=0, delta="hm")
    assert before_done(added(0, "reasoning", id="r"), delta) == [
        noted(0, "reasoning", id="r"),
        noted(0, type="reasoning_text"),
        ReasoningDelta(0, "hm"),
    ]
    assert before_done(delta) == [noted(0, "reasoning", type="reasoning_text"), ReasoningDelta(0, "hm")]


def test_a_function_call_ends_when_its_arguments_are_done():
    call = {"id": "fc_1", "call_id": "c1", "name": "f"}
    *events, last = events_of(
        added(0, "function_call", **call, arguments="", status="in_progress"),
        event("function_call_arguments.delta", 0, delta='{"a"'),
        event("function_call_arguments.delta", 0, delta=":1}"),
        event("function_call_arguments.done", 0, arguments='{"a":1}'),
        done(0, "function_call", **call, arguments='{"a":1}', status="completed"),
        end(),
    )
    assert events == [
        ToolCallStart(0, id="c1", name="f"),
        noted(0, id="fc_1"),
        ToolCallArgsDelta(0, '{"a"'),
        ToolCallArgsDelta(0, ":1}"),
        ToolCallEnd(0, {"a": 1}),
    ]
    assert last.finish_reason == "tool_calls"


@pytest.mark.parametrize("last", ["function_call_arguments.done", "output_item.done"])
def test_arguments_may_come_whole(last: str):
    item = {"call_id": "c", "name": "f", "arguments": '{"a":1}'}
    final = event(last, 0, arguments='{"a":1}', item={"type": "function_call", **item})
    assert before_done(added(0, "function_call", call_id="c", name="f", arguments=""), final)[1:] == [
        ToolCallArgsDelta(0, '{"a":1}'),
        ToolCallEnd(0, {"a": 1}),
    ]


def test_a_call_waits_for_its_name():
    events = before_done(
        added(0, "function_call", call_id="c"),
        event("function_call_arguments.delta", 0, delta="{}"),
        done(0, "function_call", call_id="c", name="f", arguments="{}"),
    )
    assert events == [ToolCallStart(0, id="c", name="f"), ToolCallArgsDelta(0, "{}"), ToolCallEnd(0, {})]


def test_calls_have_ids_of_their_own():
    calls = [done(n, "function_call", call_id=id, name="f", arguments="") for n, id in enumerate("aa")]
    events = before_done(*calls, done(2, "function_call", name="f", arguments=""))
    assert [one.id for one in events if isinstance(one, ToolCallStart)] == ["a", "call_1", "call_2"]
    assert noted(1, call_id="a") in events


def test_a_call_that_was_cut_does_not_end():
    *events, last = events_of(
        added(0, "function_call", call_id="c", name="f"),
        event("function_call_arguments.delta", 0, delta='{"a'),
        done(0, "function_call", call_id="c", name="f", arguments='{"a', status="incomplete"),
        end("incomplete", incomplete_details={"reason": "max_output_tokens"}),
    )
    assert events[1:] == [ToolCallArgsDelta(0, '{"a'), noted(0, status="incomplete")]
    assert (last.finish_reason, last.raw_finish_reason) == ("length", "max_output_tokens")


def test_a_call_without_arguments_ends_with_the_answer():
    assert before_done(added(0, "function_call", call_id="c", name="f"))[1:] == [ToolCallEnd(0, {})]
    cut = end("incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert len(events_of(added(0, "function_call", call_id="c", name="f"), cut)) == 2


def test_a_call_of_free_text_has_no_arguments():
    call = {"id": "ctc", "call_id": "c", "name": "sql"}
    records = [
        added(0, "custom_tool_call", **call, input=""),
        event("custom_tool_call_input.delta", 0, delta="SELECT"),
        event("custom_tool_call_input.done", 0, input="SELECT"),
        done(0, "custom_tool_call", **call, input="SELECT"),
    ]
    assert before_done(*records) == [
        ToolCallStart(0, id="c", name="sql", custom=True),
        noted(0, id="ctc"),
        ToolCallArgsDelta(0, "SELECT"),
    ]
    served = OpenAIResponsesCodec(P, Quirks(server_custom_calls=True))
    assert before_done(*records, codec=served)[0].server_executed
    assert events_of(*records, end(), codec=served)[-1].finish_reason == "stop"


def test_a_programs_call_keeps_who_made_it():
    caller = {"type": "program", "caller_id": "p"}
    assert before_done(added(0, "function_call", call_id="c", name="f", caller=caller))[1] == noted(
        0, caller=caller
    )


def test_a_search_is_a_call_of_the_providers_with_its_item():
    action = {"type": "search", "query": "q", "sources": []}
    assert before_done(
        added(0, "web_search_call", id="ws_1", status="in_progress"),
        event("web_search_call.searching", 0),
        done(0, "web_search_call", id="ws_1", status="completed", action=action),
    ) == [
        ToolCallStart(0, id="ws_1", name="web_search", server_executed=True),
        noted(0, type="web_search_call", id="ws_1"),
        ToolProgress(0, "ws_1", data={"type": "response.web_search_call.searching"}),
        ToolCallArgsDelta(0, json.dumps(action, separators=(",", ":"))),
        ToolCallEnd(0, action),
        noted(0, action=action),
    ]


def test_a_file_search_asks_its_queries():
    events = before_done(done(0, "file_search_call", id="fs", queries=["a", "b"], results=None))
    assert ToolCallEnd(0, {"queries": ["a", "b"]}) in events


def test_code_that_the_provider_runs_comes_as_free_text():
    events = before_done(
        added(0, "code_interpreter_call", id="ci", code="", container_id="k", outputs=[]),
        event("code_interpreter_call_code.delta", 0, delta="1+"),
        event("code_interpreter_call_code.delta", 0, delta="1"),
        event("code_interpreter_call_code.done", 0, code="1+1"),
        done(0, "code_interpreter_call", id="ci", code="1+1", container_id="k", outputs=[{"logs": "2"}]),
    )
    assert events[0] == ToolCallStart(0, id="ci", name="code_interpreter", server_executed=True, custom=True)
    assert events[2:] == [
        ToolCallArgsDelta(0, "1+"),
        ToolCallArgsDelta(0, "1"),
        noted(0, outputs=[{"logs": "2"}]),
    ]


def test_an_mcp_call_keeps_its_output():
    call = {"id": "mcp_1", "name": "ask", "server_label": "wiki"}
    events = before_done(
        added(0, "mcp_call", **call, arguments="", output=None),
        event("mcp_call_arguments.delta", 0, delta='{"q":1}'),
        event("mcp_call_arguments.done", 0, arguments='{"q":1}'),
        done(0, "mcp_call", **call, arguments='{"q":1}', output="an answer"),
    )
    assert events == [
        ToolCallStart(0, id="mcp_1", name="ask", server_executed=True),
        noted(0, type="mcp_call", id="mcp_1", server_label="wiki", output=None),
        ToolCallArgsDelta(0, '{"q":1}'),
        ToolCallEnd(0, {"q": 1}),
        noted(0, output="an answer"),
    ]


@pytest.mark.parametrize(
    ("item", "name", "server"),
    [
        ({"type": "local_shell_call", "action": {"command": ["ls"]}}, "local_shell", False),
        ({"type": "shell_call", "action": {"commands": ["ls"]}}, "shell", False),
        ({"type": "shell_call", "action": {}, "environment": {"type": "local"}}, "shell", False),
        ({"type": "shell_call", "action": {}, "environment": {"type": "container_reference"}}, "shell", True),
        ({"type": "apply_patch_call", "operation": {"type": "delete_file"}}, "apply_patch", False),
        ({"type": "computer_call", "action": {"type": "click"}}, "computer", False),
        ({"type": "tool_search_call", "execution": "server", "arguments": {"a": 1}}, "tool_search", True),
        ({"type": "tool_search_call", "execution": "client", "arguments": {"a": 1}}, "tool_search", False),
    ],
)
def test_calls_of_built_in_tools_are_made_by_one_side(item: dict, name: str, server: bool):
    *events, last = events_of(event("output_item.done", 0, item={"call_id": "c", **item}), end())
    assert events[0] == ToolCallStart(0, id="c", name=name, server_executed=server)
    assert last.finish_reason == ("stop" if server else "tool_calls")
    (part,) = reduce(events).parts
    assert part.provider_metadata[P] == {"call_id": "c", **item}


def test_results_of_the_providers_tools_are_results():
    output = [{"stdout": "a"}]
    item = {"type": "shell_call_output", "id": "o", "call_id": "c", "status": "completed", "output": output}
    assert before_done(event("output_item.done", 0, item=item)) == [
        ToolResultOut(0, "c", name="shell", output=output, server_executed=True),
        noted(0, type="shell_call_output", id="o", call_id="c", status="completed"),
    ]
    program = before_done(done(0, "program_output", id="o", call_id="p", result="{}"))
    assert program[0] == ToolResultOut(0, "p", name="program", output="{}", server_executed=True)
    found = before_done(done(0, "tool_search_output", id="o", call_id=None, tools=[1]))
    assert found[0] == ToolResultOut(0, "o", name="tool_search", output=[1], server_executed=True)


@pytest.mark.parametrize("type", ["mcp_list_tools", "mcp_approval_request", "program", "compaction", "new"])
def test_items_without_a_meaning_here_are_kept_whole(type: str):
    item = {"type": type, "id": "i", "encrypted_content": "c", "x": None}
    added = event("output_item.added", 0, item={"type": type})
    assert before_done(added, event("output_item.done", 0, item=item)) == [
        OpaqueOut(0, P, type=type, data=item)
    ]


def test_an_image_follows_its_call_with_its_previews():
    preview, final = b64encode(b"p").decode(), b64encode(b"f").decode()
    assert before_done(
        added(0, "image_generation_call", id="ig", status="in_progress"),
        event("image_generation_call.partial_image", 0, partial_image_b64=preview, output_format="webp"),
        done(0, "image_generation_call", id="ig", result=final, output_format="webp", status="generating"),
    ) == [
        ToolCallStart(0, id="ig", name="image_generation", server_executed=True),
        noted(0, type="image_generation_call", id="ig"),
        noted(1, "attachment", id="ig"),
        ImageOut(1, Attachment("image/webp", data=b"p"), partial=True),
        ToolCallEnd(0, {}),
        ImageOut(1, Attachment("image/webp", data=b"f")),
        noted(0, output_format="webp", status="generating"),
    ]


def test_audio_belongs_to_no_item():
    assert before_done(event("audio.transcript.delta", delta="hi"), event("audio.delta", delta="AAE=")) == [
        AudioDelta(0, transcript="hi"),
        AudioDelta(0, b"\0\1"),
    ]


def test_events_of_newer_versions_and_signs_of_life_say_nothing():
    assert before_done({"type": "keepalive"}, event("brand.new", 7), {"type": "new"}, text("a")) == [
        TextDelta(0, "a")
    ]


@pytest.mark.parametrize(
    ("status", "fields", "reason", "raw"),
    [
        ("completed", {}, "stop", "completed"),
        (
            "incomplete",
            {"incomplete_details": {"reason": "content_filter"}},
            "content_filter",
            "content_filter",
        ),
        ("incomplete", {}, "other", "incomplete"),
        ("cancelled", {}, "other", "cancelled"),
    ],
)
def test_an_answer_ends_with_its_status(status: str, fields: dict, reason: str, raw: str):
    last = events_of(end(status, **fields))[-1]
    assert (last.finish_reason, last.raw_finish_reason) == (reason, raw)


def test_what_follows_the_end_is_passed_over():
    body = sse(text("a"), end()) + b"data: [DONE]\n\n" + sse({"type": "error", "error": {"message": "x"}})
    events, error = laws.decode_all(CODEC, [body])
    assert error is None
    assert isinstance(events[-1], Done)


@pytest.mark.parametrize("records", [(), (CREATED,), (CREATED, text("a"))])
def test_a_body_without_its_end_is_truncated(records: tuple):
    error = failure(*records)
    assert isinstance(error, TruncatedStreamError)
    assert error.ending is not None
    assert error.ending.id == ("resp_1" if records else None)
    assert error.ending.provider_metadata == ({P: {"sequence_number": len(records) - 1}} if records else {})


@pytest.mark.parametrize(
    "record",
    [
        {"type": "error", "error": {"type": "t", "code": "insufficient_quota", "message": "all spent"}},
        {"type": "error", "code": "insufficient_quota", "message": "all spent", "param": None},
        {"error": {"code": "insufficient_quota", "message": "all spent"}},
        end("failed", error={"code": "insufficient_quota", "message": "all spent"}),
    ],
)
def test_an_answer_may_fail_after_it_began(record: dict):
    error = failure(CREATED, text("a"), record)
    assert isinstance(error, QuotaError)
    assert str(error) == "all spent"
    assert error.ending is not None
    assert (error.ending.finish_reason, error.ending.raw_finish_reason) == ("error", "failed")


def test_errors_are_told_by_their_codes():
    assert isinstance(failure(end("failed", error={"code": "server_error", "message": "x"})), ServerError)
    assert isinstance(failure(end("failed", error=None)), ServerError)
    prompt = end("failed", error={"code": "invalid_prompt", "message": "x"})
    assert isinstance(failure(prompt), InvalidRequestError)
    named = laws.decode_all(CODEC, [b"event: error\ndata: not json\n\n"]).error
    assert isinstance(named, ServerError)


def test_a_whole_body_says_the_same_at_once():
    message = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "a"}]}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    events, error = whole(message, call, model="m1", usage={"input_tokens": 1, "output_tokens": 2})
    assert error is None
    assert events == [
        noted(0, "text", id="m"),
        TextDelta(0, "a"),
        ToolCallStart(1, id="c", name="f"),
        ToolCallArgsDelta(1, "{}"),
        ToolCallEnd(1, {}),
        Done(
            finish_reason="tool_calls",
            raw_finish_reason="completed",
            usage=Usage(input=1, output=2),
            id="resp_1",
            model="m1",
        ),
    ]


def test_a_whole_body_may_not_have_ended_or_have_failed():
    assert isinstance(whole(status="queued")[1], TruncatedStreamError)
    assert isinstance(whole(status="failed", error={"message": "x"})[1], ServerError)
    cut = laws.decode_all(CODEC, [b'{"id": "resp_1", "output": ['], head=JSON_HEAD).error
    assert isinstance(cut, TruncatedStreamError)


def test_a_terminal_event_alone_has_the_whole_answer():
    item = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
    assert events_of(end(output=[item]))[0] == TextDelta(0, "a")


def test_a_response_that_was_cut_off_goes_on_with_the_same_decoder():
    head = ResponseHead(200, {"content-type": "text/event-stream"})
    records = [CREATED, added(0, "message", id="m"), text("a"), text("b"), end()]
    numbered = [{"sequence_number": n, **record} for n, record in enumerate(records)]
    decoder = CODEC.decoder(head)
    first = [e for one in run(CODEC.framer(head), [sse(*numbered[:3])]) for e in decoder.feed(one)]
    assert (decoder.response_id, decoder.sequence) == ("resp_1", 2)
    asked = CODEC.resume("resp_1", after=decoder.sequence)
    assert (asked.method, asked.path) == ("GET", "/responses/resp_1?stream=true&starting_after=2")
    rest = list(run(Pipe(CODEC.framer(head), decoder), [sse(*numbered[3:])]))
    assert [*first, *rest] == events_of(*records)
    assert decoder.sequence == 4


def test_raw_gives_the_wires_own_events():
    events, error = stream(text("a"), text("b"), end(), raw=True)
    assert error is None
    assert [type(one) for one in events] == [Raw, TextDelta, Raw, TextDelta, Raw, Done]


@pytest.mark.parametrize(
    "record",
    [
        "nonsense",
        [],
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.output_text.delta", "output_index": -1, "delta": "a"},
        {"type": "response.output_text.delta", "output_index": 0, "delta": 1},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": "x", "delta": "a"},
        {"type": "response.output_item.added", "output_index": 0, "item": {}},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "function_call"}},
        {"type": "response.audio.delta", "delta": "?"},
        {"type": "response.image_generation_call.partial_image", "output_index": 0, "partial_image_b64": "?"},
        done(0, "message", content=[{"type": "output_text", "text": 1}]),
    ],
)
def test_what_breaks_the_protocol_is_malformed(record: object):
    body = sse(CREATED) + f"data: {record if isinstance(record, str) else json.dumps(record)}\n\n".encode()
    error = laws.decode_all(CODEC, [body]).error
    assert isinstance(error, MalformedFrameError)
    assert "in frame 2" in str(error)


@pytest.mark.parametrize(
    "records",
    [
        (added(0, "message"), done(0, "reasoning")),
        (added(0, "message"), event("function_call_arguments.delta", 0, delta="{")),
        (added(0, "function_call", name="f"), text("a")),
        (text("a"), event("image_generation_call.partial_image", 0, partial_image_b64="YQ==")),
        (
            event("function_call_arguments.done", 0, arguments="{}"),
            done(0, "function_call", name="f", arguments="{}"),
            event("function_call_arguments.delta", 0, delta="x"),
        ),
    ],
)
def test_an_event_must_fit_its_item(records: tuple):
    assert isinstance(failure(*records), MalformedFrameError)


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_TYPES = [*sorted(type(CODEC.decoder(JSON_HEAD)).table), "response.web_search_call.searching"]
_FIELDS = [
    "output_index",
    "content_index",
    "summary_index",
    "delta",
    "item",
    "response",
    "annotation",
    "error",
]
_ITEMS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["message", "reasoning", "function_call", "shell_call", "mcp_call", "x_output"]
        )
    },
    optional=dict.fromkeys(
        ["id", "call_id", "name", "arguments", "content", "summary", "action", "status"], _JUNK
    ),
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(_TYPES),
            st.dictionaries(st.sampled_from(_FIELDS), _JUNK | _ITEMS),
            st.integers(0, 1),
        ),
        max_size=6,
    )
)
def test_hostile_events_end_in_typed_errors(drawn: list[tuple[str, dict, int]]):
    records = [{"output_index": output, **fields, "type": type} for type, fields, output in drawn]
    events, error = stream(*records)
    laws.grammar(events, complete=error is None)


def test_a_long_answer_takes_linear_work():
    laws.linear(CODEC, lambda size: sse(*[text("word ") for _ in range(size)], end()))


def test_a_frame_whose_type_is_only_its_name_is_read_by_that() -> None:
    records = [added(0, "message", role="assistant", content=[]), text("hi"), text(" you"), end()]
    named = [
        f"event: {one['type']}\ndata: {json.dumps({k: v for k, v in one.items() if k != 'type'})}\n\n"
        for one in records
    ]
    assert laws.decode_all(CODEC, ["".join(named).encode()]) == stream(*records)
