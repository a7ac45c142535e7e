"""Hypothesis strategies for the values: answers as events, messages, requests.

Needs hypothesis. Everything that is drawn is valid; what a wire cannot say is left out by naming the kinds
that are wanted. Each strategy is built once, from parts that do not depend on what was drawn: one that
is built anew for every example costs twenty times as much.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, TypeAlias, get_args

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llmstream.jsontext import JSON, JSONObject, dumps
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    Citation,
    Logprob,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.events import (
    AudioDelta,
    CitationOut,
    Done,
    Event,
    FinishReason,
    ImageOut,
    OpaqueOut,
    PartKind,
    PartMetadata,
    Raw,
    ReasoningDelta,
    Restarted,
    RoundDone,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolProgress,
    ToolResultOut,
    UnknownEvent,
)
from llmstream.values.messages import CacheTime, Message, Role
from llmstream.values.request import (
    AnyTool,
    ChoiceMode,
    Effort,
    Options,
    OutputSchema,
    Request,
    ServerSideTool,
    Tool,
    ToolChoice,
)
from llmstream.values.usage import Usage

PROVIDER = "a-provider"

# Each of these has broken a framer, a JSON reader or a terminal once.
_AWKWARD = ("\u2028", "\x85", "\r\n", "\n\n", "😀", "é", '"', "\\", "data: ", "[DONE]", "\ufeff", "\x00", "")


def texts(*, min_size: int = 0, max_size: int = 12) -> SearchStrategy[str]:
    """Text of any language, with what breaks line splitters; no lone surrogates."""
    plain = st.text(st.characters(exclude_categories=["Cs"]), min_size=min_size, max_size=max_size)
    return plain | st.sampled_from([text for text in _AWKWARD if min_size <= len(text) <= max_size])


def names() -> SearchStrategy[str]:
    """Names as tools, models and ids have them."""
    return st.text("abcxyzABC019_-", min_size=1, max_size=8)


def json_values() -> SearchStrategy[JSON]:
    """What JSON can say, two deep; integers of 64 bits, finite floats."""
    values: SearchStrategy[JSON] = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts()
    )
    for _ in range(2):
        values |= st.lists(values, max_size=2) | st.dictionaries(texts(), values, max_size=2)
    return values


def json_objects() -> SearchStrategy[JSONObject]:
    """JSON objects, the empty one among them."""
    return st.dictionaries(texts(), json_values(), max_size=3)


def usages() -> SearchStrategy[Usage]:
    """Usage that agrees with itself: the whole counts its parts."""
    tokens = st.integers(0, 10_000)
    return st.tuples(tokens, tokens, tokens, tokens, tokens).map(_usage)


def _usage(tokens: tuple[int, int, int, int, int]) -> Usage:
    fresh, cached, written, visible, reasoning = tokens
    return Usage(
        input=fresh + cached + written,
        output=visible + reasoning,
        cached_input=cached,
        cache_write=written,
        reasoning=reasoning,
    )


def attachments(
    *, media_types: Sequence[str] = ("image/png", "image/jpeg", "application/pdf"), urls: bool = True
) -> SearchStrategy[Attachment]:
    """Attachments with their bytes, or also with an address."""
    kinds = st.sampled_from(media_types)
    held = st.builds(Attachment, kinds, data=st.binary(min_size=1, max_size=9))
    return held | st.builds(Attachment, kinds, url=_addresses()) if urls else held


def _addresses() -> SearchStrategy[str]:
    return names().map("https://x.test/{}".format)


def citations(provider: str = PROVIDER) -> SearchStrategy[Citation]:
    """Citations, some with a span."""
    fields = {"provider": st.just(provider), "data": json_objects(), "title": st.none() | texts()}
    start, end = st.integers(0, 4), st.integers(4, 9)
    return st.builds(Citation, _addresses(), **fields) | st.builds(
        Citation, _addresses(), start=start, end=end, **fields
    )


def logprobs() -> SearchStrategy[Logprob]:
    """Log probabilities, some with the tokens that were likely too."""
    values = st.floats(-9, 0)
    likely = st.lists(st.builds(Logprob, texts(), values), max_size=2)
    return st.builds(Logprob, texts(), values, bytes=st.none() | st.binary(max_size=4), top=likely)


Kind: TypeAlias = Literal[
    # parts
    "text", "reasoning", "call", "custom_call", "server_call", "result", "image", "audio", "opaque",
    # what parts may have
    "metadata", "citation", "logprobs", "refusal", "redacted", "preview", "cut_call", "progress",
    # what belongs to no part
    "raw", "round", "restart", "unknown",
]  # fmt: skip
KINDS: frozenset[Kind] = frozenset(get_args(Kind))

# The events of one thread of an answer, each with the number of its part within the thread, or None.
_Strand: TypeAlias = list[tuple[int | None, Event]]
_Strands: TypeAlias = SearchStrategy[_Strand]

# Filled with the number of the strand, so that ids are unique.
_IDS = st.sampled_from(["call_{}", "{}", "functions.f:{}"])


@attrs.frozen
class _Palette:
    """What strands may be made of: the wanted kinds, and whose metadata."""

    kinds: Collection[str]
    provider: str

    def noted(self, strands: _Strands, opening: PartKind | None = None) -> _Strands:
        """The strands, some with metadata; `opening` is the kind that it may open."""
        if "metadata" not in self.kinds:
            return strands
        notes = st.none() | st.tuples(st.integers(0, 9), json_objects())

        def insert(drawn: tuple[_Strand, tuple[int, JSONObject] | None]) -> _Strand:
            strand, note = drawn
            if note is None:
                return strand
            place = note[0] % (len(strand) + 1) if opening else 1 + note[0] % len(strand)
            kind = None if place else opening
            event = PartMetadata(0, self.provider, note[1], kind=kind)
            return [*strand[:place], (0, event), *strand[place:]]

        return st.tuples(strands, notes).map(insert)


def _strand(events: Sequence[Event]) -> _Strand:
    return [(0, event) for event in events]


def _text(palette: _Palette) -> _Strands:
    likely = st.lists(logprobs(), max_size=2).map(tuple) if "logprobs" in palette.kinds else st.just(())
    said: SearchStrategy[Event] = st.builds(TextDelta, st.just(0), texts(), likely)
    if "citation" in palette.kinds:
        said |= st.builds(CitationOut, st.just(0), citations(palette.provider))
    answers = st.lists(said, min_size=1, max_size=4)
    if "refusal" in palette.kinds:
        refused = st.builds(TextDelta, st.just(0), texts(), refusal=st.just(True))
        answers |= st.lists(refused, min_size=1, max_size=2)
    return palette.noted(answers.map(_strand), "text")


def _reasoning(palette: _Palette) -> _Strands:
    thoughts = st.lists(st.builds(ReasoningDelta, st.just(0), texts()), min_size=1, max_size=4)
    if "redacted" in palette.kinds:
        thoughts |= st.just([ReasoningDelta(0, "", redacted=True)])
    return palette.noted(thoughts.map(_strand), "reasoning")


def _call(palette: _Palette, *, server_executed: bool = False) -> _Strands:
    starts = st.builds(
        ToolCallStart, st.just(0), id=_IDS, name=names(), server_executed=st.just(server_executed)
    )
    offsets = st.lists(st.integers(0, 40), max_size=3)
    whole = st.tuples(starts, json_objects(), offsets).map(_whole_call)
    if "cut_call" in palette.kinds and not server_executed:
        whole |= st.tuples(starts, json_objects(), st.integers(0, 40)).map(_cut_call)
    if "progress" in palette.kinds and not server_executed:
        whole |= st.tuples(whole, json_values()).map(_progressing)
    return palette.noted(whole)


def _whole_call(drawn: tuple[ToolCallStart, JSONObject, list[int]]) -> _Strand:
    start, arguments, offsets = drawn
    # No text at all is another way to say that there are no arguments.
    text = dumps(arguments) if arguments or offsets else ""
    edges = sorted({0, len(text), *(offset for offset in offsets if offset < len(text))})
    pieces = [ToolCallArgsDelta(0, text[begin:end]) for begin, end in itertools.pairwise(edges)]
    return _strand([start, *pieces, ToolCallEnd(0, arguments)])


def _cut_call(drawn: tuple[ToolCallStart, JSONObject, int]) -> _Strand:
    start, arguments, offset = drawn
    text = dumps(arguments)
    return _strand([start, ToolCallArgsDelta(0, text[: 1 + offset % (len(text) - 1)])])


def _progressing(drawn: tuple[_Strand, JSON]) -> _Strand:
    strand, data = drawn
    return [*strand, (0, ToolProgress(0, _started(strand).id, data=data))]


def _started(strand: _Strand) -> ToolCallStart:
    return next(event for _, event in strand if isinstance(event, ToolCallStart))


def _custom_call(palette: _Palette) -> _Strands:
    starts = st.builds(ToolCallStart, st.just(0), id=_IDS, name=names(), custom=st.just(True))
    pieces = st.lists(st.builds(ToolCallArgsDelta, st.just(0), texts()), max_size=3)
    return palette.noted(st.tuples(starts, pieces).map(lambda drawn: _strand([drawn[0], *drawn[1]])))


def _server_call(palette: _Palette) -> _Strands:
    def answered(drawn: tuple[_Strand, JSON]) -> _Strand:
        strand, output = drawn
        start = _started(strand)
        result = ToolResultOut(0, start.id, name=start.name, output=output, server_executed=True)
        return [*strand, (1, result)]

    return st.tuples(_call(palette, server_executed=True), json_values()).map(answered)


def _result(palette: _Palette) -> _Strands:
    results = st.builds(
        ToolResultOut,
        st.just(0),
        _IDS,
        name=names(),
        output=texts(),
        error=st.none() | texts(min_size=1),
        attachments=st.lists(attachments(), max_size=1).map(tuple),
    )
    return palette.noted(results.map(lambda result: _strand([result])))


def _image(palette: _Palette) -> _Strands:
    images = attachments(media_types=("image/png", "image/webp"), urls=False)
    shown = st.lists(images, min_size=1, max_size=3 if "preview" in palette.kinds else 1)

    def show(images: list[Attachment]) -> _Strand:
        previews = [ImageOut(0, image, partial=True) for image in images[:-1]]
        return _strand([*previews, ImageOut(0, images[-1])])

    return palette.noted(shown.map(show), "attachment")


def _audio(palette: _Palette) -> _Strands:
    deltas = st.builds(AudioDelta, st.just(0), st.binary(max_size=9), transcript=texts())
    return palette.noted(st.lists(deltas, min_size=1, max_size=3).map(_strand), "attachment")


def _opaque(palette: _Palette) -> _Strands:
    items = st.builds(OpaqueOut, st.just(0), st.just(palette.provider), type=names(), data=json_objects())
    return palette.noted(items.map(lambda item: _strand([item])))


def _aside(events: Callable[[str], SearchStrategy[Event]]) -> Callable[[_Palette], _Strands]:
    return lambda palette: events(palette.provider).map(lambda event: [(None, event)])


_STRANDS: dict[Kind, Callable[[_Palette], _Strands]] = {
    "text": _text,
    "reasoning": _reasoning,
    "call": _call,
    "custom_call": _custom_call,
    "server_call": _server_call,
    "result": _result,
    "image": _image,
    "audio": _audio,
    "opaque": _opaque,
    "raw": _aside(lambda _: st.builds(Raw, json_values())),
    "round": _aside(lambda provider: st.builds(RoundDone, **_endings(provider))),
    "restart": _aside(lambda _: st.builds(Restarted, texts())),
    "unknown": _aside(lambda _: names().map(lambda name: UnknownEvent(f"x_{name}", {"type": f"x_{name}"}))),
}


def dones(provider: str = PROVIDER) -> SearchStrategy[Done]:
    """Ends, of which each thing may be unknown."""
    return st.builds(Done, **_endings(provider))


def _endings(provider: str) -> dict[str, SearchStrategy[Any]]:
    return {
        "finish_reason": st.none() | st.sampled_from(get_args(FinishReason)),
        "raw_finish_reason": st.none() | names(),
        "usage": st.none() | usages(),
        "id": st.none() | names(),
        "model": st.none() | names(),
        "provider_metadata": metadata(provider),
    }


def events(
    kinds: Collection[Kind] = KINDS,
    *,
    provider: str = PROVIDER,
    interleaved: bool = True,
    max_parts: int = 4,
) -> SearchStrategy[tuple[Event, ...]]:
    """Whole answers by the grammar; `interleaved` also mixes parts that are open."""
    palette = _Palette(kinds, provider)
    makers = [make(palette) for kind, make in _STRANDS.items() if kind in kinds]
    strands = st.lists(st.one_of(makers), max_size=max_parts) if makers else st.just(list[_Strand]())
    turns = st.lists(st.integers(0, max_parts - 1), max_size=30 if interleaved else 0)
    return st.builds(_answer, strands, turns, dones(provider))


def _answer(strands: list[_Strand], turns: list[int], done: Done) -> tuple[Event, ...]:
    """The strands' events by turns, then the rest; indices by first appearance."""
    queues = [[(number, *item) for item in reversed(strand)] for number, strand in enumerate(strands)]
    merged: list[tuple[int, int | None, Event]] = []
    for turn in turns:
        waiting = [queue for queue in queues if queue]
        if waiting:
            merged.append(waiting[turn % len(waiting)].pop())
    merged += [item for queue in queues for item in reversed(queue)]
    indices: dict[tuple[int, int], int] = {}
    settled = [
        event if part is None else _settled(event, indices.setdefault((number, part), len(indices)), number)
        for number, part, event in merged
    ]
    return (*settled, done)


