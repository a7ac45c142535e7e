"""Grounding as citations, in both directions.

https://ai.google.dev/api/generate-content#GroundingMetadata

The wire lists sources, and supports: spans of the answer, each with the sources that it rests on. A span
counts bytes of UTF-8 of the whole visible text, a citation's counts characters of one text part. Each pair
of a support and a source is a citation; so is a source without a support, and a source that the wire names
because the answer repeats it. All come at the end of the answer, when its text is known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final

import attrs
import msgspec

from llmstream.jsontext import JSON, JSONObject, as_list, as_object, dumps
from llmstream.values.content import Citation
from llmstream.values.events import CitationOut
from llmstream.wire.gemini.frames import Segment
from llmstream.wire.spans import ByteText

CHUNKS: Final = "groundingChunks"
SUPPORTS: Final = "groundingSupports"
# Keys of a citation's data: the wire's own records.
CHUNK: Final = "groundingChunk"
SEGMENT: Final = "segment"
CONFIDENCE: Final = "confidenceScore"
# What the two services call the list of repeated sources.
REPEATED: Final = ("citationSources", "citations")
_DATA: Final = frozenset({CHUNK, SEGMENT, CONFIDENCE, *REPEATED})


class Sources:
    """What the wire said of its sources, each once."""

    def __init__(self) -> None:
        self._chunks: list[JSON] = []
        self._known: dict[str, JSONObject] = {}
        self._used: set[str] = set()

    def ground(self, metadata: JSONObject) -> None:
        """Take the grounding of a frame; its sources are those of the last frame that had any."""
        self._chunks = as_list(metadata.get(CHUNKS)) or self._chunks
        for support in map(as_object, as_list(metadata.get(SUPPORTS))):
            scores = as_list(support.get("confidenceScores"))
            for number, place in enumerate(as_list(support.get("groundingChunkIndices"))):
                if isinstance(place, int) and 0 <= place < len(self._chunks):
                    chunk = as_object(self._chunks[place])
                    data: JSONObject = {CHUNK: chunk}
                    if segment := as_object(support.get(SEGMENT)):
                        data[SEGMENT] = segment
                        data |= {CONFIDENCE: scores[number]} if number < len(scores) else {}
                    self._used.add(dumps(chunk))
                    self._known.setdefault(dumps(data), data)

    def repeat(self, metadata: JSONObject) -> None:
        """Take the sources that a frame says are repeated."""
        for name in REPEATED:
            for source in map(as_object, as_list(metadata.get(name))):
                self._known.setdefault(dumps({name: source}), {name: source})

    def records(self) -> Iterator[JSONObject]:
        """The data of each citation: supported sources, then those alone, then repeated ones."""
        yield from (data for data in self._known.values() if CHUNK in data)
        for chunk in {dumps(chunk): as_object(chunk) for chunk in self._chunks}.values():
            if chunk and dumps(chunk) not in self._used:
                yield {CHUNK: chunk}
        yield from (data for data in self._known.values() if CHUNK not in data)


def citations(
    records: Iterable[JSONObject],
    said: Iterable[tuple[int, str]],
    provider: str,
    *,
    fallback: Callable[[], int],
) -> Iterator[CitationOut]:
    """Make the citations; `said` is the visible text with the indices of its parts, in order.

    One without a span goes to the last text part, else to the part that `fallback` opens.
    """
    answer = _Answer(said)
    for data in records:
        place = answer.place(_segment(data))
        if place is None:
            last = answer.parts[-1] if answer.parts else fallback()
            place = last, None, None
        yield CitationOut(place[0], _citation(data, place, provider))


def _segment(data: JSONObject) -> Segment | None:
    repeated = next((as_object(data[name]) for name in REPEATED if name in data), None)
    try:
        return msgspec.convert(as_object(data.get(SEGMENT)) if repeated is None else repeated, Segment)
    except msgspec.ValidationError:
        return None


def _citation(data: JSONObject, place: tuple[int, int | None, int | None], provider: str) -> Citation:
    """Make one citation. The segment's text is the answer's, so it is no text of the source."""
    source = next(iter(data.values())) if CHUNK not in data else _inner(as_object(data[CHUNK]))
    return Citation(
        _string(source, "uri"),
        _string(source, "title"),
        cited_text=_string(source, "text"),
        start=place[1],
        end=place[2],
        provider=provider,
        data=data,
    )


def _inner(chunk: JSONObject) -> JSONObject:
    """The source of a chunk, of whatever kind: web, retrievedContext, maps, …."""
    sources = [as_object(value) for value in chunk.values() if isinstance(value, dict)]
    return sources[0] if sources else {}


def _string(source: JSON, name: str) -> str | None:
    value = as_object(source).get(name)
    return value if isinstance(value, str) and value else None


class _Answer:
    """The visible text, which finds its parts and their characters by bytes of the whole."""

    def __init__(self, said: Iterable[tuple[int, str]]) -> None:
        self.parts: list[int] = []
        pieces: list[list[str]] = []
        for index, text in said:
            if not self.parts or self.parts[-1] != index:
                self.parts.append(index)
                pieces.append([])
            pieces[-1].append(text)
        texts = ["".join(piece) for piece in pieces]
        self._text = ByteText("".join(texts))
        self._starts = [0, *accumulate(map(len, texts))]

    def place(self, segment: Segment | None) -> tuple[int, int | None, int | None] | None:
        """The part and the characters of a span; one over several parts is cut at the end of its first."""
        if segment is None or not self.parts:
            return None
        start, end = segment.start_index or 0, segment.end_index or 0
        first, last = self._text.character(start), self._text.character(end)
        if first is None or last is None or first >= last:
            return None
        # A span that is not where it says is worse than none.
        if segment.text is not None and self._text.data[start:end] != segment.text.encode("utf-8", "replace"):
            return None
        number = bisect_right(self._starts, first) - 1
        begin = self._starts[number]
        return self.parts[number], first - begin, min(last, self._starts[number + 1]) - begin


@attrs.define
class _Written:
    """The text of a part as it was written: where in the answer's bytes, and whether in one place."""

    begin: int
    end: int
    pieces: list[str] = attrs.field(factory=list[str])
    whole: bool = True


