"""Values to dicts and back; the numbers A1 to A12 are those of the behaviours to match."""

import json
import subprocess
import sys
from contextlib import suppress
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import jsontext
from llmstream.errors import ConfigError
from llmstream.jsontext import JSON
from llmstream.reduce import reduce
from llmstream.serial import event_from_dict, from_dict, to_dict
from llmstream.serial.converter import FORMS, TAGS
from llmstream.testing import strategies
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.events import Done, Event, TextDelta, UnknownEvent
from llmstream.values.messages import Message, assistant, tool_message, user
from llmstream.values.request import (
    AnyTool,
    Options,
    OutputSchema,
    Request,
    ServerSideTool,
    Tool,
    ToolChoice,
)
from llmstream.values.response import Response, Timing
from llmstream.values.usage import Usage

IMAGE = Attachment("image/png", data=b"\x89PNG\x00")
PARTS: list[Part] = [
    TextPart("hi"),
    ReasoningPart("", redacted=True),
    ToolCallPart("c1", "f", arguments={"b": 1, "a": [None]}, raw='{"b": 1}', server_executed=True),
    ToolResultPart("c1", "f", output={"k": 1}, attachments=[IMAGE], error="it failed"),
    AttachmentPart(IMAGE, transcript="x"),
    OpaquePart("a-provider", "compaction", {"type": "compaction"}),
]
REQUEST = Request(
    "m",
    [user("hi", IMAGE, cache="5m"), assistant("hello")],
    tools=[
        Tool("f", "does", strict=True),
        ServerSideTool("web_search_20250305", "web_search", config={"max": 1}),
    ],
    tool_choice=ToolChoice("required", ["f"]),
    schema=OutputSchema({"type": "object"}, strict=True),
    options=Options(temperature=0.5, stop=["END"], extra={"x": 1}),
)


def again(value: Any) -> Any:
    """The value after it was JSON text."""
    text = json.dumps(to_dict(value))
    assert jsontext.loads(text) == json.loads(text)
    return from_dict(json.loads(text), type(value))


def is_same(one: object, other: object) -> bool:
    """Whether every field is equal, those too that do not count for equality."""
    shown = [
        attrs.asdict(value, recurse=False, filter=lambda a, _: a.name != "restored") for value in (one, other)
    ]
    return type(one) is type(other) and shown[0] == shown[1]


def test_a_text_part_is_its_type_and_its_text():
    """A1."""
    assert to_dict(TextPart("hi")) == {"type": "text", "text": "hi"}
    assert list(to_dict(TextPart("hi"))) == ["type", "text"]


@pytest.mark.parametrize("part", PARTS)
def test_empty_metadata_is_left_out(part: Part):
    """A1."""
    assert "provider_metadata" not in to_dict(part)
    assert to_dict(attrs.evolve(part, provider_metadata=None)) == to_dict(part)
    assert to_dict(attrs.evolve(part, provider_metadata={})) == to_dict(part)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_comes_back(part: Part):
    """A2 and A4."""
    assert again(part) == part
    assert from_dict(to_dict(part)) == part
    noted = attrs.evolve(part, provider_metadata={"a-provider": {"signature": "s"}})
    assert again(noted) == noted


def test_bytes_travel_as_base64():
    """A2."""
    assert to_dict(IMAGE) == {"media_type": "image/png", "data": "iVBORwA="}
    assert again(IMAGE).data == IMAGE.data


def test_withheld_reasoning_comes_back_and_differs_from_empty_reasoning():
    """A3."""
    assert to_dict(ReasoningPart("", redacted=True)) == {"type": "reasoning", "text": "", "redacted": True}
    assert to_dict(ReasoningPart("")) == {"type": "reasoning", "text": ""}
    assert again(ReasoningPart("", redacted=True)) != again(ReasoningPart(""))


def test_a_call_and_a_result_write_what_they_must():
    """A4 and A7."""
    assert to_dict(ToolCallPart("c1", "f")) == {
        "type": "tool_call",
        "id": "c1",
        "name": "f",
        "arguments": None,
    }
    assert to_dict(ToolResultPart("c1", "f")) == {
        "type": "tool_result",
        "tool_call_id": "c1",
        "name": "f",
        "output": "",
    }


@pytest.mark.parametrize(
    "data", [{"type": "nonsense"}, {"type": "TextPart", "text": "x"}, {"type": "os.system"}, {}]
)
def test_a_type_that_there_is_not_is_refused(data: dict[str, str]):
    """A5."""
    with pytest.raises(ValueError, match=r"^expected .*, got .*, at type$"):
        from_dict(data)


