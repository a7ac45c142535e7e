"""What an answer is to be: how it is asked for, and how it is read.

A wire that has no word for a schema is asked in another mode. In tool mode the answer is the arguments of
a tool that must be called; the call is turned back into text as it comes, so that a stream, a history and
`parsed` are the same in each mode. In prompt mode the schema stands in the system message, and the JSON
is found in the text.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import cached_property
from types import UnionType
from typing import Any, Generic, TypeAlias, cast

import attrs

from llmstream.errors import ConfigError, OutputError
from llmstream.jsontext import JSON, JSONError, JSONObject, Step, dumps, loads
from llmstream.schema.convert import Conversions, convert
from llmstream.schema.describe import describe
from llmstream.schema.dsl import short
from llmstream.schema.hints import Hint
from llmstream.schema.partial import Cut, Finished, PartialParser
from llmstream.schema.place import Place
from llmstream.schema.problems import MisfitError, Problem
from llmstream.schema.validate import validate
from llmstream.schema.view import Complete, Gathered
from llmstream.values.content import TextPart
from llmstream.values.events import (
    Done,
    Event,
    PartMetadata,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmstream.values.messages import Message
from llmstream.values.request import OutputMode, OutputSchema, Request, Tool, ToolChoice
from llmstream.values.response import Response, T, U

_WRAP = "value"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FENCED = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.DOTALL)
_BEGINS = re.compile(r"[ \t]*(?:```[\w-]*[ \t]*)?([\[{])")
_ANY = re.compile(r"[ \t\r]*([^\s`])")
_MARGIN = 200
_NO_HINT: Hint = object()
_CUT = {
    "length": "an answer that the limit of tokens cut",
    "budget": "an answer that the budget cut",
    "content_filter": "an answer that a content filter cut",
    "refusal": "a refusal",
    "pause": "an answer that pauses",
    "error": "an answer that failed",
}


@attrs.frozen
class Output(Generic[T]):
    """What an answer is to be.

    Attributes:
        schema: what the wire is told.
        hint: the annotation that the answer is converted to; without one it stays JSON.
        wrapped: whether the answer stands under the key "value", because a wire wants an object.
    """

    schema: OutputSchema
    hint: Hint = attrs.field(default=_NO_HINT, kw_only=True)
    wrapped: bool = attrs.field(default=False, kw_only=True)

    @classmethod
    def of(cls, given: SchemaLike[U], /, *, mode: OutputMode | None = None, multi: bool = False) -> Output[U]:
        """Make it of a type, a JSON Schema as a dict, an OutputSchema or the short form.

        Args:
            given: what the answer is to be.
            mode: how it is asked for, whatever the dialect would take.
            multi: with the short form, whether the answer is a list of such objects, under `items`.

        Raises:
            ConfigError: when it is none of these, or a type that JSON cannot say.
        """
        if multi and not isinstance(given, str):
            raise ConfigError("expected the short form of a schema beside multi, got another form")
        made = _made(given, multi=multi)
        if mode is None:
            return made
        return attrs.evolve(made, schema=attrs.evolve(made.schema, mode=mode))

    def parse(self, text: str, /) -> T:
        """Read the text of an answer; in prompt mode the JSON may stand in a fence or among prose.

        Without a type, the JSON is checked against the schema: the short form, and schemas of the words
        that those of types are made of, always; others by the package jsonschema (the extra of that
        name) where it is installed. Without it an answer to such a schema is any JSON.

        Raises:
            OutputError: when it is no JSON, or does not fit.
            ConfigError: when the schema is none, or refers to another document.
        """
        try:
            value = _found(text)
            if self.hint is _NO_HINT:
                if self.schema.schema is not None:
                    validate(value, self.schema.schema)
                return cast("T", value)
            if self.wrapped and isinstance(value, dict) and list(cast("JSONObject", value)) == [_WRAP]:
                value = cast("JSONObject", value)[_WRAP]
            return cast("T", convert(value, self.hint))
        except JSONError as error:
            problems: tuple[Problem, ...] = (Problem((), f"expected JSON, got what is none ({error})"),)
        except MisfitError as error:
            problems = error.problems
        raise OutputError(f"the answer does not fit: {_said(problems)}", raw=text, problems=problems)

    def read(self, response: Response, /) -> T:
        """Read an answer.

        Raises:
            OutputError: when it is not whole, is no JSON or does not fit; `.partial` is the response.
        """
        text = answer_text(response)
        got = _incomplete(response)
        if got is not None:
            error = OutputError(f"expected a whole answer, got {got}", raw=text)
            error.partial = response
            raise error
        try:
            return self.parse(text)
        except OutputError as error:
            error.partial = response
            raise


SchemaLike: TypeAlias = type[T] | UnionType | Output[T] | OutputSchema | Mapping[str, JSON] | str


def mending(error: OutputError, /) -> str:
    """What a model is told of its answer that does not fit."""
    lines = "\n".join(f"- {problem}" for problem in error.problems)
    again = "Give the whole answer again, corrected, as JSON alone."
    return f"The answer does not fit the schema:\n{lines}\n{again}"


def _said(problems: Sequence[Problem]) -> str:
    return "; ".join(map(str, problems))


def _made(given: object, *, multi: bool) -> Output[Any]:
    match given:
        case Output():
            return cast("Output[Any]", given)
        case OutputSchema():
            return Output(given)
        case Mapping():
            return Output(OutputSchema(dict(cast("Mapping[str, JSON]", given))))
        case str():
            return Output(OutputSchema(short(given, multi=multi)))
        case _:
            return _typed(given)


def _typed(hint: Hint) -> Output[Any]:
    try:
        schema = describe(hint)
    except ConfigError as error:
        raise ConfigError(f"expected a type, a JSON Schema or its short form as schema: {error}") from error
    name = getattr(hint, "__name__", "")
    name = name if _NAME.fullmatch(name) and isinstance(hint, type) else "output"
    if schema.get("type") == "object":
        return Output(OutputSchema(schema, name), hint=hint)
    return Output(OutputSchema(_wrapping(schema), name), hint=hint, wrapped=True)


def _wrapping(schema: JSONObject) -> JSONObject:
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    wrap: JSONObject = {
        "type": "object",
        "properties": {_WRAP: inner},
        "required": [_WRAP],
        "additionalProperties": False,
    }
    return {**wrap, "$defs": schema["$defs"]} if "$defs" in schema else wrap


def answer_text(response: Response, /) -> str:
    """The text that is the answer: in tool mode that of the last part, since prose may come before."""
    parts = [part.text for part in response.parts if isinstance(part, TextPart) and not part.refusal]
    mode = response.request.schema.mode if response.request and response.request.schema else None
    return parts[-1] if mode == "tool" and parts else "".join(parts)


def _incomplete(response: Response) -> str | None:
    if any(isinstance(part, TextPart) and part.refusal for part in response.parts):
        return f"a refusal: {response.text()}"
    if response.finish_reason in _CUT:
        return _CUT[response.finish_reason]
    if response.state != "complete":
        return f"one that is {response.state}"
    if calls := response.tool_calls():
        return f"calls of {', '.join(call.name for call in calls)}"
    return None


def _found(text: str) -> JSON:
    """The JSON of an answer: the text, else what is in a fence, else the first that begins a line."""
    try:
        return loads(text)
    except JSONError as error:
        whole = error
    for block in (*_FENCED.findall(text), *_beginnings(text)):
        try:
            return loads(block)
        except JSONError:
            continue
    raise whole


def _beginnings(text: str) -> Iterator[str]:
    found = re.search(rf"(?m)^{_BEGINS.pattern}", text)
    if found is not None:
        end = max(text.rfind("}"), text.rfind("]"))
        yield text[found.start(1) : end + 1]


def sent(request: Request, /) -> Request:
    """The request as its mode says it to a wire that has no word for a schema.

    Raises:
        ConfigError: when a tool of the caller's has the name of the answer's.
    """
    schema = request.schema
    if schema is None or schema.mode in {None, "native"}:
        return request
    bare = attrs.evolve(request, schema=None)
    return _as_tool(bare, schema) if schema.mode == "tool" else _as_prompt(bare, schema)


def _as_tool(request: Request, schema: OutputSchema) -> Request:
    if any(tool.name == schema.name for tool in request.tools):
        raise ConfigError(f"expected no tool of the name of the schema, got {schema.name}")
    said = schema.description or "Give the answer."
    tool = Tool(schema.name, said, parameters=schema.schema or {"type": "object"}, strict=schema.strict)
    names = () if request.tools else (tool.name,)
    return attrs.evolve(request, tools=(*request.tools, tool), tool_choice=ToolChoice("required", names))


def _as_prompt(request: Request, schema: OutputSchema) -> Request:
    words = "Answer with one JSON object and nothing else"
    if schema.schema is not None:
        words = f"{words}. It must fit this JSON Schema:\n{dumps(schema.schema)}"
    part = TextPart(words)
    first, *rest = request.messages or (None,)
    if first is None or first.role != "system":
        return attrs.evolve(request, messages=(Message("system", (part,)), *request.messages))
    return attrs.evolve(request, messages=(Message("system", (*first.parts, part)), *rest))


Batches: TypeAlias = Callable[[Request], AsyncGenerator[Sequence[Event], None]]


def shaped(batches: Batches, /) -> Batches:
    """The same calls, asked for in the mode that a request's schema says."""

    def begin(request: Request) -> AsyncGenerator[Sequence[Event], None]:
        schema = request.schema
        if schema is None or schema.mode in {None, "native"}:
            return batches(request)
        return _unshaped(batches(sent(request)), AnswerText(schema.name))

    return begin


