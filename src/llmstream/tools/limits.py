"""What the running of tools may take."""

from __future__ import annotations

from typing import Any, TypeGuard

import attrs

from llmstream.errors import ConfigError


def positive(_: object, field: Any, value: float | None) -> None:
    """The validator of a limit: a number above 0, or None. Any: the attribute's type is its own.

    Raises:
        ConfigError: when it is neither.
    """
    given: object = value
    if given is not None and not (_is_number(given) and given > 0):
        raise ConfigError(f"expected a number above 0 as {field.name}=, got {given!r}")


def whole(_: object, field: Any, value: int) -> None:
    """The validator of a count: a whole number above 0. Any: as in `positive`.

    Raises:
        ConfigError: when it is none.
    """
    if not _is_count(value):
        raise ConfigError(f"expected a whole number above 0 as {field.name}=, got {value!r}")


def whole_or_none(_: object, field: Any, value: int | None) -> None:
    """The validator of a count that may be without limit: as `whole`, or None.

    Raises:
        ConfigError: when it is neither.
    """
    if value is not None:
        whole(_, field, value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


@attrs.frozen(kw_only=True)
class ToolLimits:
    """Limits of single calls of tools; a call that meets one gives an error result.

    Attributes:
        parallel: how many calls run at once.
        seconds: for one call; None is no limit. A sync tool that takes longer is abandoned in its thread.
        text: characters of a result.
        attachments: bytes of a result's attachments.
    """

    parallel: int = attrs.field(default=16, validator=whole)
    seconds: float | None = attrs.field(default=600.0, validator=positive)
    text: int = attrs.field(default=1 << 20, validator=whole)
    attachments: int = attrs.field(default=32 << 20, validator=whole)
