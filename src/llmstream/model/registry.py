"""Which model a name means."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from llmstream import config, plugins, providers
from llmstream.client.limits import Limits
from llmstream.client.retries import Retries
from llmstream.client.timeouts import Timeouts
from llmstream.errors import ConfigError
from llmstream.model.connected import ConnectedProvider
from llmstream.model.credential import Key, TokenSource, secret_of
from llmstream.model.model import Model
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.model.terms import Defaults
from llmstream.providers._provider import Provider, Setting, Signing
from llmstream.transport.base import AsyncClientLike, Transport, shown
from llmstream.transport.http import HttpTransport
from llmstream.transport.memory import MemoryTransport
from llmstream.values.secret import Secret
from llmstream.wire.sign import Credentials, Scope

if TYPE_CHECKING:
    from llmstream.client.limiter import RateLimiter

# What may stand in a host or a path without changing what is around it.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


def get_model(  # noqa: PLR0913 - a face
    name: str | None = None,
    *,
    base_url: str | None = None,
    key: Key | None = None,
    http: AsyncClientLike | None = None,
    timeouts: Timeouts | None = None,
    retries: Retries | None = None,
    limits: Limits | None = None,
    limiter: RateLimiter | None = None,
) -> Model:
    """Find a model by name: "provider/model-id", or a bare id whose beginning is well known.

    Without a name, the configured default. An id is sent as it is given. The names of our own providers
    come first, then the models and providers of plugins, then the beginnings.

    Args:
        base_url: another address of the same wire; what the vendor's own SDK takes. The key in the
            environment belongs to the provider's own address and is not sent to another.
        key: instead of the one in the environment. A function, async or not, is asked for it before each
            call, for tokens that grow old. Where calls are signed, `wire.sign.Credentials` do, too.
        http: a client of httpx or httpx2 to use; whoever made it closes it.
        timeouts: for the model's calls; what a call gives of its own goes before, field by field.
        retries: for its calls; a call's own go before as a whole.
        limits: how much of an answer is taken in.
        limiter: paces its calls; one may serve several models.

    Raises:
        ConfigError: when there is no such provider or key, or no name and no default.
    """
    if name is None:
        name = config.default_model()
    if name is None:
        raise ConfigError(
            f"expected a model's name, and no default is configured: {config.how_to_set_a_default()}"
        )
    defaults = _defaults(timeouts, retries, limits, limiter)
    head, slash, model_id = name.partition("/")
    row = _own(head)
    if row is None:
        registered = plugins.models().get(name)
        if registered is not None:
            return _as_it_is(registered, base_url, key, http, timeouts, retries, limits, limiter)
        row = plugins.providers().get(head)
    if row is not None and not slash:
        model_id = row.default_model or ""
    if row is None or not model_id:
        row, model_id = _by_prefix(name), name
    return ProviderModel(model_id, _endpoint(row, base_url, key, http, defaults))


def get_provider(  # noqa: PLR0913 - a face
    name: str,
    /,
    *,
    base_url: str | None = None,
    key: Key | None = None,
    http: AsyncClientLike | None = None,
    timeouts: Timeouts | None = None,
    retries: Retries | None = None,
    limits: Limits | None = None,
    limiter: RateLimiter | None = None,
) -> ConnectedProvider:
    """Find a provider by name, to ask it what models it has; the arguments are those of `get_model`.

    Raises:
        ConfigError: when there is no such provider or key.
    """
    row = provider(name)
    if row is None:
        raise ConfigError(f"expected one of the providers {', '.join(provider_names())}, got {name!r}")
    defaults = _defaults(timeouts, retries, limits, limiter)
    return ConnectedProvider(_endpoint(row, base_url, key, http, defaults))


def provider(name: str, /) -> Provider | None:
    """The row of a provider, of ours or of a plugin."""
    return _own(name) or plugins.providers().get(name)


def row_of(name: str, /) -> Provider | None:
    """The row that the name of a model or of a provider means; None for a model that a plugin made.

    Raises:
        ConfigError: when there is no such model.
    """
    row = provider(name.partition("/")[0])
    if row is not None:
        return row
    return None if name in plugins.models() else _by_prefix(name)


def provider_names() -> tuple[str, ...]:
    """The names of all providers, ours and those of plugins, in order."""
    return tuple(sorted({row.name for row in _own_rows()} | set(plugins.providers())))


def _as_it_is(model: Model, *given: object) -> Model:
    if any(value is not None for value in given):
        raise ConfigError(
            f"expected no base_url, key or http for {model.name}, nor timeouts, retries, limits or a "
            "limiter: a plugin made it as it is"
        )
    return model


def _defaults(
    timeouts: Timeouts | None, retries: Retries | None, limits: Limits | None, limiter: RateLimiter | None
) -> Defaults:
    return Defaults(
        timeouts=Timeouts() if timeouts is None else timeouts,
        retries=Retries() if retries is None else retries,
        limits=Limits() if limits is None else limits,
        limiter=limiter,
    )


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
    row: Provider,
    base_url: str | None,
    key: Key | None,
    http: AsyncClientLike | None,
    defaults: Defaults,
) -> Endpoint:
    found = _key(row, base_url, key)
    scope = None if found is None or isinstance(found, Secret) else _scope(row, found)
    return Endpoint(row, _address(row, base_url), found, _transport(row, http), scope, defaults=defaults)


def _address(row: Provider, base_url: str | None) -> str:
    if row.script is not None:
        return ""
    address = base_url or (config.variable(row.base_url_env) if row.base_url_env else None) or _filled(row)
    if not address:
        where = f" or {row.base_url_env}" if row.base_url_env else ""
        raise ConfigError(f"expected base_url={where} for {row.name}: every user of it has another address")
    if not _ADDRESS.fullmatch(address):
        expected = "http:// or https://, a host and maybe a path"
        raise ConfigError(f"expected {expected} as base_url of {row.name}, got {shown(address)!r}")
    return address


def _filled(row: Provider) -> str:
    """The row's own address with the user's words in it."""
    missing = [setting for setting in row.settings if _setting(setting) is None]
    if missing:
        named = " and ".join(dict.fromkeys(" or ".join(setting.env) for setting in missing))
        raise ConfigError(f"expected {named} to be set for {row.name}, or base_url=")
    return row.base_url.format_map({setting.name: _written(setting) for setting in row.settings})


def _setting(setting: Setting) -> str | None:
    value = config.first(setting.env) or setting.default
    if value is not None and not _WORD.fullmatch(value):
        raise ConfigError(f"expected a word of an address in {' or '.join(setting.env)}, got {value!r}")
    return value


def _written(setting: Setting) -> str:
    value = _setting(setting) or ""
    return setting.special.get(value) or setting.form.format(value)


def _key(row: Provider, base_url: str | None, key: Key | None) -> Secret | Credentials | TokenSource | None:
    if key is not None:
        return key if callable(key) else secret_of(key)
    if base_url is not None and _is_elsewhere(row, base_url):
        return None
    found = config.first_key(row.key_env) or _credentials(row.signing)
    if found is None and row.needs_key:
        names = [*row.key_env]
        if row.signing is not None:
            names.append(" and ".join(row.signing.env[:2]))
        raise ConfigError(f"expected a key for {row.name}: give key= or set {' or '.join(names)}")
    return found


def _is_elsewhere(row: Provider, base_url: str) -> bool:
    """Whether an address is not the provider's own, where it has one."""
    if not row.base_url or (row.addresses and re.fullmatch(row.addresses, base_url)):
        return False
    return base_url.rstrip("/") != row.base_url.rstrip("/")


def _credentials(signing: Signing | None) -> Credentials | None:
    if signing is None:
        return None
    access_env, secret_env, token_env = signing.env
    access, secret = config.variable(access_env), config.first_key((secret_env,))
    if access is None or secret is None:
        return None
    return Credentials(access.strip(), secret, config.first_key((token_env,)))


def _scope(row: Provider, key: Credentials | TokenSource) -> Scope | None:
    """Where a signature is good; a function may yet give a token that needs none."""
    if row.signing is None:
        if isinstance(key, Credentials):
            raise ConfigError(f"expected a key for {row.name}, got credentials of AWS")
        return None
    setting = next(setting for setting in row.settings if setting.name == row.signing.region)
    region = _setting(setting)
    if region is not None:
        return Scope(region, row.signing.service)
    if isinstance(key, Credentials):
        raise ConfigError(f"expected {' or '.join(setting.env)} to be set for {row.name}: it is signed for")
    return None


def _transport(row: Provider, http: AsyncClientLike | None) -> Transport:
    if row.script is not None:
        return MemoryTransport(row.codec, row.script)
    return HttpTransport(http, library=config.variable(config.HTTP_VARIABLE))