def _settled(event: Any, index: int, number: int) -> Event:
    # Any: all events of a part have an index, and the union as a whole has not.
    fields: dict[str, Any] = {"index": index}
    for name in ("id", "tool_call_id"):
        if hasattr(event, name):
            fields[name] = getattr(event, name).format(number)
    settled: Event = attrs.evolve(event, **fields)
    return settled


def metadata(provider: str = PROVIDER) -> SearchStrategy[dict[str, JSONObject]]:
    """Metadata of a part: none, or some of the one provider's."""
    return st.just(dict[str, JSONObject]()) | st.fixed_dictionaries({provider: json_objects()})


def parts(provider: str = PROVIDER) -> SearchStrategy[Part]:
    """Parts of every kind, each valid by itself."""
    noted = metadata(provider)
    return (
        st.builds(
            TextPart,
            texts(),
            citations=st.lists(citations(provider), max_size=2),
            logprobs=st.lists(logprobs(), max_size=2),
            refusal=st.booleans(),
            provider_metadata=noted,
        )
        | st.builds(ReasoningPart, texts(), redacted=st.booleans(), provider_metadata=noted)
        | calls(provider)
        | st.builds(
            ToolResultPart,
            names(),
            names(),
            output=json_values(),
            attachments=st.lists(attachments(), max_size=1),
            error=st.none() | texts(min_size=1),
            server_executed=st.booleans(),
            provider_metadata=noted,
        )
        | st.builds(AttachmentPart, attachments(), transcript=texts(), provider_metadata=noted)
        | st.builds(OpaquePart, st.just(provider), names(), json_objects(), provider_metadata=noted)
    )


