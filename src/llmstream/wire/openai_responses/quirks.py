"""How a provider's Responses differ from OpenAI's own."""

from __future__ import annotations

import attrs

from llmstream.values.content import tuple_of
from llmstream.wire.portable import IdShape

# The vendor refuses longer ones: "Expected a string with maximum length 64".
_UP_TO_64 = IdShape.up_to(64)


@attrs.frozen(kw_only=True)
class Quirks:
    """The differences, as far as a recording proves them; the defaults are OpenAI's own ways.

    Attributes:
        unreasoning: beginnings of the ids of models that refuse to be asked for encrypted reasoning.
        instructions: whether system messages go into `instructions`, which may not be missing.
        stateless: whether `store` is known, to be set to false where the answer need not be kept.
        server_custom_calls: whether calls of free text are those of the provider's own tools.
        call_ids: what ids of calls are taken.
    """

    # asked without (corpus: openai-responses/rubyllm-chat_streaming_responses_openai_gpt-5-nano_...-fd02e8-0)
    unreasoning: tuple[str, ...] = attrs.field(default=("gpt-3.5", "gpt-4", "chatgpt-4o"), converter=tuple_of)
    instructions: bool = False
    stateless: bool = True
    server_custom_calls: bool = False
    call_ids: IdShape = _UP_TO_64
