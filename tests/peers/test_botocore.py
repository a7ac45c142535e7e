"""The vendor's own library: its signatures are ours, and it reads what our server half writes."""

from datetime import UTC, datetime

import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import (
    CitationOut,
    Done,
    NotFoundError,
    Options,
    OverloadedError,
    PartMetadata,
    RateLimitError,
    ReasoningDelta,
    Request,
    Secret,
    TextDelta,
    Tool,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolChoice,
    Usage,
    reduce,
    system,
    user,
)
from llmstream.stage import run
from llmstream.testing.loopback import Received, Reply, serve
from llmstream.values.content import Citation
from llmstream.wire.bedrock import CODEC
from llmstream.wire.http import HttpRequest
from llmstream.wire.sign import Credentials, Scope, signature

pytestmark = pytest.mark.peer
auth = pytest.importorskip("botocore.auth")
awsrequest = pytest.importorskip("botocore.awsrequest")
credentials = pytest.importorskip("botocore.credentials")


def theirs(http: HttpRequest, keys: Credentials, scope: Scope, time: datetime) -> str:
    """The authorization header that botocore makes, at a time that is given."""
    token = keys.session_token.reveal() if keys.session_token else None
    request = awsrequest.AWSRequest(http.method, http.path, dict(http.headers), http.body)
    stamp = request.context["timestamp"] = time.astimezone(UTC).strftime(auth.SIGV4_TIMESTAMP)
    request.headers["X-Amz-Date"] = stamp
    if token is not None:
        request.headers["X-Amz-Security-Token"] = token
    own = credentials.Credentials(keys.access_key, keys.secret_key.reveal(), token)
    signer = auth.SigV4Auth(own, scope.service, scope.region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    names = signer.signed_headers(signer.headers_to_sign(request))
    told = [
        f"{signer.scope(request)}",
        f"SignedHeaders={names}",
        f"Signature={signer.signature(text, request)}",
    ]
    return "AWS4-HMAC-SHA256 Credential=" + ", ".join(told)


MODELS = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=3, max_size=40)
HOSTS = st.sampled_from(
    ["https://bedrock-runtime.eu-west-1.amazonaws.com", "http://127.0.0.1:8080", "https://h.test:443/base"]
)
QUERIES = st.sampled_from(["", "?b=2&a=1&a=0", "?name=a%20b&x=~&y="])
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy wants bare ones
WORDS = st.text("abcdefghXYZ0189+/=", min_size=1, max_size=40)


@given(HOSTS, MODELS, QUERIES, st.binary(max_size=20), TIMES, WORDS, st.none() | WORDS)
def test_the_signature_is_that_of_botocore(host, model, query, body, time, secret, token) -> None:
    path = CODEC.encode(Request(model, [user("hi")])).path
    http = HttpRequest("POST", f"{host}{path}{query}", [("content-type", "application/json")], body)
    keys = Credentials("AKIDEXAMPLE", Secret(secret), None if token is None else Secret(token))
    scope = Scope("eu-west-1", "bedrock")
    ours = dict(signature(http, keys, scope, time=time))["authorization"]
    assert isinstance(ours, Secret)
    assert ours.reveal() == theirs(http, keys, scope, time)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


ANSWER = [
    ReasoningDelta(0, "hm"),
    PartMetadata(0, "bedrock", {"signature": "c2ln"}),
    CitationOut(1, Citation("https://x.test", "t", cited_text="c")),
    TextDelta(1, "Grüße"),
    ToolCallStart(2, id="t1", name="f"),
    ToolCallArgsDelta(2, '{"a":'),
    ToolCallArgsDelta(2, "1}"),
    ToolCallEnd(2, {"a": 1}),
    Done(finish_reason="tool_calls", usage=Usage(input=9, output=2, cached_input=3)),
]


def client(url: str):
    session = pytest.importorskip("botocore.session").Session()
    session.set_credentials("AKIDEXAMPLE", "secret", "token")
    config = pytest.importorskip("botocore.config").Config(retries={"total_max_attempts": 1})
    return session.create_client("bedrock-runtime", "us-east-1", endpoint_url=url, config=config)


def converse(url: str, **more: object) -> list[dict]:
    said = [{"role": "user", "content": [{"text": "hi"}]}]
    return list(client(url).converse_stream(modelId="us.a.b-v1:0", messages=said, **more)["stream"])