async def _unshaped(
    batches: AsyncGenerator[Sequence[Event], None], stage: AnswerText
) -> AsyncGenerator[Sequence[Event], None]:
    async with aclosing(batches):
        async for batch in batches:
            yield tuple(out for event in batch for out in stage.feed(event))  # noqa: ASYNC119 - closed above


class AnswerText:
    """A Stage that turns the call of an answer's tool into text, and leaves all else as it is.

    The metadata of the call is dropped with it: in the history that follows there is no such call.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._written: dict[int, bool] = {}
        self._calls = False

    def feed(self, event: Event, /) -> Sequence[Event]:
        """Take one event."""
        match event:
            case ToolCallStart(index, name=name, server_executed=False) if name == self._name:
                self._written[index] = False
                return (TextDelta(index, ""),)
            case ToolCallStart(server_executed=False):
                self._calls = True
            case ToolCallArgsDelta(index, json) if index in self._written:
                self._written[index] = self._written[index] or bool(json)
                return (TextDelta(index, json),)
            case ToolCallEnd(index, arguments) if index in self._written:
                return () if self._written[index] else (TextDelta(index, dumps(arguments)),)
            case PartMetadata(index=index) if index in self._written:
                return ()
            case Done(finish_reason="tool_calls") if self._written and not self._calls:
                return (attrs.evolve(event, finish_reason="stop"),)
            case _:
                pass
        return (event,)

    def feed_eof(self) -> Sequence[Event]:
        """Nothing is held back."""
        return ()


@attrs.frozen(eq=False)
class PartialObject(Generic[T]):
    """The answer so far. It is made when it is looked at, once; do not change what it gives."""

    _cut: Cut
    _complete: Complete
    _wrapped: bool = False

    @cached_property
    def value(self) -> JSON:
        """The JSON so far: strings and lists as far as they came, members that have not begun left out."""
        value = self._cut.value
        if not self._wrapped:
            return value
        return cast("JSONObject", value).get(_WRAP) if isinstance(value, dict) else None

    @cached_property
    def view(self) -> T:
        """What is complete at the top of the answer, converted, in the form of what was asked for.

        Of a record it has the fields that are complete and fit; another is an AttributeError. It is no
        instance of the class: nothing else of that is there. Of a list it has the items that are complete
        and fit; a dict, also of a TypedDict or of what was asked for without a type, has their keys.

        Raises:
            ConfigError: when the answer is a plain value, which has neither fields nor items.
        """
        return cast("T", self._complete.view())

    def get(self, key: str, default: JSON = None, /) -> JSON:
        """A member of the JSON so far, or the default where it has not begun."""
        value = self.value
        return cast("JSONObject", value).get(key, default) if isinstance(value, dict) else default

    def __contains__(self, key: str) -> bool:
        value = self.value
        return isinstance(value, dict) and key in value


@attrs.frozen
class FieldDone:
    """A member of an object is complete; the path ends in its key.

    Attributes:
        value: of the type that the annotation has at the path. It is the JSON as it came where there were
            `problems`, where no type was asked for, and where the annotation says nothing certain of
            the place (the members of a union say different things, a hook reads it).
        problems: why it does not fit, with paths from the top; at its end the answer is an OutputError.
    """

    path: tuple[Step, ...]
    value: Any  # the annotation's author knows
    problems: tuple[Problem, ...] = ()


@attrs.frozen
class ItemDone:
    """An item of a list is complete; the path is that of the list, empty for the answer itself.

    `value` and `problems` are as those of FieldDone.
    """

    path: tuple[Step, ...]
    index: int
    value: Any  # as that of FieldDone
    problems: tuple[Problem, ...] = ()


PartialEvent: TypeAlias = PartialObject[T] | FieldDone | ItemDone


class PartialReader(Generic[T]):
    """A Stage: events of a call in; what they make of the answer out, in time linear in the text."""

    def __init__(self, mode: OutputMode | None = None, *, output: Output[T] | None = None) -> None:
        self._wrapped = output is not None and output.wrapped
        self._place = None if output is None or output.hint is _NO_HINT else Place(output.hint)
        self._conversions = Conversions()
        self._gathered = Gathered(None if self._place is None else self._place.form)
        self._only_json = mode in {None, "native"}
        self._parser = PartialParser()
        self._begun = False
        self._over = False
        self._line = ""
        self._index = -1

    def feed(self, event: Event, /) -> Sequence[PartialEvent[T]]:
        """Take one event.

        Raises:
            OutputError: when the text can never become JSON.
        """
        if not isinstance(event, TextDelta) or event.refusal or not event.text or self._over:
            return ()
        if event.index != self._index and not self._begun:
            self._line = ""
        self._index = event.index
        text = event.text if self._begun else self._beginning(event.text)
        if not text:
            return ()
        try:
            finished = self._parser.feed(text)
        except JSONError as error:
            if self._parser.state == "complete":
                return ()
            problem = Problem((), str(error))
            raise OutputError(f"the answer does not fit: {problem}", problems=(problem,)) from error
        done = [made for each in finished if (made := self._told(each)) is not None]
        self._over = self._parser.state == "complete" and bool(finished) and not finished[-1].path
        return (*done, PartialObject(self._parser.cut(), self._gathered.now(), self._wrapped))

    def feed_eof(self) -> Sequence[PartialEvent[T]]:
        """Nothing is held back."""
        return ()

    def _told(self, finished: Finished) -> FieldDone | ItemDone | None:
        path = finished.path[1:] if self._wrapped else finished.path
        if not path:
            return None
        value, problems = self._converted(path, finished.value)
        *above, last = path
        if isinstance(last, int):
            return ItemDone(tuple(above), last, value, problems)
        return FieldDone(path, value, problems)

    def _converted(self, path: tuple[Step, ...], value: JSON) -> tuple[Any, tuple[Problem, ...]]:
        """What a value at a path becomes; what is at the top of the answer is gathered for the views."""
        if self._place is None:
            if len(path) == 1:
                self._gathered.add(path[0], value)
            return value, ()
        place: Place | None = self._place
        for step in path:
            place = None if place is None else place.at(step)
        if place is None:
            return value, ()
        try:
            made = self._conversions.convert(value, place.hint)
        except MisfitError as error:
            return value, tuple(Problem((*path, *each.path), each.message) for each in error.problems)
        if len(path) == 1:
            self._gathered.add(place.name or path[0], made)
        return made, ()

    def _beginning(self, text: str) -> str:
        """What is JSON in the text: a fence and prose before it are skipped, line by line."""
        lines = (self._line + text).split("\n")
        begins = _ANY if self._only_json else _BEGINS
        for position, line in enumerate(lines):
            if (found := begins.match(line)) is not None:
                self._begun = True
                return "\n".join([line[found.start(1) :], *lines[position + 1 :]])
        # A line that does not begin with JSON is prose to its end, however long it is.
        self._line = lines[-1][:_MARGIN]
        return ""
