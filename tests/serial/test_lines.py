import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, dump_bytes
from llmstream.serial import event_from_dict, event_from_json, event_to_json, to_dict
from llmstream.serial.converter import FORMS
from llmstream.testing import strategies
from llmstream.values.content import Logprob
from llmstream.values.events import (
    Done,
    Event,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    UnknownEvent,
)

KINDS = [cls for cls in FORMS if cls.__module__ == TextDelta.__module__]
NEWER = '{ "type": "x",  "n": 1.50e1, "e": 1E3, "s": "\\u00e9\\/", "big": 123456789012345678901234567890 }'


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (TextDelta(0, "hi"), b'{"type":"text_delta","index":0,"text":"hi"}'),
        (TextDelta(1, "", (), True), b'{"type":"text_delta","index":1,"text":"","refusal":true}'),
        (
            TextDelta(0, "a", (Logprob("a", -1.0),)),
            b'{"type":"text_delta","index":0,"text":"a","logprobs":[{"token":"a","logprob":-1.0}]}',
        ),
        (ReasoningDelta(0, "hm"), b'{"type":"reasoning_delta","index":0,"text":"hm"}'),
        (ReasoningDelta(0, "", True), b'{"type":"reasoning_delta","index":0,"text":"","redacted":true}'),
        (ToolCallArgsDelta(0, '{"a'), b'{"type":"tool_call_args_delta","index":0,"json":"{\\"a"}'),
        (ToolCallEnd(0, {"b": 1, "a": 2}), b'{"type":"tool_call_end","index":0,"arguments":{"b":1,"a":2}}'),
        (Done(finish_reason="stop"), b'{"type":"done","finish_reason":"stop"}'),
    ],
)
def test_an_event_is_a_line(event: Event, line: bytes):
    assert event_to_json(event) == line
    assert event_from_json(line) == event
    assert event_from_json(line.decode()) == event


@pytest.mark.parametrize("cls", KINDS, ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_a_line_is_the_text_of_the_dict(cls: type, values, data: st.DataObject):
    event = data.draw(values(cls))
    line = event_to_json(event)
    assert line == dump_bytes(to_dict(event))
    assert b"\n" not in line
    assert event_from_json(line) == event


@given(strategies.events())
def test_a_stream_comes_back_from_its_lines(events: tuple[Event, ...]):
    log = b"\n".join(map(event_to_json, events))
    assert tuple(map(event_from_json, log.split(b"\n"))) == events


@given(strategies.texts(), st.integers())
def test_any_text_is_written_on_one_line(text: str, index: int):
    for event in [TextDelta(index, text), ReasoningDelta(index, text), ToolCallArgsDelta(index, text)]:
        line = event_to_json(event)
        assert json.loads(line) == to_dict(event)
        assert line.splitlines() == [line] or "\x85" in text or "\u2028" in text


def test_half_a_character_is_written_as_a_replacement():
    assert event_from_json(event_to_json(TextDelta(0, "a\ud800"))) == TextDelta(0, "a\ufffd")


def test_what_json_cannot_say_is_refused():
    with pytest.raises(ConfigError, match=r"expected a finite number, got nan, at arguments\.a$"):
        event_to_json(ToolCallEnd(0, {"a": float("nan")}))


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_an_unknown_event_keeps_its_text(end: str):
    event = event_from_json(NEWER + end)
    assert event == UnknownEvent("x", json.loads(NEWER))
    assert event_to_json(event) == NEWER.encode()
    assert event_to_json(event_from_json((NEWER + end).encode())) == NEWER.encode()


@given(strategies.json_objects(), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_any_unknown_event_on_a_line_keeps_its_text(
    data: dict[str, JSON], indent: int | str | None, ascii_only: bool
):
    text = json.dumps({**data, "type": "x"}, ensure_ascii=ascii_only, separators=(" , ", " : "))
    assert event_to_json(event_from_json(text)) == text.encode()


def test_a_known_event_with_a_new_key_keeps_its_text():
    text = b'{"type":"text_delta", "index":0, "text":"a", "emphasis":1.0}'
    assert event_to_json(event_from_json(text)) == text


def test_a_text_over_several_lines_is_written_on_one():
    """Else one event of a log would become several."""
    event = event_from_json('{"type":"x",\n\r "a":1.0}')
    assert event_to_json(event) == b'{"type":"x","a":1.0}'


@pytest.mark.parametrize("line", [b'{"type":"x","a":"\xff"}', '{"type":"x","a":"\ud800"}'])
def test_a_text_that_is_no_utf_8_is_written_anew(line: str | bytes):
    assert event_to_json(event_from_json(line)) == '{"type":"x","a":"\ufffd"}'.encode()


def test_a_text_that_no_longer_says_what_the_event_says_is_not_written():
    event = event_from_json(NEWER)
    changed = attrs.evolve(event, data={"type": "x", "n": 2})
    assert event_to_json(changed) == b'{"type":"x","n":2}'


def test_a_text_that_is_no_json_is_not_written():
    event = UnknownEvent("x", {"type": "x"}, text=b"no JSON")
    assert event_to_json(event) == b'{"type":"x"}'


def test_an_unknown_event_without_a_text_is_written_from_its_data():
    assert event_to_json(event_from_dict({"type": "x", "a": 1.0})) == b'{"type":"x","a":1.0}'


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "null", "1", '"text_delta"', "{}", '{"type":1}', '{"type":"done","id":5}', "[" * 10**5],
)
def test_what_is_no_event_is_refused(line: str):
    with pytest.raises(ConfigError, match=r"^expected "):
        event_from_json(line)
    with pytest.raises(ConfigError, match=r"^expected "):
        event_from_json(line.encode())
