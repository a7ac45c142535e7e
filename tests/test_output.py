"""Structured output: asked for in each mode, parsed, repaired, and read as it grows."""

import json
import time
from collections.abc import AsyncGenerator
from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import pytest

import llmstream
from llmstream import (
    Done,
    OutputError,
    OutputSchema,
    PartMetadata,
    ReasoningDelta,
    Request,
    TextDelta,
    Tool,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    UnsupportedError,
    user,
)
from llmstream.errors import ConfigError
from llmstream.model.response import Response
from llmstream.output import (
    AnswerText,
    FieldDone,
    ItemDone,
    Output,
    PartialEvent,
    PartialObject,
    PartialReader,
    sent,
)
from llmstream.testing.fakes import ScriptedModel
from llmstream.values.request import OutputMode

pytestmark = pytest.mark.anyio


@attrs.frozen
class Dog:
    name: str
    age: int


@attrs.frozen
class Chained:
    next: "Chained | None" = None
    items: list[Dog] = attrs.field(factory=list)


REX = '{"name": "Rex", "age": 3}'


def answer(*texts: str, reason: Any = "stop") -> list[llmstream.Event]:
    return [*(TextDelta(0, text) for text in texts), Done(finish_reason=reason)]


def call(*pieces: str, name: str = "Dog") -> list[llmstream.Event]:
    return [
        ToolCallStart(0, id="c", name=name),
        *(ToolCallArgsDelta(0, piece) for piece in pieces),
        ToolCallEnd(0, json.loads("".join(pieces) or "{}")),
        PartMetadata(0, "x", {"signature": "s"}),
        Done(finish_reason="tool_calls"),
    ]


class Elsewhere(ScriptedModel):
    """A model whose wire has no word for a schema, and which notes what reached it."""

    def __init__(self, scripts: Any, mode: OutputMode) -> None:
        super().__init__(scripts)
        self.mode = mode

    @property
    def output_mode(self) -> OutputMode:
        return self.mode


async def test_an_answer_becomes_a_value():
    model = ScriptedModel([answer('{"name": "Re', 'x", "age": 3}')])
    response = await model.prompt("Invent a dog", schema=Dog)
    assert response.parsed() == Dog("Rex", 3)
    assert response.output_mode == "native"
    assert model.requests[0].schema is not None
    assert model.requests[0].schema.name == "Dog"
    assert model.requests[0].schema.schema["required"] == ["name", "age"]


async def test_a_stream_is_parsed_when_it_is_over():
    stream = ScriptedModel([answer(REX)]).prompt("x", schema=Dog)
    assert await stream.parsed() == Dog("Rex", 3)
    assert await stream.parsed() == Dog("Rex", 3)


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        (list[Dog], f'{{"value": [{REX}]}}', [Dog("Rex", 3)]),
        (list[Dog], f"[{REX}]", [Dog("Rex", 3)]),
        (int, '{"value": 5}', 5),
        (Dog | None, '{"value": null}', None),
        (dict[str, int], '{"value": 5}', {"value": 5}),
        ("name, age int", REX, {"name": "Rex", "age": 3}),
        ({"type": "object"}, REX, {"name": "Rex", "age": 3}),
        (OutputSchema(), REX, {"name": "Rex", "age": 3}),
        (Output.of("name", multi=True), '{"items": [{"name": "a"}]}', {"items": [{"name": "a"}]}),
    ],
)
async def test_what_is_no_object_is_wrapped_where_a_wire_wants_one(schema, text, expected):
    model = ScriptedModel([answer(text)])
    assert await model.prompt("x", schema=schema).parsed() == expected
    sent_schema = model.requests[0].schema
    assert sent_schema is not None
    assert (sent_schema.schema or {"type": "object"})["type"] == "object"


async def test_what_does_not_fit_says_where():
    stream = ScriptedModel([answer('{"name": 1, "age": "x"}')]).prompt("x", schema=Dog)
    with pytest.raises(OutputError, match="expected a string, got an integer at name; ") as caught:
        await stream.parsed()
    assert caught.value.raw == '{"name": 1, "age": "x"}'
    assert [problem.where for problem in caught.value.problems] == ["name", "age"]
    assert caught.value.partial == await stream


