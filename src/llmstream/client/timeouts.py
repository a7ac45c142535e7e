"""How long a call may wait: where the client's users find it."""

from llmstream.values.timeouts import Timeouts

__all__ = ["Timeouts"]
