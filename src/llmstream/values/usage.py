"""How many tokens a call took."""

from __future__ import annotations

from typing import cast

import attrs

from llmstream.jsontext import JSON, JSONObject


@attrs.frozen(kw_only=True)
class Usage:
    """Tokens of one call, or of several: it adds.

    On every provider `input` counts cached tokens and `output` counts reasoning. `details` is what the
    provider reported beyond that, in its own words.
    """

    input: int = 0
    output: int = 0
    cached_input: int = 0
    cache_write: int = 0
    reasoning: int = 0
    details: JSONObject = attrs.field(factory=JSONObject)

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cached_input=self.cached_input + other.cached_input,
            cache_write=self.cache_write + other.cache_write,
            reasoning=self.reasoning + other.reasoning,
            details=_sum(self.details, other.details),
        )


def _sum(left: JSONObject, right: JSONObject) -> JSONObject:
    total = dict(left)
    for key, value in right.items():
        total[key] = _sum_value(total[key], value) if key in total else value
    return total


def _sum_value(left: JSON, right: JSON) -> JSON:
    if isinstance(left, dict) and isinstance(right, dict):
        return _sum(cast("JSONObject", left), cast("JSONObject", right))
    if _is_number(left) and _is_number(right):
        return left + right
    return right


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
