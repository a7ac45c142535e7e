"""From the frames of the wire to events.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent

A frame holds parts of candidates; only candidate 0 is read. Text goes on in the part that is open while it
is of one kind, visible or thought. A signature marks a boundary: what it stands beside is a part of its
own, be it empty, for it goes back beside just that. Its metadata comes before the text, and the metadata of
a call right behind its start.

The answer is complete with a finish reason or a reason why the prompt was blocked. Nothing on this wire is
its last frame: Done, and the citations that count the whole text, wait for the end of the body, so that
usage that comes late is in it and an error that comes late wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Final, TypeVar

import msgspec

from llmstream.errors import LLMStreamError, MalformedFrameError, TruncatedStreamError, WireError
from llmstream.jsontext import JSON, JSONError, JSONObject, as_list, as_object, dumps, loads
from llmstream.values.content import Logprob
from llmstream.values.events import (
    AudioDelta,
    Done,
    Event,
    ImageOut,
    OpaqueOut,
    PartKind,
    PartMetadata,
    Raw,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    text_delta,
)
from llmstream.values.usage import Usage
from llmstream.wire.codec import Ids, counter
from llmstream.wire.failures import failure
from llmstream.wire.framing import Frame
from llmstream.wire.gemini import parts as wire
from llmstream.wire.gemini.ending import finish_of, reason_name, usage_of
from llmstream.wire.gemini.files import attachment_of
from llmstream.wire.gemini.frames import (
    Blob,
    Candidate,
    Chunk,
    FunctionCall,
    HotChunk,
    ServerCall,
    chunk_of,
    read_hot,
)
from llmstream.wire.gemini.grounding import CHUNKS, REPEATED, SUPPORTS, Sources, citations
from llmstream.wire.gemini.logprobs import logprobs_of
from llmstream.wire.gemini.patches import Arguments

_EXCERPT: Final = 200
# What a frame, or its candidate, says of the answer as a whole: the last of each stands.
FRAME_METADATA: Final = ("promptFeedback", "createTime", "modelStatus")
CANDIDATE_METADATA: Final = (
    "finishMessage",
    "safetyRatings",
    "avgLogprobs",
    "groundingMetadata",
    "urlContextMetadata",
    "citationMetadata",
)
# What of these becomes citations.
_CITED: Final = {"groundingMetadata": (CHUNKS, SUPPORTS), "citationMetadata": REPEATED}

_ErrorT = TypeVar("_ErrorT", bound=LLMStreamError)
_StructT = TypeVar("_StructT", bound=msgspec.Struct)


class Decoder:
    """A stage from the frames of one response body to its events.

    Raises:
        ProviderError: when a frame says that the provider gave up.
        MalformedFrameError: when a frame is none of this wire; it has the frame's number and an excerpt.
        TruncatedStreamError: when the body ends before the answer was complete.
    """

    def __init__(self, provider: str, *, ids: Ids | None = None, raw: bool = False) -> None:
        self._provider = provider
        self._ids = ids or counter()
        self._raw = raw
        self._frames = 0
        self._cut = False
        self._ended = False
        self._count = 0
        # The part that text or audio goes on in, and what it is of.
        self._index = -1
        self._open = ""
        # What each text part says, in pieces; and those of the one that is open.
        self._said: list[tuple[int, list[str]]] = []
        self._pieces: list[str] = []
        self._logprobs: tuple[Logprob, ...] = ()
        self._sources = Sources()
        # The wire's ids of calls and ours, and the server-side calls that have no result yet, by tool.
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()
        self._asked: dict[str, str] = {}
        self._streamed: tuple[int, Arguments] | None = None
        self._called = False
        self._id: str | None = None
        self._model: str | None = None
        self._finish: str | None = None
        self._blocked: str | None = None
        self._usage: JSONObject | msgspec.Raw | None = None
        self._ratings: msgspec.Raw | None = None
        self._created = ""
        self._metadata: JSONObject = {}

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        """Take one frame."""
        self._frames += 1
        if self._raw or self._cut:
            return self._take(frame)
        try:
            chunk = read_hot(frame.data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return self._take(frame)
        candidates = chunk.candidates
        if len(candidates) != 1 or candidates[0].index:
            return self._take(frame)
        return self._hot(chunk)

    def feed_eof(self) -> Iterable[Event]:
        """Say that the body has ended."""
        if self._finish is None and self._blocked is None:
            got = f"the end of the body after {self._frames} frames" if self._frames else "an empty body"
            raise self._told(TruncatedStreamError(f"expected a finish reason or a block reason, got {got}"))
        return self.end()

    def _hot(self, chunk: HotChunk) -> Iterable[Event]:
        """Take a frame that only adds text."""
        candidate = chunk.candidates[0]
        parts = candidate.content.parts
        if len(parts) == 1 and self._open == "text" and not parts[0].thought and parts[0].text:
            # Nearly all frames are this one: more of the text that is open.
            text = parts[0].text
            self._pieces.append(text)
            out: Sequence[Event] = (text_delta(self._index, text),)
        else:
            out = [event for part in parts if part.text for event in self._more(part.text, part.thought)]
        if chunk.usageMetadata:
            self._usage = chunk.usageMetadata
        if candidate.safetyRatings:
            self._ratings = candidate.safetyRatings
        self._model = chunk.modelVersion or self._model
        self._id = chunk.responseId or self._id
        self._created = chunk.createTime or self._created
        return out

    def _take(self, frame: Frame) -> Iterator[Event]:
        """Take a frame of any kind."""
        text = frame.data.strip()
        if not text or self._ended:
            return
        if self._cut:
            raise self._malformed("a frame before this one is cut off", text)
        try:
            value = loads(text)
        except JSONError as error:
            if not _is_cut(text):
                raise self._malformed(str(error), text) from error
            # The last frame of a body that was cut off; whether the answer was complete, its end tells.
            self._cut = True
            return
        for record in as_list(value) if isinstance(value, list) else [value]:
            yield from self._record(record, text)

    def _record(self, record: JSON, text: str) -> Iterator[Event]:
        if self._raw:
            yield Raw(record)
        if isinstance(record, dict) and as_object(record).get("error"):
            raise self._told(failure(as_object(record), text, phase="stream"))
        out: list[Event] = []
        error: Exception | None = None
        try:
            self.chunk(as_object(record) if isinstance(record, dict) else record, out)
        except (msgspec.ValidationError, ValueError) as caught:
            error = caught
        yield from out
        if error is not None:
            raise self._malformed(str(error), text) from error

    def chunk(self, record: JSONObject, out: list[Event]) -> None:
        """Take one frame that was read already, and append its events.

        Raises:
            ValueError: when it is not shaped like a frame.
        """
        chunk = chunk_of(record)
        self._head(chunk, record)
        for number, candidate in enumerate(chunk.candidates or ()):
            if not candidate.index:
                given = as_list(record["candidates"])[number]
                self._candidate(candidate, as_object(given), out)
                return

    def _head(self, chunk: Chunk, record: JSONObject) -> None:
        self._model = chunk.model_version or self._model
        self._id = chunk.response_id or self._id
        if chunk.usage_metadata:
            self._usage = chunk.usage_metadata
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            self._blocked = str(chunk.prompt_feedback.block_reason)
        self._note(record, FRAME_METADATA)

    def _note(self, record: JSONObject, names: Iterable[str]) -> None:
        """Keep what belongs to the end of the answer."""
        for name in names:
            value = record.get(name)
            if name in _CITED:
                value = {key: one for key, one in as_object(value).items() if key not in _CITED[name]}
            if value not in (None, {}, []):
                self._metadata[name] = value

    def _candidate(self, candidate: Candidate, record: JSONObject, out: list[Event]) -> None:
        # What stands beside the parts belongs to the first of the visible text.
        self._logprobs = logprobs_of(candidate.logprobs_result or {})
        given = candidate.content.parts if candidate.content else None
        for part in given or ():
            self._parts.get(wire.kind_of(part), Decoder._opaque)(self, part, out)
        if candidate.grounding_metadata:
            self._sources.ground(candidate.grounding_metadata)
        if candidate.citation_metadata:
            self._sources.repeat(candidate.citation_metadata)
        if candidate.safety_ratings is not None:
            self._ratings = None
        self._note(record, CANDIDATE_METADATA)
        if candidate.finish_reason:
            self._finish = reason_name(candidate.finish_reason)

    def _begin(self, kind: str) -> int:
        """Take the next index, for a part that may go on."""
        self._index = self._count
        self._count += 1
        self._open = kind
        if kind == "text":
            self._pieces = []
            self._said.append((self._index, self._pieces))
        return self._index

    def _next(self) -> int:
        """Take the next index, for a part that is whole."""
        return self._begin("")

    def _meta(self, index: int, data: JSONObject, kind: PartKind | None = None) -> Event:
        return PartMetadata(index, self._provider, data, kind=kind)

    def _more(self, text: str, thought: bool, logprobs: tuple[Logprob, ...] = ()) -> Iterator[Event]:
        """Go on with the text that is open, or open one."""
        if thought:
            if self._open != "reasoning":
                yield self._meta(self._begin("reasoning"), {"thought": True}, "reasoning")
            yield ReasoningDelta(self._index, text)
        else:
            if self._open != "text":
                self._begin("text")
            self._pieces.append(text)
            yield TextDelta(self._index, text, logprobs)

    def _text(self, part: JSONObject, out: list[Event]) -> None:
        text, rest = part.get("text"), wire.beside(part, wire.TEXT)
        if text is not None and not isinstance(text, str):
            raise ValueError(f"expected text in a part, got {type(text).__name__}")
        thought = rest.get("thought") is True
        if rest.keys() > {"thought"} if thought else rest:
            kind: PartKind = "reasoning" if thought else "text"
            index = self._begin(kind)
            out.append(self._meta(index, rest, kind))
        if text or (self._logprobs and not thought):
            logprobs, self._logprobs = ((), self._logprobs) if thought else (self._logprobs, ())
            out += self._more(text or "", thought, logprobs)
        if rest.keys() - {"thought"}:
            self._open = ""

    def _call(self, part: JSONObject, out: list[Event]) -> None:
        call = self._read(part, wire.CALL, FunctionCall)
        rest = wire.beside(part, wire.CALL) | wire.beyond(as_object(part[wire.CALL]), wire.CALL)
        if self._streamed is not None and not call.name:
            index, _ = self._streamed
            if rest:
                out.append(self._meta(index, rest))
            self._patch(call, out)
            return
        self._close(out)
        if not call.name:
            # The end of a call that has ended already.
            if call.args or call.partial_args:
                raise ValueError("expected a name of a call, got none")
            return
        index = self._start(call.name, call.id, rest, out)
        self._called = True
        if call.will_continue or call.partial_args:
            self._streamed = index, Arguments()
            out.append(ToolCallArgsDelta(index, "{"))
            self._patch(call, out)
        else:
            self._whole(index, call.args or {}, out)

    def _patch(self, call: FunctionCall, out: list[Event]) -> None:
        """Take more of the arguments of the call that is open."""
        if self._streamed is None:
            return
        index, arguments = self._streamed
        pieces = [arguments.put((key,), value) for key, value in (call.args or {}).items()]
        pieces += [arguments.apply(patch) for patch in call.partial_args or ()]
        out += [ToolCallArgsDelta(index, piece) for piece in pieces if piece]
        if not call.will_continue:
            self._close(out)

    def _close(self, out: list[Event]) -> None:
        """End the call whose arguments came in patches."""
        if self._streamed is not None:
            (index, arguments), self._streamed = self._streamed, None
            out.append(ToolCallArgsDelta(index, arguments.end()))
            out.append(ToolCallEnd(index, arguments.value))

    def _start(
        self, name: str, id: str | None, rest: JSONObject, out: list[Event], *, server: bool = False
    ) -> int:
        """Open a call; what the wire gave as its id is kept, for ours may be another."""
        index = self._next()
        ours = id or self._ids()
        while ours in self._taken:
            ours = self._ids()
        self._taken.add(ours)
        if id:
            self._known[id] = ours
        out.append(ToolCallStart(index, id=ours, name=name, server_executed=server))
        out.append(self._meta(index, {**rest, "id": id or None}))
        if server:
            self._asked[name] = ours
        return index

    def _whole(self, index: int, arguments: JSONObject, out: list[Event]) -> None:
        if arguments:
            out.append(ToolCallArgsDelta(index, dumps(arguments)))
        out.append(ToolCallEnd(index, arguments))

    def _server_call(self, part: JSONObject, out: list[Event]) -> None:
        call = self._read(part, wire.SERVER_CALL, ServerCall)
        data = as_object(part[wire.SERVER_CALL])
        rest = wire.beside(part, wire.SERVER_CALL) | wire.beyond(data, wire.SERVER_CALL)
        rest["type"] = wire.SERVER_CALL
        self._whole(self._start(call.tool_type, call.id, rest, out, server=True), call.args or {}, out)

    def _code(self, part: JSONObject, out: list[Event]) -> None:
        code = as_object(part[wire.CODE])
        rest = {**wire.beside(part, wire.CODE), "type": wire.CODE}
        index = self._start(wire.CODE_TOOL, _string(code.get("id")), rest, out, server=True)
        self._whole(index, {key: value for key, value in code.items() if key != "id"}, out)

    def _server_result(self, part: JSONObject, out: list[Event]) -> None:
        result = self._read(part, wire.SERVER_RESULT, ServerCall)
        data, name = as_object(part[wire.SERVER_RESULT]), result.tool_type
        rest = wire.beside(part, wire.SERVER_RESULT) | wire.beyond(data, wire.SERVER_RESULT)
        rest |= {"type": wire.SERVER_RESULT, "id": result.id or None}
        index, answered = self._next(), self._answered(name, result.id)
        out.append(ToolResultOut(index, answered, name=name, output=result.response, server_executed=True))
        out.append(self._meta(index, rest))

    def _code_result(self, part: JSONObject, out: list[Event]) -> None:
        result = as_object(part[wire.CODE_RESULT])
        id, name = _string(result.get("id")), wire.CODE_TOOL
        rest = {**wire.beside(part, wire.CODE_RESULT), "type": wire.CODE_RESULT, "id": id or None}
        output = {key: value for key, value in result.items() if key != "id"}
        index, answered, error = self._next(), self._answered(name, id), wire.code_error(output)
        out.append(
            ToolResultOut(index, answered, name=name, output=output, error=error, server_executed=True)
        )
        out.append(self._meta(index, rest))

    def _answered(self, name: str, id: str | None) -> str:
        """Our id of the server-side call that a result is for; without the wire's, the last of its tool."""
        return self._known.get(id, id) if id else self._asked.get(name) or self._ids()

    def _inline(self, part: JSONObject, out: list[Event]) -> None:
        blob = self._read(part, wire.INLINE, Blob)
        given = as_object(part[wire.INLINE])
        rest = wire.beside(part, wire.INLINE) | wire.beyond(given, wire.INLINE)
        attachment = attachment_of(blob)
        media_type = attachment.media_type or ""
        sound = media_type.startswith("audio/")
        if rest or not sound or self._open != media_type:
            self._begin(media_type if sound else "")
        if rest:
            out.append(self._meta(self._index, rest, "attachment"))
            self._open = ""
        if sound:
            out.append(AudioDelta(self._index, attachment.data or b"", media_type=media_type))
        else:
            out.append(ImageOut(self._index, attachment))

    def _file(self, part: JSONObject, out: list[Event]) -> None:
        blob = self._read(part, wire.FILE, Blob)
        rest = wire.beside(part, wire.FILE) | wire.beyond(as_object(part[wire.FILE]), wire.FILE)
        index = self._next()
        if rest:
            out.append(self._meta(index, rest, "attachment"))
        out.append(ImageOut(index, attachment_of(blob)))

    def _opaque(self, part: JSONObject, out: list[Event]) -> None:
        out.append(OpaqueOut(self._next(), self._provider, type=wire.kind_of(part), data=part))

    def _read(self, part: JSONObject, kind: str, shape: type[_StructT]) -> _StructT:
        return msgspec.convert(part[kind], shape)

    def end(self) -> Iterable[Event]:
        """End the answer, as the end of the body does."""
        if self._ended:
            return ()
        self._ended = True
        out: list[Event] = []
        said = [(index, "".join(pieces)) for index, pieces in self._said if any(pieces)]
        out += citations(self._sources.records(), said, self._provider, fallback=self._next)
        return [*out, self._ending()]

    def _ending(self) -> Done:
        metadata = dict(self._metadata)
        if self._ratings is not None and (ratings := loads(bytes(self._ratings))):
            metadata["safetyRatings"] = ratings
        if self._created:
            metadata["createTime"] = self._created
        finish = None if self._finish is None else finish_of(self._finish, called=self._called)
        return Done(
            finish_reason="content_filter" if self._finish is None and self._blocked else finish,
            raw_finish_reason=self._blocked if self._finish is None else self._finish,
            usage=self._counted(),
            id=self._id,
            model=self._model,
            provider_metadata={self._provider: metadata} if metadata else {},
        )

    def _counted(self) -> Usage | None:
        usage = self._usage
        return usage_of(as_object(loads(bytes(usage)) if isinstance(usage, msgspec.Raw) else usage))

    def _told(self, error: _ErrorT) -> _ErrorT:
        """Put what is known of the answer as a whole on the error that ends it."""
        error.ending = self._ending()
        return error

    def _malformed(self, why: str, text: str) -> WireError:
        got = f"got {text[:_EXCERPT]!r} in frame {self._frames}"
        return self._told(MalformedFrameError(f"expected a frame of generated content, {got}: {why}"))

    _parts: ClassVar[dict[str, Callable[[Decoder, JSONObject, list[Event]], None]]] = {
        wire.TEXT: _text,
        wire.CALL: _call,
        wire.SERVER_CALL: _server_call,
        wire.SERVER_RESULT: _server_result,
        wire.CODE: _code,
        wire.CODE_RESULT: _code_result,
        wire.INLINE: _inline,
        wire.FILE: _file,
    }


_read_any: Final = msgspec.json.Decoder().decode


def _is_cut(text: str) -> bool:
    """Whether text that is no JSON is the beginning of some."""
    if not text.startswith(("{", "[")):
        return False
    try:
        _read_any(text)
    except msgspec.DecodeError as error:
        return "truncated" in str(error) or not text.endswith(("}", "]"))
    except RecursionError:
        pass
    return False


def _string(value: JSON) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"expected an id that is text, got {type(value).__name__}")