def calls(provider: str = PROVIDER) -> SearchStrategy[ToolCallPart]:
    """Tool calls with their arguments and the same as text."""
    bare = st.builds(
        ToolCallPart, names(), names(), arguments=json_objects(), provider_metadata=metadata(provider)
    )
    return bare.map(lambda call: attrs.evolve(call, raw=dumps(call.arguments)))


def messages(provider: str = PROVIDER) -> SearchStrategy[Message]:
    """Single messages of any role with any parts, as stored ones may be."""
    return st.builds(
        Message,
        st.sampled_from(get_args(Role)),
        st.lists(parts(provider), max_size=3),
        cache=st.none() | st.sampled_from(get_args(CacheTime)),
    )


def conversations(
    *, provider: str = PROVIDER, files: bool = True, called: bool = True
) -> SearchStrategy[tuple[Message, ...]]:
    """Histories that a wire takes: turns, and for each call its result."""
    said = st.builds(TextPart, texts(min_size=1))
    shown: SearchStrategy[Part] = said | st.builds(AttachmentPart, attachments()) if files else said
    asked = st.lists(shown, min_size=1, max_size=2)
    made = st.lists(st.tuples(calls(provider), texts()), max_size=2 if called else 0)
    turns = st.lists(st.tuples(asked, said, made), max_size=2)
    return st.tuples(st.none() | said, turns, asked).map(_history)


