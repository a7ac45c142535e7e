"""The public signatures in use, for the type checkers; never run."""

from dataclasses import dataclass
from typing import Any, assert_type

import llmstream
from llmstream import sync, testing
from llmstream.model.conversation import Conversation
from llmstream.model.response import Response
from llmstream.model.stream import EventStream
from llmstream.output import FieldDone, ItemDone, PartialObject
from llmstream.values import response as pure


async def face(model: llmstream.Model) -> None:
    stream = model.prompt("hi", options={"temperature": 0}, tool_choice="auto", schema={"type": "object"})
    assert_type(stream, EventStream[Response])
    response = await stream
    assert_type(response, Response)
    assert_type(response.text(), str)
    assert_type(response.usage, llmstream.Usage | None)
    assert_type(response.tool_calls(), tuple[llmstream.ToolCallPart, ...])
    assert_type(response.reply("again"), EventStream[Response])
    assert_type(await stream.text(), str)
    assert_type(stream.snapshot(), Response)
    assert_type(model.conversation(system="s"), Conversation)
    async with model.prompt(
        messages=[llmstream.user("a", llmstream.Attachment(url="https://a/b.png"))]
    ) as events:
        async for event in events:
            assert_type(event, llmstream.Event)
            match event:
                case llmstream.TextDelta(text=text):
                    assert_type(text, str)
                case llmstream.Done(finish_reason=reason):
                    assert_type(reason, llmstream.FinishReason | None)
                case _:
                    pass
        async for text in events.text_deltas():
            assert_type(text, str)


async def tools(model: llmstream.Model) -> None:
    async def double(n: int, call: llmstream.ToolCall) -> int:
        return 2 * n

    chain = model.chain("x", tools=[double, llmstream.Tool("f"), llmstream.Toolbox()], eager=True)
    assert_type(chain, llmstream.ChainStream)
    assert_type(chain.responses, tuple[Response, ...])
    response = await chain
    assert_type(response, Response)
    assert_type(await response.execute_tool_calls([double]), tuple[llmstream.ToolResultPart, ...])
    assert_type(model.conversation(tools=[double]).chain("x"), llmstream.ChainStream)
    assert_type(llmstream.tool(double), llmstream.FunctionTool)
    assert_type(llmstream.tool(name="d")(double), llmstream.FunctionTool)
    assert_type(sync.get_model("demo").chain("x", tools=[double]), sync.ChainStream)


def without_await() -> None:
    model = sync.get_model("demo", key=llmstream.Secret("k"))
    assert_type(model, sync.Model)
    stream = model.prompt("hi")
    assert_type(stream, sync.EventStream)
    assert_type(stream.response(), sync.Response)
    assert_type(stream.response().reply("more"), sync.EventStream)
    assert_type(model.conversation().prompt("x"), sync.EventStream)
    for event in stream:
        assert_type(event, llmstream.Event)


def folding(events: list[llmstream.Event]) -> None:
    assert_type(llmstream.reduce(events), pure.Response)
    draft = llmstream.Draft()
    assert_type(llmstream.step(draft, events[0]), llmstream.Draft)


async def beside(model: llmstream.Model) -> None:
    assert_type(await model.embed(["a"], batch=2, dimensions=3), llmstream.Embeddings)
    assert_type(await llmstream.get_provider("openai").models(), tuple[llmstream.ModelInfo, ...])
    assert_type(sync.get_provider("openai").models(), tuple[llmstream.ModelInfo, ...])
    assert_type(sync.get_model("demo").embed(["a"]), llmstream.Embeddings)
    assert_type(testing.decode("models", b""), tuple[llmstream.ModelInfo, ...])
    assert_type(testing.decode("embeddings", b""), llmstream.Embeddings)
    assert_type(testing.decode("anthropic", b""), Response)


def found() -> None:
    assert_type(llmstream.get_model("claude-sonnet-4-6", base_url="https://x"), llmstream.Model)


def standing_on_others(model: llmstream.Model) -> None:
    assert_type(llmstream.fallback(model, model, continue_partial="prefill"), llmstream.Model)
    assert_type(llmstream.hedge(model, after=2.5), llmstream.Model)
    assert_type(llmstream.record(model, "log.jsonl"), llmstream.Model)
    assert_type(llmstream.replay("log.jsonl", speed=1.0), llmstream.Model)
    assert_type(llmstream.budget(tokens=100, until="</answer>"), llmstream.Budget)
    assert_type(sync.Model(llmstream.hedge(model, after=2.5)), sync.Model)


@dataclass
class Dog:
    name: str


async def structured(model: llmstream.Model, stored: Response) -> None:
    stream = model.prompt("a dog", schema=Dog)
    assert_type(stream, EventStream[Response[Dog]])
    assert_type(await stream.parsed(repair=1), Dog)
    response = await stream
    assert_type(response.parsed(), Dog)
    assert_type(stored.parsed(Dog), Dog)
    assert_type(response.parsed(list[Dog]), list[Dog])
    assert_type(await model.prompt("dogs", schema=list[Dog]).parsed(), list[Dog])
    assert_type(await model.prompt("a dog", schema=llmstream.Output.of(Dog, mode="tool")).parsed(), Dog)
    assert_type(await model.conversation().prompt("a dog", schema=Dog).parsed(), Dog)
    assert_type(await response.reply("x", schema=Dog).parsed(), Dog)
    assert_type(await response.reply("x", schema=str).parsed(), str)
    assert_type(await model.prompt("a dog", schema="name").parsed(), Any)
    assert_type(await model.chain("dogs", schema=list[Dog]).parsed(), list[Dog])
    assert_type((await model.conversation().chain("a dog", schema=Dog)).parsed(), Dog)
    async for partial in stream.partials():
        assert_type(partial, PartialObject[Dog] | FieldDone | ItemDone)
        if isinstance(partial, PartialObject):
            assert_type(partial.view, Dog)
            assert_type(partial.view.name, str)
    async for each in model.prompt("dogs", schema=list[Dog]).partials():
        assert_type(each, PartialObject[list[Dog]] | FieldDone | ItemDone)
    async for plain in model.prompt("a dog", schema="name").partials():
        assert_type(plain, PartialObject[Any] | FieldDone | ItemDone)


def structured_without_await(model: sync.Model) -> None:
    stream = model.prompt("a dog", schema=Dog)
    assert_type(stream, sync.EventStream[Dog])
    assert_type(stream.parsed(), Dog)
    assert_type(stream.response().parsed(), Dog)
    for partial in stream.partials():
        assert_type(partial, PartialObject[Dog] | FieldDone | ItemDone)
