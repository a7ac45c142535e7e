"""Where the steps of a path lead in an annotation."""

from __future__ import annotations

from typing import Annotated, Any, cast

from llmstream.errors import ConfigError
from llmstream.jsontext import Step
from llmstream.schema import shape as shapes
from llmstream.schema.describe import describe
from llmstream.schema.fields import MISSING
from llmstream.schema.hints import Hint
from llmstream.schema.shape import Shape, shape


class Place:
    """An annotation, and those inside it; each is looked up once.

    Attributes:
        name: what the class that it stands in calls it.
    """

    def __init__(self, hint: Hint, name: str = "") -> None:
        self.hint = hint
        self.name = name
        self.form = form(hint)
        self._inner: dict[Step, Place | None] = {}

    def at(self, step: Step) -> Place | None:
        """The place that one step leads to; None where the annotation says nothing certain of it.

        Of a union, what is said by each member that has such a step, if they all say the same.
        """
        alike = isinstance(self.form, shapes.Listed | shapes.Mapped)
        key = (0 if isinstance(step, int) else "") if alike else step
        if key not in self._inner:
            self._inner[key] = _inside(self.form, step)
        return self._inner[key]


def form(hint: Hint, /) -> Shape:
    """The shape of an annotation behind its limits, its alias and its null."""
    match shape(hint):
        case shapes.Limited(inner):
            return form(inner)
        case shapes.Named() as alias:
            return form(alias.hint)
        case shapes.Either(members) as either:
            rest = [member for member in members if member is not None and member is not type(None)]
            return form(rest[0]) if len(rest) == 1 else either
        case other:
            return other


def _inside(known: Shape, step: Step) -> Place | None:
    match known, step:
        case shapes.Listed(item), int():
            return Place(item)
        case shapes.Row(items), int():
            return Place(items[step]) if step < len(items) else None
        case shapes.Mapped(value=hint), str():
            return Place(hint)
        case shapes.Object() as found, str():
            of = next((field for field in found.record.fields if field.key == step), None)
            return None if of is None or of.fixed is not MISSING else Place(found.hint(of), of.name)
        case shapes.Own(cls), str():
            return _of_own(cls, step)
        case shapes.Either(members), _:
            places = [place for member in members if (place := _inside(form(member), step)) is not None]
            agreed = bool(places) and all(
                (place.hint, place.name) == (places[0].hint, places[0].name) for place in places
            )
            return places[0] if agreed else None
        case _:
            return None


def _of_own(cls: Any, step: str) -> Place | None:  # Any: a class of a library that is not imported
    fields = cast("dict[str, Any]", getattr(cls, "model_fields", {}))
    for name, field in fields.items():
        if step != (field.validation_alias or field.alias or name) or field.annotation is None:
            continue
        hint = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        try:
            describe(hint)
        except ConfigError:
            # A type that only its own library reads.
            return None
        return Place(hint, name)
    return None
