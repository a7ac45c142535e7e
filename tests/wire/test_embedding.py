"""Embeddings, in the forms of all wires."""

import json
from base64 import b64encode
from struct import pack

import pytest

from llmstream import Embeddings, MalformedFrameError, UnsupportedError, Usage
from llmstream.wire.embedding import (
    BY_DIALECT,
    BedrockEmbedding,
    EmbedCodec,
    GeminiEmbedding,
    OpenAIEmbedding,
    embeddings_of,
)

TITAN, COHERE = "amazon.titan-embed-text-v2:0", "eu.cohere.embed-v4:0"


@pytest.mark.parametrize(
    ("codec", "model", "path", "body"),
    [
        (OpenAIEmbedding(), "m", "/embeddings", {"model": "m", "input": ["a"], "dimensions": 2, "x": 1}),
        (
            OpenAIEmbedding(dimensions="output_dimension", encoding="base64"),
            "m",
            "/embeddings",
            {"model": "m", "input": ["a"], "output_dimension": 2, "encoding_format": "base64", "x": 1},
        ),
        (BY_DIALECT["ollama"], "m", "/api/embed", {"model": "m", "input": ["a"], "dimensions": 2, "x": 1}),
        (
            GeminiEmbedding(),
            "g/1",
            "/v1beta/models/g%2F1:batchEmbedContents",
            {
                "requests": [
                    {
                        "model": "models/g/1",
                        "content": {"parts": [{"text": "a"}]},
                        "outputDimensionality": 2,
                        "x": 1,
                    }
                ]
            },
        ),
        (
            BedrockEmbedding(),
            TITAN,
            "/model/amazon.titan-embed-text-v2%3A0/invoke",
            {"inputText": "a", "dimensions": 2, "x": 1},
        ),
        (
            BedrockEmbedding(),
            COHERE,
            "/model/eu.cohere.embed-v4%3A0/invoke",
            {"texts": ["a"], "input_type": "search_document", "output_dimension": 2, "x": 1},
        ),
    ],
)
def test_each_wire_is_asked_in_its_words(codec: EmbedCodec, model: str, path: str, body: dict):
    http = codec.request(model, ["a"], dimensions=2, extra={"x": 1})
    assert (http.method, http.path, json.loads(http.body)) == ("POST", path, body)
    bare = codec.request(model, ["a"], extra={})
    assert b"imension" not in bare.body


def test_each_wire_takes_so_many_texts():
    assert (BedrockEmbedding().most(TITAN), BedrockEmbedding().most(COHERE)) == (1, 96)
    assert (GeminiEmbedding().most("m"), OpenAIEmbedding(batch=7).most("m")) == (100, 7)
    with pytest.raises(UnsupportedError, match="one text"):
        BedrockEmbedding().request(TITAN, ["a", "b"], extra={})


def packed(*numbers: float) -> str:
    return b64encode(pack(f"<{len(numbers)}f", *numbers)).decode()


@pytest.mark.parametrize(
    ("payload", "usage", "model"),
    [
        (
            {
                "data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2.0]}],
                "usage": {"prompt_tokens": 5, "total_tokens": 5, "cost": 1},
                "model": "m",
            },
            Usage(input=5, details={"cost": 1}),
            "m",
        ),
        (
            {
                "data": [{"embedding": packed(1, 2)}, {"embedding": packed(3, 4)}],
                "usage": {"total_tokens": 5},
            },
            Usage(input=5),
            None,
        ),
        ({"embeddings": [{"values": [1, 2]}, {"values": [3, 4]}]}, None, None),
        (
            {
                "embeddings": [{"values": [1, 2]}, {"values": [3, 4]}],
                "usageMetadata": {"promptTokenCount": 5},
            },
            Usage(input=5),
            None,
        ),
        ({"model": "m", "embeddings": [[1, 2], [3, 4]], "prompt_eval_count": 5}, Usage(input=5), "m"),
        ({"embeddings": {"float": [[1, 2], [3, 4]]}, "response_type": "embeddings_by_type"}, None, None),
    ],
)
def test_vectors_are_read_in_the_order_of_the_texts(payload: dict, usage: Usage | None, model: str | None):
    assert embeddings_of(payload) == Embeddings([(1.0, 2.0), (3.0, 4.0)], usage, model)


def test_one_vector_may_stand_alone():
    assert embeddings_of({"embedding": [1, 2], "inputTextTokenCount": 5}) == Embeddings(
        [(1.0, 2.0)], Usage(input=5)
    )
    assert embeddings_of({"embedding": {"values": [1, 2]}}).vectors == ((1.0, 2.0),)


def test_what_is_packed_may_be_bytes():
    payload = {"data": [{"index": 0, "embedding": b64encode(b"\x01\xff").decode()}]}
    assert embeddings_of(payload, "int8").vectors == ((1.0, -1.0),)
    assert OpenAIEmbedding(packing="int8").read(payload).vectors == ((1.0, -1.0),)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        [],
        {"data": []},
        {"data": [5]},
        {"data": [{"embedding": "?"}]},
        {"data": [{"embedding": "AAA="}]},
        {"data": [{"embedding": ["x"]}]},
        {"data": [{"embedding": None}]},
        {"embeddings": [None]},
        {"embeddings": {"int8": [[1]]}},
    ],
)
def test_what_are_no_vectors_is_malformed(payload: object):
    for codec in (*BY_DIALECT.values(), OpenAIEmbedding()):
        with pytest.raises(MalformedFrameError, match="expected"):
            codec.read(payload)
