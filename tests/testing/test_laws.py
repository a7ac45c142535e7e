"""The laws hold for a toy codec, and each of them finds the codec that breaks it."""

import tracemalloc
from collections.abc import Iterable, Iterator

import attrs
import pytest

from llmstream.errors import (
    FrameTooLargeError,
    InvalidRequestError,
    MalformedFrameError,
    ProviderError,
    TruncatedStreamError,
    UnsupportedError,
)
from llmstream.jsontext import JSONError, dumps, loads
from llmstream.testing import laws, splits
from llmstream.values.events import (
    Done,
    Event,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmstream.values.request import Request
from llmstream.values.usage import Usage
from llmstream.wire.codec import Ids
from llmstream.wire.framing import MAX_FRAME_BYTES, Frame
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead


class Lines:
    """One frame a line."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, item: bytes) -> Iterator[Frame]:
        first, *others = item.split(b"\n")
        self._pieces.append(first)
        for piece in others:
            yield Frame(data=b"".join(self._pieces).decode())
            self._pieces = [piece]

    def feed_eof(self) -> Iterable[Frame]:
        return ()


def read(text: str) -> str:
    try:
        return loads(text)
    except JSONError as error:
        raise MalformedFrameError(f"expected a string, got {text!r}") from error


class ToyDecoder:
    """A line `t"…"` is text, `n` says that the answer is complete, `u7` what it took, `!…` that it failed."""

    def __init__(self) -> None:
        self._complete = False
        self._usage: Usage | None = None

    def feed(self, item: Frame) -> Iterator[Event]:
        match item.data[:1], item.data[1:]:
            case "t", text:
                yield TextDelta(0, read(text))
            case "n", "":
                self._complete = True
            case "u", number:
                self._usage = Usage(output=int(number))
            case "!", message:
                raise ProviderError(message)
            case kind, _:
                raise MalformedFrameError(f"expected t, n, u or !, got {kind!r}")

    def feed_eof(self) -> Iterator[Event]:
        if not self._complete:
            raise TruncatedStreamError("expected a line n")
        yield Done(finish_reason="stop", usage=self._usage)


class ToyEncoder:
    def feed(self, item: Event) -> Iterator[bytes]:
        match item:
            case TextDelta(text=text):
                yield b"t" + dumps(text).encode() + b"\n"
            case Done(usage=usage):
                yield b"n\n"
                if usage is not None:
                    yield b"u%d\n" % usage.output
            case _:
                raise UnsupportedError("this wire has only text")

    def feed_eof(self) -> Iterable[bytes]:
        return ()


class ToyServer:
    def __init__(self, encoder: type[ToyEncoder]) -> None:
        self._encoder = encoder

    def request(self, http: HttpRequest) -> Request:
        return Request(http.body.decode())

    def head(self, request: Request) -> ResponseHead:
        return ResponseHead(200, {"content-type": "text/lines"})

    def encoder(self, request: Request) -> ToyEncoder:
        return self._encoder()

    def refuse(self, error: ProviderError) -> HttpResponse:
        return HttpResponse(ResponseHead(400), str(error).encode())

    def canonical(self, events: Iterable[Event]) -> tuple[Event, ...]:
        out: list[Event] = []
        for event in events:
            match event:
                case TextDelta(text=text):
                    out.append(TextDelta(0, text))
                case Done(usage=usage):
                    out.append(Done(finish_reason="stop", usage=usage and Usage(output=usage.output)))
                case _:
                    raise UnsupportedError("this wire has only text")
        return tuple(out)


@attrs.frozen
class Toy:
    name: str = "toy"
    provider: str = "toy"
    framing: type[Lines] = Lines
    decoding: type[ToyDecoder] = ToyDecoder
    encoding: type[ToyEncoder] = ToyEncoder

    @property
    def server(self) -> ToyServer:
        return ToyServer(self.encoding)

    def encode(self, request: Request) -> HttpRequest:
        return HttpRequest("POST", "/", body=request.model.encode())

    def framer(self, head: ResponseHead, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Lines:
        return self.framing()

    def decoder(self, head: ResponseHead, *, ids: Ids | None = None, raw: bool = False) -> ToyDecoder:
        return self.decoding()

    def error(self, head: ResponseHead, body: bytes) -> ProviderError:
        return InvalidRequestError(body.decode(), status=head.status)


TOY = Toy()
BODY = b't"one"\nt" \xe2\x82\xac"\nn\nu7\n'
EVENTS = [TextDelta(0, "one"), TextDelta(0, " €"), Done(finish_reason="stop", usage=Usage(output=7))]
CALL = ToolCallStart(0, id="c1", name="f")


def test_all_events_of_a_body_are_decoded():
    assert laws.decode_all(TOY, [BODY]) == (EVENTS, None)


def test_the_events_before_a_failure_are_kept():
    events, error = laws.decode_all(TOY, [b't"one"\nx\n'])
    assert events == EVENTS[:1]
    assert isinstance(error, MalformedFrameError)


def test_a_refusal_is_read_by_the_codec():
    events, error = laws.decode_all(TOY, [b"n", b"o"], head=ResponseHead(404))
    assert events == []
    assert isinstance(error, InvalidRequestError)
    assert (str(error), error.status) == ("no", 404)


def test_faults_of_the_codec_itself_are_let_through():
    with pytest.raises(ValueError, match="invalid literal"):
        laws.decode_all(TOY, [b"ux\n"])


def test_the_law_of_splits_holds():
    laws.split(TOY, BODY, cuttings=splits.two_way)
    laws.split(TOY, BODY)
    laws.split(TOY, b"t1\n!no\n")


class PieceLines(Lines):
    def feed(self, item: bytes) -> Iterator[Frame]:
        return (Frame(data=line.decode("utf-8", "replace")) for line in item.splitlines())


def test_a_framer_that_takes_pieces_for_frames_breaks_the_law_of_splits():
    with pytest.raises(AssertionError, match="cutting 0 into"):
        laws.split(Toy(framing=PieceLines), BODY)


def test_the_law_of_truncation_holds():
    laws.truncation(TOY, BODY)
    laws.truncation(TOY, BODY, offsets=range(len(BODY)))
    laws.truncation(TOY, b't"a"\nn\n!late\n')
    laws.truncation(TOY, b"")


def test_frames_end_where_the_framer_says():
    assert laws.boundaries(TOY, BODY) == [7, 15, 17, 20]


class QuietDecoder(ToyDecoder):
    def feed_eof(self) -> Iterator[Event]:
        yield Done(finish_reason="stop")


class WavererDecoder(ToyDecoder):
    def feed_eof(self) -> Iterator[Event]:
        yield Done(finish_reason="stop" if self._complete else "length")


class SilentDecoder(ToyDecoder):
    def feed_eof(self) -> Iterator[Event]:
        return iter(())


class InventiveDecoder(ToyDecoder):
    def feed_eof(self) -> Iterator[Event]:
        if not self._complete:
            yield TextDelta(0, "…")
        yield from super().feed_eof()


class AngryDecoder(ToyDecoder):
    def feed_eof(self) -> Iterator[Event]:
        if not self._complete:
            raise FrameTooLargeError("no")
        return super().feed_eof()


@pytest.mark.parametrize(
    ("decoding", "message"),
    [
        (QuietDecoder, "a quiet half answer: 2 events fewer"),
        (SilentDecoder, "expected Done or an error"),
        (InventiveDecoder, "events that the whole has not"),
        (AngryDecoder, "expected TruncatedStreamError"),
    ],
)
def test_a_decoder_that_hides_a_truncation_breaks_the_law(decoding: type[ToyDecoder], message: str):
    with pytest.raises(AssertionError, match=message):
        laws.truncation(Toy(decoding=decoding), BODY)


def test_a_finish_reason_that_changes_breaks_the_law_of_truncation():
    with pytest.raises(AssertionError, match="expected the finish reason stop, got length"):
        laws.truncation(Toy(decoding=WavererDecoder), BODY, offsets=[15])


def test_the_grammar_holds():
    laws.grammar(EVENTS)
    laws.grammar(EVENTS[:-1], complete=False)
    laws.grammar(
        [CALL, ToolCallArgsDelta(0, '{"a": '), ToolCallArgsDelta(0, "1}"), ToolCallEnd(0, {"a": 1}), Done()]
    )
    laws.grammar([CALL, ToolCallEnd(0, {"from": "an object"}), Done()])


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], "expected a Done"),
        ([TextDelta(0, "a")], "expected a Done"),
        ([Done(), TextDelta(0, "a")], "event 1 breaks the grammar"),
        ([Done(), Done()], "event 1 breaks the grammar"),
        ([TextDelta(1, "a"), Done()], "event 0 breaks the grammar"),
        ([TextDelta(0, "a"), ReasoningDelta(0, "b"), Done()], "event 1 breaks the grammar"),
        ([ToolCallArgsDelta(0, "{}"), Done()], "event 0 breaks the grammar"),
        ([ToolCallStart(0, id="c", name=""), Done()], "a call with a name"),
        ([ToolCallStart(0, id="", name="f"), Done()], "an id of its own"),
        ([CALL, attrs.evolve(CALL, index=1), Done()], "an id of its own"),
        ([CALL, ToolCallArgsDelta(0, "{"), ToolCallEnd(0, {}), Done()], "the arguments that the text"),
        ([attrs.evolve(CALL, custom=True), ToolCallEnd(0, {}), Done()], "no arguments of a custom call"),
    ],
)
def test_events_that_break_the_grammar_are_refused(events: list[Event], message: str):
    with pytest.raises(AssertionError, match=message):
        laws.grammar(events)


def test_a_done_in_an_answer_that_failed_breaks_the_grammar():
    with pytest.raises(AssertionError, match="expected no Done"):
        laws.grammar(EVENTS, complete=False)


def test_the_law_of_round_trips_holds():
    assert laws.round_trip(TOY, EVENTS)
    assert laws.round_trip(TOY, [TextDelta(0, "x"), Done(model="lost")], request=Request("m"))
    assert not laws.round_trip(TOY, [ReasoningDelta(0, "hm"), Done()])


class LossyEncoder(ToyEncoder):
    def feed(self, item: Event) -> Iterator[bytes]:
        return super().feed(item) if isinstance(item, Done) else iter(())


class ShyEncoder(ToyEncoder):
    def feed(self, item: Event) -> Iterator[bytes]:
        raise UnsupportedError("no")


class EagerEncoder(ToyEncoder):
    def feed(self, item: Event) -> Iterator[bytes]:
        yield b"t1\n"


class BrokenEncoder(ToyEncoder):
    def feed(self, item: Event) -> Iterator[bytes]:
        yield b"?\n"


@pytest.mark.parametrize(
    ("encoding", "events", "message"),
    [
        (LossyEncoder, EVENTS, "event 0: expected TextDelta"),
        (ShyEncoder, EVENTS, "expected the events to be encoded, got UnsupportedError"),
        (BrokenEncoder, EVENTS, "do not decode: MalformedFrameError"),
        (EagerEncoder, [ReasoningDelta(0, "hm"), Done()], "expected the encoder to refuse"),
    ],
)
def test_an_encoder_that_says_another_thing_breaks_the_law(
    encoding: type[ToyEncoder], events: list[Event], message: str
):
    with pytest.raises(AssertionError, match=message):
        laws.round_trip(Toy(encoding=encoding), events)


def test_the_law_of_prefixes_holds():
    laws.prefix(EVENTS)
    laws.prefix([*(TextDelta(0, str(number)) for number in range(300)), Done()])


def text_body(size: int) -> bytes:
    return b't"word "\n' * size + b"n\n"


class WholeBody(Lines):
    """A framer that copies what it has for every piece, and gives it at the end."""

    def __init__(self) -> None:
        self._whole = b""

    def feed(self, item: bytes) -> Iterator[Frame]:
        self._whole = self._whole + item
        return iter(())

    def feed_eof(self) -> Iterator[Frame]:
        return (Frame(data=line.decode()) for line in self._whole.splitlines())


class RereadingDecoder(ToyDecoder):
    """A decoder that goes through all frames again for every frame."""

    def __init__(self) -> None:
        super().__init__()
        self._frames: list[Frame] = []

    def feed(self, item: Frame) -> Iterator[Event]:
        self._frames.append(item)
        for frame in self._frames:
            frame.data.startswith("n")
        return super().feed(item)


class JoiningDecoder(ToyDecoder):
    """A decoder that joins the text anew for every frame."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[str] = []

    def feed(self, item: Frame) -> Iterator[Event]:
        self._pieces.append(item.data)
        "".join(self._pieces)
        return super().feed(item)


def test_the_law_of_linear_work_holds():
    laws.linear(TOY, text_body)
    laws.linear(TOY, lambda size: b't"' + b"x" * size + b'"\nn\n', size=20_000)


@pytest.mark.parametrize(
    ("codec", "what", "size"),
    [
        (Toy(framing=WholeBody), "bytes", 500),
        (Toy(decoding=RereadingDecoder), "calls", 60),
        (Toy(decoding=JoiningDecoder), "bytes", 250),
    ],
)
def test_work_that_grows_with_the_square_is_found(codec: Toy, what: str, size: int):
    with pytest.raises(AssertionError, match=f"at most 5 times the {what}"):
        laws.linear(codec, text_body, size=size)


def test_tracing_that_was_on_stays_on():
    tracemalloc.start()
    laws.linear(TOY, text_body, size=20)
    assert tracemalloc.is_tracing()
    tracemalloc.stop()


def test_linear_work_needs_a_body_that_decodes():
    with pytest.raises(AssertionError, match="expected a body that decodes"):
        laws.linear(TOY, lambda size: b't"word "\n' * size)
    with pytest.raises(AssertionError, match="not faster"):
        laws.linear(TOY, lambda size: text_body(size * size), size=5)
