"""Which model answers when the command line names none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

import attrs

from llmstream.providers._provider import Provider

DEMO = "demo/demo"
_HOW = "-m PROVIDER/MODEL names another"


@attrs.frozen
class Choice:
    """A model, and why it is this one."""

    model: str
    why: str


def fallback() -> Choice:
    """The configured default, else the one provider whose key is in the environment, else the demo.

    Raises:
        ConfigError: when the configuration file cannot be read.
    """
    from llmstream import config
    from llmstream.model import registry

    configured = config.default_model()
    if configured is not None:
        return Choice(configured, "the configured default")
    rows = filter(None, map(registry.provider, registry.provider_names()))
    return choose(rows, is_set=lambda name: config.variable(name) is not None)


def choose(rows: Iterable[Provider], /, *, is_set: Callable[[str], bool]) -> Choice:
    """The one provider whose key is set, if its row says which of its models to use; else the demo.

    Local servers are never chosen. Rows that share a key are one provider, spoken to in several ways.
    """
    keyed = sorted(
        (_key(row, is_set), row.name, row.default_model or "") for row in rows if _key(row, is_set)
    )
    # A row without a model of its own could not be chosen anyway; its key is often one for other things too.
    able = [row for row in keyed if row[2]] or keyed
    by_key = {key: [row[1:] for row in same] for key, same in groupby(able, key=lambda row: row[0])}
    if not by_key:
        return Choice(DEMO, f"no default is configured and no provider's key is set; {_HOW}")
    if len(by_key) > 1:
        return Choice(DEMO, f"{' and '.join(by_key)} are set and no default is configured; {_HOW}")
    ((key, same),) = by_key.items()
    ready = [f"{name}/{model}" for name, model in same if model]
    if not ready:
        return Choice(DEMO, f"{key} is set, but {same[0][0]} has no model of its own to begin with; {_HOW}")
    return Choice(ready[0], f"{key} is set")


def _key(row: Provider, is_set: Callable[[str], bool]) -> str:
    """The variable that holds the row's key; empty if none does, or the row is only used by name."""
    return "" if row.local else next(filter(is_set, row.key_env), "")
