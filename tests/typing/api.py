"""The public signatures in use, for the type checkers; never run."""

from typing import assert_type

import llmstream
from llmstream import sync, testing
from llmstream.model.conversation import Conversation
from llmstream.model.response import Response
from llmstream.model.stream import EventStream
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
