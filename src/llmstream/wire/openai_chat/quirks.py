"""How a provider's Chat Completions differ from OpenAI's own."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from llmstream.values.content import tuple_of
from llmstream.wire.portable import ANY_ID, IdShape

ReasoningStyle: TypeAlias = Literal["effort", "object", "switch", "switch and effort"]
EchoField: TypeAlias = Literal["reasoning_content", "reasoning"]


@attrs.frozen(kw_only=True)
class Quirks:
    """The differences, as far as a recording proves them; the defaults are OpenAI's own ways.

    Attributes:
        max_tokens: the field that limits the answer.
        stream_usage: whether usage must be asked for, with `stream_options`.
        seed: the field that carries the seed.
        required: the word for a tool choice that demands a call.
        reasoning: how reasoning is asked for: by `reasoning_effort`; by an object `reasoning` that also
            takes a budget; by a switch `thinking`, where any effort but "none" turns it on; by both.
        sampling: options that are sent under their own names though OpenAI has none of them.
        server_tools: whether tools that the provider runs go among `tools`.
        cache_control: whether a part, or a tool, may carry a mark of where to cache.
        echo_reasoning: the field in which an assistant's turn that calls tools gives its reasoning back.
        thinking_parts: whether reasoning goes back as parts of the content.
        assistant_images: whether images of the model's own go back with its turn.
        document_url: whether a file may be given as a link.
        audio_as_text: whether audio goes in as bare base64, without its format.
        call_ids: what ids of calls are taken.
        output_excludes_reasoning: whether reasoning tokens must be added to those of the answer.
        error_field: whether failures come as an SSE field `error:`.
    """

    max_tokens: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    stream_usage: bool = True
    seed: Literal["seed", "random_seed"] = "seed"
    required: Literal["required", "any"] = "required"
    reasoning: ReasoningStyle = "effort"
    sampling: tuple[str, ...] = attrs.field(default=(), converter=tuple_of)
    server_tools: bool = False
    cache_control: bool = False
    echo_reasoning: EchoField | None = None
    thinking_parts: bool = False
    assistant_images: bool = False
    document_url: bool = False
    audio_as_text: bool = False
    call_ids: IdShape = ANY_ID
    output_excludes_reasoning: bool = False
    error_field: bool = False