async def handler(received: Received, reply: Reply) -> None:
    http = HttpRequest(received.method, received.path, tuple(received.headers.items()), received.body)
    request = CODEC.server.request(http)
    if request.model == "us.a.b-v1:0" and CODEC.server.streams(http):
        head = CODEC.server.head(request)
        await reply.head(head.status, head.headers)
        for piece in run(CODEC.server.encoder(request), ANSWER):
            await reply.send(piece)
    else:
        whole = CODEC.server.whole(request, reduce(ANSWER))
        await reply.head(whole.head.status, whole.head.headers)
        await reply.send(whole.body)
    await reply.end()


@pytest.mark.anyio
async def test_botocore_reads_our_stream() -> None:
    async with serve(handler) as server:
        events = await anyio.to_thread.run_sync(lambda: converse(server.url))
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert deltas == [
        {"reasoningContent": {"text": "hm"}},
        {"reasoningContent": {"signature": "c2ln"}},
        {
            "citation": {
                "title": "t",
                "sourceContent": [{"text": "c"}],
                "location": {"web": {"url": "https://x.test"}},
            }
        },
        {"text": "Grüße"},
        {"toolUse": {"input": '{"a":'}},
        {"toolUse": {"input": "1}"}},
    ]
    assert events[0] == {"messageStart": {"role": "assistant"}}
    assert events[-2] == {"messageStop": {"stopReason": "tool_use"}}
    assert events[-1]["metadata"]["usage"]["inputTokens"] == 6


@pytest.mark.anyio
async def test_botocore_reads_our_whole_answer() -> None:
    def call(url: str) -> dict:
        return client(url).converse(modelId="m", messages=[{"role": "user", "content": [{"text": "hi"}]}])

    async with serve(handler) as server:
        answer = await anyio.to_thread.run_sync(call, server.url)
    kinds = [next(iter(block)) for block in answer["output"]["message"]["content"]]
    assert kinds == ["reasoningContent", "citationsContent", "toolUse"]
    assert answer["stopReason"] == "tool_use"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "name"),
    [
        (RateLimitError("slow down"), "ThrottlingException"),
        (OverloadedError("no room"), "ServiceUnavailableException"),
        (NotFoundError("no such model"), "ResourceNotFoundException"),
    ],
)
async def test_botocore_knows_our_refusals(error, name) -> None:
    async def refuse(_received: Received, reply: Reply) -> None:
        http = CODEC.server.refuse(error)
        await reply.head(http.head.status, http.head.headers)
        await reply.send(http.body)
        await reply.end()

    raised = pytest.importorskip("botocore.exceptions").ClientError
    async with serve(refuse) as server:
        with pytest.raises(raised) as caught:
            await anyio.to_thread.run_sync(lambda: converse(server.url))
    assert caught.value.response["Error"] == {"Code": name, "Message": str(error)}


@pytest.mark.anyio
async def test_botocore_knows_our_failure_inside_of_a_stream() -> None:
    async def fail(_received: Received, reply: Reply) -> None:
        await reply.head(200, CODEC.server.head(Request("m")).headers)
        await reply.send(CODEC.server.failure(OverloadedError("no room")))
        await reply.end()

    raised = pytest.importorskip("botocore.exceptions").EventStreamError
    async with serve(fail) as server:
        with pytest.raises(raised, match=r"serviceUnavailableException.*no room"):
            await anyio.to_thread.run_sync(lambda: converse(server.url))


@pytest.mark.anyio
async def test_what_botocore_sends_is_read() -> None:
    seen: list[Request] = []

    async def read(received: Received, reply: Reply) -> None:
        http = HttpRequest(received.method, received.path, tuple(received.headers.items()), received.body)
        seen.append(CODEC.server.request(http))
        await handler(received, reply)

    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    more = {
        "system": [{"text": "brief"}, {"cachePoint": {"type": "default"}}],
        "inferenceConfig": {"maxTokens": 5, "stopSequences": ["x"]},
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": schema}}}],
            "toolChoice": {"any": {}},
        },
    }
    async with serve(read) as server:
        await anyio.to_thread.run_sync(lambda: converse(server.url, **more))
    assert seen == [
        Request(
            "us.a.b-v1:0",
            [system("brief", cache="5m"), user("hi")],
            tools=[Tool("f", parameters=schema)],
            tool_choice=ToolChoice("required"),
            options=Options(max_tokens=5, stop=["x"]),
        )
    ]
