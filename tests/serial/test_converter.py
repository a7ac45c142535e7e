import re
import threading
from typing import get_args

import attrs
import pytest

from llmstream.errors import ConfigError
from llmstream.serial import event_from_dict, from_dict, to_dict
from llmstream.serial.converter import FORMS, TAGS, constants, converter, known
from llmstream.values.content import Attachment, Logprob, Part, TextPart
from llmstream.values.events import Event, TextDelta, UnknownEvent
from llmstream.values.messages import Message
from llmstream.values.request import AnyTool, Options, Request
from llmstream.values.response import Response
from llmstream.values.usage import Usage


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def test_every_value_has_a_form():
    assert {*get_args(Part), *get_args(Event), *get_args(AnyTool), Message, Request, Response, Usage} <= {
        *FORMS,
        UnknownEvent,
    }


def test_every_class_inside_a_form_has_a_form():
    for cls in FORMS:
        attrs.resolve_types(cls)
        inner = {one for field in attrs.fields(cls) for one in flat(field.type) if attrs.has(one)}
        assert inner <= set(FORMS)


def flat(form: object) -> list[type]:
    return [one for arg in get_args(form) for one in flat(arg)] or ([form] if isinstance(form, type) else [])


def test_tags_are_the_names_in_snake_case():
    """The tag of a part is without the word part."""
    names = {tag: cls.__name__.removesuffix("Part") for tag, cls in TAGS.items()}
    assert all(tag == snake(name) for tag, name in names.items())
    assert {cls for cls in FORMS if "type" in constants(cls)} == set(TAGS.values())


def test_requests_and_responses_carry_a_version():
    assert {cls for cls in FORMS if "version" in constants(cls)} == {Request, Response}


@pytest.mark.parametrize("cls", FORMS, ids=lambda cls: cls.__name__)
def test_a_value_of_a_subclass_is_written_as_one_of_its_class(cls: type):
    class Mine(cls):
        """Has more behind it than the record."""

    assert known(Mine) is cls


def test_what_is_in_no_form_is_not_known():
    assert known(UnknownEvent) is None
    assert known(dict) is None
    assert known("text") is None


def test_a_live_response_is_written_as_its_record():
    @attrs.frozen(kw_only=True, eq=False)
    class Live(Response):
        model_behind: object = None

    record = Response(parts=[TextPart("a")])
    assert to_dict(Live(parts=[TextPart("a")], model_behind=object())) == to_dict(record)


def test_free_form_data_is_passed_on_and_not_converted():
    part = TextPart("a", provider_metadata={"p": {"usage": {"input": 1}, "raw": [1.0, 1, True, None]}})
    assert repr(from_dict(to_dict(part), TextPart).provider_metadata) == repr(part.provider_metadata)


@pytest.mark.parametrize("data", [b"bytes", TextPart("a"), {1, 2}])
def test_free_form_data_that_is_no_json_is_not_converted_either(data: object):
    with pytest.raises(ConfigError, match=r"expected a JSON value, got .*, at provider_metadata\.p\.k"):
        to_dict(TextPart("a", provider_metadata={"p": {"k": data}}))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 5.0}, "max_tokens"),
        ({"temperature": "0.5"}, "temperature"),
        ({"temperature": False}, "temperature"),
        ({"store": 1}, "store"),
        ({"store": "true"}, "store"),
        ({"user": 5}, "user"),
        ({"stop": "END"}, "stop"),
        ({"stop": [1]}, r"stop\[0\]"),
        ({"extra": None}, "extra"),
        ({"reasoning_effort": "most"}, "reasoning_effort"),
        ({"reasoning_effort": ["low"]}, "reasoning_effort"),
    ],
)
def test_nothing_is_coerced(options: dict[str, object], field: str):
    with pytest.raises(ConfigError, match=rf"^expected .*, got .*, at {field}$"):
        from_dict(options, Options)


def test_a_whole_number_is_a_number():
    assert from_dict({"temperature": 1}, Options).temperature == 1
    assert from_dict({"temperature": 10**400}, Options).temperature == 10**400


@pytest.mark.parametrize("data", ["YQ", "YQ==\n", "Y Q==", "é", "YQ==YQ==", 5, None, ["YQ=="]])
def test_bytes_are_base64_and_nothing_else(data: object):
    with pytest.raises(ConfigError):
        from_dict({"data": data, "url": None}, Attachment)


def test_bytes_of_any_kind_are_written_as_base64():
    assert to_dict(Attachment(data=bytearray(b"\x00\xff"))) == {"data": "AP8="}


@pytest.mark.parametrize("source", [{"path": "/etc/hostname"}, {"url": "https://x.test"}, {"data": "YQ=="}])
def test_an_attachment_that_was_stored_is_known_as_restored(source: dict[str, str]):
    part = from_dict({"type": "attachment", "attachment": source})
    assert part.attachment.restored
    event = event_from_dict({"type": "image_out", "index": 0, "attachment": source})
    assert event.attachment.restored


@pytest.mark.parametrize("claim", [True, False])
def test_no_dict_says_itself_whether_it_is_restored(claim: bool):
    with pytest.raises(ConfigError, match="got 'restored'"):
        from_dict({"path": "/etc/hostname", "restored": claim}, Attachment)
    assert "restored" not in to_dict(Attachment(path="a", restored=claim))


def test_log_probabilities_may_hold_others_as_deep_as_a_document_may():
    deep: dict[str, object] = {"token": "a", "logprob": -1}
    for _ in range(90):
        deep = {"token": "a", "logprob": -1, "top": [deep]}
    assert to_dict(from_dict(deep, Logprob)) == deep


def test_threads_that_come_first_at_once_all_get_a_converter():
    converter.cache_clear()
    data = [{"type": "text_delta", "index": n, "text": "a"} for n in range(8)]
    found: list[object] = []
    threads = [threading.Thread(target=lambda d=d: found.append(from_dict(d))) for d in data]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=lambda event: event.index) == [TextDelta(n, "a") for n in range(8)]
