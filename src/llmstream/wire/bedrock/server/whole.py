"""An answer as one document, for a client that did not ask for a stream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from llmstream.jsontext import JSON, JSONObject, loads_object
from llmstream.wire.bedrock.server.write import Record
from llmstream.wire.shapes import input_of

_CALL: Final = "toolUse"
_RESULT: Final = "toolResult"


def answer_of(records: Iterable[Record], /) -> JSONObject:
    """Fold the events of a stream into one answer; arguments that were cut become an object all the same."""
    content: list[JSONObject] = []
    answer: JSONObject = {"output": {"message": {"role": "assistant", "content": content}}}
    said: list[Record] = []
    for record in records:
        match record.type:
            case "messageStart":
                pass
            case "contentBlockStop":
                content.append(_block(said))
                said = []
            case "messageStop" | "metadata":
                answer |= record.data
            case _:
                said.append(record)
    return answer


def _block(said: list[Record]) -> JSONObject:
    """One block, of its start and its deltas."""
    start: JSONObject = said[0].data.get("start", {})
    deltas: list[JSONObject] = [record.data["delta"] for record in said if "delta" in record.data]
    for kind, block in start.items():
        values: list[JSON] = [delta[kind] for delta in deltas]
        if kind == _CALL:
            text = "".join(value["input"] for value in values)
            return {kind: {**block, "input": input_of(loads_object(text) if text else {}, text)}}
        if kind == _RESULT:
            return {kind: {**block, "content": [item for value in values for item in value]}}
        return {kind: {**block, **(values[-1] if values else {})}}
    if "reasoningContent" in deltas[0]:
        return _reasoning([delta["reasoningContent"] for delta in deltas])
    text = "".join(delta.get("text", "") for delta in deltas)
    citations = [delta["citation"] for delta in deltas if "citation" in delta]
    if not citations:
        return {"text": text}
    return {"citationsContent": {"content": [{"text": text}], "citations": citations}}


def _reasoning(deltas: list[JSONObject]) -> JSONObject:
    withheld = next((delta for delta in deltas if "redactedContent" in delta), None)
    if withheld is not None:
        return {"reasoningContent": withheld}
    thought: JSONObject = {"text": "".join(delta.get("text", "") for delta in deltas)}
    for delta in deltas:
        if "signature" in delta:
            thought["signature"] = delta["signature"]
    return {"reasoningContent": {"reasoningText": thought}}
