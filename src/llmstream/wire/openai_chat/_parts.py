"""The parts of one answer in the making: which is open, and which index comes next.

The wire marks no boundaries: text, refusal, reasoning and audio each go on until something else comes,
and a return to them opens a new part. Only entries of `reasoning_details` have an identity, by which the
fragments of one part are told from those of the next.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from llmstream.jsontext import JSON, JSONObject
from llmstream.values.content import Citation, Logprob
from llmstream.values.events import (
    AudioDelta,
    CitationOut,
    Event,
    PartKind,
    PartMetadata,
    ReasoningDelta,
    TextDelta,
)
from llmstream.wire.openai_chat._names import DETAIL, THINKING

Open: TypeAlias = Literal["text", "refusal", "reasoning", "audio", "other"]
_ENCRYPTED = "reasoning.encrypted"
# The fields of an entry that hold what it says aloud, by its type.
SPOKEN = ("text", "summary")
_RAW_AUDIO = "audio/pcm"
_MAGIC = {
    b"RIFF": "audio/wav",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
}


class Parts:
    """Where deltas go. `count` is the next index; `kind` and `index` are the part that is open."""

    __slots__ = (
        "_detail",
        "_media_type",
        "_residue",
        "_thought",
        "_written",
        "count",
        "index",
        "kind",
        "provider",
    )

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.count = 0
        self.kind: Open = "other"
        self.index = -1
        # Indices of the text parts, for citations.
        self._written: list[int] = []
        # The last reasoning part: its index, the identity of its entry, and what the entry said.
        self._thought = -1
        self._detail: tuple[JSON, JSON] | None = None
        self._residue: JSONObject = {}
        self._media_type = ""

    def open(self, kind: Open = "other") -> int:
        """Take the next index."""
        index = self.index = self.count
        self.count += 1
        self.kind = kind
        if kind in {"text", "refusal"}:
            self._written.append(index)
        elif kind == "reasoning":
            self._thought, self._detail, self._residue = index, None, {}
        return index

    def text(self, text: str, logprobs: tuple[Logprob, ...] = (), *, refusal: bool = False) -> Event:
        """More text."""
        kind: Open = "refusal" if refusal else "text"
        index = self.index if self.kind == kind else self.open(kind)
        return TextDelta(index, text, logprobs, refusal)

    def reasoning(self, text: str) -> Event:
        """More reasoning."""
        return ReasoningDelta(self.index if self.kind == "reasoning" else self.open("reasoning"), text)

    def detail(self, entry: JSONObject) -> list[Event]:
        """Take one entry of `reasoning_details`."""
        if entry.get("type") == _ENCRYPTED:
            return [self._silent(entry)]
        text = detail_text(entry)
        if not text and not _joined({}, entry):
            return []
        identity = (entry.get("type"), entry.get("index"))
        opens = not self._continues(identity, spoken=any(name in entry for name in SPOKEN))
        if opens:
            self.open("reasoning")
        self._detail = identity
        events: list[Event] = []
        residue = _joined(self._residue, entry)
        if residue != self._residue:
            self._residue = residue
            kind: PartKind | None = "reasoning" if opens else None
            events.append(PartMetadata(self._thought, self.provider, {DETAIL: residue}, kind=kind))
        if text:
            events.append(ReasoningDelta(self._thought, text))
        return events

    def _continues(self, identity: tuple[JSON, JSON], *, spoken: bool) -> bool:
        """Whether an entry goes on with the last reasoning part.

        A signature alone may come after the text that follows the reasoning. An entry with a text, be it
        an empty one, belongs where it comes.
        """
        known = self._thought >= 0 and (self._detail is None or self._detail == identity)
        return known and (not spoken or self.kind == "reasoning")

    def _silent(self, entry: JSONObject) -> Event:
        """Ciphertext is a part of its own and closes none: it may come in the middle of a text."""
        index = self.count
        self.count += 1
        return PartMetadata(index, self.provider, {DETAIL: entry}, kind="reasoning")

    def block(self, text: str, rest: JSONObject) -> list[Event]:
        """Reasoning as a part of the content, with what else the part says."""
        events: list[Event] = []
        if rest:
            opens = self.kind != "reasoning"
            index = self.open("reasoning") if opens else self.index
            events.append(
                PartMetadata(index, self.provider, {THINKING: rest}, kind="reasoning" if opens else None)
            )
        if text:
            events.append(self.reasoning(text))
        return events

    def audio(self, data: bytes, transcript: str, about: JSONObject) -> list[Event]:
        """More audio; `about` is its id and its expiry."""
        events: list[Event] = []
        if not (data or transcript or about):
            return events
        opens = self.kind != "audio"
        index = self.open("audio") if opens else self.index
        if opens:
            self._media_type = ""
        if about:
            events.append(PartMetadata(index, self.provider, about, kind="attachment" if opens else None))
        if data or transcript:
            # A transcript that comes first must not fix the media type.
            self._media_type = self._media_type or (_sniff(data) if data else "")
            events.append(AudioDelta(index, data, media_type=self._media_type, transcript=transcript))
        return events

    def citation(self, citation: Citation) -> Event:
        """A source for the text that is open, else for the last one, else for one to come."""
        index = self._written[-1] if self._written else self.open("text")
        return CitationOut(index, citation)

    @property
    def spans(self) -> bool:
        """Whether offsets into the content are offsets into its one text part."""
        return len(self._written) <= 1


def spoken_field(entry: JSONObject) -> str | None:
    """The field that an entry's text goes into; None for one that says nothing aloud."""
    kind = str(entry.get("type"))
    return None if kind == _ENCRYPTED else "summary" if kind.endswith("summary") else "text"


def detail_text(entry: JSONObject) -> str:
    """What an entry of `reasoning_details` says aloud."""
    for name in SPOKEN:
        text = entry.get(name)
        if isinstance(text, str) and text:
            return text
    return ""


def _joined(residue: JSONObject, entry: JSONObject) -> JSONObject:
    """The entry so far, without its text; an empty value does not undo one that came before."""
    joined = dict(residue)
    for name, value in entry.items():
        if name not in SPOKEN and (value not in (None, "") or name not in joined):
            joined[name] = value
    return joined


def _sniff(data: bytes) -> str:
    """The media type of audio, which the wire does not name."""
    for magic, media_type in _MAGIC.items():
        if data.startswith(magic):
            return media_type
    return _RAW_AUDIO
