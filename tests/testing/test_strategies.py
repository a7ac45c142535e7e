from typing import get_args

from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from llmstream.jsontext import JSON, dumps, loads
from llmstream.reduce import reduce
from llmstream.testing import laws, strategies
from llmstream.values.content import (
    AttachmentPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.events import (
    Done,
    Event,
    ImageOut,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmstream.values.messages import Message
from llmstream.values.request import Request, ToolChoice
from llmstream.values.usage import Usage

Events = tuple[Event, ...]
# The first example that will do: none of these needs the smallest.
ANY = settings(max_examples=2000, phases=[Phase.generate])
# What is tried here is tried again by every law that draws from it.
FEW = settings(max_examples=min(settings.default.max_examples, 200))


@FEW
@given(strategies.events())
def test_events_follow_the_grammar(events: Events):
    laws.grammar(events)


@FEW
@given(strategies.events(max_parts=3))
def test_events_fold_by_steps_as_they_fold_at_once(events: Events):
    laws.prefix(events)


@FEW
@given(strategies.events(["text", "call"], interleaved=False))
def test_kinds_that_are_not_wanted_do_not_come(events: Events):
    kinds = (TextDelta, ToolCallStart, ToolCallArgsDelta, ToolCallEnd, Done)
    assert all(type(event) in kinds for event in events)
    assert not any(isinstance(event, TextDelta) and (event.logprobs or event.refusal) for event in events)


@FEW
@given(strategies.events(["text", "reasoning", "call", "metadata", "citation"], interleaved=False))
def test_parts_that_are_not_interleaved_come_one_after_the_other(events: Events):
    indices = [getattr(event, "index") for event in events[:-1]]  # noqa: B009 - not all events have one
    assert indices == sorted(indices)


@FEW
@given(strategies.events([]))
def test_no_kind_leaves_the_end(events: Events):
    assert [type(event) for event in events] == [Done]


def test_every_event_is_drawn_sometimes():
    seen: set[type] = set()

    def all_seen(events: Events) -> bool:
        seen.update(type(event) for event in events)
        return seen == set(get_args(Event))

    find(strategies.events(), all_seen, settings=ANY)


FEATURES = {
    "a refusal": lambda part: isinstance(part, TextPart) and part.refusal,
    "a citation": lambda part: isinstance(part, TextPart) and part.citations,
    "log probabilities": lambda part: isinstance(part, TextPart) and part.logprobs,
    "withheld reasoning": lambda part: isinstance(part, ReasoningPart) and part.redacted,
    "metadata alone": lambda part: isinstance(part, TextPart) and part.provider_metadata and not part.text,
    "a call that is cut off": lambda part: isinstance(part, ToolCallPart) and part.error,
    "a custom call": lambda part: isinstance(part, ToolCallPart) and part.custom,
    "a tool of the provider's": lambda part: isinstance(part, ToolResultPart) and part.server_executed,
}


def test_what_parts_may_have_is_drawn_sometimes():
    missing = set(FEATURES)

    def all_seen(events: Events) -> bool:
        parts = reduce(events).parts
        missing.difference_update(name for name in list(missing) if any(map(FEATURES[name], parts)))
        return not missing

    find(strategies.events(strategies.KINDS - {"raw", "round", "restart"}), all_seen, settings=ANY)


def test_previews_come_before_their_image():
    events = find(
        strategies.events(["image", "preview"], max_parts=1),
        lambda events: len(events) > 2,
        settings=ANY,
    )
    assert [e.partial for e in events if isinstance(e, ImageOut)][-1] is False


@FEW
@given(strategies.json_values())
def test_json_values_survive_their_text(value: JSON):
    assert loads(dumps(value)) == value


@FEW
@given(strategies.texts(min_size=1))
def test_texts_are_what_utf8_can_say(text: str):
    assert text
    assert text.encode().decode() == text


@FEW
@given(strategies.usages())
def test_usage_agrees_with_itself(usage: Usage):
    assert usage.input >= usage.cached_input + usage.cache_write
    assert usage.output >= usage.reasoning


def test_every_part_is_drawn_sometimes():
    seen: set[type] = set()

    def all_seen(part: Part) -> bool:
        seen.add(type(part))
        return seen == set(get_args(Part))

    find(strategies.parts(), all_seen, settings=ANY)


@FEW
@given(strategies.messages())
def test_messages_have_their_providers_metadata_only(message: Message):
    assert all(set(part.provider_metadata) <= {strategies.PROVIDER} for part in message.parts)


@FEW
@given(strategies.requests(files=False, only=["seed", "stop"]))
def test_requests_answer_each_call_and_choose_only_among_tools(request: Request):
    called = [p.id for m in request.messages for p in m.parts if isinstance(p, ToolCallPart)]
    answered = [p.tool_call_id for m in request.messages for p in m.parts if isinstance(p, ToolResultPart)]
    assert called == answered
    assert len(set(called)) == len(called)
    assert request.tools or (request.tool_choice is None and not called)
    assert set(request.options.given()) <= {"seed", "stop"}
    assert not any(isinstance(p, AttachmentPart) for m in request.messages for p in m.parts)


def test_requests_offer_the_providers_own_tools_when_asked():
    request = find(
        strategies.requests(server_side=True),
        lambda request: len(request.tools) > 1 and request.tool_choice is not None,
        settings=ANY,
    )
    assert isinstance(request.tool_choice, ToolChoice)


@FEW
@given(st.data())
def test_options_are_drawn_by_name(data: st.DataObject):
    drawn = data.draw(strategies.options(["temperature"]))
    assert set(drawn.given()) <= {"temperature"}
