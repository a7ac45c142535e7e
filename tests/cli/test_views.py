"""What of an answer goes where."""

from io import BytesIO, TextIOWrapper

import pytest

from llmstream import (
    Attachment,
    AudioDelta,
    Citation,
    CitationOut,
    Done,
    Event,
    ImageOut,
    Raw,
    ReasoningDelta,
    Restarted,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    reduce,
)
from llmstream.cli.sink import Sink
from llmstream.cli.views import JSONLines, Prose, View
from llmstream.serial import event_from_json

pytestmark = pytest.mark.anyio

CALL = (
    ToolCallStart(0, id="c1", name="get_weather"),
    ToolCallArgsDelta(0, '{"city": "Par'),
    ToolCallArgsDelta(0, 'is"}'),
    ToolCallEnd(0, {"city": "Paris"}),
)


def plain() -> TextIOWrapper:
    return TextIOWrapper(BytesIO())


def written(stream: TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode()


async def play(view: View, *events: Event) -> None:
    for event in events:
        await view.show(event)
    await view.end(reduce(events))
    await view.close()


async def piped(*events: Event, hide_reasoning: bool = False) -> tuple[str, str]:
    """What a pipe at each stream gets."""
    out, err = plain(), plain()
    await play(Prose(Sink(out), Sink(err), hide_reasoning=hide_reasoning), *events)
    return written(out), written(err)


async def test_text_goes_out_as_it_is_and_gets_no_line_end() -> None:
    assert await piped(TextDelta(0, "# Par"), TextDelta(0, "is"), Done()) == ("# Paris", "")


async def test_reasoning_goes_to_standard_error() -> None:
    events = (ReasoningDelta(0, "Well"), ReasoningDelta(0, ", now."), TextDelta(1, "Paris"))
    assert await piped(*events) == ("Paris", "Well, now.\n")


async def test_reasoning_can_be_hidden() -> None:
    assert await piped(ReasoningDelta(0, "Well"), TextDelta(1, "Paris"), hide_reasoning=True) == ("Paris", "")


async def test_each_stretch_of_reasoning_has_its_own_lines() -> None:
    events = (
        ReasoningDelta(0, "One"),
        ReasoningDelta(1, "Two"),
        TextDelta(2, "x"),
        ReasoningDelta(3, "Three"),
    )
    assert (await piped(*events))[1] == "One\nTwo\nThree\n"


async def test_reasoning_that_was_withheld_shows_nothing() -> None:
    assert await piped(ReasoningDelta(0, "", redacted=True), Done()) == ("", "")


async def test_a_tool_call_is_one_line_when_it_is_complete() -> None:
    assert await piped(*CALL, Done()) == ("", '→ get_weather({"city":"Paris"})\n')


async def test_a_call_that_was_cut_off_is_shown_as_far_as_it_came() -> None:
    assert (await piped(*CALL[:2]))[1] == '→ get_weather({"city": "Par)\n'


async def test_a_result_of_the_providers_tool_is_one_line() -> None:
    results = (
        ToolResultOut(0, "c1", name="search", output="two\nlines", server_executed=True),
        ToolResultOut(1, "c2", name="search", output={"hits": 0}, server_executed=True),
        ToolResultOut(2, "c3", name="search", error="too slow", server_executed=True),
    )
    assert (await piped(*results))[
        1
    ] == '← search: two␊lines\n← search: {"hits":0}\n← search: error: too slow\n'


async def test_a_line_about_something_large_is_cut() -> None:
    note = (await piped(ToolResultOut(0, "c1", name="read", output="x" * 5000)))[1]
    assert note.endswith("x… (5008 characters)\n")
    assert len(note) < 1100


async def test_an_image_is_one_line_and_its_previews_are_none() -> None:
    image = Attachment("image/png", data=b"12345")
    assert (await piped(ImageOut(0, image, partial=True), ImageOut(0, image)))[
        1
    ] == "image: image/png, 5 bytes\n"


async def test_an_image_elsewhere_is_shown_by_its_address() -> None:
    image = Attachment(url="https://example.com/a.png")
    assert (await piped(ImageOut(0, image)))[1] == "image: of unknown type, https://example.com/a.png\n"


async def test_sound_is_one_line_at_the_end() -> None:
    events = (AudioDelta(0, b"12", transcript="Hi "), AudioDelta(0, b"34", transcript="there"), Done())
    assert (await piped(*events))[1] == "sound: audio/pcm, 4 bytes: Hi there\n"


async def test_sources_are_listed_once_each_at_the_end() -> None:
    page = Citation(url="https://example.com", title="Example")
    events = (
        CitationOut(0, page),
        TextDelta(0, "Yes."),
        CitationOut(0, page),
        CitationOut(0, Citation(cited_text="a\nline")),
        CitationOut(0, Citation()),
        Done(),
    )
    out, err = await piped(*events)
    assert out == "Yes."
    assert err == "[1] Example: https://example.com\n[2] a␊line\n[3] a source without a name\n"


async def test_a_restart_is_said() -> None:
    assert (await piped(Restarted("overloaded"), TextDelta(0, "x")))[1] == "restarted: overloaded\n"


async def test_on_one_screen_each_thing_begins_on_its_own_line(
    screen: TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    events = (
        ReasoningDelta(0, "Well."),
        TextDelta(1, "Paris"),
        ReasoningDelta(2, "Hm."),
        TextDelta(3, "is the capital"),
        ToolCallStart(4, id="c1", name="f"),
        ToolCallEnd(4, {}),
        TextDelta(5, "of France."),
        Done(),
    )
    await play(Prose(Sink(screen), Sink(screen)), *events)
    lines = ["Well.", "Paris", "Hm.", "is the capital", "→ f({})", "of France.", ""]
    assert written(screen).split("\n") == lines


async def test_a_terminal_gets_one_line_end_after_the_text(screen: TextIOWrapper) -> None:
    await play(Prose(Sink(screen), Sink(plain())), TextDelta(0, "Paris"), Done())
    await play(Prose(Sink(screen), Sink(plain())), TextDelta(0, "Rome\n"), Done())
    assert written(screen) == "Paris\nRome\n"


async def test_text_that_is_piped_is_not_broken_by_notes_on_a_terminal(screen: TextIOWrapper) -> None:
    out = plain()
    await play(Prose(Sink(out), Sink(screen)), TextDelta(0, "a"), Restarted("x"), TextDelta(0, "b"))
    assert written(out) == "ab"


async def test_events_as_json_can_be_read_back() -> None:
    events = (TextDelta(0, "é\n"), Raw({"a": 1}), ImageOut(1, Attachment("image/png", data=b"1")), Done())
    out = plain()
    await play(JSONLines(Sink(out)), *events)
    assert tuple(map(event_from_json, written(out).splitlines())) == events
