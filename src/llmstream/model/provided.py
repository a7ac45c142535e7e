"""A model of a provider: a row, an id, a key and a transport."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import NoReturn, Self, TypeAlias
from urllib.parse import urlencode

import attrs

from llmstream.client.attach import opened
from llmstream.client.drive import Call
from llmstream.client.line import Line
from llmstream.client.retries import Retries
from llmstream.client.retry import tried
from llmstream.client.timeouts import Timeouts
from llmstream.errors import ConfigError, UnsupportedError
from llmstream.jsontext import JSONObject
from llmstream.model.credential import Clock, TokenSource, asked, now, once
from llmstream.model.model import Model
from llmstream.model.response import Response
from llmstream.model.stream import EventStream, Source
from llmstream.model.terms import Defaults, Terms, must_be_terms
from llmstream.providers._provider import Provider
from llmstream.transport.base import Header, HttpCall, Transport
from llmstream.values.embeddings import Embeddings
from llmstream.values.events import Event
from llmstream.values.request import OutputMode, Request
from llmstream.values.secret import Secret
from llmstream.wire.codec import Codec, Ids, Resumable, Unshaped, counter
from llmstream.wire.http import HttpRequest
from llmstream.wire.sign import Credentials, Scope, signature

# RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _kept(key: object) -> str:
    """A function may show what it was made with."""
    return "<a function>" if callable(key) else repr(key)


_Sent: TypeAlias = dict[tuple[tuple[str, str], ...], tuple[Header, ...]]


def _own_ids() -> Ids:
    """Ids of one call's tool calls; its prefix is drawn when the first is asked for."""
    made: list[Ids] = []

    def make() -> str:
        if not made:
            made.append(counter(f"call_{os.urandom(4).hex()}_"))
        return made[0]()

    return make


