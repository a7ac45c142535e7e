"""Embeddings: what each wire is asked, and what the answers say.

https://platform.openai.com/docs/api-reference/embeddings, https://ai.google.dev/api/embeddings,
https://docs.ollama.com/api/embed, https://docs.mistral.ai/api/endpoint/embeddings,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html

The requests differ by wire; one reader knows all the answers.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from struct import unpack
from typing import Final, Literal, Protocol, TypeAlias, cast

import attrs
import msgspec

from llmstream.errors import MalformedFrameError, UnsupportedError
from llmstream.jsontext import JSON, JSONObject, as_list, as_object, dump_bytes
from llmstream.values.embeddings import Embeddings
from llmstream.values.usage import Usage
from llmstream.wire.http import HttpRequest, segment

# What the numbers are that come as base64.
Packing: TypeAlias = Literal["f32", "int8"]
Vector: TypeAlias = tuple[float, ...]

_EXCERPT: Final = 200
_HEADERS: Final = (("content-type", "application/json"),)


class EmbedCodec(Protocol):
    """How a wire turns texts into vectors."""

    def most(self, model: str, /) -> int:
        """How many texts one call may have."""
        ...

    def request(
        self, model: str, texts: Sequence[str], /, *, dimensions: int | None = None, extra: JSONObject
    ) -> HttpRequest:
        """Ask for the vectors of texts; `extra` is merged in last, in the wire's words.

        Raises:
            UnsupportedError: when the wire cannot say what is asked for.
        """
        ...

    def read(self, payload: JSON, /) -> Embeddings:
        """Read the vectors, in the order of the texts.

        Raises:
            MalformedFrameError: when they are none.
        """
        ...


@attrs.frozen(kw_only=True)
class OpenAIEmbedding:
    """The wire that most vendors have.

    Attributes:
        dimensions: the field that shortens the vectors.
        encoding: the form that is asked for; None asks for none.
        packing: what is packed into base64.
    """

    path: str = "/embeddings"
    dimensions: str = "dimensions"
    encoding: Literal["base64", "float"] | None = None
    packing: Packing = "f32"
    batch: int = 256

    def most(self, model: str, /) -> int:
        """How many texts one call may have."""
        return self.batch

    def request(
        self, model: str, texts: Sequence[str], /, *, dimensions: int | None = None, extra: JSONObject
    ) -> HttpRequest:
        """Ask for the vectors of texts."""
        body: JSONObject = {"model": model, "input": list(texts)}
        if dimensions is not None:
            body[self.dimensions] = dimensions
        if self.encoding is not None:
            body["encoding_format"] = self.encoding
        return HttpRequest("POST", self.path, _HEADERS, dump_bytes(body | extra))

    def read(self, payload: JSON, /) -> Embeddings:
        """Read the vectors.

        Raises:
            MalformedFrameError: when they are none.
        """
        return embeddings_of(payload, self.packing)


@attrs.frozen
class GeminiEmbedding:
    """Gemini's batches; `extra` is said of each text."""

    path: str = "/v1beta/models/"

    def most(self, model: str, /) -> int:
        """How many texts one call may have."""
        return 100

    def request(
        self, model: str, texts: Sequence[str], /, *, dimensions: int | None = None, extra: JSONObject
    ) -> HttpRequest:
        """Ask for the vectors of texts."""
        size = {} if dimensions is None else {"outputDimensionality": dimensions}
        requests: list[JSONObject] = [
            {"model": f"models/{model}", "content": {"parts": [{"text": text}]}, **size, **extra}
            for text in texts
        ]
        path = f"{self.path}{segment(model)}:batchEmbedContents"
        return HttpRequest("POST", path, _HEADERS, dump_bytes({"requests": requests}))

    def read(self, payload: JSON, /) -> Embeddings:
        """Read the vectors.

        Raises:
            MalformedFrameError: when they are none.
        """
        return embeddings_of(payload)


