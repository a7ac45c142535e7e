"""The official SDKs talk to the server halves: what they send is read, and what they read was written.

They are test dependencies only (group `peers`); `.ci/peers` installs them and fails without them.
"""

import base64

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    Done,
    Event,
    OutputSchema,
    OverloadedError,
    ReasoningDelta,
    Request,
    TextDelta,
    Tool,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    ToolChoice,
    ToolResultPart,
    Usage,
    reduce,
)
from llmstream.testing.loopback import Received, Reply, serve
from llmstream.values.events import PartMetadata
from llmstream.wire import find
from llmstream.wire.codec import Codec
from llmstream.wire.http import HttpRequest

pytestmark = [pytest.mark.anyio, pytest.mark.peer]


@pytest.fixture
def anyio_backend() -> str:
    """Not trio: the SDKs leave generators to the garbage collector, and trio warns of it."""
    return "asyncio"


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ANSWER: list[Event] = [
    ReasoningDelta(0, "Let me "),
    ReasoningDelta(0, "think."),
    TextDelta(1, "It is "),
    TextDelta(1, "sunny."),
    ToolCallStart(2, id="call_a", name="get_weather"),
    ToolCallArgsDelta(2, '{"city":'),
    ToolCallArgsDelta(2, ' "Paris"}'),
    ToolCallEnd(2, {"city": "Paris"}),
    ToolCallStart(3, id="call_b", name="get_weather"),
    ToolCallArgsDelta(3, '{"city": "Rome"}'),
    ToolCallEnd(3, {"city": "Rome"}),
    Done(
        finish_reason="tool_calls",
        usage=Usage(input=12, output=34, cached_input=5, reasoning=6),
        id="answer-1",
        model="m-1",
    ),
]


class Peer:
    """A server of one wire, which keeps the requests that it read."""

    def __init__(self, codec: Codec, events: list[Event]) -> None:
        self.codec = codec
        self.events = events
        self.requests: list[Request] = []

    async def __call__(self, received: Received, reply: Reply) -> None:
        server = self.codec.server
        http = HttpRequest(received.method, received.path, tuple(received.headers.items()), received.body)
        request = server.request(http)
        self.requests.append(request)
        if server.streams(http):
            head = server.head(request)
            encoder = server.encoder(request)
            await reply.head(head.status, head.headers)
            for event in self.events:
                for piece in encoder.feed(event):
                    await reply.send(piece)
            for piece in encoder.feed_eof():
                await reply.send(piece)
            await reply.end()
            return
        whole = server.whole(request, reduce(self.events))
        await reply.head(whole.head.status, whole.head.headers, chunked=len(whole.body))
        await reply.send(whole.body)


async def refuse(codec: Codec, reply: Reply) -> None:
    refusal = codec.server.refuse(OverloadedError("too many at once", status=529))
    await reply.head(refusal.head.status, refusal.head.headers, chunked=len(refusal.body))
    await reply.send(refusal.body)


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


async def test_openai_reads_a_stream_and_is_read() -> None:
    import openai

    peer = Peer(find("openai-chat"), ANSWER)
    async with serve(peer) as server, openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
        stream = client.chat.completions.stream(
            model="m-1",
            messages=[
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Weather?"},
                        {
                            "type": "image_url",
                            "image_url": {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()},
                        },
                    ],
                },
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "snow"},
            ],
            tools=[
                {
                    "type": "function",
                    "function": {"name": "get_weather", "parameters": SCHEMA, "strict": True},
                }
            ],
            tool_choice={"type": "function", "function": {"name": "get_weather"}},
            temperature=0.5,
            max_completion_tokens=100,
            stop=["END"],
        )
        async with stream as events:
            text = "".join([event.delta async for event in events if event.type == "content.delta"])
            completion = await events.get_final_completion()
    assert text == "It is sunny."
    choice = completion.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or []] == [
        ("call_a", "get_weather", '{"city": "Paris"}'),
        ("call_b", "get_weather", '{"city": "Rome"}'),
    ]
    (request,) = peer.requests
    assert request.model == "m-1"
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "tool"]
    assert AttachmentPart(Attachment("image/png", data=PNG)) in request.messages[1].parts
    (call,) = request.messages[2].parts
    assert isinstance(call, ToolCallPart)
    assert (call.id, call.name, call.arguments) == ("c1", "get_weather", {"city": "Oslo"})
    (result,) = request.messages[3].parts
    assert isinstance(result, ToolResultPart)
    assert (result.tool_call_id, result.output) == ("c1", "snow")
    assert request.tools == (Tool("get_weather", parameters=SCHEMA, strict=True),)
    assert request.tool_choice == ToolChoice("required", ["get_weather"])
    assert (request.options.temperature, request.options.max_tokens, request.options.stop) == (
        0.5,
        100,
        ("END",),
    )


