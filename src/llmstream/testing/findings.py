"""What was found in a body, in the words of the recorded cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import cast

from llmstream.errors import LLMStreamError, ProviderError, TruncatedStreamError
from llmstream.jsontext import JSON, JSONObject
from llmstream.values.content import (
    AttachmentPart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.embeddings import Embeddings
from llmstream.values.listed import ModelInfo
from llmstream.values.response import Response
from llmstream.values.usage import Usage


def findings(outcome: Response | LLMStreamError | Embeddings | tuple[ModelInfo, ...]) -> JSONObject:
    """Describe what came of a body: an answer, vectors or models, or the error that ended it.

    An error counts with its partial Response. What an answer that failed cannot say (its id, its usage)
    is left out.
    """
    if isinstance(outcome, Embeddings):
        return _vectors(outcome)
    if isinstance(outcome, tuple):
        return {"models": len(outcome), "first_id": outcome[0].id if outcome else "", "error": None}
    if isinstance(outcome, Response):
        return {**_found(outcome), **_ended(outcome), "error": None, "truncated": False}
    response = outcome.partial or Response()
    known = {key: value for key, value in _ended(response).items() if value is not None}
    if isinstance(outcome, TruncatedStreamError):
        return {**_found(response), **known, "error": None, "truncated": True}
    return {**_found(response), **known, "error": _error(outcome)}


def _vectors(embeddings: Embeddings) -> JSONObject:
    first = embeddings.vectors[0] if embeddings.vectors else ()
    return {
        "embeddings": len(embeddings.vectors),
        "dims": len(first),
        "first": list(first[:3]),
        "usage": _usage(embeddings.usage),
        "model": embeddings.model,
        "error": None,
    }


def _error(error: LLMStreamError) -> JSONObject:
    provider = error if isinstance(error, ProviderError) else None
    return {
        "kind": provider.kind if provider else type(error).__name__,
        "status": provider.status if provider else None,
        "message": str(error),
        # Of the wire: it may have named the answer, and said nothing yet that is an event here.
        "after_events": error.partial is not None or (error.ending is not None and bool(error.ending.id)),
    }


def _ended(response: Response) -> JSONObject:
    return {
        "finish_reason": response.finish_reason,
        "raw_finish_reason": response.raw_finish_reason,
        "usage": _usage(response.usage),
        "id": response.id,
        "model": response.model,
    }


def _usage(usage: Usage | None) -> JSONObject | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cached_input_tokens": usage.cached_input,
        "cache_write_tokens": usage.cache_write,
        "reasoning_tokens": usage.reasoning,
    }


def _found(response: Response) -> JSONObject:
    parts = response.parts
    texts = [part for part in parts if isinstance(part, TextPart)]
    shown = [_kind(part) for part in parts if _is_shown(part)]
    found: JSONObject = {
        "text": "".join(part.text for part in texts if not part.refusal),
        "reasoning": response.reasoning(),
        "parts": [_kind(part) for part in parts],
        "parts_merged": _merged(map(_kind, parts)),
        "parts_core": _merged(shown),
        "tool_calls": [_call(part) for part in parts if isinstance(part, ToolCallPart)],
        "tool_results": [
            {"id": p.tool_call_id, "name": p.name}
            for p in parts
            if isinstance(p, ToolResultPart) and p.server_executed
        ],
        "citations": sum(len(part.citations) for part in texts),
        "logprobs": sum(len(part.logprobs) for part in texts),
        "opaque_all": sorted({_hash(text.encode()) for text in _opaque(response)}),
    }
    if any(part.refusal for part in texts):
        found["refusal"] = "".join(part.text for part in texts if part.refusal)
    return {**found, **_files(part for part in parts if isinstance(part, AttachmentPart))}


def _files(parts: Iterable[AttachmentPart]) -> JSONObject:
    parts = tuple(parts)
    images = [part.attachment for part in parts if _kind(part) == "image"]
    audio = [part for part in parts if _kind(part) == "audio"]
    hashes = [_hash(image.data) for image in images if image.data is not None]
    found: JSONObject = {"images": {"count": len(images), "sha256": hashes}}
    if audio:
        found["audio_sha256"] = _hash(b"".join(part.attachment.data or b"" for part in audio))
        found["transcript"] = "".join(part.transcript for part in audio)
    return found


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()


def _call(part: ToolCallPart) -> JSONObject:
    return {
        "id": part.id,
        "name": part.name,
        "arguments": part.arguments,
        "raw": part.raw,
        "server_executed": part.server_executed,
        "custom": part.custom,
    }


def _kind(part: Part) -> str:
    match part:
        case TextPart():
            return "text"
        case ReasoningPart():
            return "redacted_reasoning" if part.redacted else "reasoning"
        case ToolCallPart():
            return "tool_call"
        case ToolResultPart():
            return "tool_result"
        case AttachmentPart(attachment=attachment):
            kind = (attachment.media_type or "image").partition("/")[0]
            return kind if kind in ("image", "audio") else "other"
        case OpaquePart():
            return "other"


def _is_shown(part: Part) -> bool:
    match part:
        case TextPart(text=text) | ReasoningPart(text=text):
            return bool(text)
        case ToolCallPart(server_executed=server_executed):
            return not server_executed
        case AttachmentPart():
            return True
        case _:
            return False


def _merged(kinds: Iterable[str]) -> list[str]:
    """Kinds in order, neighbouring texts and neighbouring reasonings as one."""
    merged: list[str] = []
    for kind in kinds:
        if kind not in ("text", "reasoning") or merged[-1:] != [kind]:
            merged.append(kind)
    return merged


def _opaque(response: Response) -> Iterator[str]:
    """Every string that goes back to the provider unread."""
    yield from _strings(response.provider_metadata)
    for part in response.parts:
        yield from _strings(part.provider_metadata)
        if isinstance(part, OpaquePart):
            yield from _strings(part.data)
        elif isinstance(part, ToolResultPart):
            yield from _strings(part.output)
        elif isinstance(part, TextPart):
            for citation in part.citations:
                yield from _strings(citation.data)


def _strings(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in cast("Mapping[str, JSON]", value).values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in cast("Iterable[JSON]", value):
            yield from _strings(item)