async def test_what_is_no_json_is_an_output_error():
    with pytest.raises(OutputError, match="expected JSON"):
        await ScriptedModel([answer("I am sorry")]).prompt("x", schema=Dog).parsed()


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (answer('{"name": "Re', reason="length"), "the limit of tokens cut"),
        (answer('{"na', reason="content_filter"), "a content filter cut"),
        ([TextDelta(0, "I cannot", refusal=True), Done(finish_reason="refusal")], "a refusal: I cannot"),
        (call(REX, name="search"), "calls of search"),
    ],
)
async def test_an_answer_that_is_cut_or_refused_says_so(events, said):
    model = ScriptedModel([events])
    with pytest.raises(OutputError, match=said) as caught:
        await model.prompt("x", schema=Dog).parsed(repair=1)
    assert caught.value.problems == ()
    assert len(model.requests) == 1


async def test_half_an_answer_is_no_answer():
    response = Response.of(llmstream.reduce([TextDelta(0, REX)]))
    with pytest.raises(OutputError, match="incomplete"):
        response.parsed(Dog)


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ("name int, age", ["name", "age"]),
        ({"type": "object", "properties": {"name": {"type": "integer"}}}, ["name"]),
        (OutputSchema({"type": "object", "required": ["born"]}), ["born"]),
        ({"type": "object", "not": {"required": ["name"]}}, ["the top"]),
    ],
)
async def test_an_answer_must_fit_a_schema_that_is_no_type(schema, where):
    with pytest.raises(OutputError, match="the answer does not fit") as caught:
        await ScriptedModel([answer(REX)]).prompt("x", schema=schema).parsed()
    assert [problem.where for problem in caught.value.problems] == where


async def test_a_repair_tells_the_model_what_does_not_fit():
    model = ScriptedModel([answer('{"name": "Rex"}'), answer(REX)])
    assert await model.prompt("x", schema=Dog).parsed(repair=1) == Dog("Rex", 3)
    told = model.requests[1].messages[-1].parts[0]
    assert "expected an integer, got nothing at age" in told.text
    assert model.requests[1].schema == model.requests[0].schema


async def test_a_repair_that_does_not_help_raises_the_last_error():
    model = ScriptedModel([answer("{}"), answer('{"name": "a"}')])
    with pytest.raises(OutputError) as caught:
        await model.prompt("x", schema=Dog).parsed(repair=1)
    assert caught.value.raw == '{"name": "a"}'


async def test_a_stored_response_is_given_the_type():
    response = await ScriptedModel([answer(REX)]).prompt("x", schema=Dog)
    stored = llmstream.Response.from_dict(json.loads(json.dumps(response.to_dict())))
    assert stored.parsed(Dog) == Dog("Rex", 3)
    assert stored.parsed() == {"name": "Rex", "age": 3}


async def test_nothing_to_parse_as_is_a_config_error():
    response = await ScriptedModel([answer(REX)]).prompt("x")
    with pytest.raises(ConfigError, match="expected schema="):
        response.parsed()
    assert response.output_mode is None


async def test_replies_and_turns_inherit_what_the_answer_is_to_be():
    model = ScriptedModel([answer(REX), answer(REX), answer(REX)])
    response = await model.prompt("x", schema=Dog)
    assert await response.reply("another").parsed() == Dog("Rex", 3)
    assert await model.conversation().prompt("x", schema=Dog).parsed() == Dog("Rex", 3)


@pytest.mark.parametrize("schema", [3, b"x", type, complex])
async def test_what_is_no_schema_is_refused(schema):
    with pytest.raises(ConfigError, match="expected"):
        ScriptedModel([]).prompt("x", schema=schema)