@attrs.frozen
class Endpoint:
    """Where and how a provider is reached, resolved for one caller.

    `scope` is where signatures are good, by the time of `clock`.
    """

    provider: Provider
    base_url: str
    key: Secret | Credentials | TokenSource | None = attrs.field(repr=_kept)
    transport: Transport
    scope: Scope | None = None
    clock: Clock = now
    defaults: Defaults = attrs.field(factory=Defaults, kw_only=True)
    # The headers that went out last: those of one model hardly change, and its transport knows them again.
    _sent: _Sent = attrs.field(factory=_Sent, init=False, eq=False, repr=False)

    def timeouts(self, given: Timeouts | None = None) -> Timeouts:
        """Those of a call: what was given for it, for the model, in the row, and else the default."""
        own = self.defaults.timeouts.over(self.provider.timeouts)
        return own if given is None else given.over(own)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an Endpoint is not pickled: it holds a key")

    def __deepcopy__(self, memo: object) -> Endpoint:
        return self

    def call(self, request: Request, timeouts: Timeouts) -> Call:
        """The call that a request makes.

        Raises:
            UnsupportedError: when the dialect cannot say what is asked for.
            ConfigError: when the request lacks something, or a header is none that HTTP can carry.
        """
        return self.asking(self.provider.codec.encode(request), timeouts, raw=request.options.raw)

    def asking(self, http: HttpRequest, timeouts: Timeouts, *, raw: bool = False) -> Call:
        """The call that sends a request of the wire.

        Raises:
            ConfigError: when a header is none that HTTP can carry.
        """
        sign = "&" if "?" in http.path else "?"
        query = sign + urlencode(self.provider.query) if self.provider.query else ""
        return Call(
            codec=self.provider.codec,
            http=HttpCall(
                http.method,
                self.base_url.rstrip("/") + http.path + query,
                self._headers(http),
                http.body,
                connect=timeouts.connect,
                pool=timeouts.pool,
            ),
            transport=self.transport,
            authorize=self._authority(),
            timeouts=timeouts,
            limits=self.defaults.limits,
            ids=_own_ids(),
            raw=raw,
        )

    def tried(
        self, call: Call, retries: Retries | None, line: Line | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of a call, in as many attempts as it takes."""
        return tried(call, retries or self.defaults.retries, line, limiter=self.defaults.limiter)

    def _headers(self, http: HttpRequest) -> tuple[Header, ...]:
        """Each name once: what the request says stands before what the row says."""
        known = self._sent.get(http.headers)
        if known is not None:
            return known
        for name, value in http.headers:
            if not (_TOKEN.fullmatch(name) and value.isascii() and value.isprintable()):
                raise ConfigError(
                    f"expected printable ASCII as header {name!r}, got what no header may carry"
                )
        given: tuple[Header, ...] = (
            # Compression holds tokens back until a block is full.
            ("accept-encoding", "identity"),
            *self.provider.headers,
            *(self._shown(self.key) if isinstance(self.key, Secret) else ()),
            *http.headers,
        )
        made = once(given)
        self._sent.clear()
        self._sent[http.headers] = made
        return made

    def _shown(self, key: Secret) -> tuple[Header, ...]:
        prefix = self.provider.key_prefix
        return ((self.provider.key_header, Secret(prefix + key.reveal()) if prefix else key),)

    def _authority(self) -> Callable[[HttpCall], Awaitable[HttpCall]] | None:
        """What gives a call that which shows who makes it: a token that is asked for, or a signature."""
        source = self.key
        if source is None or isinstance(source, Secret):
            return None

        async def authorize(call: HttpCall) -> HttpCall:
            key = await asked(source) if callable(source) else source
            own = self._shown(key) if isinstance(key, Secret) else self._signed(call, key)
            return attrs.evolve(call, headers=once((*own, *call.headers)))

        return authorize

    def _signed(self, call: HttpCall, credentials: Credentials) -> tuple[Header, ...]:
        if self.scope is None:
            raise ConfigError(
                f"expected a key for {self.provider.name}, got credentials of AWS, and no region to sign for"
            )
        return signature(call.plain(), credentials, self.scope, time=self.clock())


class ProviderModel(Model):
    """A model behind a provider's wire."""

    def __init__(self, id: str, endpoint: Endpoint, *, timeouts: Timeouts | None = None) -> None:
        self.id = id
        self.name = f"{endpoint.provider.name}/{id}"
        if timeouts is not None:
            endpoint = attrs.evolve(
                endpoint, defaults=attrs.evolve(endpoint.defaults, timeouts=endpoint.timeouts(timeouts))
            )
        self._endpoint = endpoint

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"the model {self.name} is not pickled: it holds a key; send its name, and get_model there"
        )

    def __copy__(self) -> ProviderModel:
        return self

    def __deepcopy__(self, memo: object) -> ProviderModel:
        return self

    @property
    def codec(self) -> Codec:
        """The dialect that is spoken, with the provider's quirks."""
        return self._endpoint.provider.codec

    def through(self, wrap: Callable[[Transport], Transport], /) -> Self:
        """The same model, whose calls go through a transport that is made of its own."""
        # Not by `copy`, which gives the model itself.
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other._endpoint = attrs.evolve(self._endpoint, transport=wrap(self._endpoint.transport))
        return other

    @property
    def output_mode(self) -> OutputMode:
        """How a schema is asked for where it does not say: as the dialect can."""
        codec = self.codec
        return codec.output_mode if isinstance(codec, Unshaped) else "native"

    def events(self, request: Request, /) -> AsyncGenerator[Event, None]:
        """The events of one call, one by one; raises as `batches`."""
        return _each(self.batches(request))

    def batches(
        self, request: Request, /, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of one call, in the lists that single reads brought.

        Raises:
            UnsupportedError: at once, when the dialect cannot say what is asked for.
            ConfigError: at once, when the request lacks something.
        """
        endpoint = self._endpoint
        return endpoint.tried(endpoint.call(request, endpoint.timeouts(timeouts)), retries)

    def resume(
        self, response: Response | str, /, *, timeouts: Timeouts | None = None, keep: bool = True
    ) -> EventStream[Response]:
        """Listen again to an answer; as `Model.resume`."""
        must_be_terms(timeouts=timeouts)
        codec = self.codec
        if not isinstance(codec, Resumable):
            raise UnsupportedError(f"expected a wire whose answers can be resumed, got {codec.name}")
        response_id = response if isinstance(response, str) else response.id
        if not response_id:
            raise ConfigError("expected a response that has an id, got one that has none")
        asked = None if isinstance(response, str) else response.request
        line, http, endpoint = Line(), codec.resume(response_id), self._endpoint
        limits = endpoint.timeouts(timeouts)
        source = Source(
            lambda _: endpoint.tried(endpoint.asking(http, limits), None, line), interrupt=line.interrupt
        )
        return EventStream(source, asked or Request(self.id), wrap=self._response, keep=keep)

    async def embed(
        self,
        texts: Iterable[str],
        *,
        batch: int | None = None,
        dimensions: int | None = None,
        extra: JSONObject | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
    ) -> Embeddings:
        """One vector for each text; as `Model.embed`."""
        if isinstance(texts, str):
            raise ConfigError("expected texts to embed, got one string")
        # Not above: who embeds nothing does without.
        from llmstream.model.documents import Documents

        documents = Documents(self._endpoint, timeouts, retries)
        return await documents.embed(self.id, texts, batch=batch, dimensions=dimensions, extra=extra)

    def _source(self, terms: Terms) -> Source:
        line, endpoint = Line(), self._endpoint
        limits = endpoint.timeouts(terms.timeouts)
        return Source(
            lambda request: endpoint.tried(endpoint.call(request, limits), terms.retries, line),
            prepare=opened,
            interrupt=line.interrupt,
        )


async def _each(batches: AsyncGenerator[Sequence[Event], None]) -> AsyncGenerator[Event, None]:
    async with aclosing(batches):
        async for batch in batches:
            for event in batch:
                yield event  # noqa: ASYNC119 - closed above