async def test_openai_reads_usage_and_a_whole_answer() -> None:
    import openai

    peer = Peer(find("openai-chat"), ANSWER)
    async with serve(peer) as server, openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
        asked = [{"role": "user", "content": "Weather?"}]
        whole = await client.chat.completions.create(
            model="m-1",
            messages=asked,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "city", "schema": SCHEMA, "strict": True},
            },
        )
        stream = await client.chat.completions.create(
            model="m-1", messages=asked, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert whole.choices[0].message.content == "It is sunny."
    assert whole.choices[0].finish_reason == "tool_calls"
    assert whole.id == "answer-1"
    for usage in (whole.usage, chunks[-1].usage):
        assert usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (12, 34, 46)
        assert usage.prompt_tokens_details is not None
        assert usage.prompt_tokens_details.cached_tokens == 5
        assert usage.completion_tokens_details is not None
        assert usage.completion_tokens_details.reasoning_tokens == 6
    assert peer.requests[0].schema == OutputSchema(SCHEMA, "city", strict=True)


async def test_openai_knows_a_refusal() -> None:
    import openai

    codec = find("openai-chat")
    async with (
        serve(lambda _, reply: refuse(codec, reply)) as server,
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0) as client,
    ):
        with pytest.raises(openai.APIStatusError, match="too many at once") as caught:
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert caught.value.status_code in {503, 529}


async def test_openai_reads_responses_and_is_read() -> None:
    import openai

    peer = Peer(find("openai-responses"), ANSWER)
    async with serve(peer) as server, openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
        stream = await client.responses.create(
            model="m-1",
            stream=True,
            instructions="Be brief.",
            input=[
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "Weather?"},
                        {
                            "type": "input_image",
                            "image_url": "data:image/png;base64," + base64.b64encode(PNG).decode(),
                            "detail": "auto",
                        },
                    ],
                },
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c"},
                {
                    "type": "function_call",
                    "call_id": "c1",
                    "name": "get_weather",
                    "arguments": '{"city":"Oslo"}',
                },
                {"type": "function_call_output", "call_id": "c1", "output": "snow"},
            ],
            tools=[{"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": True}],
            tool_choice={"type": "function", "name": "get_weather"},
            text={"format": {"type": "json_schema", "name": "city", "schema": SCHEMA, "strict": True}},
            temperature=0.5,
            max_output_tokens=100,
            store=False,
            include=["reasoning.encrypted_content"],
        )
        events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == (
        "It is sunny."
    )
    last = events[-1]
    assert last.type == "response.completed"
    assert [item.type for item in last.response.output] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert last.response.output_text == "It is sunny."
    calls = [item for item in last.response.output if item.type == "function_call"]
    assert [(call.call_id, call.arguments) for call in calls] == [
        ("call_a", '{"city": "Paris"}'),
        ("call_b", '{"city": "Rome"}'),
    ]
    usage = last.response.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (12, 34, 46)
    assert usage.input_tokens_details.cached_tokens == 5
    assert usage.output_tokens_details.reasoning_tokens == 6
    (request,) = peer.requests
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "tool"]
    assert AttachmentPart(Attachment("image/png", data=PNG)) in request.messages[1].parts
    thought, call = request.messages[2].parts
    assert thought.provider_metadata["openai-responses"]["encrypted_content"] == "c"
    assert isinstance(call, ToolCallPart)
    assert (call.id, call.arguments) == ("c1", {"city": "Oslo"})
    assert request.tools == (Tool("get_weather", parameters=SCHEMA, strict=True),)
    assert request.tool_choice == ToolChoice("required", ["get_weather"])
    assert request.schema == OutputSchema(SCHEMA, "city", strict=True)
    assert (request.options.temperature, request.options.max_tokens) == (0.5, 100)


