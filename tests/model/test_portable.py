"""Histories that go on elsewhere: what is lost, what becomes text, and what going back sends."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmstream import (
    Attachment,
    AttachmentPart,
    Citation,
    Loss,
    Message,
    OpaquePart,
    ReasoningPart,
    Request,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UnsupportedError,
    assistant,
    portability_report,
    ported,
    reduce,
    system,
    tool_message,
    user,
)
from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, dumps, loads
from llmstream.model.registry import provider as row
from llmstream.stage import run
from llmstream.testing import laws, strategies
from llmstream.testing.fakes import ScriptedModel
from llmstream.values.events import Event
from llmstream.values.response import Response
from llmstream.wire import names
from llmstream.wire.codec import Codec

# One row of each dialect, and those whose quirks touch histories.
ROWS = (
    "anthropic",
    "bedrock",
    "deepseek",
    "gemini",
    "gemini-interactions",
    "mistral",
    "ollama",
    "openai",
    "openai-chat",
    "openai-completions",
    "openrouter",
)
SOME = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")) // 40)
# Where the turns are, by the dialect's word for them.
TURNS = ("messages", "contents", "input", "prompt")
PNG = Attachment("image/png", data=b"\x89PNG")


def codec_of(name: str) -> Codec:
    found = row(name)
    assert found is not None
    return found.codec


def sent(codec: Codec, messages: tuple[Message, ...]) -> dict[str, JSON]:
    return loads(codec.encode(Request("m", messages)).body)


def turns(body: dict[str, JSON]) -> JSON:
    return next(body[name] for name in TURNS if name in body)


def test_the_rows_are_of_all_dialects():
    assert {codec_of(name).name for name in ROWS} == set(names())


def test_a_history_of_text_goes_anywhere_as_it_is():
    history = (system("s"), user("a"), assistant("b"), user("c"))
    for name in ROWS:
        assert portability_report(history, name) == ()
        assert ported(history, name) is history


def whole(provider: str) -> tuple[Message, ...]:
    """A history with one of everything that an answer of a provider may have."""
    own = {provider: {"type": "x", "id": "item_1", "signature": "s"}}
    searched = ToolCallPart(
        "srv_1", "web_search", arguments={"q": "x"}, server_executed=True, provider_metadata=own
    )
    return (
        system("Be brief."),
        user("What is this?", PNG),
        assistant(
            ReasoningPart("hm", provider_metadata=own),
            ReasoningPart(redacted=True, provider_metadata=own),
            searched,
            ToolResultPart("srv_1", "web_search", output=["y"], server_executed=True, provider_metadata=own),
            TextPart("So", citations=[Citation("https://x.test", provider=provider, data={"a": 1})]),
            OpaquePart(provider, "item", {"a": 1}),
            AttachmentPart(PNG, provider_metadata=own),
            ToolCallPart("functions.look:0", "look", arguments={"at": "it"}, provider_metadata=own),
            ToolCallPart("free", "run", raw="SELECT 1", custom=True, provider_metadata=own),
        ),
        tool_message(
            ToolResultPart("functions.look:0", "look", output={"seen": 1}, attachments=[PNG]),
            ToolResultPart("free", "run", output="", error="no"),
        ),
        user("go on"),
    )


@pytest.mark.parametrize("name", ROWS)
def test_a_history_with_everything_goes_anywhere_as_text(name: str):
    codec, history = codec_of(name), whole("elsewhere")
    with pytest.raises(UnsupportedError, match=r"at messages\[\d+\]"):
        ported(history, name)
    rewritten = ported(history, name, otherwise="text")
    body = dumps(sent(codec, rewritten))
    assert "[called web_search:" in body
    assert "web_search gave:" in body
    assert "item_1" not in body
    assert "hm" not in body
    assert ported(rewritten, name) is rewritten
    assert {"state", "reasoning", "item", "server tool"} <= {
        loss.what for loss in portability_report(history, name)
    }


@pytest.mark.parametrize("name", ROWS)
def test_calls_and_their_results_stay_together(name: str):
    """Ids in every shape of the others, whether sent as they are or made fit."""
    codec = codec_of(name)
    calls = [
        ToolCallPart(id, "f", arguments={})
        for id in ("functions.f:0", "toolu_01", "x" * 80, "abcdefghi", "é")
    ]
    results = [ToolResultPart(call.id, "f", output="r") for call in calls]
    history = ported((user("a"), assistant(calls), tool_message(results)), name, otherwise="text")
    body = sent(codec, history)
    made, answered = list(ids_of_calls(body)), list(ids_of_results(body))
    assert made == answered
    assert len(set(made)) == len(made) == (0 if name in {"gemini", "openai-completions"} else len(calls))
    assert all(codec.call_ids.fits(id) for id in made)


def ids_of_calls(body: JSON) -> Iterator[str]:
    """The ids of calls in a body, in the words of all dialects."""
    for record in records(body):
        match record:
            case {"toolUse": {"toolUseId": id}} | {"type": "tool_use", "id": id}:
                yield id
            case {"type": "function_call", "call_id": id} | {"type": "function_call", "id": id}:
                yield id
            case {"function": _, "id": id}:
                yield id
            case _:
                pass


def ids_of_results(body: JSON) -> Iterator[str]:
    """The ids that results name, likewise."""
    for record in records(body):
        match record:
            case {"toolResult": {"toolUseId": id}} | {"tool_use_id": id} | {"tool_call_id": id}:
                yield id
            case {"type": "function_call_output" | "function_result", "call_id": id}:
                yield id
            case _:
                pass


def records(value: JSON) -> Iterator[dict[str, JSON]]:
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from records(item)


def test_the_report_says_what_and_where():
    history = whole("elsewhere")
    assert [(loss.message, loss.part, loss.what) for loss in portability_report(history, "anthropic/m")] == [
        (2, 0, "reasoning"),
        (2, 1, "reasoning"),
        (2, 2, "server tool"),
        (2, 3, "server tool"),
        (2, 4, "state"),
        (2, 5, "item"),
        (2, 6, "refused"),
        (2, 7, "state"),
        (2, 7, "id"),
        (2, 8, "state"),
        (2, 8, "custom call"),
    ]
    whys = {loss.what: loss.why for loss in portability_report(history, "mistral")}
    assert whys["reasoning"] == "ReasoningPart of elsewhere, which mistral cannot read"
    assert whys["id"].startswith("the id 'free', which mistral gets as '")
    assert portability_report([assistant(ReasoningPart("hm"))], "bedrock") == (
        Loss(0, 0, "reasoning", "ReasoningPart for which bedrock has no place"),
    )


def test_a_provider_keeps_all_that_is_its_own():
    own = {"anthropic": {"signature": "s"}}
    searched = {"anthropic": {"type": "server_tool_use"}}
    history = [
        user("a"),
        assistant(
            ReasoningPart("hm", provider_metadata=own),
            ToolCallPart("srv", "search", arguments={}, server_executed=True, provider_metadata=searched),
            OpaquePart("anthropic", "item", {}),
            "b",
        ),
    ]
    assert portability_report(history, "anthropic") == ()
    assert len(portability_report(history, "anthropic-vertex")) == 3


def test_what_becomes_text_says_what_it_was():
    speech = Attachment("audio/wav", data=b"x" * 9)
    history = [
        user(speech, Attachment("text/csv", data=b"a,b"), Attachment("video/mp4", url="https://x.test/v")),
        assistant(AttachmentPart(speech, transcript="hello")),
        user("c", cache="5m"),
    ]
    told = ported(history, "ollama", otherwise="text")
    assert told == (
        user("[audio/wav, 9 bytes]", "a,b", "[video/mp4, https://x.test/v]"),
        assistant("hello"),
        user("c"),
    )
    call, result = (
        ToolCallPart("1", "f", raw='{"a": 1}'),
        ToolResultPart("1", "f", output={"b": 2}, error="no"),
    )
    assert ported([assistant(call), tool_message(result)], "openai-completions", otherwise="text") == (
        assistant('[called f: {"a": 1}]'),
        user('[f gave: {"b":2}\nno]'),
    )


def test_files_of_a_result_are_told_without_the_result_being_lost():
    call = ToolCallPart("1", "f", arguments={})
    result = ToolResultPart("1", "f", output="r", attachments=[Attachment("audio/wav", data=b"x")])
    (_, _, answer) = ported([user("a"), assistant(call), tool_message(result)], "anthropic", otherwise="text")
    assert answer == tool_message(ToolResultPart("1", "f", output="r\n[audio/wav, 1 bytes]"))


def test_an_uploaded_file_is_where_the_answer_after_it_came_from():
    upload = user(Attachment("application/pdf", file_id="file_1"))
    answer = assistant(TextPart("b", provider_metadata={"openai": {"id": "msg_1"}}))
    assert portability_report([upload, answer], "openai") == ()
    assert portability_report([upload], "anthropic") == ()
    assert [loss.what for loss in portability_report([upload, answer], "anthropic")] == ["file id", "state"]
    with pytest.raises(UnsupportedError, match=r"lies elsewhere, at messages\[0\]\.parts\[0\]"):
        ported([upload, answer], "anthropic")
    assert ported([upload, answer], "anthropic", otherwise="text")[0] == user("[application/pdf, file_1]")


def test_a_model_without_a_wire_takes_all():
    history = whole("elsewhere")
    assert ported(history, ScriptedModel([])) is history
    assert portability_report(history, ScriptedModel([])) == ()
    with pytest.raises(ConfigError, match="nonsense"):
        portability_report(history, "nonsense/x")


def test_a_path_is_judged_when_it_is_sent():
    history = (user(Attachment(path="a.png")),)
    assert ported(history, "anthropic") == history


@given(st.lists(strategies.messages(), max_size=3), st.sampled_from(ROWS))
def test_any_history_can_be_sent_as_text(messages: list[Message], name: str):
    assume(not any(isinstance(p, OpaquePart) and p.provider == name for m in messages for p in m.parts))
    rewritten = ported(messages, name, otherwise="text")
    sent(codec_of(name), (*rewritten, user("go on")))
    assert not {loss.what for loss in portability_report(rewritten, name)} & {
        "refused",
        "server tool",
        "cache",
    }


# Previews, asides and failed calls are no part of what goes back.
ANSWERED = strategies.KINDS - {
    "result",
    "raw",
    "round",
    "restart",
    "unknown",
    "preview",
    "progress",
    "cut_call",
}


def answers(name: str) -> st.SearchStrategy[Response]:
    """What a client makes of what a server of the row's wire says."""
    provider = codec_of(name).provider
    each = [
        strategies.events(kinds, provider=provider)
        for kinds in (
            {"text", "call", "reasoning"},
            {"text", "citation", "server_call", "metadata"},
            ANSWERED,
        )
    ]
    return st.one_of(each).map(lambda events: decoded(codec_of(name), events))


