"""How long a call may wait, and for what."""

from __future__ import annotations

import attrs


@attrs.frozen
class Timeouts:
    """Seconds that a call may wait; None is no limit.

    Attributes:
        connect: for a connection, with its TLS handshake.
        first_event: for the first progress after the request was sent.
        stall: for more progress. Comments, pings and empty deltas are none.
        liveness: for any byte, so that a silent peer is told from a model that thinks.
        total: for the whole answer.
        pool: for a free connection.
    """

    connect: float | None = 10.0
    first_event: float | None = 600.0
    stall: float | None = 180.0
    liveness: float | None = None
    total: float | None = None
    pool: float | None = 30.0
