"""The words of the wire that both halves use."""

from __future__ import annotations

from typing import Final

from llmstream.errors import UnsupportedError
from llmstream.values.events import FinishReason

DIALECT: Final = "ollama"
PATH: Final = "/api/chat"

# The key of a call's metadata: the id that the wire gave it, where ours is another.
WIRE_ID: Final = "id"

# What goes into Done.provider_metadata: times in nanoseconds, and who answered behind a cloud model.
END_METADATA: Final = (
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
    "remote_model",
    "remote_host",
)

_FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    # what our own server half says of answers that came over other wires
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "refusal",
    "pause": "pause",
    "error": "error",
    "budget": "budget",
}


def finish_of(raw: str | None, *, calls: bool) -> FinishReason | None:
    """The unified finish reason; None where the wire gave none.

    The wire says "stop" also where the model has called tools (corpus: ollama/prism-stream-with-tools-1-0).
    """
    if raw is None:
        return None
    reason = _FINISH.get(raw, "other")
    return "tool_calls" if calls and reason == "stop" else reason


def cannot(what: str) -> UnsupportedError:
    """The error for what the dialect cannot say."""
    return UnsupportedError(f"expected what {DIALECT} can say, got {what}")
