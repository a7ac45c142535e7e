"""Listings of models, in the forms of all wires."""

import pytest

from llmstream import MalformedFrameError, ModelInfo
from llmstream.wire import names
from llmstream.wire.listing import BY_DIALECT, Listing, models_of


@pytest.mark.parametrize(
    ("record", "info"),
    [
        ({"id": "m", "created": 7, "owned_by": "x"}, ModelInfo("m", created=7)),
        ({"id": "m", "created": 0}, ModelInfo("m")),
        (
            {
                "id": "claude-x",
                "display_name": "Claude X",
                "created_at": "2026-07-24T00:00:00Z",
                "max_input_tokens": 1_000_000,
                "max_tokens": 128_000,
            },
            ModelInfo(
                "claude-x",
                name="Claude X",
                created=1784851200,
                context_length=1_000_000,
                max_output=128_000,
            ),
        ),
        (
            {
                "name": "models/gemini-x",
                "displayName": "Gemini X",
                "inputTokenLimit": 1024,
                "outputTokenLimit": 8,
            },
            ModelInfo("gemini-x", name="Gemini X", context_length=1024, max_output=8),
        ),
        (
            {"name": "qwen3:4b", "model": "qwen3:4b", "modified_at": "2026-06-19T17:15:40.188240254-07:00"},
            ModelInfo("qwen3:4b"),
        ),
        ({"modelId": "amazon.titan", "modelName": "Titan"}, ModelInfo("amazon.titan", name="Titan")),
        ({"id": "m", "meta": {"n_ctx": 4096, "n_ctx_train": 40960}}, ModelInfo("m", context_length=4096)),
        (
            {"id": "m", "name": "M", "context_length": 9, "top_provider": {"max_completion_tokens": 4}},
            ModelInfo("m", name="M", context_length=9, max_output=4),
        ),
        ({"id": "m", "created_at": "long ago", "context_length": "much"}, ModelInfo("m")),
    ],
)
def test_a_record_is_read_in_every_vendors_words(record: dict, info: ModelInfo):
    (found,) = models_of({"data": [record]})
    assert found.data == record
    assert (found.id, found.name, found.created) == (info.id, info.name, info.created)
    assert (found.context_length, found.max_output) == (info.context_length, info.max_output)


@pytest.mark.parametrize(
    "payload",
    [
        {"data": [{"id": "m"}], "models": [{"name": "other"}]},
        {"models": [{"name": "m"}]},
        {"modelSummaries": [{"modelId": "m"}]},
        {"inferenceProfileSummaries": [{"inferenceProfileId": "m"}]},
        [{"id": "m"}],
    ],
)
def test_the_list_may_stand_in_several_places(payload: object):
    assert [info.id for info in models_of(payload)] == ["m"]


@pytest.mark.parametrize("payload", [None, {}, "x", {"data": 5}, {"data": [5]}, {"data": [{"id": ""}]}])
def test_what_is_no_listing_is_malformed(payload: object):
    with pytest.raises(MalformedFrameError, match="expected a"):
        models_of(payload)


def test_an_empty_listing_is_one():
    assert models_of({"data": []}) == ()


@pytest.mark.parametrize(
    ("dialect", "payload", "following"),
    [
        ("openai-chat", {"data": [], "has_more": True, "last_id": "m"}, None),
        ("anthropic", {"data": [], "has_more": True, "last_id": "m 1"}, "/v1/models?limit=1000&after_id=m+1"),
        ("anthropic", {"data": [], "has_more": False, "last_id": "m"}, None),
        ("gemini", {"models": [], "nextPageToken": "t"}, "/v1beta/models?pageSize=1000&pageToken=t"),
        ("gemini", {"models": [], "nextPageToken": 5}, None),
        ("ollama", {"models": []}, None),
    ],
)
def test_pages_that_follow_are_asked_for(dialect: str, payload: dict, following: str | None):
    listing = BY_DIALECT[dialect]
    cursor = listing.page(payload).cursor
    assert (listing.request(cursor).path if cursor else None) == following


def test_a_listing_is_a_get():
    request = Listing(path="/models").request()
    assert (request.method, request.path, request.body) == ("GET", "/models", b"")


def test_a_listing_may_be_at_another_host():
    listing = BY_DIALECT["bedrock"]
    assert (
        listing.address("https://bedrock-runtime.eu-west-1.example/x")
        == "https://bedrock.eu-west-1.example/x"
    )
    assert Listing().address("https://x.test//y") == "https://x.test//y"


def test_every_dialect_lists_models():
    assert set(names()) <= set(BY_DIALECT)
