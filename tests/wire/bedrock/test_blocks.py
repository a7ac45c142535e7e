"""Content blocks, as both halves and both directions see them."""

import pytest

from llmstream import TextPart
from llmstream.values.content import Citation
from llmstream.wire.bedrock import blocks
from llmstream.wire.typed import MisfitError

P = "bedrock"


def test_metadata_of_this_provider_are_its_own() -> None:
    part = TextPart("a", provider_metadata={P: {"a": 1}, "other": {"b": 2}})
    assert blocks.own(part, P) == {"a": 1}
    assert blocks.own(TextPart("a"), P) == {}


def test_what_a_calls_record_says_beyond_the_call() -> None:
    record = {"toolUseId": "t", "name": "f", "input": {}}
    assert blocks.extra_of_call({**record, "type": "server_tool_use", "x": 1}) == {
        "type": "server_tool_use",
        "x": 1,
    }
    assert blocks.extra_of_call({**record, "type": "tool_use"}) == {}


def test_types_of_results_are_named_for_their_tools() -> None:
    assert blocks.result_name("run_result") == "run"
    assert blocks.result_type("run") == "run_result"


@pytest.mark.parametrize(
    ("record", "content", "error"),
    [
        ({"status": "success"}, [{"text": "a"}], None),
        ({}, [{"text": "a"}], None),
        ({"status": "error"}, [{"text": "a"}, {"json": {}}, {"text": "b"}], "ab"),
        ({"status": "error"}, [{"json": {"a": 1}}], '[{"json":{"a":1}}]'),
        ({"status": "error"}, [1], "[1]"),
    ],
)
def test_what_went_wrong(record, content, error) -> None:
    assert blocks.result_error(record, content) == error


@pytest.mark.parametrize(
    ("output", "content"),
    [
        ("a", [{"text": "a"}]),
        (None, [{"text": "null"}]),
        ({"a": 1}, [{"json": {"a": 1}}]),
        ([{"text": "a"}, {"json": 1}], [{"text": "a"}, {"json": 1}]),
        ([{"text": "a", "more": 1}], [{"text": '[{"text":"a","more":1}]'}]),
        ([{"image": {}}], [{"text": '[{"image":{}}]'}]),
        ([], []),
    ],
)
def test_a_result_is_a_list_of_texts_and_objects(output, content) -> None:
    assert blocks.result_content(output) == content


def test_citations_are_read_and_written() -> None:
    record = {"source": "https://s.test", "title": "", "sourceContent": [{"text": "a"}, {}]}
    cited = blocks.citation_of(record, P)
    assert cited == Citation("https://s.test", cited_text="a", provider=P, data=record)
    assert blocks.citation_record(cited, P) == record
    foreign = blocks.citation_record(Citation("https://x.test", "t", cited_text="c"), P)
    assert foreign == {
        "title": "t",
        "sourceContent": [{"text": "c"}],
        "location": {"web": {"url": "https://x.test"}},
    }
    assert blocks.citation_of(foreign, P) == Citation(
        "https://x.test", "t", cited_text="c", provider=P, data=foreign
    )


@pytest.mark.parametrize(
    "record",
    [
        {"title": 1},
        {"source": 1},
        {"location": 1},
        {"location": {"web": 1}},
        {"sourceContent": [{"text": 1}]},
    ],
)
def test_a_citation_that_is_none_says_where(record) -> None:
    with pytest.raises(MisfitError, match="citation"):
        blocks.citation_of(record, P)