async def test_tool_mode_turns_the_call_into_text():
    model = Elsewhere([call('{"name": "Rex"', ', "age": 3}')], "tool")
    response = await model.prompt("x", schema=Dog)
    assert response.parsed() == Dog("Rex", 3)
    assert response.output_mode == "tool"
    assert response.finish_reason == "stop"
    asked = model.requests[0]
    assert asked.schema is None
    assert asked.tool_choice == llmstream.ToolChoice("required", ["Dog"])
    assert response.request.tools == ()


async def test_tool_mode_beside_tools_of_the_callers():
    prose: list[llmstream.Event] = [
        TextDelta(0, "Let me see {x}"),
        *(attrs.evolve(e, index=1) for e in call(REX)[:-1]),
    ]
    model = Elsewhere([[*prose, Done(finish_reason="tool_calls")]], "tool")
    response = await model.prompt("x", schema=Dog, tools=[Tool("search")])
    assert response.parsed() == Dog("Rex", 3)
    assert model.requests[0].tool_choice == llmstream.ToolChoice("required")


async def test_a_call_of_another_tool_stays_a_call():
    model = Elsewhere([call("{}", name="search")], "tool")
    response = await model.prompt("x", schema=Dog, tools=[Tool("search")])
    assert [each.name for each in response.tool_calls()] == ["search"]
    assert response.finish_reason == "tool_calls"


def test_the_answers_tool_needs_a_name_of_its_own():
    schema = OutputSchema({}, "search", mode="tool")
    with pytest.raises(ConfigError, match="search"):
        sent(Request("m", [user("x")], tools=[Tool("search")], schema=schema))


def test_a_call_without_deltas_is_written():
    stage = AnswerText("Dog")
    events = [ToolCallStart(0, id="c", name="Dog"), ToolCallEnd(0, {"name": "a"})]
    assert [out for event in events for out in stage.feed(event)] == [
        TextDelta(0, ""),
        TextDelta(0, '{"name":"a"}'),
    ]
    assert stage.feed_eof() == ()


FENCED = [
    REX,
    f"```json\n{REX}\n```",
    f"Here is [the] dog:\n\n```json\n{REX}\n```\nEnjoy {{it}}!",
    f"Sure.\n{REX}",
    f"```\n{REX}```",
    f"Sure.\n{REX}\nThat is all.",
]


@pytest.mark.parametrize("text", FENCED)
async def test_prompt_mode_finds_the_json(text):
    model = Elsewhere([answer(*text)], "prompt")
    stream = model.prompt("x", schema=Dog, system="Be brief.")
    *_, last = [partial async for partial in stream.partials() if isinstance(partial, PartialObject)]
    assert last.value == {"name": "Rex", "age": 3}
    assert await stream.parsed() == Dog("Rex", 3)
    asked = model.requests[0]
    assert asked.schema is None
    assert [message.role for message in asked.messages] == ["system", "user"]
    assert [part.text[:20] for part in asked.messages[0].parts] == ["Be brief.", "Answer with one JSON"]


async def test_a_mode_can_be_forced():
    model = ScriptedModel([call(REX)])
    stream = model.prompt("x", schema=Output.of(Dog, mode="tool"))
    assert stream.request.schema.mode == "tool"
    assert await stream.parsed() == Dog("Rex", 3)
    assert model.requests[0].tools[0].name == "Dog"


async def test_a_wire_without_schemas_is_asked_in_the_prompt():
    model = llmstream.get_model("openai-completions/m", key="k")
    stream = model.prompt("x", schema=Dog)
    assert stream.request.schema.mode == "prompt"
    with pytest.raises(UnsupportedError, match="tools"):
        await model.prompt("x", schema=Output.of(Dog, mode="tool"))


async def seen(stream: Any) -> list[PartialEvent]:
    return [partial async for partial in stream.partials()]


