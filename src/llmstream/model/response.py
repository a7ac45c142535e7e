"""The Response with a model behind it: it can be replied to and stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast, overload

import attrs

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON
from llmstream.model.ask import Ask, ChoiceLike, OptionsLike, expected
from llmstream.values import response as pure
from llmstream.values.content import Attachment, ToolResultPart
from llmstream.values.messages import Message
from llmstream.values.request import OutputMode, Request
from llmstream.values.response import T, U

if TYPE_CHECKING:
    from llmstream.client.budget import Budget
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts
    from llmstream.model.model import Model
    from llmstream.model.stream import EventStream
    from llmstream.output import Output, SchemaLike
    from llmstream.serial import ResponseDict
    from llmstream.tools.limits import ToolLimits
    from llmstream.tools.run import AfterCall, BeforeCall
    from llmstream.tools.toolset import ToolLike, Toolset


@attrs.frozen(kw_only=True, eq=False)
class Response(pure.Response, Generic[T]):
    """An answer that can be replied to.

    `behind` is the model that was asked; a response that came out of `from_dict` has none, and finds
    it by `source` when it is replied to. `output` is what the answer was to be, and `held` are the tools with
    functions that the call was given, `hooks` the chain's `before_call` and `after_call`; none of these is in
    a dict, so that nothing runs by itself after `from_dict`.
    """

    # Wired by the package: a stored response needs the registry, which needs models, which make responses.
    find: ClassVar[Callable[[str], Model]]
    behind: Model | None = attrs.field(default=None, repr=False)
    output: Output[T] | None = attrs.field(default=None, repr=False)
    held: Toolset | None = attrs.field(default=None, repr=False)
    hooks: tuple[BeforeCall | None, AfterCall | None] = attrs.field(default=(None, None), repr=False)

    @classmethod
    def of(
        cls, response: pure.Response, model: Model | None = None, output: Output[Any] | None = None
    ) -> Response[T]:
        """Put a model behind a pure response; its `source` is the model's name, unless it has one."""
        values = {field.name: getattr(response, field.name) for field in attrs.fields(pure.Response)}
        if model is not None:
            values["source"] = response.source or model.name
        return cls(**values, behind=model, output=output or getattr(response, "output", None))

    @property
    def output_mode(self) -> OutputMode | None:
        """How the schema was asked for; None when there was none."""
        schema = self.request.schema if self.request is not None else None
        return None if schema is None else schema.mode or "native"

    @overload
    def parsed(self, /) -> T: ...

    @overload
    def parsed(self, schema: SchemaLike[U], /) -> U: ...

    def parsed(self, schema: SchemaLike[Any] | None = None, /) -> Any:
        """The answer as what `schema=` asked for; a stored response, which knows no type, is given it here.

        Raises:
            OutputError: when the answer is cut, refused, no JSON, or does not fit.
            ConfigError: when nothing says what the answer was to be.
        """
        if schema is not None:
            return expected(schema).read(self)
        if self.output is not None:
            return self.output.read(self)
        if self.request is None or self.request.schema is None:
            raise ConfigError("expected schema= in the prompt, or what to parse as, got neither")
        read: Output[Any] = expected(self.request.schema)
        return read.read(self)

    def reply(  # noqa: PLR0913 - a face
        self,
        prompt: str | None = None,
        /,
        *,
        messages: Iterable[Message] | None = None,
        system: str | Message | None = None,
        attachments: Iterable[Attachment] = (),
        tool_results: Iterable[ToolResultPart] = (),
        tools: Iterable[ToolLike] | None = None,
        tool_choice: ChoiceLike | None = None,
        schema: SchemaLike[U] | None = None,
        options: OptionsLike | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        budget: Budget | None = None,
        keep: bool = True,
    ) -> EventStream[Response[U]]:
        """Go on from this answer; what is not given is as in its request.

        Args:
            messages: put after the answer, before the tool results and the prompt.
            system: instead of the system messages that the history begins with.
            tool_results: of the calls that this answer made; without any, those calls are made first,
                with functions among `tools`, or those that the call of this answer was given.

        Raises:
            ConfigError: when calls of this answer have no result, or the response has no request or model.
        """
        # Here and below, not above: who does not go on does without.
        from llmstream.model.held import going_on
        from llmstream.tools.run import Bench

        model, request = self._asked()
        ask = Ask(
            prompt=prompt,
            messages=messages,
            system=system,
            attachments=attachments,
            tool_results=tool_results,
            tools=self.held if tools is None else tools,
            tool_choice=tool_choice,
            schema=schema,
            options=options,
        )
        prompted = partial(model.prompt, timeouts=timeouts, retries=retries, budget=budget, keep=keep)
        before, after = self.hooks
        bench = Bench(before=before, after=after)
        stream = going_on(ask.inheriting(request), self, request.model, prompted, bench=bench)
        # Without a schema the answer is to be what this one was to be, which no checker is told.
        output = cast("Output[U] | None", self.output) if schema is None else expected(schema)
        return stream.expecting(output)

    async def execute_tool_calls(
        self,
        tools: Iterable[ToolLike] | None = None,
        *,
        before_call: BeforeCall | None = None,
        after_call: AfterCall | None = None,
        limits: ToolLimits | None = None,
    ) -> tuple[ToolResultPart, ...]:
        """Make the calls of this answer, side by side, and give one result for each, in call order.

        Args:
            tools: instead of those that the call of this answer was given.
            before_call: instead of the hook of the chain that gave this answer, as is `after_call`.

        Raises:
            ConfigError: when there are calls, and nothing that runs them.
            PauseChain: when a hook or a tool raised it.
        """
        from llmstream.model.held import results_of
        from llmstream.tools.limits import ToolLimits
        from llmstream.tools.result import shown
        from llmstream.tools.run import Bench
        from llmstream.tools.toolset import Toolset

        known = Toolset.of(tools) if tools is not None else self.held or Toolset()
        calls = self.tool_calls()
        if calls and not known.runs:
            names = ", ".join(shown(call.name) for call in calls)
            raise ConfigError(f"expected functions in tools= for the calls of the answer, for {names}")
        before, after = self.hooks
        bench = Bench(
            tools=known,
            before=before if before_call is None else before_call,
            after=after if after_call is None else after_call,
            limits=ToolLimits() if limits is None else limits,
        )
        return await results_of(self, calls, bench)

    def to_dict(self) -> ResponseDict:
        """The response as a JSON-safe dict, with the whole history that led to it and no secret."""
        from llmstream import serial

        return serial.to_dict(self.bare())

    @classmethod
    def from_dict(cls, stored: JSON, /, *, model: Model | None = None) -> Response:
        """Bring a response back from its dict; nothing is run, opened or looked up by it.

        Raises:
            ConfigError: when it is no such dict; it names the field.
        """
        from llmstream import serial

        return cls.of(serial.from_dict(stored, pure.Response), model)

    def bare(self) -> pure.Response:
        """The same without a model behind it."""
        return pure.Response(**{f.name: getattr(self, f.name) for f in attrs.fields(pure.Response)})

    def __reduce__(self) -> tuple[Callable[[pure.Response], Response], tuple[pure.Response]]:
        """Without the model, which holds a key; a copy that is replied to finds it by `source`."""
        return type(self).of, (self.bare(),)

    def __copy__(self) -> Response:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Response:
        copied = type(self).of(deepcopy(self.bare(), memo), self.behind, self.output)
        return attrs.evolve(copied, held=self.held, hooks=self.hooks)

    def _asked(self) -> tuple[Model, Request]:
        """The model to go on with, and what was asked, in that model's name."""
        if self.request is None:
            raise ConfigError("expected a response that knows its request, got one without")
        if self.source is None:
            raise ConfigError("expected a response that knows its model; give from_dict a model=")
        model = self.behind or type(self).find(self.source)
        if model.name == self.source:
            return model, self.request
        return model, attrs.evolve(self.request, model=model.id)