def test_the_role_is_on_the_message():
    """A6."""
    assert to_dict(user("hi")) == {"role": "user", "parts": [{"type": "text", "text": "hi"}]}
    with pytest.raises(ConfigError, match="got 'role'"):
        from_dict({"type": "text", "text": "hi", "role": "user"})


@pytest.mark.parametrize("cls", FORMS, ids=lambda cls: cls.__name__)
@settings(max_examples=30)
@given(data=st.data())
def test_a_key_that_is_required_is_missed(cls: type, values, data: st.DataObject):
    """A7."""
    written = to_dict(data.draw(values(cls)))
    for key in FORMS[cls].__required_keys__:
        with pytest.raises(ConfigError):
            from_dict({name: value for name, value in written.items() if name != key}, cls)
    with pytest.raises(ConfigError, match="got 'another'"):
        from_dict({**written, "another": 1}, cls)


def test_reasoning_and_signatures_are_there_for_the_next_turn():
    """A9."""
    signed = ReasoningPart("hm", provider_metadata={"a-provider": {"signature": "c2ln"}})
    sealed = OpaquePart("a-provider", "redacted_thinking", {"data": "AAEC"})
    response = Response(request=REQUEST, parts=[signed, sealed, TextPart("a")], state="complete")
    assert again(response).messages() == (Message("assistant", [signed, sealed, TextPart("a")]),)


def test_calls_that_wait_are_restored_and_those_of_the_provider_are_not_the_callers():
    """A10."""
    mine = ToolCallPart("c1", "f", arguments={"a": 1})
    theirs = ToolCallPart("s1", "search", arguments={}, server_executed=True)
    assert again(Response(parts=[mine, theirs])).tool_calls() == (mine,)


def test_options_usage_and_times_survive():
    """A11."""
    response = Response(
        request=REQUEST,
        usage=Usage(input=3, output=4, cached_input=1, details={"tier": "a"}),
        timing=Timing(started=1700000000.25, first_event=0.5, ended=2.0),
        source="a-provider/m",
    )
    restored = again(response)
    assert is_same(restored, response)
    assert restored.request.options == REQUEST.options
    assert restored.timing == response.timing


def test_a_conversation_of_three_turns_survives_being_stored_after_each():
    """A12."""
    history: tuple[Message, ...] = ()
    for turn in range(3):
        request = Request("m", (*history, user(f"question {turn}")))
        call = ToolCallPart(f"c{turn}", "f", arguments={"turn": turn})
        response = again(Response(request=request, parts=[call, TextPart(f"answer {turn}")]))
        result = tool_message(ToolResultPart(call.id, call.name, output=turn))
        history = (*response.request.messages, *response.messages(), result)
    assert [message.role for message in history] == ["user", "assistant", "tool"] * 3
    assert again(Request("m", history)).messages == history


