"""What third parties add."""

from types import SimpleNamespace

import pytest

from llmstream import ConfigError, Provider, hookimpl, plugins
from llmstream.testing.fakes import ScriptedModel
from llmstream.wire import find

ROW = Provider(name="acme", codec=find("anthropic"))
MODEL = ScriptedModel([], name="my-model")


@hookimpl
def register_providers(register):
    register(ROW)


@hookimpl
def register_models(register):
    register(MODEL)


@pytest.fixture
def fresh():
    """A manager that has loaded nothing yet."""
    plugins.plugins.cache_clear()
    yield
    plugins.plugins.cache_clear()


def entry_point(name: str, load) -> SimpleNamespace:
    return SimpleNamespace(name=name, value=f"{name}:plugin", load=load)


def test_a_module_of_hooks_is_found_by_its_entry_point(fresh, monkeypatch) -> None:
    module = SimpleNamespace(register_providers=register_providers, register_models=register_models)
    asked = []

    def entry_points(group: str) -> list[SimpleNamespace]:
        asked.append(group)
        return [entry_point("acme", lambda: module)]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    assert plugins.providers() == {"acme": ROW}
    assert plugins.models() == {"my-model": MODEL}
    assert plugins.plugins().get_plugin("acme") is module
    assert asked == ["llmstream"]


def test_a_module_that_cannot_be_loaded_is_named(fresh, monkeypatch) -> None:
    def broken():
        raise ImportError("no module named gone")

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [entry_point("bad", broken)])
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"plugin bad \(bad:plugin\).*no module named gone") as caught:
            plugins.providers()
        assert isinstance(caught.value.__cause__, ImportError)


def test_an_object_is_registered_and_taken_away(fresh) -> None:
    thing = SimpleNamespace(register_providers=register_providers)
    plugins.plugins().register(thing)
    assert "acme" in plugins.providers()
    plugins.plugins().unregister(thing)
    assert "acme" not in plugins.providers()
    assert "my-model" not in plugins.models()


def test_a_hook_of_another_name_is_refused(fresh) -> None:
    manager = plugins.plugins()
    manager.register(SimpleNamespace(register_nonsense=hookimpl(lambda register: None)))
    with pytest.raises(Exception, match="register_nonsense"):
        manager.check_pending()


def test_the_hooks_are_described_by_functions_that_do_nothing() -> None:
    assert plugins.Hooks().register_providers(print) is None
    assert plugins.Hooks().register_models(print) is None
