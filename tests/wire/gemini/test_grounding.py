"""Grounding as citations."""

from llmstream import Citation, CitationOut
from llmstream.wire.gemini.grounding import Citing, Sources, citations

WEB = {"web": {"uri": "https://a.test", "title": "A"}}
MAP = {"maps": {"uri": "https://m.test", "title": "M", "text": "words"}}


def cited(sources: Sources, *said: tuple[int, str]) -> list[CitationOut]:
    return list(citations(sources.records(), said, "gemini", fallback=lambda: 99))


def grounded(*supports: dict, chunks: tuple[dict, ...] = (WEB,)) -> Sources:
    sources = Sources()
    sources.ground({"groundingChunks": list(chunks), "groundingSupports": list(supports)})
    return sources


def support(start: int, end: int, text: str | None = None, *places: int) -> dict:
    segment = {"startIndex": start, "endIndex": end, "text": text}
    return {"segment": segment, "groundingChunkIndices": list(places or (0,))}


def test_bytes_of_the_whole_become_characters_of_the_right_part() -> None:
    said = (0, "é"), (0, "a"), (2, "über "), (2, "uns")
    (first, second) = cited(grounded(support(2, 3, "a"), support(3, 8, "über")), *said)
    assert (first.index, first.citation.start, first.citation.end) == (0, 1, 2)
    assert (second.index, second.citation.start, second.citation.end) == (2, 0, 4)
    assert (first.citation.url, first.citation.title, first.citation.cited_text) == (
        "https://a.test",
        "A",
        None,
    )


def test_a_span_over_parts_is_cut_at_the_end_of_its_first() -> None:
    (only,) = cited(grounded(support(1, 4)), (0, "ab"), (3, "cd"))
    assert (only.index, only.citation.start, only.citation.end) == (0, 1, 2)


def test_a_span_that_is_not_where_it_says_is_none() -> None:
    for bad in (
        support(0, 1, "x"),
        support(0, 9),
        support(1, 1),
        support(2, 1),
        support(-1, 2),
        support(0, 1),
    ):
        (only,) = cited(grounded(bad), (0, "éa"), (1, "b"))
        assert (only.index, only.citation.start, only.citation.end) == (1, None, None)
        assert only.citation.data["segment"] == bad["segment"]


def test_each_pair_of_support_and_source_is_a_citation_and_each_source_is_cited() -> None:
    sources = grounded(
        support(0, 1, None, 0, 1), {**support(1, 2), "confidenceScores": [0.5]}, chunks=(WEB, MAP, WEB, {})
    )
    sources.ground({"groundingChunks": [WEB, {"web": {"uri": "https://b.test"}}]})
    found = [
        (one.citation.url, one.citation.start, one.citation.cited_text) for one in cited(sources, (0, "ab"))
    ]
    assert found == [
        ("https://a.test", 0, None),
        ("https://m.test", 0, "words"),
        ("https://a.test", 1, None),
        ("https://b.test", None, None),
    ]


def test_what_is_said_again_counts_once() -> None:
    sources = grounded(support(0, 1))
    sources.ground({"groundingChunks": [WEB], "groundingSupports": [support(0, 1)]})
    sources.ground({"groundingSupports": [support(0, 1)]})
    assert len(cited(sources, (0, "ab"))) == 1


def test_a_source_that_is_repeated_is_cited_where_it_is() -> None:
    for name in ("citationSources", "citations"):
        sources = Sources()
        record = {"startIndex": 2, "endIndex": 3, "uri": "https://a.test", "license": "MIT"}
        sources.repeat({name: [record]})
        (only,) = cited(sources, (0, "éa"))
        assert only.citation == Citation(
            "https://a.test", start=1, end=2, provider="gemini", data={name: record}
        )


def test_without_any_text_a_part_is_opened() -> None:
    assert [one.index for one in cited(grounded())] == [99]


def test_nonsense_is_no_reason_to_fail() -> None:
    sources = Sources()
    sources.ground({"groundingChunks": 7, "groundingSupports": [{"groundingChunkIndices": [0, "x"]}, 3]})
    sources.ground(
        {"groundingChunks": [{"web": 7}], "groundingSupports": [{"segment": 1, "groundingChunkIndices": [0]}]}
    )
    sources.ground({"groundingSupports": [{"segment": {"startIndex": "x"}, "groundingChunkIndices": [0]}]})
    assert [one.citation.url for one in cited(sources, (0, "a"))] == [None, None]


def written(*events: CitationOut, said: tuple[tuple[int, str], ...]) -> dict:
    citing = Citing("gemini")
    for index, text in said:
        citing.say(index, text)
    for event in events:
        citing.cite(event)
    return citing.write()


def test_a_citation_from_elsewhere_gets_a_record_of_this_wire() -> None:
    event = CitationOut(2, Citation("https://a.test", "A", start=1, end=3))
    quoted = CitationOut(0, Citation("https://b.test", cited_text="quote"))
    assert written(event, quoted, said=((0, "é"), (2, "ab"), (2, "üd"))) == {
        "groundingMetadata": {
            "groundingChunks": [
                {"web": {"uri": "https://a.test", "title": "A"}},
                {"retrievedContext": {"uri": "https://b.test", "text": "quote"}},
            ],
            "groundingSupports": [
                {
                    "segment": {"startIndex": 3, "endIndex": 6, "text": "bü"},
                    "groundingChunkIndices": [0],
                }
            ],
        }
    }


def test_a_span_that_cannot_be_said_is_left_out() -> None:
    for start, end, index in ((0, 9, 7), (5, 9, 0), (3, 2, 0), (0, 1, 1)):
        event = CitationOut(index, Citation("https://a.test", start=start, end=end))
        record = written(event, said=((1, "a"), (0, "b"), (1, "c")))
        assert "groundingSupports" not in record["groundingMetadata"]


def test_own_records_are_written_as_they_came() -> None:
    sources = grounded({**support(0, 1, "a"), "confidenceScores": [0.5]}, chunks=(WEB, MAP))
    sources.repeat({"citations": [{"uri": "https://c.test"}]})
    events = cited(sources, (0, "ab"))
    record = written(*events, said=((0, "ab"),))
    again = Sources()
    again.ground(record["groundingMetadata"])
    again.repeat(record["citationMetadata"])
    assert cited(again, (0, "ab")) == events
