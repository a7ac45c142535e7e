"""What recorded clients sent back is what is sent back, opaque strings byte for byte.

Each case with a next request is folded and replied to. The clients were others' and did not echo all: what
is compared is what they sent, in the forms below, and each says why it is not the turn as it stands. A case
is not compared where the client began a chat anew, or where the answer had failed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llmstream import Request, reduce, user
from llmstream.jsontext import JSON, JSONObject, loads
from llmstream.testing import corpus, laws
from llmstream.testing.corpus import Case
from llmstream.testing.recorded import row_for

Turn = list[JSONObject]


def exact(case: Case, ours: JSON) -> tuple[JSON, JSON] | None:
    """The content of the last turn, as it stands."""
    theirs = [turn["content"] for turn in case.next_request["messages"] if turn["role"] == "assistant"]
    return (theirs[-1], ours["messages"][1]["content"]) if theirs else None


def gemini(case: Case, ours: JSON) -> tuple[JSON, JSON] | None:
    """The parts of the last turn; clients that echo no signature leave out empty text and thoughts, too."""
    theirs = [turn["parts"] for turn in case.next_request["contents"] if turn["role"] == "model"]
    if not theirs:
        return None
    mine = ours["contents"][1]["parts"]
    if not any("thoughtSignature" in part for part in theirs[-1]):
        mine = [part for part in mine if part.get("text") != ""]
    return gemini_parts(theirs[-1]), gemini_parts(mine)


def gemini_parts(parts: Turn) -> Turn:
    """The parts with text joined, in one alphabet of base64 and one case of keys, without what is false."""
    found: Turn = []
    for part in parts:
        said = {key.replace("function_call", "functionCall"): value for key, value in part.items() if value}
        if "thoughtSignature" in said:
            said["thoughtSignature"] = said["thoughtSignature"].replace("-", "+").replace("_", "/")
        if said.keys() == {"text"} and found and found[-1].keys() == {"text"}:
            found[-1] = {"text": found[-1]["text"] + said["text"]}
        elif said:
            found.append(said)
    return found


def ollama(case: Case, ours: JSON) -> tuple[JSON, JSON] | None:
    """The last turn without the ids of calls and their type, which that client did not send."""
    theirs = [turn for turn in case.next_request["messages"] if turn["role"] == "assistant"]
    return (nameless(theirs[-1]), nameless(ours["messages"][1])) if theirs else None


def nameless(turn: JSONObject) -> JSONObject:
    return {**turn, "tool_calls": [{"function": call["function"]} for call in turn.get("tool_calls", ())]}


def chat(case: Case, ours: JSON) -> tuple[JSON, JSON] | None:
    """The last message, or the last two where a client sent an empty one before its calls.

    Content is one text; arguments mean the same when they are written anew; reasoning is compared where it
    was sent back (the rest drop it), and once where it was sent twice; one client lost the first delta of it.
    """
    theirs = [turn for turn in case.next_request["messages"] if turn["role"] == "assistant"]
    if not theirs:
        return None
    (mine,) = ours["messages"][1:]
    sent = chat_turn(theirs[-1])
    given = chat_turn(mine)
    for name in ("reasoning_details", "reasoning_content"):
        if name not in sent:
            given.pop(name, None)
    if "reasoning_details" in sent:
        sent.pop("reasoning", None)
        sent["reasoning_details"] = cut_alike(sent["reasoning_details"], given["reasoning_details"])
    return sent, given


def cut_alike(theirs: Turn, ours: Turn) -> Turn:
    """Their entries, with our text where theirs is the end of it."""
    return [
        {**entry, "text": whole["text"]} if whole.get("text", "").endswith(entry.get("text", "-")) else entry
        for entry, whole in zip(theirs, ours, strict=True)
    ]


def chat_turn(turn: JSONObject) -> JSONObject:
    content: JSON = turn.get("content") or ""
    calls = [
        {**call, "function": {**call["function"], "arguments": loads(call["function"]["arguments"])}}
        for call in turn.get("tool_calls", ())
    ]
    text = content if isinstance(content, str) else "".join(part["text"] for part in content)
    said = {name: value for name, value in turn.items() if name.startswith("reasoning") and value}
    return {"content": text, "tool_calls": calls, **said}


def responses(case: Case, ours: JSON) -> tuple[JSON, JSON] | None:
    """The items that are calls or reasoning and that the client sent, with the keys that it sent.

    Clients leave out ids, a status of completed, what is null, and reasoning that is not encrypted; they
    write arguments anew. Messages and calls of built-in tools are put in words of their own.
    """
    theirs = {name_of(item): item for item in case.next_request["input"] if name_of(item)}
    mine = [item for item in ours["input"][1:] if item["type"] == "function_call" or name_of(item) in theirs]
    calls = [item for item in mine if name_of(item)]
    if not any(name_of(item) in theirs for item in calls):
        return None
    sent = [item_sent(theirs[name_of(item)]) for item in calls if name_of(item) in theirs]
    missing = [name_of(item) for item in calls if name_of(item) not in theirs]
    given = [item_sent(item) for item in calls]
    kept = [{key: item.get(key) for key in asked} for asked, item in zip(sent, given, strict=False)]
    return [*sent, []], [*kept, missing]


def name_of(item: JSONObject) -> str | None:
    """What an item is known by: its call, or its ciphertext or id."""
    match item.get("type"):
        case "function_call":
            return item["call_id"]
        case "reasoning":
            return item.get("encrypted_content") or item.get("id")
        case _:
            return None


def item_sent(item: JSONObject) -> JSONObject:
    said = {k: v for k, v in item.items() if v is not None and (k, v) != ("status", "completed")}
    return {key: loads(value) if key == "arguments" else value for key, value in said.items()}


# The form of each wire, and how many of its cases are compared and how many cannot be.
WIRES: dict[str, tuple[Callable[[Case, JSON], tuple[JSON, JSON] | None], int, int]] = {
    "anthropic": (exact, 3, 0),
    "bedrock": (exact, 1, 0),
    "gemini": (gemini, 7, 1),
    "ollama": (ollama, 1, 0),
    "openai-chat": (chat, 15, 4),
    "openai-responses": (responses, 11, 2),
}


@pytest.fixture(scope="module")
def cases(shared: Path) -> list[Case]:
    return [case for case in corpus.cases(shared / "corpus") if case.next_request is not None]


def test_each_wire_with_such_cases_is_compared(cases: list[Case]) -> None:
    assert {case.wire for case in cases} == set(WIRES)


@pytest.mark.parametrize("wire", WIRES)
def test_what_recorded_clients_sent_back_is_what_is_sent_back(cases: list[Case], wire: str) -> None:
    form, compared, others = WIRES[wire]
    pairs, skipped = [], []
    for case in (case for case in cases if case.wire == wire):
        codec = row_for(wire, case.provider).codec
        decoded = laws.decode_all(codec, [case.body], head=case.head)
        request = Request("m", (user("a"), *reduce(decoded.events).messages()))
        pair = None if decoded.error else form(case, loads(codec.encode(request).body))
        (skipped if pair is None else pairs).append((case.name, pair))
    for name, pair in pairs:
        assert pair is not None
        assert pair[1] == pair[0], name
    assert (len(pairs), len(skipped)) == (compared, others), [name for name, _ in skipped]