async def test_partials_tell_what_is_complete_and_what_there_is():
    pieces = ('{"name": "R', 'ex", "tags": ["a", ', '"b"], "age": 3', "}")
    told = await seen(ScriptedModel([answer(*pieces)]).prompt("x", schema="name, tags, age int"))
    assert [event for event in told if not isinstance(event, PartialObject)] == [
        FieldDone(("name",), "Rex"),
        ItemDone(("tags",), 0, "a"),
        ItemDone(("tags",), 1, "b"),
        FieldDone(("tags",), ["a", "b"]),
        FieldDone(("age",), 3),
    ]
    values = [event.value for event in told if isinstance(event, PartialObject)]
    assert values == [
        {"name": "R"},
        {"name": "Rex", "tags": ["a"]},
        {"name": "Rex", "tags": ["a", "b"], "age": 3},
        {"name": "Rex", "tags": ["a", "b"], "age": 3},
    ]
    partial = next(event for event in told if isinstance(event, PartialObject))
    assert partial.get("name") == "R"
    assert partial.get("age", 0) == 0
    assert "age" not in partial


async def test_partials_of_a_wrapped_answer_are_those_of_the_answer():
    told = await seen(ScriptedModel([answer('{"value": [1, 2', "]}")]).prompt("x", schema=list[int]))
    assert told[:1] == [ItemDone((), 0, 1)]
    assert [event.value for event in told if isinstance(event, PartialObject)] == [[1, 2], [1, 2]]


@attrs.frozen
class Owner:
    name: str
    since: date


@attrs.frozen
class Pet:
    name: str
    born: date
    weights: list[Decimal]
    owner: Owner | None = None


PET = '{"name": "Rex", "born": "2020-05-01", "weights": [1.5], "owner": {"name": "A", "since": "2021-01-01"}}'


async def test_what_is_complete_has_the_type_of_its_place():
    told = await seen(ScriptedModel([answer(*PET)]).prompt("x", schema=Pet))
    assert [event for event in told if not isinstance(event, PartialObject)] == [
        FieldDone(("name",), "Rex"),
        FieldDone(("born",), date(2020, 5, 1)),
        ItemDone(("weights",), 0, Decimal("1.5")),
        FieldDone(("weights",), [Decimal("1.5")]),
        FieldDone(("owner", "name"), "A"),
        FieldDone(("owner", "since"), date(2021, 1, 1)),
        FieldDone(("owner",), Owner("A", date(2021, 1, 1))),
    ]
    last = told[-1].view
    assert (last.name, last.born, last.owner.since) == ("Rex", date(2020, 5, 1), date(2021, 1, 1))


async def test_a_view_has_the_fields_that_are_complete():
    stream = ScriptedModel([answer('{"name": "Re', 'x", "born": "2020', '-05-01"')]).prompt("x", schema=Pet)
    views = [partial.view async for partial in stream.partials() if isinstance(partial, PartialObject)]
    assert [vars(view) for view in views] == [{}, {"name": "Rex"}, {"name": "Rex", "born": date(2020, 5, 1)}]
    assert getattr(views[0], "name", None) is None
    with pytest.raises(AttributeError, match="expected a field that is complete and fits, got born"):
        _ = views[1].born


async def test_the_items_of_a_list_are_those_of_its_type():
    told = await seen(ScriptedModel([answer(f'{{"value": [{REX}, {{"na')]).prompt("x", schema=list[Dog]))
    assert ItemDone((), 0, Dog("Rex", 3)) in told
    assert told[-1].view == [Dog("Rex", 3)]
    assert told[-1].view is told[-1].view
    assert told[-1].value is told[-1].value


async def test_what_does_not_fit_is_told_as_it_came():
    stream = ScriptedModel([answer('{"name": "Rex", "born": "May", "weights": [1, "x"]}')]).prompt(
        "x", schema=Pet
    )
    told = {event.path: event for event in await seen(stream) if isinstance(event, FieldDone)}
    assert told["born",].value == "May"
    assert [str(each) for each in told["born",].problems] == [
        "expected a date (YYYY-MM-DD), got 'May' at born"
    ]
    assert told["weights",].value == [1, "x"]
    assert [each.where for each in told["weights",].problems] == ["weights[1]"]
    partials = [each for each in await seen(stream) if isinstance(each, PartialObject)]
    assert vars(partials[-1].view) == {"name": "Rex"}
    with pytest.raises(OutputError, match="at born"):
        await stream.parsed()


