"""Results of tools of the client's."""

import pytest

from llmstream import Attachment, ToolResultPart, UnsupportedError
from llmstream.wire.openai_responses._results import result_item

PNG = Attachment("image/png", data=b"a")


def result(output="ok", **fields) -> ToolResultPart:
    return ToolResultPart("c", "f", output=output, **fields)


@pytest.mark.parametrize(
    ("part", "call", "item"),
    [
        (result(), None, {"type": "function_call_output", "call_id": "c", "output": "ok"}),
        (result({"a": 1}), None, {"type": "function_call_output", "call_id": "c", "output": '{"a":1}'}),
        (result("", error="bad"), None, {"type": "function_call_output", "call_id": "c", "output": "bad"}),
        (result(error="bad"), None, {"type": "function_call_output", "call_id": "c", "output": "ok\nbad"}),
        (
            result(attachments=[PNG]),
            None,
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [
                    {"type": "input_text", "text": "ok"},
                    {"type": "input_image", "image_url": "data:image/png;base64,YQ==", "detail": "auto"},
                ],
            },
        ),
        (
            result(),
            {"type": "function_call", "call_id": "theirs"},
            {"type": "function_call_output", "call_id": "theirs", "output": "ok"},
        ),
        (
            result(),
            {"type": "custom_tool_call"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
        ),
        (
            result(),
            {"type": "local_shell_call"},
            {"type": "local_shell_call_output", "call_id": "c", "output": "ok"},
        ),
        (
            result(),
            {"type": "shell_call", "action": {"max_output_length": 9}},
            {
                "type": "shell_call_output",
                "call_id": "c",
                "max_output_length": 9,
                "output": [{"stdout": "ok", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
            },
        ),
        (
            result([{"stdout": "a"}]),
            {"type": "shell_call"},
            {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a"}]},
        ),
        (
            result(error="no such file"),
            {"type": "apply_patch_call"},
            {
                "type": "apply_patch_call_output",
                "call_id": "c",
                "status": "failed",
                "output": "ok\nno such file",
            },
        ),
        (
            result(attachments=[PNG]),
            {"type": "computer_call"},
            {
                "type": "computer_call_output",
                "call_id": "c",
                "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,YQ=="},
            },
        ),
        (
            result([{"type": "function"}]),
            {"type": "tool_search_call"},
            {
                "type": "tool_search_output",
                "call_id": "c",
                "execution": "client",
                "status": "completed",
                "tools": [{"type": "function"}],
            },
        ),
    ],
)
def test_each_kind_of_call_is_answered_in_its_form(part: ToolResultPart, call: dict | None, item: dict):
    assert result_item(part, call, "c") == item


@pytest.mark.parametrize("type", ["computer_call", "tool_search_call"])
def test_some_take_no_text(type: str):
    with pytest.raises(UnsupportedError, match="openai-responses"):
        result_item(result(), {"type": type}, "c")
