"""What does not fit a dict form, said with the place where it stands."""

from __future__ import annotations

from collections.abc import Iterator

from llmstream.errors import ConfigError
from llmstream.jsontext import Step, place, shown


class Misfit(ValueError):  # noqa: N818 - caught inside serial, where it becomes a ConfigError
    """A value is not what its place asks for."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")


def key_of(field: str) -> str:
    """The dict key of a field: `type` says which form a dict has, so a field of that name moves."""
    return "provider_type" if field == "type" else field


def misfits(error: Exception, /, *, at: tuple[Step, ...] = ()) -> Iterator[tuple[Exception, str]]:
    """Walk what cattrs collected: each failure at a leaf, and its place."""
    from cattrs.errors import ClassValidationError, IterableValidationError

    inner: list[tuple[Exception, Step]]
    if isinstance(error, ClassValidationError):
        fields, others = error.group_exceptions()
        inner = [(leaf, key_of(note.name)) for leaf, note in fields]
    elif isinstance(error, IterableValidationError):
        items, others = error.group_exceptions()
        inner = [(leaf, note.index) for leaf, note in items]
    else:
        yield error, place(at)
        return
    for leaf, step in inner:
        yield from misfits(leaf, at=(*at, step))
    for leaf in others:
        yield from misfits(leaf, at=at)


def refusal(error: Exception, /) -> ConfigError:
    """One exception that says all that did not fit, and where."""
    return ConfigError("; ".join(f"{_said(leaf)}, at {where}" for leaf, where in misfits(error)))


def has_unknown_keys(error: Exception, /) -> bool:
    """Whether a key that this version does not know is among what did not fit."""
    from cattrs.errors import ForbiddenExtraKeysError

    return any(isinstance(leaf, ForbiddenExtraKeysError) for leaf, _ in misfits(error))


def _said(leaf: Exception) -> str:
    from cattrs.errors import ForbiddenExtraKeysError

    if isinstance(leaf, ForbiddenExtraKeysError):
        keys = ", ".join(shown(key) for key in sorted(leaf.extra_fields)[:5])
        return f"expected no key that {leaf.cl.__name__} has not, got {keys}"
    if isinstance(leaf, RecursionError):
        return "expected fewer levels, got more than can be read"
    return str(leaf)