@pytest.mark.parametrize("cls", FORMS, ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_every_value_comes_back_through_json(cls: type, values, data: st.DataObject):
    value = data.draw(values(cls))
    assert is_same(again(value), value)
    assert from_dict(jsontext.loads(jsontext.dumps(to_dict(value))), cls) == value


@given(strategies.events())
def test_answers_and_their_events_come_back(events: tuple[Event, ...]):
    assert [event_from_dict(json.loads(json.dumps(to_dict(event)))) for event in events] == list(events)
    assert again(reduce(events)) == reduce(events)


@given(strategies.requests(server_side=True))
def test_requests_come_back(request: Request):
    assert from_dict(json.loads(json.dumps(to_dict(request)))) == request


@given(strategies.json_objects())
def test_free_form_data_comes_back_as_it_was(data: dict[str, JSON]):
    values = [
        TextPart("a", provider_metadata={"p": data}),
        OpaquePart("p", "t", data),
        ToolCallPart("c1", "f", arguments=data),
        ToolResultPart("c1", "f", output=data),
        Usage(details=data),
        Options(extra=data),
        Tool("f", parameters=data),
    ]
    assert [repr(again(value)) for value in values] == [repr(value) for value in values]


def test_what_was_not_said_is_not_written():
    assert to_dict(Request("m")) == {"version": 1, "type": "request", "model": "m", "messages": []}
    assert to_dict(Done()) == {"type": "done"}
    assert to_dict(Usage()) == {"input": 0, "output": 0}
    assert to_dict(Options(temperature=0.0, store=False)) == {"temperature": 0.0, "store": False}
    assert to_dict(Response()) == {
        "version": 1,
        "type": "response",
        "model": None,
        "request": None,
        "parts": [],
        "state": "incomplete",
        "finish_reason": None,
    }


def test_tools_are_told_apart_by_their_type():
    assert to_dict(REQUEST)["tools"] == [
        {"type": "tool", "name": "f", "description": "does", "strict": True},
        {
            "type": "server_side_tool",
            "provider_type": "web_search_20250305",
            "name": "web_search",
            "config": {"max": 1},
        },
    ]
    assert again(REQUEST) == REQUEST


@pytest.mark.parametrize("version", [0, 2, 99, "1", 1.0, True, None])
@pytest.mark.parametrize("value", [REQUEST, Response(request=REQUEST)])
def test_a_version_that_is_not_known_is_refused_with_the_one_that_is(value: Any, version: object):
    data = to_dict(value)
    with pytest.raises(ConfigError, match=r"^expected version 1, got .*, at the top$"):
        from_dict({**data, "version": version, "new": 1})
    del data["version"]
    with pytest.raises(ConfigError, match="expected version 1, got null"):
        from_dict(data)


def test_the_version_of_the_request_in_a_response_counts_too():
    data = to_dict(Response(request=REQUEST))
    data["request"]["version"] = 2
    with pytest.raises(ConfigError, match="expected version 1, got 2, at request"):
        from_dict(data)


def test_a_dict_shares_nothing_with_its_value():
    part = ToolCallPart("c1", "f", arguments={"a": []})
    written = to_dict(part)
    restored = from_dict(written)
    written["arguments"]["a"].append(1)
    assert part == restored == ToolCallPart("c1", "f", arguments={"a": []})


@pytest.mark.parametrize("value", ["hi", None, {}, object(), TextPart, [TextPart("a")]])
def test_what_has_no_form_is_not_written(value: object):
    with pytest.raises(ConfigError, match="expected a value that has a dict form, got "):
        to_dict(value)


@pytest.mark.parametrize("cls", [dict, object, UnknownEvent, str])
def test_what_has_no_form_is_not_read(cls: type):
    with pytest.raises(ConfigError, match="expected a class that has a dict form, got "):
        from_dict({}, cls)


@pytest.mark.parametrize("data", [None, [], "x", 1, b"", float("nan"), {"type": ["text"]}, {"type": None}])
def test_what_is_no_tagged_object_is_refused(data: object):
    with pytest.raises(ConfigError):
        from_dict(data)
    with pytest.raises(ConfigError):
        event_from_dict(data)


@pytest.mark.parametrize(
    "data",
    [
        {"type": "an_event_of_tomorrow", "index": 0, "n": [1.0, None]},
        {"type": "text", "text": "a part's type is no event's"},
        {"type": "text_delta", "index": 0, "text": "a", "emphasis": 1},
        {"type": "text_delta", "text": 5, "emphasis": 1, "index": 0},
        {"type": "citation_out", "index": 0, "citation": {"url": "u", "page": 1}},
        {"type": "done", "usage": {"input": 1, "output": 2, "images": 3}},
        {"type": "text_delta", "index": 0, "text": "", "logprobs": [{"token": "a", "logprob": 0, "rank": 1}]},
    ],
)
def test_events_of_a_newer_version_are_kept(data: dict[str, JSON]):
    event = event_from_dict(data)
    assert event == UnknownEvent(data["type"], data)
    assert list(to_dict(event).items()) == list(data.items())


def test_an_event_of_a_known_type_is_read_without_saying_that_it_is_an_event():
    assert from_dict({"type": "text_delta", "index": 0, "text": "a"}) == TextDelta(0, "a")
    newer = {"type": "text_delta", "index": 0, "text": "a", "emphasis": 1}
    assert from_dict(newer) == UnknownEvent("text_delta", newer)
    with pytest.raises(ConfigError, match="got 'emphasis'"):
        from_dict(newer, TextDelta)


@pytest.mark.parametrize(
    "data",
    [
        {"type": "text_delta", "index": "0", "text": "a"},
        {"type": "text_delta", "index": 0},
        {"type": "done", "finish_reason": "another"},
        {"type": "citation_out", "index": 0, "citation": []},
    ],
)
def test_events_that_are_wrong_are_not_taken_for_newer_ones(data: dict[str, JSON]):
    with pytest.raises(ConfigError):
        event_from_dict(data)


@pytest.mark.parametrize("data", [{}, {"a": 1}, {"type": "another"}])
def test_an_unknown_event_without_its_type_is_not_written(data: dict[str, JSON]):
    with pytest.raises(ConfigError, match="expected the type 'x' in the data of an UnknownEvent"):
        to_dict(UnknownEvent("x", data))


def test_an_unknown_event_and_its_dict_share_nothing():
    data = {"type": "x", "a": []}
    event = event_from_dict(data)
    data["a"].append(1)
    assert event.data == {"type": "x", "a": []}
    to_dict(event)["a"].append(1)
    assert event.data == {"type": "x", "a": []}


CLOSED = {*FORMS, UnknownEvent, tuple, list, dict, str, int, float, bool, bytes, type(None)}


def is_closed(value: Any) -> bool:
    """Whether it is made of nothing but values, and of what JSON has."""
    if type(value) not in CLOSED:
        return False
    if attrs.has(type(value)):
        return all(is_closed(getattr(value, field.name)) for field in attrs.fields(type(value)))
    if isinstance(value, dict):
        return all(type(key) is str and is_closed(item) for key, item in value.items())
    return not isinstance(value, list | tuple) or all(is_closed(item) for item in value)


def read_in_every_way(data: JSON) -> None:
    """Each way gives a value of the closed set or a ConfigError; any other exception fails the test."""
    for read in [from_dict, event_from_dict, *(lambda data, cls=cls: from_dict(data, cls) for cls in FORMS)]:
        with suppress(ConfigError):
            assert is_closed(read(data))


def places(data: JSON) -> list[tuple[Any, Any]]:
    """Every place in a document: what holds it, and its key there."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place for key, item in inner for place in [(data, key), *places(item)]]


ODD: list[JSON] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    float("nan"),
    float("inf"),
    "",
    "text",
    "\ud800",
    [],
    {},
    [[]],
]
ODD += [{"type": "text"}, {"lc": 1, "type": "constructor", "id": ["os"]}, {"__class__": "os.system"}]


@given(
    st.dictionaries(
        st.sampled_from(["type", "version", "index", "text", "parts", "request", "data", "arguments", "lc"]),
        strategies.json_values() | st.sampled_from([*TAGS, *ODD]),
    )
)
def test_any_dict_is_a_value_or_refused(data: dict[str, JSON]):
    read_in_every_way(data)


@settings(max_examples=300)
@given(st.data())
def test_any_dict_that_was_changed_is_a_value_or_refused(anything, data: st.DataObject):
    document = json.loads(json.dumps(to_dict(data.draw(anything))))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places(document) or [(document, "type")]))
        odd = data.draw(st.sampled_from(ODD) | strategies.json_values())
        match data.draw(st.sampled_from(["replace", "remove", "add"])):
            case "remove" if isinstance(holder, dict):
                holder.pop(key, None)
            case "add" if isinstance(holder, dict):
                holder[data.draw(strategies.names())] = odd
            case _:
                holder[key] = odd
    read_in_every_way(document)


@pytest.mark.parametrize(
    "data", [{"type": "text", "text": "x" * 10**6}, {"type": "raw", "data": [0] * 10**5}]
)
def test_large_documents_are_read(data: dict[str, JSON]):
    assert to_dict(from_dict(data)) == data


def test_many_wrong_parts_are_refused_at_the_first():
    parts = [{"type": "nonsense"}] * 10**5
    with pytest.raises(ConfigError, match=r"at parts\[0\]$"):
        from_dict({"role": "user", "parts": parts}, Message)


QUIET = """
import sys
from llmstream import serial

assert "cattrs" not in sys.modules
dicts = [
    {"type": "attachment", "attachment": {"path": "/etc/hostname"}},
    {"type": "raw", "data": {"lc": 1, "type": "secret", "id": ["HOME"]}},
    {"type": "raw", "data": {"__class__": "antigravity.Antigravity", "py/object": "os.system"}},
    {"type": "image_out", "index": 0, "attachment": {"url": "https://x.test/a.png"}},
    {"type": "os.system", "command": "true"},
]
def read_and_write():
    for data in dicts:
        serial.to_dict(serial.event_from_dict(data))
    serial.to_dict(serial.from_dict(dicts[0]))

read_and_write()
seen = []
sys.addaudithook(lambda event, args: seen.append(event))
read_and_write()
before_the_end = tuple(seen)
assert not before_the_end, before_the_end
assert "antigravity" not in sys.modules
"""


def test_reading_opens_imports_and_runs_nothing():
    """The first round makes the converter; the interpreter's own auditor watches the second."""
    done = subprocess.run(
        [sys.executable, "-c", QUIET], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_union_is_read_by_its_tag():
    assert {*get_args(Part), *get_args(AnyTool), Request, Response} <= set(TAGS.values())
