"""The words of the wire that both halves use."""

from __future__ import annotations

from typing import Final

from llmstream.errors import UnsupportedError
from llmstream.values.events import FinishReason

DIALECT: Final = "openai-responses"
PATH: Final = "/responses"

ENCRYPTED: Final = "reasoning.encrypted_content"
LOGPROBS: Final = "message.output_text.logprobs"

# What goes into Done.provider_metadata, from the response object.
RESPONSE_METADATA: Final = (
    "service_tier",
    "conversation",
    "previous_response_id",
    "moderation",
    "tool_usage",
    "metadata",
    "content_filters",
    "background",
)
# The answer's own id and model, beside the response in whose name a server of ours has begun it.
ANSWER: Final = "answer"
# Where an error's partial Response says which event came last, for `resume`.
SEQUENCE: Final = "sequence_number"

_FINISH: Final[dict[str, FinishReason]] = {
    "completed": "stop",
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    "failed": "error",
    # what our own server half says of answers that came over other wires
    "refusal": "refusal",
    "pause": "pause",
    "budget": "budget",
    "error": "error",
}


def finish_of(raw: str | None, *, calls: bool, refused: bool) -> FinishReason | None:
    """The unified finish reason of a status, or of the reason that an answer is incomplete for.

    A plain end with calls that are the client's is "tool_calls"; one that was said in refusal deltas is a
    "refusal" (corpus: openai-responses/rig-refusal_matrix-responses_agent_streaming_refusal_surfaces-0).
    """
    if raw is None:
        return None
    reason = _FINISH.get(raw, "other")
    if reason == "stop":
        return "refusal" if refused else "tool_calls" if calls else reason
    return reason


def cannot(what: str) -> UnsupportedError:
    """The error for what the dialect cannot say."""
    return UnsupportedError(f"expected what {DIALECT} can say, got {what}")
