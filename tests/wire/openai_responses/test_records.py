"""Usage and citations."""

from llmstream import Citation, Usage
from llmstream.wire.openai_responses._records import annotation, citation_of, usage_of, usage_record

COUNTED = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2, "audio_tokens": 1},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 15,
    "num_sources_used": 7,
}


def test_usage_counts_the_cached_and_the_reasoning():
    assert usage_of(COUNTED) == Usage(
        input=10,
        output=5,
        cached_input=4,
        cache_write=2,
        reasoning=3,
        details={"num_sources_used": 7, "input_tokens_details": {"audio_tokens": 1}},
    )


def test_usage_is_written_as_it_was_read():
    usage = usage_of(COUNTED)
    assert usage is not None
    assert usage_record(usage) == COUNTED
    assert usage_of(usage_record(Usage())) == Usage()


def test_usage_that_counts_nothing_is_none():
    assert usage_of({}) is None
    assert usage_of({"input_tokens": None, "details": 1}) is None


def test_annotations_are_kept_whole():
    entry = {"type": "container_file_citation", "filename": "a.csv", "start_index": 1, "end_index": 2, "x": 1}
    citation = citation_of(entry, "p")
    assert citation == Citation(None, "a.csv", start=1, end=2, provider="p", data=entry)
    assert annotation(citation, "p") == entry
    assert citation_of({"start_index": 1}, "p").start is None


def test_citations_of_others_become_links():
    assert annotation(Citation("u", "t", start=1, end=2, provider="q", data={"a": 1}), "p") == {
        "type": "url_citation",
        "url": "u",
        "title": "t",
        "start_index": 1,
        "end_index": 2,
    }
    assert annotation(Citation(), "p") == {"type": "url_citation", "url": "", "title": ""}
