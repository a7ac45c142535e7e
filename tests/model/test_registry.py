"""Which model a name means, and with which address and key."""

import itertools
import os
import sys

import anyio.to_thread
import pytest

from llmstream import (
    Attempt,
    ConfigError,
    Done,
    Limits,
    Model,
    OverloadedError,
    Provider,
    RateLimiter,
    Retries,
    Secret,
    TextDelta,
    Timeouts,
    UnexpectedContentError,
    get_model,
    get_provider,
    hookimpl,
    sync,
)
from llmstream.model import registry
from llmstream.model.provided import ProviderModel
from llmstream.plugins import plugins
from llmstream.testing.fakes import ScriptedModel
from llmstream.testing.loopback import Received, Reply, replies, serve
from llmstream.transport.http import HttpTransport
from llmstream.transport.memory import MemoryTransport
from llmstream.wire import find
from llmstream.wire.sign import Credentials, Scope

CODEC = find("openai-chat")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    for name in os.environ:
        if name.endswith(("_API_KEY", "_BASE_URL")) or name.startswith(("LLMSTREAM_", "AWS_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LLMSTREAM_HOME", str(tmp_path))


@pytest.fixture
def plugin():
    """Register an object with hooks for the length of a test."""
    added = []

    def add(thing) -> None:
        plugins().register(thing)
        added.append(thing)

    yield add
    for thing in added:
        plugins().unregister(thing)


def endpoint(model: Model):
    assert isinstance(model, ProviderModel)
    return model._endpoint


class Acme:
    """A plugin with two providers and a model."""

    rows = (
        Provider(
            name="acme",
            codec=CODEC,
            base_url="https://acme.test/v1",
            key_env=["ACME_API_KEY"],
            prefixes=["acme-"],
        ),
        Provider(
            name="acme-mini",
            codec=CODEC,
            needs_key=False,
            base_url_env="ACME_MINI_BASE_URL",
            prefixes=["acme-mini-"],
        ),
        Provider(name="openai", codec=CODEC, base_url="https://evil.test"),
    )
    model = ScriptedModel([[TextDelta(0, "mine"), Done(finish_reason="stop")]] * 2, name="my-model")

    @hookimpl
    def register_providers(self, register):
        for row in self.rows:
            register(row)

    @hookimpl
    def register_models(self, register):
        register(self.model)


# Names.


def test_a_provider_and_an_id() -> None:
    model = get_model("openai-chat/gpt-x", key="k")
    assert (model.name, model.id) == ("openai-chat/gpt-x", "gpt-x")
    assert isinstance(endpoint(model).transport, HttpTransport)


def test_an_id_may_have_slashes_and_is_sent_as_given() -> None:
    assert get_model("openrouter/anthropic/claude-x:free", key="k").id == "anthropic/claude-x:free"


@pytest.mark.parametrize(("name", "provider"), [("claude-x", "anthropic"), ("gpt-5.5", "openai")])
def test_a_bare_id_goes_by_its_beginning(name, provider) -> None:
    assert get_model(name, key="k").name == f"{provider}/{name}"


def test_demo_alone_is_a_model_in_process() -> None:
    assert get_model("demo").name == "demo/demo"
    assert isinstance(endpoint(get_model("demo")).transport, MemoryTransport)
    assert get_model("demo/other").id == "other"


@pytest.mark.parametrize("name", ["nonsense", "nonsense/x", "azure", "anthropic/", "", "/", "openai_chat/x"])
def test_what_is_no_name_lists_the_providers(name) -> None:
    with pytest.raises(ConfigError, match=r"anthropic, .*demo, .*openai-chat") as caught:
        get_model(name, key="k")
    assert repr(name) in str(caught.value)


def test_all_rows_are_found_by_their_names() -> None:
    names = registry.provider_names()
    assert {"anthropic", "demo", "openai", "openai-chat"} <= set(names)
    for name in names:
        row = registry.provider(name)
        assert row is not None
        assert row.name == name
    assert registry.provider("nonsense") is None


# The default.


def test_without_a_name_it_is_the_configured_model(monkeypatch, tmp_path) -> None:
    (tmp_path / "config.toml").write_text('model = "demo"')
    assert get_model().name == "demo/demo"
    monkeypatch.setenv("LLMSTREAM_MODEL", "demo/first")
    assert get_model().id == "first"


def test_without_a_default_the_error_says_how_to_set_one() -> None:
    with pytest.raises(ConfigError, match=r"LLMSTREAM_MODEL.*config\.toml"):
        get_model()


# Keys.


def test_a_key_that_is_given_goes_before_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from-env")
    assert endpoint(get_model("claude-x")).key == Secret("from-env")
    assert endpoint(get_model("claude-x", key="given")).key == Secret("given")
    assert endpoint(get_model("claude-x", key=Secret("given"))).key == Secret("given")


def test_without_a_key_the_error_names_the_variables() -> None:
    with pytest.raises(ConfigError, match=r"key=.*ANTHROPIC_API_KEY"):
        get_model("claude-x")


def test_the_environments_key_is_not_sent_elsewhere(monkeypatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from-env")
    assert endpoint(get_model("claude-x", base_url="http://localhost:1")).key is None
    assert endpoint(get_model("claude-x", base_url="http://localhost:1", key="given")).key == Secret("given")
    assert endpoint(get_model("claude-x", base_url="https://api.anthropic.com/")).key == Secret("from-env")


def test_where_every_user_has_an_address_of_his_own_the_key_is_for_it(monkeypatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "from-env")
    assert endpoint(get_model("azure/x", base_url="https://me.example/openai/v1")).key == Secret("from-env")


@pytest.mark.parametrize("key", ["", "  ", "sk-a\nb", "sk-ü"])
def test_a_key_that_is_none_is_refused_without_being_shown(key) -> None:
    with pytest.raises(ConfigError, match="key=") as caught:
        get_model("claude-x", key=key)
    assert "sk-" not in str(caught.value)


# Addresses.


def test_an_address_is_given_or_in_the_environment_or_the_rows(monkeypatch) -> None:
    assert endpoint(get_model("openai/x", key="k")).base_url == "https://api.openai.com/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://proxy:1/v1")
    assert endpoint(get_model("openai/x", key="k")).base_url == "http://proxy:1/v1"
    assert endpoint(get_model("openai/x", key="k", base_url="http://mine/v1")).base_url == "http://mine/v1"


def test_where_there_is_no_address_the_error_says_how_to_give_one() -> None:
    with pytest.raises(ConfigError, match="base_url= or AZURE_OPENAI_BASE_URL"):
        get_model("azure/x", key="k")


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8080/v1",
        "ftp://h/v1",
        "http://",
        "http://u:secret@h/v1",
        "http://h/v1?key=secret",
        "http://h/#secret",
        "http://h/a b",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_secrets(address) -> None:
    with pytest.raises(ConfigError, match="base_url of openai") as caught:
        get_model("openai/x", key="k", base_url=address)
    assert "secret" not in str(caught.value).replace("#secret", "")


def test_the_http_library_is_chosen_by_a_variable(monkeypatch) -> None:
    monkeypatch.setenv("LLMSTREAM_HTTP", "requests")
    with pytest.raises(ConfigError, match="httpx or httpx2"):
        get_model("openai/x", key="k")


# Settings, tokens and signatures.


def test_an_address_has_the_users_words_in_it(monkeypatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert (
        endpoint(get_model("bedrock/m", key="k")).base_url
        == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    )
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert (
        endpoint(get_model("bedrock/m", key="k")).base_url
        == "https://bedrock-runtime.us-east-1.amazonaws.com"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://proxy:1")
    assert endpoint(get_model("bedrock/m", key="k")).base_url == "http://proxy:1"


def test_a_word_may_have_a_default_and_be_written_otherwise(monkeypatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p-1")
    place = "/v1/projects/p-1/locations"
    for location, host in (
        (None, "aiplatform.googleapis.com"),
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ):
        if location is not None:
            monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", location)
        found = endpoint(get_model("anthropic-vertex/m", key="k")).base_url
        assert found == f"https://{host}{place}/{location or 'global'}"


def test_words_that_are_missing_or_none_are_named(monkeypatch) -> None:
    with pytest.raises(ConfigError, match=r"AWS_REGION or AWS_DEFAULT_REGION to be set for bedrock"):
        get_model("bedrock/m", key="k")
    with pytest.raises(ConfigError, match="GOOGLE_CLOUD_PROJECT or ANTHROPIC_VERTEX_PROJECT_ID"):
        get_model("anthropic-vertex/m", key="k")
    for word in ("evil.test/", "a@b", "a:b", "-", "a b"):
        monkeypatch.setenv("AWS_REGION", word)
        with pytest.raises(ConfigError, match="a word of an address in AWS_REGION"):
            get_model("bedrock/m", key="k")


def test_a_key_goes_before_a_signature(monkeypatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(
        ConfigError, match="AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ):
        get_model("bedrock/m")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", " AKIDEXAMPLE ")
    with pytest.raises(ConfigError, match="AWS_SECRET_ACCESS_KEY"):
        get_model("bedrock/m")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    found = endpoint(get_model("bedrock/m"))
    assert (found.key, found.scope) == (
        Credentials("AKIDEXAMPLE", Secret("s")),
        Scope("us-east-1", "bedrock"),
    )
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    assert endpoint(get_model("bedrock-invoke/m")).key == Credentials("AKIDEXAMPLE", Secret("s"), Secret("t"))
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "b")
    assert endpoint(get_model("bedrock/m")).key == Secret("b")


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("https://bedrock-runtime-fips.us-east-1.amazonaws.com", True),
        ("https://vpce-1a-2b.bedrock-runtime.us-east-1.vpce.amazonaws.com/", True),
        ("http://bedrock-runtime.us-east-1.amazonaws.com", False),
        ("https://bedrock-runtime.us-east-1.amazonaws.com.evil.test", False),
        ("https://x.execute-api.us-east-1.amazonaws.com", False),
        ("http://localhost:1", False),
    ],
)
@pytest.mark.parametrize(
    "variables", [("AWS_BEARER_TOKEN_BEDROCK",), ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
)
def test_what_the_environment_holds_is_for_the_providers_own_addresses(
    monkeypatch, address, own, variables
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for name in variables:
        monkeypatch.setenv(name, "x")
    assert (endpoint(get_model("bedrock/m", base_url=address)).key is not None) is own


def test_a_function_or_credentials_may_be_the_key(monkeypatch) -> None:
    keys = Credentials("a", Secret("b"))
    with pytest.raises(ConfigError, match="AWS_REGION or AWS_DEFAULT_REGION to be set for bedrock"):
        get_model("bedrock/m", base_url="http://h", key=keys)
    with pytest.raises(ConfigError, match="a key for openai, got credentials"):
        get_model("openai/m", key=keys)

    def token() -> str:
        return "t"

    found = endpoint(get_model("bedrock/m", base_url="http://h", key=token))
    assert (found.key, found.scope) == (token, None)
    assert endpoint(get_model("openai/m", key=token)).scope is None
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for key in (token, keys):
        assert endpoint(get_model("bedrock/m", key=key)).scope == Scope("us-east-1", "bedrock")


# Plugins.


def test_a_plugins_providers_are_found_by_name_and_by_beginning(plugin, monkeypatch) -> None:
    plugin(Acme())
    monkeypatch.setenv("ACME_API_KEY", "theirs")
    assert endpoint(get_model("acme/x")).base_url == "https://acme.test/v1"
    assert endpoint(get_model("acme-9")).key == Secret("theirs")
    assert get_model("acme-mini-1", base_url="http://h").name == "acme-mini/acme-mini-1"
    assert {"acme", "acme-mini"} <= set(registry.provider_names())
    with pytest.raises(ConfigError, match="base_url= or ACME_MINI_BASE_URL"):
        get_model("acme-mini/x")


def test_a_plugin_does_not_take_a_name_of_ours(plugin) -> None:
    plugin(Acme())
    assert endpoint(get_model("openai/x", key="k")).base_url == "https://api.openai.com/v1"


@pytest.mark.anyio
async def test_a_plugins_model_is_found_by_its_name_and_is_as_it_is(plugin) -> None:
    plugin(Acme())
    assert get_model("my-model") is Acme.model
    assert (await get_model("my-model").prompt("hi")).text() == "mine"
    with pytest.raises(ConfigError, match="no base_url, key or http for my-model"):
        get_model("my-model", key="k")


def test_a_plugin_that_is_gone_is_gone(plugin) -> None:
    thing = Acme()
    plugins().register(thing)
    plugins().unregister(thing)
    with pytest.raises(ConfigError):
        get_model("acme/x", key="k")
    with pytest.raises(ConfigError):
        get_model("my-model")


# Over a socket.


@pytest.mark.anyio
async def test_a_redirect_takes_the_key_nowhere() -> None:
    async with serve(replies(b"")) as other:
        away = replies(b"", status=307, headers={"location": f"{other.url}/chat"})
        async with serve(away) as server:
            model = get_model("openai-chat/m", base_url=server.url, key="sk-sentinel")
            with pytest.raises(UnexpectedContentError, match="status 307"):
                await model.prompt("hi")
        assert other.requests == []


# Speed.


def test_a_second_look_costs_little() -> None:
    def calls_of_a_look(name: str) -> int:
        counted = itertools.count()
        sys.setprofile(lambda frame, what, arg: next(counted) if what == "call" else None)
        try:
            get_model(name, key="k")
        finally:
            sys.setprofile(None)
        return next(counted)

    for name in ("openai/x", "claude-x"):
        get_model(name, key="k")
        # A walk over the packages, or over their entry points, is thousands of calls.
        assert calls_of_a_look(name) < 200


def test_a_row_is_found_by_the_name_of_a_model_or_of_a_provider() -> None:
    for name, row in (("mistral/any", "mistral"), ("mistral", "mistral"), ("claude-sonnet-4-6", "anthropic")):
        found = registry.row_of(name)
        assert found is not None
        assert found.name == row
    with pytest.raises(ConfigError, match="nonsense"):
        registry.row_of("nonsense/x")


@pytest.mark.anyio
async def test_the_terms_of_a_model_and_of_a_provider_are_those_of_its_calls() -> None:
    async def refused(_: Received, reply: Reply) -> None:
        await reply.head(503, chunked=0)

    told: list[Attempt] = []
    terms = {
        "retries": Retries(2, first_wait=0.001, listener=told.append),
        "timeouts": Timeouts(stall=7),
        "limits": Limits(error_bytes=10),
        "limiter": RateLimiter(concurrency=1),
    }
    async with serve(refused) as server:
        where = {"base_url": server.url, "key": "k"}
        groq = get_provider("groq", **where, **terms)
        for ask in (
            get_model("groq/m", **where, **terms).prompt("hi").response,
            groq.model("m").prompt("hi").response,
            groq.models,
        ):
            with pytest.raises(OverloadedError):
                await ask()
            assert len(told) == 2
            told.clear()
        with pytest.raises(OverloadedError):
            await groq.models(retries=Retries(1))
        assert told == []
        blocking = sync.get_provider("groq", **where, **terms)
        with pytest.raises(OverloadedError):
            await anyio.to_thread.run_sync(blocking.models)
        assert len(told) == 2
        assert len(server.requests) == 9
