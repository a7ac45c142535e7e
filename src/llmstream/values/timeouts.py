"""How long a call may wait, and for what."""

from __future__ import annotations

from typing import Final

import attrs

from llmstream.errors import ConfigError
from llmstream.values.amounts import is_amount

# Told by identity: it equals nothing, and nobody gives it.
_ABSENT: Final = float("nan")
_DEFAULTS: Final[dict[str, float | None]] = {
    "connect": 10.0,
    "first_event": 600.0,
    "stall": 180.0,
    "liveness": None,
    "total": None,
    "pool": 30.0,
}


@attrs.frozen
class Timeouts:
    """Seconds that a call may wait; None is no limit.

    What is not given is as it is one step further out: of a call as it is of the model, there as in the
    provider's row, and there 10, 600, 180, None, None and 30, in the order of the fields. These are also
    what the attributes of a Timeouts by itself say.

    Attributes:
        connect: for a connection, with its TLS handshake.
        first_event: for the first progress after the request was sent.
        stall: for more progress. Comments, pings and empty deltas are none.
        liveness: for any byte, so that a silent peer is told from a model that thinks.
        total: for the whole answer, over all attempts.
        pool: for a free connection, and for the turn where a limiter paces the calls.
    """

    connect: float | None = _ABSENT
    first_event: float | None = _ABSENT
    stall: float | None = _ABSENT
    liveness: float | None = _ABSENT
    total: float | None = _ABSENT
    pool: float | None = _ABSENT
    _absent: frozenset[str] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        absent = frozenset(name for name in _DEFAULTS if getattr(self, name) is _ABSENT)
        for name in absent:
            object.__setattr__(self, name, _DEFAULTS[name])
        object.__setattr__(self, "_absent", absent)
        for name in _DEFAULTS:
            seconds: float | None = getattr(self, name)
            if seconds is not None and not is_amount(seconds):
                raise ConfigError(f"expected seconds from 0 or None as {name}, got {seconds!r}")

    def over(self, below: Timeouts | None, /) -> Timeouts:
        """These, with those of `below` where these say nothing."""
        if below is None or not self._absent:
            return self
        given = {
            name: getattr(self if name not in self._absent else below, name)
            for name in _DEFAULTS
            if name not in self._absent or name not in below._absent
        }
        return Timeouts(**given)
