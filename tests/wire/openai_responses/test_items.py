"""The items of the wire."""

import pytest

from llmstream.wire.openai_responses._items import (
    CALLS,
    arguments_of,
    is_result,
    output_field,
    result_name,
    runs_at_server,
    unsaid,
)


def test_what_parts_say_themselves_is_not_kept():
    item = {"type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": "{}"}
    assert unsaid("function_call", item) == {"id": "i"}
    assert unsaid("web_search_call", {"type": "web_search_call", "action": {}}) == {
        "type": "web_search_call",
        "action": {},
    }


def test_a_status_is_kept_only_where_something_is_unusual():
    assert unsaid("message", {"status": "completed"}) == {}
    assert unsaid("message", {"status": "incomplete"}) == {"status": "incomplete"}


def test_what_may_change_is_not_sure_at_the_start():
    item = {"id": "r", "status": "incomplete", "encrypted_content": "c"}
    assert unsaid("reasoning", item, late=False) == {"id": "r"}
    assert unsaid("reasoning", item) == item


@pytest.mark.parametrize("type", sorted(CALLS))
def test_each_call_is_made_by_one_side(type: str):
    expected = CALLS[type].server
    assert runs_at_server(type, {}) is expected
    assert runs_at_server(type, {}, custom=True) is (expected or type == "custom_tool_call")


def test_arguments_are_an_object():
    assert arguments_of(CALLS["web_search_call"], {"action": {"query": "q"}}) == {"query": "q"}
    assert arguments_of(CALLS["file_search_call"], {"queries": ["a"]}) == {"queries": ["a"]}
    assert arguments_of(CALLS["computer_call"], {"actions": [1]}) == {"actions": [1]}
    assert arguments_of(CALLS["image_generation_call"], {"action": {"a": 1}}) == {}


def test_results_are_named_for_their_tools():
    assert is_result("shell_call_output")
    assert not is_result("shell_call")
    assert (result_name("shell_call_output"), result_name("program_output")) == ("shell", "program")
    assert output_field("shell_call_output", {}) == "output"
    assert output_field("program_output", {"result": 1}) == "result"
    assert output_field("tool_search_output", {}) == "tools"
