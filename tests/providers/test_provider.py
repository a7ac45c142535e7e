"""The row that describes a provider, and what all rows have in common."""

import ast
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from llmstream import Provider, providers
from llmstream.wire import find

NAMES = [module.name for module in iter_modules(providers.__path__) if not module.name.startswith("_")]
# The address holds the user's own account or workspace, and the vendor names no variable for it.
EACH_HAS_ANOTHER = {"cloudflare", "databricks", "snowflake"}


def row(module: str) -> Provider:
    return import_module(f"llmstream.providers.{module}").PROVIDER


def test_a_row_takes_lists_and_keeps_tuples() -> None:
    made = Provider(name="x", codec=find("anthropic"), key_env=["A"], headers=[("a", "b")], prefixes=["x-"])
    assert (made.key_env, made.headers, made.prefixes) == (("A",), (("a", "b"),), ("x-",))
    assert made.needs_key


@pytest.mark.parametrize("module", NAMES)
def test_a_row_is_found_by_the_name_of_its_file(module: str) -> None:
    assert row(module).name.replace("-", "_") == module


@pytest.mark.parametrize("module", NAMES)
def test_a_row_says_where_it_is_and_how_it_knows_who_calls(module: str) -> None:
    found = row(module)
    assert bool(found.base_url or found.base_url_env or found.script) is (module not in EACH_HAS_ANOTHER)
    assert found.base_url.startswith(("https://", "http://127.0.0.1")) or not found.base_url
    assert not found.base_url.endswith("/")
    assert found.key_env if found.needs_key else True
    assert not (found.local and found.needs_key)


@pytest.mark.parametrize("module", NAMES)
def test_opaque_data_goes_back_under_the_rows_own_name(module: str) -> None:
    assert row(module).codec.provider == row(module).name


def test_bare_ids_mean_one_provider_each() -> None:
    prefixes = [(prefix, name) for name in NAMES for prefix in row(name).prefixes]
    for prefix, name in prefixes:
        clash = [other for begin, other in prefixes if other != name and prefix.startswith(begin)]
        assert not clash, f"{prefix} is claimed by {name} and {clash}"


@pytest.mark.parametrize("module", NAMES)
def test_rows_know_nothing_of_each_other(module: str) -> None:
    source = Path(str(providers.__file__)).with_name(f"{module}.py").read_text("utf-8")
    imported = {node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    own = {name for name in imported if name.startswith("llmstream.providers")}
    # What is private is no row: the type of them all, and what the rows of one cloud share.
    assert all(name.rpartition(".")[2].startswith("_") for name in own)
