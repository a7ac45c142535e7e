"""What is asked of a model: one value, never forty parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import attrs

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject
from llmstream.values.content import tuple_of
from llmstream.values.messages import CacheTime, Message

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
ChoiceMode: TypeAlias = Literal["auto", "none", "required"]
OutputMode: TypeAlias = Literal["native", "tool", "prompt"]


@attrs.frozen
class Tool:
    """A tool of the caller's: its name, what it is for, and the JSON Schema of its arguments.

    A `custom` tool takes free text instead, in the form that `format` describes (a grammar, in the
    provider's words).
    """

    name: str
    description: str = ""
    parameters: JSONObject = attrs.field(factory=lambda: {"type": "object", "properties": {}}, kw_only=True)
    strict: bool | None = attrs.field(default=None, kw_only=True)
    custom: bool = attrs.field(default=False, kw_only=True)
    format: JSONObject | None = attrs.field(default=None, kw_only=True)
    cache: CacheTime | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ServerSideTool:
    """A tool that the provider runs: its own `type`, and `config` in the provider's words."""

    type: str
    name: str | None = None
    config: JSONObject = attrs.field(factory=JSONObject, kw_only=True)


AnyTool: TypeAlias = Tool | ServerSideTool


@attrs.frozen
class ToolChoice:
    """Whether the model may, must or must not call tools; `names` limits which.

    `ToolChoice("required", ["f"])` forces a call of `f`.
    """

    mode: ChoiceMode = "auto"
    names: tuple[str, ...] = attrs.field(default=(), converter=tuple_of)


@attrs.frozen
class OutputSchema:
    """The form that the answer must have; without a `schema`, any JSON object.

    `mode` is how it is asked for: in the wire's own words, as a tool that must be called, or in the
    prompt. None is the wire's own words, or what the model puts there because its wire has none.
    """

    schema: JSONObject | None = None
    name: str = "output"
    description: str = attrs.field(default="", kw_only=True)
    strict: bool | None = attrs.field(default=None, kw_only=True)
    mode: OutputMode | None = attrs.field(default=None, kw_only=True)


def _strings(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@attrs.frozen(kw_only=True, repr=False)
class Options:
    """How the model should answer; None leaves a thing to the provider.

    Attributes:
        reasoning_budget: tokens that the model may think for.
        reasoning_summary: how much of the reasoning is shown: "none", "auto", "concise", "detailed".
        logprobs: how many alternatives to show per token; 0 shows the chosen tokens alone.
        modalities: what may come out: "text", "image", "audio".
        headers: sent as they are, after the provider's own.
        extra: merged into the request body last, in the provider's words.
        raw: also yield each event of the provider's own as `Raw`.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] = attrs.field(default=(), converter=_strings)
    seed: int | None = None
    n: int | None = None
    logprobs: int | None = None
    reasoning_effort: Effort | None = None
    reasoning_budget: int | None = None
    reasoning_summary: Literal["none", "auto", "concise", "detailed"] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    parallel_tool_calls: bool | None = None
    modalities: tuple[str, ...] = attrs.field(default=(), converter=tuple_of)
    audio: JSONObject | None = None
    prediction: str | None = None
    service_tier: str | None = None
    cache_key: str | None = None
    user: str | None = None
    metadata: JSONObject | None = None
    store: bool | None = None
    headers: JSONObject = attrs.field(factory=JSONObject)
    extra: JSONObject = attrs.field(factory=JSONObject)
    raw: bool = False

    def given(self) -> dict[str, JSON]:
        """The options that were set, by name."""
        values = {
            field.name: (getattr(self, field.name), getattr(_NOTHING, field.name))
            for field in attrs.fields(Options)
        }
        return {name: value for name, (value, default) in values.items() if value != default}

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={value!r}' for name, value in self.given().items())})"

    @classmethod
    def of(cls, given: JSONObject) -> Options:
        """Make Options from names and values.

        Raises:
            ConfigError: when a name is not an option's; it lists those that are.
        """
        known = [f.name for f in attrs.fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            names = ", ".join(map(repr, unknown))
            raise ConfigError(f"expected one of the options {', '.join(known)}, got {names}")
        return cls(**given)


_NOTHING = Options()


@attrs.frozen
class Request:
    """One call of a model."""

    model: str
    messages: tuple[Message, ...] = attrs.field(default=(), converter=tuple_of)
    tools: tuple[AnyTool, ...] = attrs.field(default=(), kw_only=True, converter=tuple_of)
    tool_choice: ToolChoice | None = attrs.field(default=None, kw_only=True)
    schema: OutputSchema | None = attrs.field(default=None, kw_only=True)
    options: Options = attrs.field(factory=Options, kw_only=True)
