"""What a docstring says: the summary, and a description for each argument.

Google's `Args:`, NumPy's underlined `Parameters` and Sphinx's `:param x:` are read; what is written in
none of these styles is all summary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import cleandoc
from types import MappingProxyType

import attrs

_SPHINX = re.compile(r":(param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)")
_SPHINX_OTHER = re.compile(r":(?:type|return|returns|rtype|raises?|yields?|ivar|vartype)\b[^:]*:.*")
_GOOGLE = re.compile(r"(?P<title>[A-Z][\w ]*):\s*$")
_GOOGLE_ITEM = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:(?!:)\s*(.*)")
_NUMPY_ITEM = re.compile(r"\*{0,2}(\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_UNDERLINE = re.compile(r"-{3,}\s*$")
_ARGUMENTS = frozenset({
    "args", "arguments", "parameters", "params", "keyword args", "keyword arguments", "other parameters",
    "attributes", "fields",
})  # fmt: skip
_TITLES = _ARGUMENTS | {
    "returns", "return", "raises", "raise", "yields", "yield", "example", "examples", "note", "notes",
    "see also", "references", "warning", "warnings", "warns", "todo", "methods", "receives",
}  # fmt: skip


@attrs.frozen
class Documented:
    """A docstring, read: what stands before its sections, and its arguments' descriptions by name."""

    summary: str = ""
    arguments: Mapping[str, str] = attrs.field(factory=lambda: MappingProxyType({}))


def documented(text: str | None, /) -> Documented:
    """Read a docstring; None and an empty one say nothing."""
    reader = _Reader()
    for line in _marked(cleandoc(text or "").splitlines()):
        reader.take(*line)
    arguments = {name: " ".join(filter(None, lines)) for name, lines in reader.arguments.items()}
    return Documented("\n".join(reader.summary).strip(), MappingProxyType(arguments))


def _marked(lines: list[str]) -> list[tuple[str, str | None]]:
    """Each line, with the section's title where one begins; NumPy's underlines are left out."""
    marked: list[tuple[str, str | None]] = []
    skip = False
    for line, after in zip(lines, [*lines[1:], ""], strict=False):
        if skip:
            skip = False
            continue
        google = _GOOGLE.fullmatch(line)
        title = google["title"] if google else line.strip()
        skip = bool(_UNDERLINE.fullmatch(after)) and line == line.lstrip()
        is_title = (google is not None or skip) and title.lower() in _TITLES
        skip = skip and is_title
        style = "numpy:" if skip else "google:"
        marked.append((line, style + title.lower() if is_title else None))
    return marked


class _Reader:
    """Takes the lines one by one; knows which section and which argument it is in."""

    def __init__(self) -> None:
        self.summary: list[str] = []
        self.arguments: dict[str, list[str]] = {}
        self._current: list[str] = self.summary
        self._style = ""
        self._indent: int | None = None

    def take(self, line: str, title: str | None) -> None:
        if title is not None:
            style, _, name = title.partition(":")
            self._style = style if name in _ARGUMENTS else "other"
            self._indent, self._current = None, []
        elif (sphinx := _SPHINX.match(line)) is not None:
            self._style = "sphinx"
            self._begin([sphinx[2]], sphinx[3])
        elif _SPHINX_OTHER.match(line):
            self._style, self._current = "sphinx", []
        else:
            self._inside(line)

    def _begin(self, names: list[str], first: str) -> None:
        self._current = [first.strip()]
        for name in names:
            self.arguments[name] = self._current

    def _inside(self, line: str) -> None:
        indent = len(line) - len(line.lstrip())
        if line.strip() and self._style in {"google", "numpy"} and self._item(line, indent):
            return
        if self._style == "google" and line.strip() and not indent:
            self._style, self._current = "", self.summary
        if self._style == "sphinx" and not line.strip():
            self._current = []
        self._current.append(line if self._current is self.summary else line.strip())

    def _item(self, line: str, indent: int) -> bool:
        """Whether the line begins an argument: those of a section share one indent."""
        if self._style == "google" and indent == 0:
            return False
        if self._indent is None:
            self._indent = indent
        pattern = _GOOGLE_ITEM if self._style == "google" else _NUMPY_ITEM
        found = pattern.match(line.strip()) if indent == self._indent else None
        if found is None:
            return False
        names = [name.strip(" *") for name in found[1].split(",")]
        self._begin(names, found[2] if self._style == "google" else "")
        return True
