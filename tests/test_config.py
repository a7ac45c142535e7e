"""What the user has set, in the environment and in a file."""

from pathlib import Path

import pytest

from llmstream import ConfigError, Secret, config


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path) -> Path:
    monkeypatch.delenv("LLMSTREAM_MODEL", raising=False)
    monkeypatch.setenv("LLMSTREAM_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("value", "counts"), [("x", "x"), ("", None), ("  ", None), (None, None)])
def test_a_variable_that_is_empty_or_blank_is_not_set(monkeypatch, value, counts) -> None:
    monkeypatch.delenv("SOME_NAME", raising=False)
    if value is not None:
        monkeypatch.setenv("SOME_NAME", value)
    assert config.variable("SOME_NAME") == counts


def test_the_first_key_that_is_set_counts(monkeypatch) -> None:
    monkeypatch.setenv("KEY_A", " ")
    monkeypatch.setenv("KEY_B", " sk-b\n")
    monkeypatch.setenv("KEY_C", "sk-c")
    assert config.first_key(("KEY_A", "KEY_B", "KEY_C")) == Secret("sk-b")
    assert config.first_key(("KEY_A",)) is None
    assert config.first_key(()) is None


def test_the_first_variable_that_is_set_counts(monkeypatch) -> None:
    monkeypatch.setenv("NAME_A", " ")
    monkeypatch.setenv("NAME_B", "b")
    assert config.first(("NAME_A", "NAME_B")) == "b"
    assert config.first(("NAME_A",)) is None


def test_a_key_that_no_header_may_carry_is_named_and_not_shown(monkeypatch) -> None:
    monkeypatch.setenv("KEY_A", "sk-\u00fcber")
    with pytest.raises(ConfigError, match="KEY_A") as caught:
        config.first_key(("KEY_A",))
    assert "sk-" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_file_is_in_the_home_that_is_set_else_where_the_desktop_says(monkeypatch, tmp_path) -> None:
    assert config.file() == tmp_path / "config.toml"
    monkeypatch.delenv("LLMSTREAM_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xdg")
    assert config.file() == Path("/xdg/llmstream/config.toml")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert config.file() == Path("/home/me/.config/llmstream/config.toml")


def test_settings_are_what_the_file_says(home) -> None:
    assert config.settings() == {}
    (home / "config.toml").write_text('model = "demo"\n[more]\nx = 1\n')
    assert config.settings() == {"model": "demo", "more": {"x": 1}}


@pytest.mark.parametrize("content", [b"model = ", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(home, content) -> None:
    (home / "config.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.toml"):
        config.settings()


def test_a_folder_in_its_place_is_named(home) -> None:
    (home / "config.toml").mkdir()
    with pytest.raises(ConfigError, match=r"config\.toml"):
        config.settings()


def test_the_variable_goes_before_the_file(monkeypatch, home) -> None:
    assert config.default_model() is None
    (home / "config.toml").write_text('model = "demo"')
    assert config.default_model() == "demo"
    monkeypatch.setenv("LLMSTREAM_MODEL", "demo/other")
    assert config.default_model() == "demo/other"


def test_a_model_that_is_no_string_is_refused(home) -> None:
    (home / "config.toml").write_text("model = 5")
    with pytest.raises(ConfigError, match=r"a string as model .* got 5"):
        config.default_model()


def test_how_to_set_a_default_names_both_ways(home) -> None:
    assert "LLMSTREAM_MODEL=" in config.how_to_set_a_default()
    assert str(home / "config.toml") in config.how_to_set_a_default()
