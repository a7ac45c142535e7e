"""What the running of tools may take."""

from __future__ import annotations

from typing import Any

import attrs

from llmstream.errors import ConfigError


def positive(_: object, field: Any, value: float | None) -> None:
    """The validator of a limit: a number above 0, or None. Any: the attribute's type is its own.

    Raises:
        ConfigError: when it is neither.
    """
    if value is not None and not value > 0:
        raise ConfigError(f"expected a number above 0 as {field.name}=, got {value!r}")


@attrs.frozen(kw_only=True)
class ToolLimits:
    """Limits of single calls of tools; a call that meets one gives an error result.

    Attributes:
        parallel: how many calls run at once.
        seconds: for one call; None is no limit. A sync tool that takes longer is abandoned in its thread.
        text: characters of a result.
        attachments: bytes of a result's attachments.
    """

    parallel: int = attrs.field(default=16, validator=positive)
    seconds: float | None = attrs.field(default=600.0, validator=positive)
    text: int = attrs.field(default=1 << 20, validator=positive)
    attachments: int = attrs.field(default=32 << 20, validator=positive)