_Turn: TypeAlias = tuple[Sequence[Part], TextPart, Sequence[tuple[ToolCallPart, str]]]


def _history(drawn: tuple[TextPart | None, Sequence[_Turn], Sequence[Part]]) -> tuple[Message, ...]:
    told, turns, last = drawn
    history: list[Message] = [Message("system", [told])] if told else []
    for turn, (asked, said, made) in enumerate(turns):
        calls = [attrs.evolve(call, id=f"call_{turn}_{number}") for number, (call, _) in enumerate(made)]
        results = [
            ToolResultPart(call.id, call.name, output=text)
            for call, (_, text) in zip(calls, made, strict=True)
        ]
        history += [Message("user", asked), Message("assistant", [said, *calls])]
        history += [Message("tool", results)] if results else []
    return (*history, Message("user", last))


def schemas() -> SearchStrategy[JSONObject]:
    """JSON Schemas of flat objects."""
    kinds = st.sampled_from([{"type": "string"}, {"type": "integer"}, {"type": "boolean"}])
    return st.dictionaries(names(), kinds, max_size=3).map(
        lambda properties: {"type": "object", "properties": properties, "required": sorted(properties)}
    )


def tools(*, server_side: bool = False) -> SearchStrategy[AnyTool]:
    """Tools of the caller's, or also ones that the provider runs."""
    own = st.builds(Tool, names(), texts(min_size=1), parameters=schemas(), strict=st.none() | st.booleans())
    return own | st.builds(ServerSideTool, names(), names(), config=json_objects()) if server_side else own


