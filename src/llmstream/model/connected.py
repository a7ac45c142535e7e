"""A provider as a caller has it: with an address, a key and a way to reach it."""

from __future__ import annotations

from llmstream.client.retries import Retries
from llmstream.client.timeouts import Timeouts
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.values.listed import ModelInfo


class ConnectedProvider:
    """What can be asked of a provider before a model is chosen.

    Attributes:
        name: the provider's.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.name = endpoint.provider.name
        self._endpoint = endpoint

    def model(self, id: str, /) -> ProviderModel:
        """A model of the provider's, by its id, which is sent as it is given."""
        return ProviderModel(id, self._endpoint)

    async def models(
        self, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> tuple[ModelInfo, ...]:
        """The models that the provider lists for this caller, in its order.

        Raises:
            UnsupportedError: when the provider's wire lists none.
            LLMStreamError: when the provider refuses, cannot be reached or says what is no listing.
        """
        # Not above: who lists nothing does without.
        from llmstream.model.documents import Documents

        return await Documents(self._endpoint, timeouts, retries).models()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"
