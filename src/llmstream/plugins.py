"""What third parties add: providers and models, by entry point and hook.

A package names a module in the entry point group `llmstream`; the module has functions marked with
`llmstream.hookimpl`. A program registers an object of its own with `plugins().register(thing)`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from llmstream.errors import ConfigError

if TYPE_CHECKING:
    import pluggy

    from llmstream.model.model import Model
    from llmstream.providers._provider import Provider

_F = TypeVar("_F", bound="Callable[..., object]")

GROUP = "llmstream"


class Hooks:
    """The hooks that a plugin may implement."""

    def register_providers(self, register: Callable[[Provider], None]) -> None:
        """Call `register` with each provider row."""

    def register_models(self, register: Callable[[Model], None]) -> None:
        """Call `register` with each model that stands outside the providers."""


def hookimpl(function: _F, /) -> _F:
    """Mark a function as the implementation of the hook whose name it bears."""
    import pluggy

    return pluggy.HookimplMarker(GROUP)(function)


@cache
def plugins() -> pluggy.PluginManager:
    """The plugin manager, with every installed plugin loaded.

    Raises:
        ConfigError: when a plugin cannot be loaded; it names the plugin.
    """
    from importlib.metadata import entry_points

    import pluggy

    manager = pluggy.PluginManager(GROUP)
    spec = pluggy.HookspecMarker(GROUP)
    for name in ("register_providers", "register_models"):
        spec(getattr(Hooks, name))
    manager.add_hookspecs(Hooks)
    for found in entry_points(group=GROUP):
        try:
            manager.register(found.load(), name=found.name)
        except Exception as error:
            raise ConfigError(
                f"expected the plugin {found.name} ({found.value}) to load, got: {error!r}"
            ) from error
    return manager


def providers() -> dict[str, Provider]:
    """The rows that plugins registered, by name."""
    rows: dict[str, Provider] = {}

    def register(provider: Provider) -> None:
        rows[provider.name] = provider

    plugins().hook.register_providers(register=register)
    return rows


def models() -> dict[str, Model]:
    """The models that plugins registered, by name."""
    found: dict[str, Model] = {}

    def register(model: Model) -> None:
        found[model.name] = model

    plugins().hook.register_models(register=register)
    return found
