"""A model as its provider lists it."""

from __future__ import annotations

import attrs

from llmstream.jsontext import JSONObject


@attrs.frozen
class ModelInfo:
    """What a provider says of one of its models; None where it does not say.

    Attributes:
        id: what a call names the model by.
        name: what people call it.
        created: seconds since the epoch.
        context_length: how many tokens a call may take in.
        max_output: how many tokens an answer may have.
        data: the provider's own record.
    """

    id: str
    name: str | None = attrs.field(default=None, kw_only=True)
    created: int | None = attrs.field(default=None, kw_only=True)
    context_length: int | None = attrs.field(default=None, kw_only=True)
    max_output: int | None = attrs.field(default=None, kw_only=True)
    data: JSONObject = attrs.field(factory=JSONObject, kw_only=True, repr=False)
