"""The converter between values and their dict forms: cattrs over a closed table, without coercion.

Nothing outside the table is ever made, whatever a dict says: a form is found by its tag, its fields by
the annotations of its class, and free-form JSON inside is passed on as it is.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args, get_origin

import attrs

from llmstream.jsontext import JSON, JSONObject, named, shown
from llmstream.serial import dicts
from llmstream.serial.misfit import Misfit, key_of
from llmstream.values import content, events, messages, request, response, usage

if TYPE_CHECKING:
    from cattrs import Converter

# Any: a hook takes whatever stands at its place, and its second argument is any type form.
Reader: TypeAlias = Callable[[Any, Any], Any]
Writer: TypeAlias = Callable[[Any], Any]

# Any: no checker knows TypedDict classes as values of a common type.
FORMS: dict[type, Any] = {
    content.Attachment: dicts.AttachmentDict,
    content.Citation: dicts.CitationDict,
    content.Logprob: dicts.LogprobDict,
    content.TextPart: dicts.TextPartDict,
    content.ReasoningPart: dicts.ReasoningPartDict,
    content.ToolCallPart: dicts.ToolCallPartDict,
    content.ToolResultPart: dicts.ToolResultPartDict,
    content.AttachmentPart: dicts.AttachmentPartDict,
    content.OpaquePart: dicts.OpaquePartDict,
    usage.Usage: dicts.UsageDict,
    events.TextDelta: dicts.TextDeltaDict,
    events.ReasoningDelta: dicts.ReasoningDeltaDict,
    events.ToolCallStart: dicts.ToolCallStartDict,
    events.ToolCallArgsDelta: dicts.ToolCallArgsDeltaDict,
    events.ToolCallEnd: dicts.ToolCallEndDict,
    events.ToolResultOut: dicts.ToolResultOutDict,
    events.ToolProgress: dicts.ToolProgressDict,
    events.ImageOut: dicts.ImageOutDict,
    events.AudioDelta: dicts.AudioDeltaDict,
    events.CitationOut: dicts.CitationOutDict,
    events.PartMetadata: dicts.PartMetadataDict,
    events.OpaqueOut: dicts.OpaqueOutDict,
    events.Raw: dicts.RawDict,
    events.RoundDone: dicts.RoundDoneDict,
    events.Restarted: dicts.RestartedDict,
    events.Done: dicts.DoneDict,
    messages.Message: dicts.MessageDict,
    request.Tool: dicts.ToolDict,
    request.ServerSideTool: dicts.ServerSideToolDict,
    request.ToolChoice: dicts.ToolChoiceDict,
    request.OutputSchema: dicts.OutputSchemaDict,
    request.Options: dicts.OptionsDict,
    request.Request: dicts.RequestDict,
    response.Timing: dicts.TimingDict,
    response.Response: dicts.ResponseDict,
}


@cache
def known(cls: object) -> type | None:
    """The class of the table that this one is or comes from."""
    bases = cls.__mro__ if isinstance(cls, type) else ()
    return next((base for base in bases if base in FORMS), None)


def constants(cls: type) -> dict[str, JSON]:
    """The keys of a form that are no fields of its class, with the one value that each has."""
    hints = FORMS[cls].__annotations__
    fields = {key_of(field.name) for field in attrs.fields(cls)}
    return {key: get_args(hint)[0] for key, hint in hints.items() if key not in fields}


TAGS: dict[str, type] = {constants(cls)["type"]: cls for cls in FORMS if "type" in constants(cls)}


@cache
def converter() -> Converter:
    """The one converter; cattrs is imported here, because `import llmstream` must not load it."""
    from cattrs import Converter

    made = Converter(detailed_validation=True)
    free = (Any, JSONObject, content.ProviderMetadata)
    made.register_unstructure_hook_func(lambda form: form in free, lambda value: value)
    made.register_unstructure_hook(bytes, lambda data: b64encode(data).decode())
    made.register_unstructure_hook_factory(lambda form: known(form) is not None, _writer)
    for kind, read in _READERS.items():
        made.register_structure_hook(kind, read)
    made.register_structure_hook_func(lambda form: form == JSONObject, _object)
    made.register_structure_hook_func(lambda form: form == content.ProviderMetadata, _objects)
    made.register_structure_hook_factory(_made_of(Literal), _words)
    made.register_structure_hook_factory(_made_of(tuple), _items)
    made.register_structure_hook_factory(lambda form: form in FORMS, _reader)
    made.register_structure_hook_factory(lambda form: form is content.Attachment, _restored)
    for union in (content.Part, request.AnyTool):
        made.register_structure_hook(union, tagged(get_args(union)))
    return made


def _made_of(origin: object) -> Callable[[Any], bool]:
    return lambda form: get_origin(form) is origin


def tagged(classes: tuple[type, ...], /) -> Reader:
    """Make a reader of the forms of these classes, told apart by their tags."""
    table = {tag: cls for tag, cls in TAGS.items() if cls in classes}
    expected = f"a type out of {', '.join(sorted(table))}"

    def read(value: JSON, _: object = None) -> object:
        tag = _object(value).get("type")
        if not isinstance(tag, str) or tag not in table:
            raise Misfit(expected, shown(tag))
        return cast("object", converter().structure(value, table[tag]))

    return read


def _rules(cls: type) -> dict[str, Any]:
    """Where a form differs from what cattrs makes of a class: keys renamed, always written, or never.

    Any, because they are passed on among cattrs' own keyword arguments.
    """
    from cattrs import override

    form = FORMS[cls]
    keys = {field.name: key_of(field.name) for field in attrs.fields(cls)}
    return {
        name: override(
            rename=key,
            omit=key not in form.__annotations__,
            omit_if_default=False if key in form.__required_keys__ else None,
        )
        for name, key in keys.items()
    }


def _writer(form: type, made: Converter) -> Writer:
    from cattrs.gen import make_dict_unstructure_fn

    cls = cast("type", known(form))
    fixed = constants(cls)
    write: Writer = make_dict_unstructure_fn(
        cls, made, _cattrs_omit_if_default=True, _cattrs_use_linecache=False, **_rules(cls)
    )
    return lambda value: {**fixed, **write(value)}


def _reader(cls: type, made: Converter) -> Reader:
    from cattrs.gen import make_dict_structure_fn

    fixed, required = constants(cls), FORMS[cls].__required_keys__
    # The cast, because cattrs' type of it has a variable that nothing here binds.
    build = cast(
        "Reader",
        make_dict_structure_fn(
            cls, made, _cattrs_forbid_extra_keys=True, _cattrs_use_linecache=False, **_rules(cls)
        ),
    )

    def read(value: JSON, _: object) -> object:
        given = dict(_object(value))
        for key, constant in fixed.items():
            got = given.pop(key, None)
            if type(got) is not type(constant) or got != constant:
                raise Misfit(f"{key} {constant}", shown(got))
        missing = sorted(required - value.keys())
        if missing:
            raise Misfit(f"the key {missing[0]!r}", "none")
        return cast("object", build(given, cls))

    return read


def _restored(cls: type, made: Converter) -> Reader:
    read = _reader(cls, made)
    return lambda value, form: attrs.evolve(read(value, form), restored=True)


def _items(form: Any, made: Converter) -> Reader:
    from cattrs.errors import IterableValidationError, IterableValidationNote

    one: Any = get_args(form)[0]
    read_one = made.get_structure_hook(one)

    def read(value: JSON, _: object) -> tuple[object, ...]:
        if type(value) is not list:
            raise Misfit("a list", named(value))
        items: list[object] = []
        for i, item in enumerate(cast("list[JSON]", value)):
            try:
                items.append(read_one(item, one))
            except Exception as error:  # noqa: BLE001 - cattrs collects whatever a hook raises
                # Its own hook for lists goes on to the end, and a hostile list may be long.
                error.add_note(IterableValidationNote("", i, one))
                # pyright takes the signature of the exception group above it.
                raise IterableValidationError("", [error], tuple) from None  # pyright: ignore[reportCallIssue]
        return tuple(items)

    return read


def _words(form: Any) -> Reader:
    words = get_args(form)

    def read(value: JSON, _: object) -> JSON:
        if value not in words:
            raise Misfit(f"one of {', '.join(words)}", shown(value))
        return value

    return read


def _exactly(kind: type) -> Reader:
    def read(value: JSON, _: object) -> JSON:
        if type(value) is not kind:
            raise Misfit(named(kind()), named(value))
        return value

    return read


def _number(value: JSON, _: object) -> float:
    if type(value) is not int and type(value) is not float:
        raise Misfit("a number", named(value))
    return value


def _bytes(value: JSON, _: object) -> bytes:
    try:
        return a2b_base64(value, strict_mode=True)
    except (TypeError, ValueError):
        raise Misfit("base64 text", named(value)) from None


def _object(value: JSON, _: object = None) -> JSONObject:
    if type(value) is not dict:
        raise Misfit("an object", named(value))
    return cast("JSONObject", value)


def _objects(value: JSON, _: object) -> dict[str, JSONObject]:
    objects = _object(value)
    for key, item in objects.items():
        if type(item) is not dict:
            raise Misfit(f"an object under the key {shown(key)}", named(item))
    return objects


_READERS: dict[type, Reader] = {
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
    float: _number,
    bytes: _bytes,
}
