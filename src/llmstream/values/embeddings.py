"""Texts as vectors."""

from __future__ import annotations

import attrs

from llmstream.values.content import tuple_of
from llmstream.values.usage import Usage


@attrs.frozen
class Embeddings:
    """One vector for each text, in the order of the texts.

    Attributes:
        model: what the provider says made them.
    """

    vectors: tuple[tuple[float, ...], ...] = attrs.field(
        default=(), converter=tuple_of, repr=lambda vectors: f"<{len(vectors)} vectors>"
    )
    usage: Usage | None = None
    model: str | None = None