_OPTIONS: dict[str, SearchStrategy[Any]] = {
    "max_tokens": st.integers(1, 9999),
    "temperature": st.sampled_from([0.0, 0.5, 1.0]),
    "top_p": st.sampled_from([0.1, 1.0]),
    "top_k": st.integers(1, 99),
    "min_p": st.sampled_from([0.0, 0.1]),
    "presence_penalty": st.sampled_from([-2.0, 0.5]),
    "frequency_penalty": st.sampled_from([-2.0, 0.5]),
    "stop": st.lists(texts(min_size=1), min_size=1, max_size=2).map(tuple),
    "seed": st.integers(0, 2**31),
    "logprobs": st.integers(0, 5),
    "reasoning_effort": st.sampled_from(get_args(Effort)),
    "reasoning_budget": st.integers(1024, 9999),
    "reasoning_summary": st.sampled_from(["none", "auto", "concise", "detailed"]),
    "verbosity": st.sampled_from(["low", "medium", "high"]),
    "parallel_tool_calls": st.booleans(),
    "prediction": texts(min_size=1),
    "service_tier": names(),
    "cache_key": names(),
    "user": names(),
    "store": st.booleans(),
}


def options(only: Collection[str] = tuple(_OPTIONS)) -> SearchStrategy[Options]:
    """Options, of which any may be given; `only` names those that may."""
    return st.fixed_dictionaries({}, optional={name: _OPTIONS[name] for name in only}).map(Options.of)


def requests(
    *,
    provider: str = PROVIDER,
    only: Collection[str] = tuple(_OPTIONS),
    files: bool = True,
    server_side: bool = False,
) -> SearchStrategy[Request]:
    """Requests: a history, perhaps tools, a schema, options; `only` as in `options`."""
    rest = {
        "schema": st.none() | st.builds(OutputSchema, schemas(), names()),
        "options": options(only),
    }
    offered = st.lists(
        tools(server_side=server_side), min_size=1, max_size=2, unique_by=lambda tool: tool.name
    )
    choices = st.none() | st.builds(ToolChoice, st.sampled_from(get_args(ChoiceMode)))
    bare = conversations(provider=provider, files=files, called=False)
    calling = conversations(provider=provider, files=files)
    return st.builds(Request, names(), bare, **rest) | st.builds(
        Request, names(), calling, tools=offered, tool_choice=choices, **rest
    )
