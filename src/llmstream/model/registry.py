"""Which model a name means."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from llmstream import config, plugins, providers
from llmstream.errors import ConfigError
from llmstream.model.model import Model
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.providers._provider import Provider
from llmstream.transport.base import AsyncClientLike, Transport
from llmstream.transport.http import HttpTransport
from llmstream.transport.memory import MemoryTransport
from llmstream.values.secret import Secret


def get_model(
    name: str | None = None,
    *,
    base_url: str | None = None,
    key: str | Secret | None = None,
    http: AsyncClientLike | None = None,
) -> Model:
    """Find a model by name: "provider/model-id", or a bare id whose beginning is well known.

    Without a name, the configured default. An id is sent as it is given.

    Args:
        base_url: another address of the same wire; what the vendor's own SDK takes. The key in the
            environment belongs to the provider's own address and is not sent to another.
        key: instead of the one in the environment.
        http: a client of httpx or httpx2 to use; whoever made it closes it.

    Raises:
        ConfigError: when there is no such provider or key, or no name and no default.
    """
    name = name or config.default_model()
    if name is None:
        raise ConfigError(
            f"expected a model's name, and no default is configured: {config.how_to_set_a_default()}"
        )
    registered = plugins.models().get(name)
    if registered is not None:
        return registered
    row, model_id = _row(name)
    endpoint = _endpoint(row, base_url, key, http)
    return ProviderModel(model_id, endpoint)


def provider(name: str, /) -> Provider | None:
    """The row of a provider, of ours or of a plugin."""
    own = import_module(f"{providers.__name__}.{_module(name)}") if _module(name) in _modules() else None
    if own is not None and own.PROVIDER.name == name:
        row: Provider = own.PROVIDER
        return row
    return plugins.providers().get(name)


def provider_names() -> tuple[str, ...]:
    """The names of all providers, ours and those of plugins, in order."""
    own = {import_module(f"{providers.__name__}.{module}").PROVIDER.name for module in _modules()}
    return tuple(sorted(own | set(plugins.providers())))


def _module(name: str) -> str:
    return name.replace("-", "_")


def _modules() -> set[str]:
    return {module.name for module in iter_modules(providers.__path__) if not module.name.startswith("_")}


def _row(name: str) -> tuple[Provider, str]:
    head, slash, rest = name.partition("/")
    row = provider(head)
    if row is not None and rest:
        return row, rest
    if row is not None and row.default_model and not slash:
        return row, row.default_model
    found = _by_prefix(name)
    if found is None:
        known = ", ".join(provider_names())
        raise ConfigError(f"expected provider/model-id with one of the providers {known}, got {name!r}")
    return found, name


def _by_prefix(model_id: str) -> Provider | None:
    for name in provider_names():
        row = provider(name)
        if row is not None and model_id.startswith(row.prefixes or ("\0",)):
            return row
    return None


def _endpoint(
    row: Provider, base_url: str | None, key: str | Secret | None, http: AsyncClientLike | None
) -> Endpoint:
    return Endpoint(row, _address(row, base_url), _key(row, base_url, key), _transport(row, http))


def _address(row: Provider, base_url: str | None) -> str:
    address = base_url or (config.variable(row.base_url_env) if row.base_url_env else None) or row.base_url
    if not address and row.script is None:
        where = f" or {row.base_url_env}" if row.base_url_env else ""
        raise ConfigError(f"expected base_url={where} for {row.name}: every user of it has another address")
    return address


def _key(row: Provider, base_url: str | None, key: str | Secret | None) -> Secret | None:
    if isinstance(key, str):
        try:
            return Secret(key, name="key=")
        except ValueError as error:
            raise ConfigError(str(error)) from None
    if key is not None or base_url is not None:
        return key
    found = config.first_key(row.key_env)
    if found is None and row.needs_key:
        raise ConfigError(f"expected a key for {row.name}: give key= or set {' or '.join(row.key_env)}")
    return found


def _transport(row: Provider, http: AsyncClientLike | None) -> Transport:
    if row.script is not None:
        return MemoryTransport(row.codec, row.script)
    return HttpTransport(http, library=config.variable(config.HTTP_VARIABLE))
