"""The frames of the wire as typed structs.

`read_hot` reads the frames that make up nearly all of a stream: more text of the one candidate, and nothing
else. It refuses every other field, so that what it does read needs no second look; a frame that it refuses
is read whole and shaped by `chunk_of`. Parts stay JSON there: a part is what its keys say.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from llmstream.jsontext import JSON, JSONObject

_ABSENT: Final = msgspec.Raw()


class HotPart(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A part that is text and no more."""

    text: str
    thought: bool = False


class HotContent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The parts of a frame."""

    parts: list[HotPart]
    role: str = ""


class HotCandidate(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """An answer that goes on."""

    content: HotContent
    index: int = 0
    safetyRatings: msgspec.Raw = _ABSENT  # noqa: N815 - the wire's name


class HotChunk(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A frame that only adds text."""

    candidates: list[HotCandidate]
    usageMetadata: msgspec.Raw = _ABSENT  # noqa: N815 - the wire's names
    modelVersion: str = ""  # noqa: N815
    responseId: str = ""  # noqa: N815
    createTime: str = ""  # noqa: N815


read_hot: Final = msgspec.json.Decoder(HotChunk).decode


class Segment(msgspec.Struct, rename="camel", gc=False):
    """A span of the answer, in bytes of UTF-8."""

    start_index: int | None = None
    end_index: int | None = None
    text: str | None = None


class Content(msgspec.Struct, gc=False):
    """The parts of a frame, as JSON."""

    parts: list[JSONObject] | None = None


class Candidate(msgspec.Struct, rename="camel", gc=False):
    """One of the answers in a frame."""

    content: Content | None = None
    index: int | None = None
    finish_reason: str | int | None = None
    logprobs_result: JSONObject | None = None
    grounding_metadata: JSONObject | None = None
    citation_metadata: JSONObject | None = None
    finish_message: JSON = None
    safety_ratings: JSON = None
    avg_logprobs: JSON = None
    url_context_metadata: JSON = None


class Feedback(msgspec.Struct, rename="camel", gc=False):
    """What became of the prompt."""

    block_reason: str | int | None = None


class Chunk(msgspec.Struct, rename="camel", gc=False):
    """A frame of any kind, or a whole answer."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: JSONObject | None = None
    model_version: str | None = None
    response_id: str | None = None


class FunctionCall(msgspec.Struct, rename="camel", gc=False):
    """A call of the client's, whole or in patches."""

    name: str | None = None
    args: JSONObject | None = None
    id: str | None = None
    partial_args: list[Patch] | None = None
    will_continue: bool | None = None


class Patch(msgspec.Struct, rename="camel", gc=False):
    """A value at a place in the arguments, or more of the string there."""

    json_path: str
    string_value: str | None = None
    number_value: int | float | None = None
    bool_value: bool | None = None
    will_continue: bool | None = None


class ServerCall(msgspec.Struct, rename="camel", gc=False):
    """A call that the provider makes, or what it gave."""

    tool_type: str
    args: JSONObject | None = None
    response: JSON = None
    id: str | None = None


class Blob(msgspec.Struct, rename="camel", gc=False):
    """Bytes, or where they are."""

    mime_type: str | None = None
    data: str | None = None
    file_uri: str | None = None
    display_name: str | None = None


def chunk_of(record: JSON) -> Chunk:
    """Shape a frame that was read.

    Raises:
        ValidationError: msgspec's, when a field is not of its type; it says where.
    """
    return msgspec.convert(record, Chunk)


class FunctionResponse(msgspec.Struct, rename="camel", gc=False):
    """What a call of the client's gave."""

    name: str | None = None
    response: JSONObject | None = None
    id: str | None = None
    parts: list[JSONObject] | None = None


# The names of the wire's own fields that have two forms.
_NAMES: Final = re.findall(
    r"\w+",
    """
    functionCall functionResponse inlineData fileData executableCode codeExecutionResult toolCall toolResponse
    thoughtSignature videoMetadata mediaResolution partMetadata mimeType fileUri displayName partialArgs
    willContinue toolType systemInstruction toolConfig generationConfig serviceTier safetySettings
    cachedContent
    functionDeclarations functionCallingConfig allowedFunctionNames streamFunctionCallArguments
    includeServerSideToolInvocations retrievalConfig googleSearch googleSearchRetrieval googleMaps urlContext
    codeExecution fileSearch computerUse parametersJsonSchema responseJsonSchema responseSchema
    responseMimeType responseLogprobs responseModalities maxOutputTokens topP topK presencePenalty
    frequencyPenalty speechConfig imageConfig stopSequences candidateCount thinkingConfig thinkingLevel
    thinkingBudget includeThoughts
    """,
)
_CAMEL: Final[dict[str, str]] = {re.sub("[A-Z]", lambda m: f"_{m[0].lower()}", name): name for name in _NAMES}


def camel(record: JSONObject) -> JSONObject:
    """A record with the wire's own names in the one case that is read; the wire takes both."""
    return {_CAMEL.get(key, key): value for key, value in record.items()}