def decoded(codec: Codec, events: tuple[Event, ...]) -> Response:
    try:
        body = b"".join(run(codec.server.encoder(Request("m")), events))
    except UnsupportedError:
        body = None
    # The Interactions API has no server half: its answers are as they were drawn, where it can say them.
    if body is None:
        return reduce(events) if codec.name == "gemini-interactions" else reduce(())
    return reduce(laws.decode_all(codec, [body], head=codec.server.head(Request("m"))).events)


def turn(answer: Response) -> tuple[Message, ...]:
    results = [ToolResultPart(call.id, call.name, output="r") for call in answer.tool_calls()]
    return (*answer.messages(), *([tool_message(results)] if results else []))


ANSWERS = {name: answers(name) for name in ROWS}


@pytest.mark.parametrize("first", ROWS)
@SOME
@given(data=st.data())
def test_going_back_sends_what_was_sent_before(first: str, data: st.DataObject):
    """A → B → A: what A was sent and said itself begins what it is sent on return, byte for byte."""
    home = codec_of(first)
    begun = (system("s"), user("a"), *turn(data.draw(ANSWERS[first])))
    begun = ported(begun, first, otherwise="text")
    for second in ROWS:
        away = (*begun, user("b"))
        away_answer = turn(data.draw(ANSWERS[second]))
        sent(codec_of(second), ported(away, second, otherwise="text"))
        back = ported((*away, *away_answer, user("c")), first, otherwise="text")
        assert back[: len(begun)] == begun
        before, after = sent(home, begun), sent(home, back)
        assert before | dict.fromkeys(TURNS) == after | dict.fromkeys(TURNS)
        assert begins(turns(before), turns(after)), (first, second)


def begins(before: JSON, after: JSON) -> bool:
    """Whether turns begin others; what the user says next may join the last one, if that was his."""
    if isinstance(before, str):
        return isinstance(after, str) and after.startswith(before)
    *first, last = before
    joined = after[len(first)]
    if dumps(joined) != dumps(last) and last.get("role") == "user":
        own, rest = (next(x[key] for key in ("content", "parts") if key in x) for x in (last, joined))
        own = [{"type": "text", "text": own}] if isinstance(own, str) else own
        return dumps(after[: len(first)]) == dumps(first) and dumps(rest[: len(own)]) == dumps(own)
    return dumps(after[: len(before)]) == dumps(before)
