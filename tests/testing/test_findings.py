from hashlib import sha256

import pytest

from llmstream.errors import MalformedFrameError, OverloadedError, TruncatedStreamError
from llmstream.testing.findings import findings
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    Citation,
    Logprob,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.embeddings import Embeddings
from llmstream.values.listed import ModelInfo
from llmstream.values.response import Response
from llmstream.values.usage import Usage


def of(*parts: Part) -> dict[str, object]:
    return findings(Response(parts=parts, state="complete"))


def hashed(*texts: str) -> list[str]:
    return sorted(sha256(text.encode()).hexdigest() for text in texts)


def test_an_answer_says_what_it_is():
    found = findings(
        Response(
            parts=[ReasoningPart("hm"), TextPart("a"), TextPart("b")],
            finish_reason="stop",
            raw_finish_reason="end_turn",
            usage=Usage(input=5, output=4, cached_input=3, cache_write=2, reasoning=1),
            id="i",
            model="m",
        )
    )
    assert (found["text"], found["reasoning"]) == ("ab", "hm")
    assert (found["finish_reason"], found["raw_finish_reason"]) == ("stop", "end_turn")
    assert (found["id"], found["model"], found["error"], found["truncated"]) == ("i", "m", None, False)
    assert found["usage"] == {
        "input_tokens": 5,
        "output_tokens": 4,
        "cached_input_tokens": 3,
        "cache_write_tokens": 2,
        "reasoning_tokens": 1,
    }


def test_parts_are_told_by_kind_and_merged():
    found = of(
        ReasoningPart(""),
        ReasoningPart("", redacted=True),
        TextPart("a"),
        TextPart("b", refusal=False),
        ToolCallPart("1", "search", server_executed=True),
        ToolResultPart("1", "search", server_executed=True),
        TextPart("c"),
        ToolCallPart("2", "f"),
        ToolCallPart("3", "g"),
        AttachmentPart(Attachment("image/png", data=b"x")),
        AttachmentPart(Attachment(url="https://x.test/y")),
        AttachmentPart(Attachment("application/pdf", data=b"x")),
        OpaquePart("p", "compaction"),
    )
    calls, files = ["tool_call", "tool_call"], ["image", "image", "other"]
    before = ["text", "tool_call", "tool_result", "text"]
    assert found["parts"] == ["reasoning", "redacted_reasoning", "text", *before, *calls, *files, "other"]
    assert found["parts_merged"] == ["reasoning", "redacted_reasoning", *before, *calls, *files, "other"]
    assert found["parts_core"] == ["text", *calls, *files]


def test_calls_and_results_are_listed():
    found = of(
        ToolCallPart("1", "f", arguments={"a": 1}, raw='{"a":1}'),
        ToolCallPart("2", "s", server_executed=True),
        ToolResultPart("2", "s", server_executed=True),
        ToolResultPart("1", "f"),
    )
    first, second = found["tool_calls"]
    assert first == {
        "id": "1",
        "name": "f",
        "arguments": {"a": 1},
        "raw": '{"a":1}',
        "server_executed": False,
        "custom": False,
    }
    assert second["server_executed"] is True
    assert found["tool_results"] == [{"id": "2", "name": "s"}]


def test_a_refusal_stands_apart_from_the_text():
    found = of(TextPart("a"), TextPart("no", refusal=True))
    assert (found["text"], found["refusal"]) == ("a", "no")
    assert "refusal" not in of(TextPart("a"))


def test_citations_and_logprobs_are_counted():
    found = of(TextPart("a", citations=[Citation("u"), Citation("v")], logprobs=[Logprob("a", -1.0)]))
    assert (found["citations"], found["logprobs"]) == (2, 1)


def test_files_are_told_by_their_hashes():
    found = of(
        AttachmentPart(Attachment("image/png", data=b"x")),
        AttachmentPart(Attachment("image/png", url="https://x.test/y")),
        AttachmentPart(Attachment("audio/pcm", data=b"ab"), transcript="Hel"),
        AttachmentPart(Attachment("audio/pcm", data=b"c"), transcript="lo"),
    )
    assert found["images"] == {"count": 2, "sha256": hashed("x")}
    assert (found["audio_sha256"], found["transcript"]) == (hashed("abc")[0], "Hello")
    assert "audio_sha256" not in of(TextPart("a"))


def test_opaque_strings_are_found_wherever_they_ride():
    found = findings(
        Response(
            parts=[
                ReasoningPart("", provider_metadata={"p": {"signature": "s1"}}),
                OpaquePart("p", "t", {"a": [{"b": "s2"}], "n": 1}),
                ToolResultPart("1", "f", output=[{"encrypted": "s3"}]),
                TextPart("x", citations=[Citation(data={"index": "s4"})]),
            ],
            provider_metadata={"container": "s5"},
        )
    )
    assert found["opaque_all"] == hashed("s1", "s2", "s3", "s4", "s5")


def test_a_truncation_is_no_error_of_the_provider():
    error = TruncatedStreamError("expected a finish reason")
    error.partial = Response(parts=[TextPart("half")])
    found = findings(error)
    assert (found["text"], found["error"], found["truncated"]) == ("half", None, True)
    assert "usage" not in found
    assert "id" not in found


@pytest.mark.parametrize("partial", [None, Response(parts=[TextPart("half")], id="i")])
def test_an_error_says_whether_it_came_after_events(partial: Response | None):
    error = OverloadedError("too busy", status=529)
    error.partial = partial
    found = findings(error)
    assert found["error"] == {
        "kind": "overloaded",
        "status": 529,
        "message": "too busy",
        "after_events": partial is not None,
    }
    assert found.get("id") == (partial and "i")


def test_a_broken_body_is_an_error_without_a_status():
    found = findings(MalformedFrameError("expected JSON"))
    assert found["error"] == {
        "kind": "MalformedFrameError",
        "status": None,
        "message": "expected JSON",
        "after_events": False,
    }


def test_vectors_and_models_are_counted():
    embeddings = Embeddings([(1.0, 2.0, 3.0, 4.0)], Usage(input=5), "m")
    found = findings(embeddings)
    assert (found["embeddings"], found["dims"], found["first"]) == (1, 4, [1.0, 2.0, 3.0])
    assert (found["model"], found["usage"]["input_tokens"], found["error"]) == ("m", 5, None)
    assert findings(Embeddings())["dims"] == 0
    assert findings((ModelInfo("a"), ModelInfo("b"))) == {"models": 2, "first_id": "a", "error": None}
    assert findings(())["first_id"] == ""
