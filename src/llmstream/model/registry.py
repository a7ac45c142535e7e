"""Which model a name means."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from llmstream import config, plugins, providers
from llmstream.errors import ConfigError
from llmstream.model.connected import ConnectedProvider
from llmstream.model.model import Model
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.providers._provider import Provider
from llmstream.transport.base import AsyncClientLike, Transport, shown
from llmstream.transport.http import HttpTransport
from llmstream.transport.memory import MemoryTransport
from llmstream.values.secret import Secret

_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


def get_model(
    name: str | None = None,
    *,
    base_url: str | None = None,
    key: str | Secret | None = None,
    http: AsyncClientLike | None = None,
) -> Model:
    """Find a model by name: "provider/model-id", or a bare id whose beginning is well known.

    Without a name, the configured default. An id is sent as it is given. The names of our own providers
    come first, then the models and providers of plugins, then the beginnings.

    Args:
        base_url: another address of the same wire; what the vendor's own SDK takes. The key in the
            environment belongs to the provider's own address and is not sent to another.
        key: instead of the one in the environment.
        http: a client of httpx or httpx2 to use; whoever made it closes it.

    Raises:
        ConfigError: when there is no such provider or key, or no name and no default.
    """
    if name is None:
        name = config.default_model()
    if name is None:
        raise ConfigError(
            f"expected a model's name, and no default is configured: {config.how_to_set_a_default()}"
        )
    head, slash, model_id = name.partition("/")
    row = _own(head)
    if row is None:
        registered = plugins.models().get(name)
        if registered is not None:
            return _as_it_is(registered, base_url, key, http)
        row = plugins.providers().get(head)
    if row is not None and not slash:
        model_id = row.default_model or ""
    if row is None or not model_id:
        row, model_id = _by_prefix(name), name
    return ProviderModel(model_id, _endpoint(row, base_url, key, http))


def get_provider(
    name: str,
    /,
    *,
    base_url: str | None = None,
    key: str | Secret | None = None,
    http: AsyncClientLike | None = None,
) -> ConnectedProvider:
    """Find a provider by name, to ask it what models it has; the arguments are those of `get_model`.

    Raises:
        ConfigError: when there is no such provider or key.
    """
    row = provider(name)
    if row is None:
        raise ConfigError(f"expected one of the providers {', '.join(provider_names())}, got {name!r}")
    return ConnectedProvider(_endpoint(row, base_url, key, http))


def provider(name: str, /) -> Provider | None:
    """The row of a provider, of ours or of a plugin."""
    return _own(name) or plugins.providers().get(name)


def provider_names() -> tuple[str, ...]:
    """The names of all providers, ours and those of plugins, in order."""
    return tuple(sorted({row.name for row in _own_rows()} | set(plugins.providers())))


def _as_it_is(model: Model, *given: object) -> Model:
    if any(value is not None for value in given):
        raise ConfigError(f"expected no base_url, key or http for {model.name}: a plugin made it as it is")
    return model


@cache
def _modules() -> frozenset[str]:
    return frozenset(m.name for m in iter_modules(providers.__path__) if not m.name.startswith("_"))


def _own(name: str) -> Provider | None:
    module = name.replace("-", "_")
    if module not in _modules():
        return None
    row: Provider = import_module(f"{providers.__name__}.{module}").PROVIDER
    return row if row.name == name else None


@cache
def _own_rows() -> tuple[Provider, ...]:
    return tuple(import_module(f"{providers.__name__}.{module}").PROVIDER for module in sorted(_modules()))


def _by_prefix(model_id: str) -> Provider:
    """The provider whose known beginning of ids is the longest that fits."""
    fitting = [
        (len(prefix), row)
        for row in (*_own_rows(), *plugins.providers().values())
        for prefix in row.prefixes
        if model_id.startswith(prefix)
    ]
    if not fitting:
        known = ", ".join(provider_names())
        raise ConfigError(f"expected provider/model-id with one of the providers {known}, got {model_id!r}")
    return max(fitting, key=lambda found: found[0])[1]


def _endpoint(
    row: Provider, base_url: str | None, key: str | Secret | None, http: AsyncClientLike | None
) -> Endpoint:
    return Endpoint(row, _address(row, base_url), _key(row, base_url, key), _transport(row, http))


def _address(row: Provider, base_url: str | None) -> str:
    if row.script is not None:
        return ""
    address = base_url or (config.variable(row.base_url_env) if row.base_url_env else None) or row.base_url
    if not address:
        where = f" or {row.base_url_env}" if row.base_url_env else ""
        raise ConfigError(f"expected base_url={where} for {row.name}: every user of it has another address")
    if not _ADDRESS.fullmatch(address):
        expected = "http:// or https://, a host and maybe a path"
        raise ConfigError(f"expected {expected} as base_url of {row.name}, got {shown(address)!r}")
    return address


def _key(row: Provider, base_url: str | None, key: str | Secret | None) -> Secret | None:
    if key is not None:
        return _given(key)
    if base_url is not None and row.base_url and base_url.rstrip("/") != row.base_url.rstrip("/"):
        return None
    found = config.first_key(row.key_env)
    if found is None and row.needs_key:
        raise ConfigError(f"expected a key for {row.name}: give key= or set {' or '.join(row.key_env)}")
    return found


def _given(key: str | Secret) -> Secret:
    try:
        secret = key if isinstance(key, Secret) else Secret(key, name="key=")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not secret:
        raise ConfigError("expected a key in key=, got an empty one")
    return secret


def _transport(row: Provider, http: AsyncClientLike | None) -> Transport:
    if row.script is not None:
        return MemoryTransport(row.codec, row.script)
    return HttpTransport(http, library=config.variable(config.HTTP_VARIABLE))