class Citing:
    """Turns citations of any provider into the wire's records, given the text as it is written."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._cited: list[CitationOut] = []
        self._written: dict[int, _Written] = {}
        self._length = 0

    def say(self, index: int, text: str) -> None:
        """Take visible text as it is written."""
        written = self._written.setdefault(index, _Written(self._length, self._length))
        written.whole = written.whole and written.end == self._length
        self._length += len(text.encode("utf-8", "replace"))
        written.end = self._length
        written.pieces.append(text)

    def cite(self, event: CitationOut) -> None:
        """Take a citation."""
        self._cited.append(event)

    def write(self) -> dict[str, JSONObject]:
        """The metadata of a candidate: grounding, and what is repeated."""
        chunks: list[JSON] = []
        supports: list[JSON] = []
        repeated: JSONObject = {}
        for event in self._cited:
            data = self._record(event)
            name = next((name for name in REPEATED if name in data), None)
            if name is not None:
                repeated.setdefault(name, []).append(data[name])
                continue
            if segment := as_object(data.get(SEGMENT)):
                support: JSONObject = {SEGMENT: segment, "groundingChunkIndices": [len(chunks)]}
                if CONFIDENCE in data:
                    support["confidenceScores"] = [data[CONFIDENCE]]
                supports.append(support)
            chunks.append(data[CHUNK])
        grounding: JSONObject = {CHUNKS: chunks} if chunks else {}
        if supports:
            grounding[SUPPORTS] = supports
        found = {"groundingMetadata": grounding, "citationMetadata": repeated}
        return {name: record for name, record in found.items() if record}

    def _record(self, event: CitationOut) -> JSONObject:
        """The wire's record of a citation: its own where it has one."""
        citation = event.citation
        own = citation.data if citation.provider == self._provider else {}
        if any(as_object(own.get(name)) for name in (CHUNK, *REPEATED)):
            return {name: value for name, value in own.items() if name in _DATA}
        source: JSONObject = {"uri": citation.url or ""}
        if citation.title is not None:
            source["title"] = citation.title
        if citation.cited_text is not None:
            source["text"] = citation.cited_text
        kind = "web" if citation.cited_text is None else "retrievedContext"
        segment = self._segment(event)
        return {CHUNK: {kind: source}, **({SEGMENT: segment} if segment else {})}

    def _segment(self, event: CitationOut) -> JSONObject:
        """The span in bytes of the whole; a part that is not in one place is cited without."""
        written, start, end = self._written.get(event.index), event.citation.start, event.citation.end
        if written is None or start is None or end is None or not (written.whole and 0 <= start < end):
            return {}
        text = "".join(written.pieces)
        written.pieces = [text]
        cited = text[start:end]
        begin = written.begin + len(text[:start].encode("utf-8", "replace"))
        segment = {"startIndex": begin, "endIndex": begin + len(cited.encode("utf-8", "replace"))}
        return {**segment, "text": cited} if cited else {}
