"""Models that stand on other models: what they give comes in batches, as from those."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from llmstream.errors import ConfigError, UnsupportedError
from llmstream.jsontext import JSONObject
from llmstream.model.model import Model
from llmstream.values.embeddings import Embeddings
from llmstream.values.events import Event
from llmstream.values.request import OutputMode, Request

if TYPE_CHECKING:
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts
    from llmstream.model.response import Response
    from llmstream.model.stream import EventStream


class BatchedModel(Model):
    """A model whose one method is `batches`.

    Attributes:
        first: the model that is asked first; its wire is the one that histories are written for.
    """

    first: Model | None = None

    @property
    def output_mode(self) -> OutputMode:
        """How a schema is asked for where it does not say: as the first model can."""
        return "native" if self.first is None else self.first.output_mode

    async def embed(
        self,
        texts: Iterable[str],
        *,
        batch: int | None = None,
        dimensions: int | None = None,
        extra: JSONObject | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
    ) -> Embeddings:
        """Refused: the vectors of two models do not compare, and a recording has none.

        Raises:
            UnsupportedError: always.
        """
        raise self._refusal("embeds texts")

    def resume(
        self, response: Response | str, /, *, timeouts: Timeouts | None = None, keep: bool = True
    ) -> EventStream[Response]:
        """Refused: an answer goes on where it was begun.

        Raises:
            UnsupportedError: always.
        """
        raise self._refusal("resumes answers")

    def _refusal(self, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"expected a model that {what}, got a {type(self).__name__} of {self.name}: ask the model itself"
        )

    async def events(self, request: Request, /) -> AsyncGenerator[Event, None]:
        """The events of one call, one by one; raises as `batches`."""
        async with aclosing(self.batches(request)) as batches:
            async for batch in batches:
                for event in batch:
                    yield event  # noqa: ASYNC119 - aclosing is the cleanup

    @abstractmethod
    def batches(
        self, request: Request, /, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of one call in lists."""
        ...


def must_be_model(given: object, what: str, /) -> None:
    """Refuse what is no model, such as a model's name.

    Raises:
        ConfigError: when it is none.
    """
    if not isinstance(given, Model):
        kind = type(given)
        # The sync face has a Model of its own, behind which stands what is expected.
        name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
        raise ConfigError(f"expected a model to {what}, got {name}")
