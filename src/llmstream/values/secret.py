"""A secret that never shows itself."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A key or token. Only `reveal` gives its text; repr, str, format, pickle and copies do not.

    Raises:
        ValueError: when the text holds a character that no header may carry; the text is not shown.
        TypeError: when it is no string; nor is it then.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str, /, *, name: str = "the key") -> None:
        _must_be_text(text, name)
        text = text.strip()
        if not text.isascii() or not text.isprintable():
            raise ValueError(f"expected printable ASCII in {name}, got a character that no header may carry")
        self.__text = text

    def reveal(self) -> str:
        """The text itself; for the transport, at the moment of sending."""
        return self.__text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str, /) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Not above: few secrets are compared.
        from hmac import compare_digest

        return compare_digest(self.__text, other.__text)

    def __hash__(self) -> int:
        return hash(self.__text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self


def _must_be_text(text: object, name: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"expected a string as {name}, got {type(text).__name__}")
