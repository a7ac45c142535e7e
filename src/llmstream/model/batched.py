"""Models that stand on other models: what they give comes in batches, as from those."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from llmstream.errors import ConfigError
from llmstream.model.model import Model
from llmstream.values.events import Event
from llmstream.values.request import Request

if TYPE_CHECKING:
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts


class BatchedModel(Model):
    """A model whose one method is `batches`.

    Attributes:
        first: the model that is asked first; its wire is the one that histories are written for.
    """

    first: Model | None = None

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
        raise ConfigError(f"expected a model to {what}, got {type(given).__name__}")
