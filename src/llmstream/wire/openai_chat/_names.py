"""The words of the wire that both halves use."""

from __future__ import annotations

from typing import Final

from llmstream.errors import UnsupportedError
from llmstream.values.events import FinishReason

DIALECT: Final = "openai-chat"
PATH: Final = "/chat/completions"

# Keys of provider metadata on parts: what a wire gives beside a part and wants back with it.
DETAIL: Final = "reasoning_detail"
THINKING: Final = "thinking"
WIRE_ID: Final = "id"
EXTRA: Final = "extra_content"
EXECUTED: Final = "executed_tool"

# What goes into Done.provider_metadata, from the frame, its choice and its delta.
FRAME_METADATA: Final = (
    "service_tier",
    "system_fingerprint",
    "provider",
    "moderation",
    "prompt_filter_results",
    "x_groq",
    "timings",
    "time_info",
    "copilot_usage",
)
CHOICE_METADATA: Final = ("native_finish_reason", "content_filter_results")
DELTA_METADATA: Final = "provider_metadata"

_FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    # the old form of one call
    "function_call": "tool_calls",
    # together's word (corpus: openai-chat/together/nonstream/ollmetry-test_together_chat_legacy-0)
    "eos": "stop",
    # mistral: a limit of the model's, not of the request's
    "model_length": "length",
    # openrouter, mistral: the answer was given up
    "error": "error",
    # what our own server half says of answers that came over other wires
    "refusal": "refusal",
    "pause": "pause",
    "budget": "budget",
}


def finish_of(raw: str | None, *, calls: bool, refused: bool) -> FinishReason | None:
    """The unified finish reason; None where the wire gave none.

    A stop with calls that are the client's is "tool_calls", as with a named tool choice
    (corpus: openai-chat/openai/mira-openai_gpt_4o_completions-1); an answer given in refusal deltas is
    a "refusal", whatever the wire calls its end
    (corpus: openai-chat/openrouter/nonstream/rig-refusal_matrix-blocking_gpt_4_1_refusal-0).
    """
    if raw is None:
        return None
    reason = _FINISH.get(raw, "other")
    if refused and reason in {"stop", "content_filter"}:
        return "refusal"
    if calls and reason == "stop":
        return "tool_calls"
    return reason


def cannot(what: str) -> UnsupportedError:
    """The error for what the dialect cannot say."""
    return UnsupportedError(f"expected what {DIALECT} can say, got {what}")
