"""The wires: everything between a Request and bytes, and between bytes and events, without I/O."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from llmstream.errors import ConfigError

if TYPE_CHECKING:
    from llmstream.wire.codec import Codec


def names() -> tuple[str, ...]:
    """The names of all dialects, in order."""
    found = (module.name for module in iter_modules(__path__) if module.ispkg and module.name != "framing")
    return tuple(sorted(name.replace("_", "-") for name in found))


def find(name: str, /) -> Codec:
    """The codec of a dialect, without any provider's quirks.

    Raises:
        ConfigError: when there is no such dialect.
    """
    if name not in names():
        raise ConfigError(f"expected one of the dialects {', '.join(names())}, got {name!r}")
    codec: Codec = import_module(f"{__name__}.{name.replace('-', '_')}").CODEC
    return codec