async def test_a_plain_answer_has_no_view():
    told = await seen(ScriptedModel([answer('{"value": 5}')]).prompt("x", schema=int))
    assert told[-1].value == 5
    with pytest.raises(ConfigError, match="fields or items"):
        _ = told[-1].view


async def test_an_answer_without_a_type_has_a_dict_as_view():
    told = await seen(ScriptedModel([answer('{"name": "Rex", "a', '": 5')]).prompt("x", schema="name"))
    assert told[-1].view == {"name": "Rex"}


def test_typed_partials_of_a_deep_answer_are_linear():
    def seconds(size: int) -> float:
        reader = PartialReader(output=Output.of(Chained))
        text = '{"next": ' * 100 + '{"items": [' + ",".join([REX] * size) + "]}" + "}" * 100
        started = time.perf_counter()
        for at in range(0, len(text), 40):
            reader.feed(TextDelta(0, text[at : at + 40]))
        return time.perf_counter() - started

    assert seconds(1600) < 6 * min(seconds(400) for _ in range(3)) + 0.5


async def test_partials_in_tool_mode():
    told = await seen(Elsewhere([call('{"name": "Rex"', ', "age": 3}')], "tool").prompt("x", schema=Dog))
    assert FieldDone(("name",), "Rex") in told
    assert told[-1].value == {"name": "Rex", "age": 3}


async def test_partials_pass_reasoning_by_and_are_replayed():
    model = ScriptedModel([[ReasoningDelta(0, "{hm"), TextDelta(1, REX), Done(finish_reason="stop")]])
    stream = model.prompt("x", schema=Dog)
    first = await seen(stream)
    assert [e for e in await seen(stream) if isinstance(e, FieldDone)] == [
        e for e in first if isinstance(e, FieldDone)
    ]


async def test_partials_need_no_memory_of_the_stream():
    told = await seen(ScriptedModel([answer(REX)]).prompt("x", schema=Dog, keep=False))
    assert told[-1].value == {"name": "Rex", "age": 3}


async def test_partials_of_what_can_never_be_json():
    stream = ScriptedModel([answer("{'name'")]).prompt("x", schema=Dog)
    async with stream:
        with pytest.raises(OutputError, match="expected a key"):
            await seen(stream)


async def test_partials_without_a_schema_are_refused():
    with pytest.raises(ConfigError, match="expected schema="):
        ScriptedModel([answer(REX)]).prompt("x").partials()


def test_prose_that_never_ends_is_skipped_in_linear_time():
    reader = PartialReader("prompt")
    for _ in range(200_000):
        assert reader.feed(TextDelta(0, "word ")) == ()
    assert reader.feed(TextDelta(0, '\n{"a": 1}'))[0] == FieldDone(("a",), 1)
    assert reader.feed_eof() == ()


async def test_tool_mode_closes_the_call_when_it_is_left():
    class Endless(Elsewhere):
        async def events(self, request: Request, /) -> AsyncGenerator[llmstream.Event, None]:
            try:
                yield ToolCallStart(0, id="c", name="Dog")
                while True:
                    yield ToolCallArgsDelta(0, " ")
            finally:
                self.closed += 1

    model = Endless([], "tool")
    async with model.prompt("x", schema=Dog) as stream:
        async for _ in stream:
            break
    assert model.closed == 1


def test_the_sync_face_gives_the_same():
    from llmstream import sync

    model = sync.Model(ScriptedModel([answer(REX), answer('{"name": 1}'), answer(REX), answer(REX)]))
    stream = model.prompt("x", schema=Dog)
    assert FieldDone(("name",), "Rex") in list(stream.partials())
    assert stream.parsed() == Dog("Rex", 3)
    assert model.prompt("x", schema=Dog).parsed(repair=1) == Dog("Rex", 3)
    response = model.prompt("x", schema=Dog).response()
    assert response.parsed() == response.parsed(Dog) == Dog("Rex", 3)
    assert response.output_mode == "native"
