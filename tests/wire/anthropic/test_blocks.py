"""Content blocks, as both directions see them."""

import pytest

from llmstream import Citation
from llmstream.wire.anthropic import blocks
from llmstream.wire.typed import MisfitError


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ({"type": "text"}, "text"),
        ({"type": "thinking"}, "thinking"),
        ({"type": "redacted_thinking"}, "redacted"),
        ({"type": "tool_use"}, "call"),
        ({"type": "server_tool_use", "name": "web_search"}, "call"),
        ({"type": "mcp_tool_use", "name": "ask"}, "call"),
        ({"type": "some_new_tool_use"}, "opaque"),
        ({"type": "web_search_tool_result", "tool_use_id": "s1"}, "result"),
        ({"type": "some_new_tool_result"}, "opaque"),
        ({"type": "tool_result", "tool_use_id": "t1"}, "opaque"),
        ({"type": "compaction"}, "opaque"),
        ({"type": 3}, "opaque"),
        ({}, "opaque"),
    ],
)
def test_a_block_is_known_by_its_type_or_its_ending(block, kind) -> None:
    assert blocks.kind_of_block(block) == kind


def test_result_types_and_names_are_inverse() -> None:
    assert blocks.result_type("web_search") == "web_search_tool_result"
    assert blocks.result_name("web_search_tool_result") == "web_search"


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ({"content": []}, None),
        ({"content": {"type": "web_search_tool_result_error", "error_code": "max_uses"}}, "max_uses"),
        ({"content": {"type": "x_error", "error_message": "no"}}, "no"),
        ({"content": {"type": "x_error"}}, "x_error"),
        ({"content": {"type": "web_fetch_result"}}, None),
        ({"content": "said", "is_error": True}, "said"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "is_error": True}, "ab"),
        ({"content": [3], "is_error": True}, "[3]"),
        ({"content": [{"type": "text", "text": 3}], "is_error": True}, '[{"type":"text","text":3}]'),
        ({"content": "fine", "is_error": False}, None),
    ],
)
def test_a_failed_result_says_why(block, error) -> None:
    assert blocks.result_error(block) == error


def test_error_content_is_read_as_the_error_that_it_was_written_for() -> None:
    content = blocks.error_content("web_search_tool_result", "too many", [1])
    assert content == {"type": "web_search_tool_result_error", "error_code": "too many", "output": [1]}
    assert blocks.result_error({"content": content}) == "too many"
    assert "output" not in blocks.error_content("x_tool_result", "e", "")


@pytest.mark.parametrize(
    ("block", "model"),
    [
        ({"type": "fallback", "to": {"model": "b"}}, "b"),
        ({"type": "fallback", "to": {"model": ""}}, None),
        ({"type": "fallback", "to": {"model": 3}}, None),
        ({"type": "fallback", "to": "b"}, None),
        ({"type": "compaction", "to": {"model": "b"}}, None),
    ],
)
def test_a_fallback_names_the_model_that_goes_on(block, model) -> None:
    assert blocks.fallback_model(block) == model


def test_a_citation_keeps_its_record() -> None:
    record = {
        "type": "web_search_result_location",
        "url": "https://a.example",
        "title": "A",
        "cited_text": "so it is",
        "encrypted_index": "Eo8B",
    }
    citation = blocks.citation_of(record, "anthropic")
    assert citation == Citation(
        "https://a.example", "A", cited_text="so it is", provider="anthropic", data=record
    )
    assert blocks.citation_record(citation, "anthropic") is record


def test_a_document_is_cited_by_its_title_and_a_search_result_by_its_source() -> None:
    document = {"type": "char_location", "document_title": "facts.txt", "cited_text": "x"}
    assert blocks.citation_of(document, "p").title == "facts.txt"
    assert blocks.citation_of({"source": "https://b.example", "title": None}, "p").url == "https://b.example"


def test_a_citation_with_a_title_that_is_no_text_is_a_misfit() -> None:
    with pytest.raises(MisfitError, match=r"expected a string at citation\.title, got 3"):
        blocks.citation_of({"title": 3}, "p")


def test_a_foreign_citation_becomes_a_search_results() -> None:
    foreign = Citation("https://a.example", provider="other", data={"secret": 1})
    assert blocks.citation_record(foreign, "anthropic") == {
        "type": "web_search_result_location",
        "url": "https://a.example",
        "title": None,
        "cited_text": "",
        "encrypted_index": "",
    }
