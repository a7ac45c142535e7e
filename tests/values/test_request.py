import attrs
import pytest

from llmstream.errors import ConfigError
from llmstream.values.messages import user
from llmstream.values.request import Options, OutputSchema, Request, ServerSideTool, Tool, ToolChoice


def test_options_that_were_not_given_are_not_given():
    assert Options().given() == {}


def test_options_that_were_given_are_given_by_name():
    options = Options(temperature=0.0, stop=["a", "b"], store=False, extra={"x": 1})
    assert options.given() == {"temperature": 0.0, "stop": ("a", "b"), "store": False, "extra": {"x": 1}}


def test_one_stop_text_is_a_list_of_one():
    assert Options(stop="END").stop == ("END",)


def test_options_are_made_of_names_and_values():
    assert Options.of({"max_tokens": 9, "stop": "END"}) == Options(max_tokens=9, stop=["END"])


def test_an_unknown_option_is_refused_with_those_that_there_are():
    with pytest.raises(ConfigError, match=r"one of the options max_tokens, .*raw, got 'max_token', 'top'"):
        Options.of({"top": 1, "max_tokens": 9, "max_token": 1})


@pytest.mark.parametrize("field", attrs.fields(Options), ids=lambda field: field.name)
def test_each_option_is_left_to_the_provider_unless_given(field: attrs.Attribute):
    assert getattr(Options(), field.name) in (None, (), {}, False)


def test_a_request_takes_lists():
    request = Request("m", [user("hi")], tools=[Tool("f"), ServerSideTool("web_search")])
    assert request.messages == (user("hi"),)
    assert request.tools == (Tool("f"), ServerSideTool("web_search"))


def test_a_request_keeps_its_own_copy_of_the_messages():
    messages = [user("hi")]
    request = Request("m", messages)
    messages.append(user("again"))
    assert request.messages == (user("hi"),)


def test_what_a_request_does_not_say_is_left_open():
    request = Request("m")
    assert (request.messages, request.tools, request.tool_choice, request.schema) == ((), (), None, None)
    assert request.options == Options()


def test_a_tool_without_parameters_takes_an_empty_object():
    assert Tool("f").parameters == {"type": "object", "properties": {}}
    assert Tool("f").parameters is not Tool("f").parameters


def test_a_choice_of_names_takes_a_list():
    assert ToolChoice("required", ["f"]).names == ("f",)
    assert ToolChoice().mode == "auto"


def test_an_output_schema_may_be_any_object():
    assert OutputSchema().schema is None
    assert OutputSchema().name == "output"


def test_options_show_only_what_is_set():
    assert repr(Options(temperature=0, stop="END")) == "Options(temperature=0, stop=('END',))"
    assert repr(Options()) == "Options()"