async def test_openai_folds_responses_as_we_do() -> None:
    import openai

    peer = Peer(find("openai-responses"), ANSWER)
    async with serve(peer) as server, openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
        async with client.responses.stream(model="m-1", input="Weather?") as stream:
            async for _ in stream:
                pass
            streamed = await stream.get_final_response()
        whole = await client.responses.create(model="m-1", input="Weather?")
    assert (whole.id, streamed.id) == ("answer-1", "resp_0")
    assert whole.output_text == streamed.output_text == "It is sunny."
    assert [item.type for item in whole.output] == [item.type for item in streamed.output]


async def test_openai_knows_a_response_that_failed() -> None:
    import openai

    codec = find("openai-responses")

    async def fail(_: Received, reply: Reply) -> None:
        head = codec.server.head(Request("m"))
        await reply.head(head.status, head.headers)
        for piece in codec.server.encoder(Request("m")).feed(TextDelta(0, "a")):
            await reply.send(piece)
        await reply.send(codec.server.failure(OverloadedError("too many at once")))
        await reply.end()

    async with (
        serve(fail) as server,
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0) as client,
    ):
        stream = await client.responses.create(model="m", input="x", stream=True)
        with pytest.raises(openai.APIError, match="too many at once"):
            async for _ in stream:
                pass


async def test_anthropic_reads_a_stream_and_is_read() -> None:
    import anthropic

    signed = [
        *ANSWER[:2],
        PartMetadata(0, "anthropic", {"signature": "c2lnbmVk"}),
        *ANSWER[2:],
    ]
    peer = Peer(find("anthropic"), signed)
    async with serve(peer) as server, anthropic.AsyncAnthropic(base_url=server.url, api_key="k") as client:
        stream = client.messages.stream(
            model="m-1",
            max_tokens=100,
            system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Weather?"},
                        {
                            "type": "image",
                            "source": {
                                "type": "base64",
                                "media_type": "image/png",
                                "data": base64.b64encode(PNG).decode(),
                            },
                        },
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                        {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Oslo"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "snow"}],
                },
            ],
            tools=[{"name": "get_weather", "input_schema": SCHEMA}],
            tool_choice={"type": "tool", "name": "get_weather"},
            stop_sequences=["END"],
        )
        async with stream as events:
            text = "".join([piece async for piece in events.text_stream])
            message = await events.get_final_message()
    assert text == "It is sunny."
    assert message.stop_reason == "tool_use"
    thinking, said, first, second = message.content
    assert (thinking.type, thinking.thinking, thinking.signature) == ("thinking", "Let me think.", "c2lnbmVk")
    assert (said.type, said.text) == ("text", "It is sunny.")
    assert (first.id, first.name, first.input) == ("call_a", "get_weather", {"city": "Paris"})
    assert (second.id, second.input) == ("call_b", {"city": "Rome"})
    assert message.usage.output_tokens == 34
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) == 12
    (request,) = peer.requests
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "tool"]
    assert request.messages[0].cache == "5m"
    assert AttachmentPart(Attachment("image/png", data=PNG)) in request.messages[1].parts
    thought, call = request.messages[2].parts
    assert thought.provider_metadata["anthropic"]["signature"] == "c2ln"
    assert isinstance(call, ToolCallPart)
    assert (call.id, call.arguments) == ("c1", {"city": "Oslo"})
    assert request.tool_choice == ToolChoice("required", ["get_weather"])
    assert (request.options.max_tokens, request.options.stop) == (100, ("END",))


async def test_anthropic_reads_a_whole_answer() -> None:
    import anthropic

    peer = Peer(find("anthropic"), ANSWER)
    async with serve(peer) as server, anthropic.AsyncAnthropic(base_url=server.url, api_key="k") as client:
        message = await client.messages.create(
            model="m-1", max_tokens=5, messages=[{"role": "user", "content": "Weather?"}]
        )
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert message.id == "answer-1"


async def test_anthropic_knows_a_refusal() -> None:
    import anthropic

    codec = find("anthropic")
    async with (
        serve(lambda _, reply: refuse(codec, reply)) as server,
        anthropic.AsyncAnthropic(base_url=server.url, api_key="k", max_retries=0) as client,
    ):
        with pytest.raises(anthropic.APIStatusError, match="too many at once") as caught:
            await client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "x"}])
    assert caught.value.status_code == 529