@attrs.frozen
class BedrockEmbedding:
    """Bedrock's models: each maker's body by InvokeModel; Titan takes one text a call."""

    def most(self, model: str, /) -> int:
        """How many texts one call may have."""
        return 96 if _is_cohere(model) else 1

    def request(
        self, model: str, texts: Sequence[str], /, *, dimensions: int | None = None, extra: JSONObject
    ) -> HttpRequest:
        """Ask for the vectors of texts.

        Raises:
            UnsupportedError: when a model that takes one text is given several.
        """
        body: JSONObject
        if _is_cohere(model):
            body = {"texts": list(texts), "input_type": "search_document"}
            size = "output_dimension"
        elif len(texts) == 1:
            body = {"inputText": texts[0]}
            size = "dimensions"
        else:
            raise UnsupportedError(f"expected one text for {model} on bedrock, got {len(texts)}")
        if dimensions is not None:
            body[size] = dimensions
        path = f"/model/{segment(model)}/invoke"
        return HttpRequest("POST", path, _HEADERS, dump_bytes(body | extra))

    def read(self, payload: JSON, /) -> Embeddings:
        """Read the vectors.

        Raises:
            MalformedFrameError: when they are none.
        """
        return embeddings_of(payload)


def _is_cohere(model: str) -> bool:
    return "cohere." in model


BY_DIALECT: Final[Mapping[str, EmbedCodec]] = {
    "openai-chat": OpenAIEmbedding(),
    "openai-completions": OpenAIEmbedding(),
    "openai-responses": OpenAIEmbedding(),
    "gemini": GeminiEmbedding(),
    "ollama": OpenAIEmbedding(path="/api/embed", batch=64),
    "bedrock": BedrockEmbedding(),
}


def embeddings_of(payload: JSON, packing: Packing = "f32", /) -> Embeddings:
    """Read the embeddings of any wire.

    Raises:
        MalformedFrameError: when there are none.
    """
    body = as_object(payload)
    model = body.get("model")
    vectors = tuple(_vector(entry, packing) for entry in _entries(body))
    if not vectors:
        raise MalformedFrameError(f"expected vectors, got {str(payload)[:_EXCERPT]}")
    return Embeddings(vectors, _usage(body), model if isinstance(model, str) else None)


def _entries(body: JSONObject) -> list[JSON]:
    """What holds the vectors, in the order of the texts."""
    match body:
        case {"data": list()}:
            return _ordered(as_list(body["data"]))
        case {"embeddings": list()}:
            return as_list(body["embeddings"])
        case {"embeddings": {"float": list()}}:
            # cohere, where types were asked for by name
            return as_list(body["embeddings"]["float"])
        case {"embedding": list() | dict()}:
            return [body["embedding"]]
        case _:
            return []


def _ordered(entries: list[JSON]) -> list[JSON]:
    """Entries by their index; where one has none, as they stand."""
    indices = [as_object(entry).get("index") for entry in entries]
    if not all(isinstance(index, int) for index in indices):
        return entries
    return [entry for _, entry in sorted(zip(cast("list[int]", indices), entries, strict=True), key=_first)]


def _first(pair: tuple[int, JSON]) -> int:
    return pair[0]


def _vector(entry: JSON, packing: Packing) -> Vector:
    inner = as_object(entry)
    numbers = next((inner[name] for name in ("embedding", "values") if name in inner), entry)
    try:
        if isinstance(numbers, str):
            return _unpacked(b64decode(numbers, validate=True), packing)
        return msgspec.convert(numbers, Vector)
    except (msgspec.ValidationError, binascii.Error, ValueError) as error:
        raise MalformedFrameError(
            f"expected a vector of numbers, got {str(numbers)[:_EXCERPT]}: {error}"
        ) from error


def _unpacked(data: bytes, packing: Packing) -> Vector:
    size, code = (4, "f") if packing == "f32" else (1, "b")
    if len(data) % size:
        raise ValueError(f"{len(data)} bytes are no numbers of {size} bytes")
    return tuple(map(float, unpack(f"<{len(data) // size}{code}", data)))


# Where the count of what went in may stand, in order of trust: voyage counts a total alone.
_COUNTS: Final = (
    "prompt_tokens",
    "total_tokens",
    "promptTokenCount",
    "inputTextTokenCount",
    "prompt_eval_count",
)


def _usage(body: JSONObject) -> Usage | None:
    told = as_object(body.get("usage")) or as_object(body.get("usageMetadata"))
    source = told or body
    count = next((source[name] for name in _COUNTS if isinstance(source.get(name), int)), None)
    rest = {name: value for name, value in told.items() if name not in _COUNTS}
    return None if count is None else Usage(input=count, details=rest)
