"""What is complete of an answer that grows, at its top, in the types of the annotation."""

from __future__ import annotations

from itertools import islice
from types import SimpleNamespace
from typing import Any, NoReturn

import attrs

from llmstream.errors import ConfigError
from llmstream.jsontext import Step
from llmstream.schema import shape as shapes
from llmstream.schema.shape import Shape


class View(SimpleNamespace):
    """The fields of a record that are complete, as attributes."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"expected a field that is complete and fits, got {name}", name=name, obj=self)


@attrs.frozen(eq=False)
class Complete:
    """What was complete at one moment: the first so many fields and items of those that grow."""

    _form: Shape | None
    _fields: dict[str, object]
    _items: list[object]
    _count: int

    def view(self) -> object:
        """It, as the annotation has it; made anew each time.

        Raises:
            ConfigError: when the answer has neither fields nor items.
        """
        match self._form:
            case shapes.Object(cls) if issubclass(cls, dict):
                return self._as_dict()
            case shapes.Listed() as listed:
                return listed.make(self._items[: self._count])
            case shapes.Row():
                return tuple(self._items[: self._count])
            case shapes.Mapped() as mapped:
                return mapped.make(self._as_dict())
            case None | shapes.Anything():
                return self._items[: self._count] if self._items else self._as_dict()
            case shapes.Either() if self._items:
                return self._items[: self._count]
            case shapes.Object() | shapes.Own() | shapes.Either():
                return View(**self._as_dict())
            case other:
                said = type(other).__name__.lower()
                raise ConfigError(f"expected an answer with fields or items for a view, got a {said} one")

    def _as_dict(self) -> dict[Any, object]:  # Any: as keyword arguments and as keys of any kind
        return dict(islice(self._fields.items(), self._count))


class Gathered:
    """The complete fields, or items, of an answer so far."""

    def __init__(self, form: Shape | None) -> None:
        self._form = form
        self._fields: dict[str, object] = {}
        self._items: list[object] = []

    def add(self, step: Step, value: object) -> None:
        """Take what a field or an item became."""
        if isinstance(step, int):
            self._items.append(value)
            return
        if step in self._fields:
            # The last one wins; earlier moments keep what they saw.
            self._fields = {name: known for name, known in self._fields.items() if name != step}
        self._fields[step] = value

    def now(self) -> Complete:
        """What is complete at this moment, in a time that nothing counts for."""
        return Complete(self._form, self._fields, self._items, len(self._fields) + len(self._items))
