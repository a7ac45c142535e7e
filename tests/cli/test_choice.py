"""Which model answers when none is named."""

from pathlib import Path

import pytest

from llmstream import ConfigError, Provider, hookimpl
from llmstream.cli.choice import DEMO, choose, fallback
from llmstream.plugins import plugins
from llmstream.wire.openai_chat import OpenAIChatCodec


def row(name: str, *keys: str, model: str | None = "large", local: bool = False) -> Provider:
    return Provider(name=name, codec=OpenAIChatCodec(), key_env=keys, default_model=model, local=local)


ROWS = (
    row("north", "NORTH_KEY"),
    row("north-classic", "NORTH_KEY", model=None),
    row("south", "SOUTH_KEY", "SOUTHERN_KEY", model="small"),
    row("gateway", "GATEWAY_KEY", model=None),
    row("cellar", "CELLAR_KEY", local=True),
)


@pytest.mark.parametrize(
    ("keys", "model", "why"),
    [
        ((), DEMO, "no provider's key is set"),
        (("NORTH_KEY",), "north/large", "NORTH_KEY is set"),
        (("SOUTHERN_KEY",), "south/small", "SOUTHERN_KEY is set"),
        (("SOUTH_KEY", "SOUTHERN_KEY"), "south/small", "SOUTH_KEY is set"),
        (("NORTH_KEY", "SOUTH_KEY"), DEMO, "NORTH_KEY and SOUTH_KEY are set"),
        (("GATEWAY_KEY",), DEMO, "GATEWAY_KEY is set, but gateway has no model"),
        (("GATEWAY_KEY", "NORTH_KEY"), "north/large", "NORTH_KEY is set"),
        (("CELLAR_KEY",), DEMO, "no provider's key is set"),
        (("CELLAR_KEY", "NORTH_KEY"), "north/large", "NORTH_KEY is set"),
    ],
)
def test_the_one_provider_whose_key_is_set_is_chosen(keys: tuple[str, ...], model: str, why: str) -> None:
    choice = choose(ROWS, is_set=keys.__contains__)
    assert choice.model == model
    assert why in choice.why


def test_the_configured_default_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSTREAM_MODEL", "north/medium")
    assert fallback().model == "north/medium"
    assert "configured" in fallback().why


def test_a_configuration_that_cannot_be_read_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LLMSTREAM_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text("model = ")
    with pytest.raises(ConfigError, match="TOML"):
        fallback()


def test_without_a_key_the_demo_answers() -> None:
    assert fallback().model == DEMO


def test_a_key_of_a_plugins_provider_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plugin:
        @hookimpl
        def register_providers(self, register):
            register(ROWS[0])

    monkeypatch.setenv("NORTH_KEY", "sk-north")
    plugin = Plugin()
    plugins().register(plugin)
    try:
        choice = fallback()
    finally:
        plugins().unregister(plugin)
    assert choice.model == "north/large"
    assert "sk-north" not in choice.why
