"""What the user has set: the environment and the configuration file. The only reader of either."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject
from llmstream.values.secret import Secret

MODEL_VARIABLE = "LLMSTREAM_MODEL"
HTTP_VARIABLE = "LLMSTREAM_HTTP"
HOME_VARIABLE = "LLMSTREAM_HOME"


def variable(name: str) -> str | None:
    """An environment variable; one that is empty or blank counts as not set."""
    value = os.environ.get(name, "")
    return value if value.strip() else None


def first(names: tuple[str, ...]) -> str | None:
    """The value of the first of these variables that is set."""
    return next((value for name in names if (value := variable(name)) is not None), None)


def first_key(names: tuple[str, ...]) -> Secret | None:
    """The key in the first of these variables that is set.

    Raises:
        ConfigError: when it holds what no header may carry; the value is not shown.
    """
    for name in names:
        value = variable(name)
        if value is not None:
            try:
                return Secret(value, name=name)
            except ValueError as error:
                raise ConfigError(str(error)) from None
    return None


def file() -> Path:
    """Where the configuration file is, whether or not it exists."""
    home = variable(HOME_VARIABLE)
    if home is not None:
        return Path(home) / "config.toml"
    base = variable("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "llmstream" / "config.toml"


def settings() -> JSONObject:
    """What the configuration file says; empty when there is none.

    Raises:
        ConfigError: when it cannot be read, or is no TOML.
    """
    path = file()
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"expected a readable TOML file at {path}, got: {error}") from error


def default_model() -> str | None:
    """The configured model: LLMSTREAM_MODEL, else `model` in the configuration file.

    Raises:
        ConfigError: when the file's `model` is no string.
    """
    name = variable(MODEL_VARIABLE)
    if name is not None:
        return name
    value: JSON = settings().get("model")
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"expected a string as model in {file()}, got {value!r}")
    return value


def how_to_set_a_default() -> str:
    """One sentence that says how a default model is configured."""
    return f'set {MODEL_VARIABLE}=provider/model, or write model = "provider/model" in {file()}'
