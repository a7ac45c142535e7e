"""Messages as the wire has them."""

import pytest

from llmstream import (
    Attachment,
    ConfigError,
    Message,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UnsupportedError,
    assistant,
    system,
    tool_message,
    user,
)
from llmstream.wire.ollama._messages import History

PNG = Attachment("image/png", data=b"\x89PNG")


def written(*messages: Message) -> list[dict]:
    history = History("ollama")
    for message in messages:
        history.add(message)
    return history.finish()


def called(id: str = "c1", name: str = "f", **more) -> ToolCallPart:
    return ToolCallPart(id, name, **{"arguments": {"a": 1}, **more})


def test_texts_are_joined_and_images_stand_apart():
    assert written(system("Be brief."), user("What is", " this?", PNG)) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is this?", "images": ["iVBORw=="]},
    ]


def test_an_assistants_turn_has_thinking_text_and_calls():
    assert written(
        assistant(ReasoningPart("h"), ReasoningPart("m"), "It", called(), called("c2", arguments={})),
        tool_message(ToolResultPart("c1", "", output="sunny"), ToolResultPart("c2", "f", output={"b": 2})),
    ) == [
        {
            "role": "assistant",
            "content": "It",
            "thinking": "hm",
            "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}},
                {"id": "c2", "function": {"name": "f", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "sunny", "tool_name": "f", "tool_call_id": "c1"},
        {"role": "tool", "content": '{"b":2}', "tool_name": "f", "tool_call_id": "c2"},
    ]


def test_ids_go_back_as_the_wire_gave_them():
    own = called(provider_metadata={"ollama": {"id": "w1"}})
    turn, result = written(assistant(own), tool_message(ToolResultPart("c1", "f", output="x")))
    assert (turn["tool_calls"][0]["id"], result["tool_call_id"]) == ("w1", "w1")
    foreign = called(provider_metadata={"groq": {"id": "w1"}})
    assert written(assistant(foreign))[0]["tool_calls"][0]["id"] == "c1"


def test_what_is_others_own_is_set_aside():
    assert (
        written(
            assistant(
                ReasoningPart("theirs", provider_metadata={"anthropic": {"signature": "s"}}),
                ToolCallPart("s1", "web_search", arguments={}, server_executed=True),
                ToolResultPart("s1", "web_search", output="x", server_executed=True),
                OpaquePart("openai", "compaction"),
            )
        )
        == []
    )
    own = ReasoningPart("ours", provider_metadata={"ollama": {}})
    assert written(assistant(own)) == [{"role": "assistant", "content": "", "thinking": "ours"}]


def test_the_results_of_a_chain_end_the_turn_that_called():
    found = written(assistant(called(), ToolResultPart("c1", "f", output="x"), "So it is."))
    assert [message["role"] for message in found] == ["assistant", "tool", "assistant"]


def test_a_failure_is_told_in_words():
    failed = ToolResultPart("c1", "f", output="half", error="broke")
    assert written(tool_message(failed))[0]["content"] == "half\nbroke"
    assert written(tool_message(ToolResultPart("c1", "f", error="broke")))[0]["content"] == "broke"


def test_files_of_results_and_what_stands_beside_results_go_in():
    found = written(tool_message(ToolResultPart("c1", "f", attachments=[PNG]), TextPart("Look.")))
    assert [message["role"] for message in found] == ["tool", "user"]
    assert found[0]["images"] == ["iVBORw=="]


@pytest.mark.parametrize(
    "message",
    [
        user(Attachment("image/png", url="https://x.test/a.png")),
        user(Attachment("application/pdf", data=b"x")),
        user(Attachment(data=b"x")),
        user(called()),
        system(ReasoningPart("x")),
        user("x", cache="5m"),
    ],
)
def test_what_the_wire_has_no_place_for_is_refused(message: Message):
    with pytest.raises(UnsupportedError, match="ollama"):
        written(message)


def test_arguments_are_objects_in_any_case():
    calls = [
        ToolCallPart("c1", "f", raw="x", custom=True),
        ToolCallPart("c2", "f", raw='{"a', error="cut"),
    ]
    sent = written(assistant(calls))[0]["tool_calls"]
    assert [call["function"]["arguments"] for call in sent] == [{"input": "x"}, {"INVALID_JSON": '{"a'}]


def test_a_path_must_have_been_opened():
    with pytest.raises(ConfigError, match="opened"):
        written(user(Attachment("image/png", path="a.png")))
