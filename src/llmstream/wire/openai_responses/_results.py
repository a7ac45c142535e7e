"""What tools of the client's gave, each in the form that its kind of call is answered in.

https://platform.openai.com/docs/guides/tools
"""

from __future__ import annotations

from llmstream.jsontext import JSON, JSONObject, as_list, as_object, dumps
from llmstream.values.content import ToolResultPart
from llmstream.wire.openai_responses._files import file_part
from llmstream.wire.openai_responses._items import FUNCTION, SHELL, TOOL_SEARCH
from llmstream.wire.openai_responses._names import cannot


def result_item(part: ToolResultPart, call: JSONObject | None, wire_id: str, /) -> JSONObject:
    """Write the result of a call; one whose call is not known is a function's.

    Raises:
        UnsupportedError: when the kind of call takes no such result.
    """
    call, output = call or {}, part.output
    type = call.get("type", FUNCTION)
    call_id: JSON = call.get("call_id") or wire_id
    match type:
        case "shell_call":
            return _shell(part, call, {"type": f"{SHELL}_output", "call_id": call_id})
        case "apply_patch_call":
            status = "completed" if part.error is None else "failed"
            item = {"type": f"{type}_output", "call_id": call_id, "status": status}
            return {**item, "output": _text(part)}
        case "computer_call":
            return {"type": f"{type}_output", "call_id": call_id, "output": _screen(part)}
        case "tool_search_call":
            if not isinstance(output, list):
                raise cannot("a result of a tool search that is no list of tools")
            name = TOOL_SEARCH.removesuffix("_call")
            item = {"type": f"{name}_output", "call_id": call_id, "execution": "client"}
            return {**item, "status": "completed", "tools": as_list(output)}
        case "local_shell_call":
            return {"type": f"{type}_output", "call_id": call_id, "output": _text(part)}
        case "custom_tool_call":
            return {"type": f"{type}_output", "call_id": call_id, "output": _content(part)}
        case _:
            return {"type": f"{FUNCTION}_output", "call_id": call_id, "output": _content(part)}


def _text(part: ToolResultPart) -> str:
    output = part.output if isinstance(part.output, str) else dumps(part.output)
    if part.error is not None:
        # The wire has no mark for a failure; the model reads it.
        output = f"{output}\n{part.error}" if output else part.error
    return output


def _content(part: ToolResultPart) -> JSON:
    if not part.attachments:
        return _text(part)
    text = _text(part)
    said: list[JSONObject] = [{"type": "input_text", "text": text}] if text else []
    return said + [file_part(attachment, {}) for attachment in part.attachments]


def _shell(part: ToolResultPart, call: JSONObject, item: JSONObject) -> JSONObject:
    """The result of a shell's commands: a list of what each gave, or one text for all."""
    limit = as_object(call.get("action")).get("max_output_length")
    if limit is not None:
        item["max_output_length"] = limit
    output: JSON = part.output
    if isinstance(output, list):
        return {**item, "output": as_list(output)}
    outcome = {"type": "exit", "exit_code": 0 if part.error is None else 1}
    stdout = output if isinstance(output, str) else dumps(output)
    return {**item, "output": [{"stdout": stdout, "stderr": part.error or "", "outcome": outcome}]}


def _screen(part: ToolResultPart) -> JSON:
    output: JSON = part.output
    if isinstance(output, dict):
        return as_object(output)
    if not part.attachments:
        raise cannot("a result of a computer's call without a picture of its screen")
    shown = file_part(part.attachments[0], {})
    return {"type": "computer_screenshot", **{k: v for k, v in shown.items() if k not in {"type", "detail"}}}
