"""Listings of models: what each wire asks for one, and what the answers say.

https://platform.openai.com/docs/api-reference/models, https://platform.claude.com/docs/en/api/models/list,
https://ai.google.dev/api/models, https://docs.ollama.com/api/tags,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html

The requests differ by wire. The answers differ by vendor, also on one wire, but only in names: so one reader
knows them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import urlencode

import attrs

from llmstream.errors import MalformedFrameError
from llmstream.jsontext import JSON, JSONObject, as_list, as_object
from llmstream.values.content import tuple_of
from llmstream.values.listed import ModelInfo
from llmstream.wire.http import HttpRequest

_EXCERPT: Final = 200


@attrs.frozen
class Page:
    """Some of a provider's models; `cursor` asks for those that follow, None where none do."""

    models: tuple[ModelInfo, ...] = attrs.field(converter=tuple_of)
    cursor: str | None = None


class ListCodec(Protocol):
    """How a wire lists models."""

    def address(self, base_url: str, /) -> str:
        """Where the listing is, for one who calls models at `base_url`."""
        ...

    def request(self, cursor: str | None = None, /) -> HttpRequest:
        """Ask for the first page, or for the one that a cursor stands for."""
        ...

    def page(self, payload: JSON, /) -> Page:
        """Read a page.

        Raises:
            MalformedFrameError: when it is none.
        """
        ...


@attrs.frozen(kw_only=True)
class Listing:
    """A listing that is asked for by GET.

    Attributes:
        query: what every page is asked with.
        cursor: the name by which a page that follows is asked for; empty where all comes at once.
        host: the beginning of the host that calls go to, and that of the listing's.
    """

    path: str = "/models"
    query: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=tuple_of)
    cursor: str = ""
    host: tuple[str, str] = ("", "")

    def address(self, base_url: str, /) -> str:
        """Where the listing is."""
        calls, listing = (f"//{name}" for name in self.host)
        return base_url.replace(calls, listing, 1) if any(self.host) else base_url

    def request(self, cursor: str | None = None, /) -> HttpRequest:
        """Ask for a page."""
        query = (*self.query, (self.cursor, cursor)) if cursor else self.query
        return HttpRequest("GET", f"{self.path}?{urlencode(query)}" if query else self.path)

    def page(self, payload: JSON, /) -> Page:
        """Read a page.

        Raises:
            MalformedFrameError: when it is none.
        """
        return Page(models_of(payload), _cursor(as_object(payload)) if self.cursor else None)


BY_DIALECT: Final[Mapping[str, ListCodec]] = {
    "openai-chat": Listing(),
    "openai-completions": Listing(),
    "openai-responses": Listing(),
    "anthropic": Listing(path="/v1/models", query=(("limit", "1000"),), cursor="after_id"),
    "gemini": Listing(path="/v1beta/models", query=(("pageSize", "1000"),), cursor="pageToken"),
    "gemini-interactions": Listing(path="/v1beta/models", query=(("pageSize", "1000"),), cursor="pageToken"),
    "ollama": Listing(path="/api/tags"),
    "bedrock": Listing(path="/foundation-models", host=("bedrock-runtime.", "bedrock.")),
}

# Where the records stand. llamacpp has two lists, and the first is OpenAI's
# (corpus: models/llamacpp-rig-models-list_models_smoke-0).
_LISTS: Final = ("data", "models", "modelSummaries", "inferenceProfileSummaries")
# Where each thing may stand in a record, in order of trust.
_IDS: Final = (("id",), ("modelId",), ("inferenceProfileId",), ("model",), ("name",))
_NAMES: Final = (("display_name",), ("displayName",), ("modelName",), ("name",))
_CREATED: Final = (("created",), ("created_at",), ("createdAt",))
_CONTEXT: Final = (
    ("context_length",),
    ("context_window",),
    ("max_context_length",),
    ("max_model_len",),
    ("max_input_tokens",),
    ("inputTokenLimit",),
    ("meta", "n_ctx"),
    ("meta", "n_ctx_train"),
)
_OUTPUT: Final = (
    ("max_output_tokens",),
    ("max_completion_tokens",),
    ("outputTokenLimit",),
    ("top_provider", "max_completion_tokens"),
    ("max_tokens",),
)
# gemini calls its models by their resource's name; calls take either.
_RESOURCE: Final = "models/"


def models_of(payload: JSON, /) -> tuple[ModelInfo, ...]:
    """Read a listing of any wire.

    Raises:
        MalformedFrameError: when it is none.
    """
    return tuple(_model(as_object(record)) for record in _listed(payload))


def _listed(payload: JSON) -> list[JSON]:
    if isinstance(payload, list):
        # together gives the list itself
        return as_list(payload)
    body = as_object(payload)
    for name in _LISTS:
        if isinstance(body.get(name), list):
            return as_list(body[name])
    raise MalformedFrameError(f"expected a list of models, got {str(payload)[:_EXCERPT]}")


def _model(record: JSONObject) -> ModelInfo:
    id, name = _text(record, _IDS), _text(record, _NAMES)
    if id is None:
        raise MalformedFrameError(f"expected a model with an id, got {str(record)[:_EXCERPT]}")
    return ModelInfo(
        id.removeprefix(_RESOURCE),
        name=None if name == id else name,
        created=_moment(record),
        context_length=_count(record, _CONTEXT),
        max_output=_count(record, _OUTPUT),
        data=record,
    )


def _values(record: JSONObject, paths: Iterable[tuple[str, ...]]) -> Iterable[JSON]:
    for path in paths:
        value: JSON = record
        for name in path:
            value = as_object(value).get(name)
        yield value


def _text(record: JSONObject, paths: Iterable[tuple[str, ...]]) -> str | None:
    return next((value for value in _values(record, paths) if isinstance(value, str) and value), None)


def _count(record: JSONObject, paths: Iterable[tuple[str, ...]]) -> int | None:
    counts = (value for value in _values(record, paths) if isinstance(value, int))
    return next((count for count in counts if count > 0), None)


def _moment(record: JSONObject) -> int | None:
    told = _text(record, _CREATED)
    if told is None:
        # A zero is said by those who do not know (corpus: models/cerebras-pyai-test_known_model_names-0).
        return _count(record, _CREATED)
    try:
        return int(datetime.fromisoformat(told).timestamp())
    except (ValueError, OverflowError):
        return None


def _cursor(body: JSONObject) -> str | None:
    """What asks for the next page: a token, or the last id where there are more."""
    last = body.get("last_id") if body.get("has_more") else None
    cursor = body.get("nextPageToken") or body.get("nextToken") or last
    return cursor if isinstance(cursor, str) and cursor else None
