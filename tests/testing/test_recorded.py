"""Recorded bodies, decoded as a call decodes them."""

import pytest

from llmstream import AuthError, ConfigError, Response, TruncatedStreamError
from llmstream.testing.recorded import decode

CHAT = (
    b'data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    b'data: {"id":"c1","model":"m","choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


@pytest.mark.parametrize("body", [CHAT, [CHAT[:50], CHAT[50:]], [CHAT[i : i + 1] for i in range(len(CHAT))]])
@pytest.mark.parametrize("content_type", [None, "text/event-stream"])
def test_a_body_becomes_its_response(body, content_type) -> None:
    response = decode("openai-chat", body, content_type=content_type)
    assert isinstance(response, Response)
    assert (response.text(), response.state, response.id, response.model) == ("Hello", "complete", "c1", "m")


def test_a_providers_row_has_its_quirks_and_one_of_another_wire_has_not() -> None:
    assert decode("openai-chat", CHAT, "groq").source == "groq/recorded"
    assert decode("openai-chat", CHAT, "anthropic").source == "openai-chat/recorded"
    assert decode("openai-chat", CHAT, "nobody").source == "openai-chat/recorded"


def test_a_refusal_and_a_cut_are_raised() -> None:
    with pytest.raises(AuthError, match="bad key"):
        decode("openai-chat", b'{"error": {"message": "bad key"}}', status=401)
    with pytest.raises(TruncatedStreamError) as caught:
        decode("openai-chat", CHAT[:60])
    assert caught.value.partial is None
    with pytest.raises(TruncatedStreamError) as caught:
        decode("openai-chat", CHAT[:100])
    assert caught.value.partial is not None
    assert caught.value.partial.text() == "Hel"


def test_listings_and_vectors_are_decoded_too() -> None:
    assert [info.id for info in decode("models", [b'{"data":', b'[{"id":"m"}]}'])] == ["m"]
    packed = b'{"data":[{"index":0,"embedding":"AAAAAA=="}]}'
    assert decode("embeddings", packed).vectors == ((0.0,),)
    assert decode("embeddings", packed, "perplexity").vectors == ((0.0, 0.0, 0.0, 0.0),)
    assert decode("embeddings", b'{"embeddings":[[1.5]]}', "nobody").vectors == ((1.5,),)
    with pytest.raises(AuthError, match="bad key"):
        decode("models", b'{"error": {"message": "bad key"}}', status=401)
    with pytest.raises(TruncatedStreamError):
        decode("embeddings", packed[:20])


def test_an_unknown_wire_is_refused() -> None:
    with pytest.raises(ConfigError, match="dialects"):
        decode("nonsense", b"")
