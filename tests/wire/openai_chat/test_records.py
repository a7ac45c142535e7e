"""Usage and citations, both ways."""

import pytest
from hypothesis import given

from llmstream import Citation, Usage
from llmstream.testing import strategies
from llmstream.wire.openai_chat._records import annotation, citation_of, usage_of, usage_record

TOTALS = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 4}}, {"cached_input": 4}),
        ({"prompt_cache_hit_tokens": 4, "miss": 6}, {"cached_input": 4, "details": {"miss": 6}}),
        ({"cache_read_input_tokens": 4, "prompt_tokens_details": None}, {"cached_input": 4}),
        ({"cached_tokens": 4}, {"cached_input": 4}),
        ({"num_cached_tokens": 4}, {"cached_input": 4}),
        ({"prompt_tokens_details": {"cache_write_tokens": 3}}, {"cache_write": 3}),
        ({"cache_creation_input_tokens": 3}, {"cache_write": 3}),
        (
            {"completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 1, "x": None}},
            {"reasoning": 5, "details": {"completion_tokens_details": {"audio_tokens": 1}}},
        ),
        ({"reasoning_tokens": 5}, {"reasoning": 5}),
        ({"cost": 0.5, "queue_time": None}, {"details": {"cost": 0.5}}),
        ({"completion_tokens": None}, {"output": 0}),
        ({"prompt_tokens_details": 5, "cached_tokens": "x"}, {}),
    ],
)
def test_counts_are_found_under_every_vendors_names(more: dict, expected: dict):
    assert usage_of({**TOTALS, **more}) == Usage(**{"input": 10, "output": 20, **expected})


def test_a_record_without_counts_is_none():
    assert usage_of({"prompt_tokens": None, "cost": 1}) is None


@given(strategies.usages())
def test_usage_comes_back(usage: Usage):
    assert usage_of(usage_record(usage)) == usage
    apart = usage_record(usage, output_excludes_reasoning=True)
    assert usage_of(apart, output_excludes_reasoning=True) == usage


def test_details_come_back_and_do_not_pass_for_counts():
    details = {
        "prompt_tokens_details": {"audio_tokens": 1},
        "cost": 2,
        "cached_tokens": 9,
        "prompt_tokens": 9,
    }
    record = usage_record(Usage(input=1, output=2, details=details))
    assert usage_of(record) == Usage(
        input=1, output=2, details={"prompt_tokens_details": {"audio_tokens": 1}, "cost": 2}
    )


PLAIN = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 1, "end_index": 2}}


def test_citations_have_a_span_where_it_can_be_trusted():
    assert citation_of(PLAIN, "p", spans=True) == Citation("u", "t", start=1, end=2, provider="p")
    assert citation_of(PLAIN, "p", spans=False) == Citation("u", "t", provider="p", data=PLAIN)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "file", "file": {"hash": "h"}},
        {"type": "url_citation", "url_citation": {"url": "u", "more": 1}},
        {"type": "url_citation", "url_citation": "odd"},
        {"type": 5},
        {"url": "u", "snippet": "s", "date": "d"},
    ],
)
def test_what_a_citation_has_no_field_for_is_kept_and_written_again(entry: dict):
    citation = citation_of(entry, "p", spans=True)
    assert citation.data == entry
    assert annotation(citation, "p") == entry
    assert annotation(citation, "another")["type"] == "url_citation"


def test_citations_come_back():
    citation = Citation("u", "t", cited_text="c", start=0, end=2, provider="p")
    assert citation_of(annotation(citation, "p"), "p", spans=True) == citation
