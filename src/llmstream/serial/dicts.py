"""The dict forms of the values, as TypedDicts.

They are the schema of what is stored: the converter takes the tag, the version and the keys that are
always written from here, so a form and its description cannot drift apart. Keys that are not required
are left out at their default. Where a value has a field `type` of its own, in a provider's words, its
key is `provider_type`, because `type` says which form a dict has.
"""

# No postponed annotations here: TypedDict reads Required and NotRequired when the class is made.

from typing import Literal, NotRequired, TypeAlias, TypedDict

from llmstream.jsontext import JSON, JSONObject
from llmstream.values.events import FinishReason, PartKind
from llmstream.values.messages import CacheTime, Role
from llmstream.values.request import ChoiceMode, Effort, OutputMode
from llmstream.values.response import State


class AttachmentDict(TypedDict):
    """An Attachment; `data` is base64."""

    media_type: NotRequired[str]
    data: NotRequired[str]
    url: NotRequired[str]
    path: NotRequired[str]
    file_id: NotRequired[str]
    name: NotRequired[str]


class CitationDict(TypedDict):
    """A Citation."""

    url: NotRequired[str]
    title: NotRequired[str]
    cited_text: NotRequired[str]
    start: NotRequired[int]
    end: NotRequired[int]
    provider: NotRequired[str]
    data: NotRequired[JSONObject]


class LogprobDict(TypedDict):
    """A Logprob; `bytes` is base64."""

    token: str
    logprob: float
    bytes: NotRequired[str]
    top: NotRequired[list["LogprobDict"]]


class TextPartDict(TypedDict):
    """A TextPart."""

    type: Literal["text"]
    text: str
    citations: NotRequired[list[CitationDict]]
    logprobs: NotRequired[list[LogprobDict]]
    refusal: NotRequired[bool]
    provider_metadata: NotRequired[dict[str, JSONObject]]


class ReasoningPartDict(TypedDict):
    """A ReasoningPart."""

    type: Literal["reasoning"]
    text: str
    redacted: NotRequired[bool]
    provider_metadata: NotRequired[dict[str, JSONObject]]


class ToolCallPartDict(TypedDict):
    """A ToolCallPart."""

    type: Literal["tool_call"]
    id: str
    name: str
    arguments: JSONObject | None
    raw: NotRequired[str]
    server_executed: NotRequired[bool]
    custom: NotRequired[bool]
    error: NotRequired[str]
    provider_metadata: NotRequired[dict[str, JSONObject]]


class ToolResultPartDict(TypedDict):
    """A ToolResultPart."""

    type: Literal["tool_result"]
    tool_call_id: str
    name: str
    output: JSON
    attachments: NotRequired[list[AttachmentDict]]
    error: NotRequired[str]
    server_executed: NotRequired[bool]
    provider_metadata: NotRequired[dict[str, JSONObject]]


class AttachmentPartDict(TypedDict):
    """An AttachmentPart."""

    type: Literal["attachment"]
    attachment: AttachmentDict
    transcript: NotRequired[str]
    provider_metadata: NotRequired[dict[str, JSONObject]]


class OpaquePartDict(TypedDict):
    """An OpaquePart."""

    type: Literal["opaque"]
    provider: str
    provider_type: str
    data: NotRequired[JSONObject]
    provider_metadata: NotRequired[dict[str, JSONObject]]


PartDict: TypeAlias = (
    TextPartDict
    | ReasoningPartDict
    | ToolCallPartDict
    | ToolResultPartDict
    | AttachmentPartDict
    | OpaquePartDict
)


class UsageDict(TypedDict):
    """A Usage."""

    input: int
    output: int
    cached_input: NotRequired[int]
    cache_write: NotRequired[int]
    reasoning: NotRequired[int]
    details: NotRequired[JSONObject]


class TextDeltaDict(TypedDict):
    """A TextDelta."""

    type: Literal["text_delta"]
    index: int
    text: str
    logprobs: NotRequired[list[LogprobDict]]
    refusal: NotRequired[bool]


class ReasoningDeltaDict(TypedDict):
    """A ReasoningDelta."""

    type: Literal["reasoning_delta"]
    index: int
    text: str
    redacted: NotRequired[bool]


class ToolCallStartDict(TypedDict):
    """A ToolCallStart."""

    type: Literal["tool_call_start"]
    index: int
    id: str
    name: str
    server_executed: NotRequired[bool]
    custom: NotRequired[bool]


class ToolCallArgsDeltaDict(TypedDict):
    """A ToolCallArgsDelta."""

    type: Literal["tool_call_args_delta"]
    index: int
    json: str


class ToolCallEndDict(TypedDict):
    """A ToolCallEnd."""

    type: Literal["tool_call_end"]
    index: int
    arguments: JSONObject


class ToolResultOutDict(TypedDict):
    """A ToolResultOut."""

    type: Literal["tool_result_out"]
    index: int
    tool_call_id: str
    name: NotRequired[str]
    output: NotRequired[JSON]
    attachments: NotRequired[list[AttachmentDict]]
    error: NotRequired[str]
    server_executed: NotRequired[bool]


class ToolProgressDict(TypedDict):
    """A ToolProgress."""

    type: Literal["tool_progress"]
    index: int
    tool_call_id: str
    data: NotRequired[JSON]


class ImageOutDict(TypedDict):
    """An ImageOut."""

    type: Literal["image_out"]
    index: int
    attachment: AttachmentDict
    partial: NotRequired[bool]


class AudioDeltaDict(TypedDict):
    """An AudioDelta; `data` is base64."""

    type: Literal["audio_delta"]
    index: int
    data: NotRequired[str]
    media_type: NotRequired[str]
    transcript: NotRequired[str]


class CitationOutDict(TypedDict):
    """A CitationOut."""

    type: Literal["citation_out"]
    index: int
    citation: CitationDict


class PartMetadataDict(TypedDict):
    """A PartMetadata."""

    type: Literal["part_metadata"]
    index: int
    provider: str
    data: NotRequired[JSONObject]
    kind: NotRequired[PartKind]


class OpaqueOutDict(TypedDict):
    """An OpaqueOut."""

    type: Literal["opaque_out"]
    index: int
    provider: str
    provider_type: str
    data: NotRequired[JSONObject]


class RawDict(TypedDict):
    """A Raw."""

    type: Literal["raw"]
    data: JSON


class RoundDoneDict(TypedDict):
    """A RoundDone."""

    type: Literal["round_done"]
    finish_reason: NotRequired[FinishReason]
    raw_finish_reason: NotRequired[str]
    usage: NotRequired[UsageDict]
    id: NotRequired[str]
    model: NotRequired[str]
    provider_metadata: NotRequired[JSONObject]


class RestartedDict(TypedDict):
    """A Restarted."""

    type: Literal["restarted"]
    reason: str


class DoneDict(TypedDict):
    """A Done."""

    type: Literal["done"]
    finish_reason: NotRequired[FinishReason]
    raw_finish_reason: NotRequired[str]
    usage: NotRequired[UsageDict]
    id: NotRequired[str]
    model: NotRequired[str]
    provider_metadata: NotRequired[JSONObject]


EventDict: TypeAlias = (
    TextDeltaDict
    | ReasoningDeltaDict
    | ToolCallStartDict
    | ToolCallArgsDeltaDict
    | ToolCallEndDict
    | ToolResultOutDict
    | ToolProgressDict
    | ImageOutDict
    | AudioDeltaDict
    | CitationOutDict
    | PartMetadataDict
    | OpaqueOutDict
    | RawDict
    | RoundDoneDict
    | RestartedDict
    | DoneDict
)


class MessageDict(TypedDict):
    """A Message."""

    role: Role
    parts: list[PartDict]
    cache: NotRequired[CacheTime]


class ToolDict(TypedDict):
    """A Tool."""

    type: Literal["tool"]
    name: str
    description: NotRequired[str]
    parameters: NotRequired[JSONObject]
    strict: NotRequired[bool]
    custom: NotRequired[bool]
    format: NotRequired[JSONObject]
    cache: NotRequired[CacheTime]


class ServerSideToolDict(TypedDict):
    """A ServerSideTool."""

    type: Literal["server_side_tool"]
    provider_type: str
    name: NotRequired[str]
    config: NotRequired[JSONObject]


AnyToolDict: TypeAlias = ToolDict | ServerSideToolDict


class ToolChoiceDict(TypedDict):
    """A ToolChoice."""

    mode: ChoiceMode
    names: NotRequired[list[str]]


class OutputSchemaDict(TypedDict):
    """An OutputSchema."""

    schema: NotRequired[JSONObject]
    name: NotRequired[str]
    description: NotRequired[str]
    strict: NotRequired[bool]
    mode: NotRequired[OutputMode]


class OptionsDict(TypedDict):
    """The Options that were given."""

    max_tokens: NotRequired[int]
    temperature: NotRequired[float]
    top_p: NotRequired[float]
    top_k: NotRequired[int]
    min_p: NotRequired[float]
    presence_penalty: NotRequired[float]
    frequency_penalty: NotRequired[float]
    stop: NotRequired[list[str]]
    seed: NotRequired[int]
    n: NotRequired[int]
    logprobs: NotRequired[int]
    reasoning_effort: NotRequired[Effort]
    reasoning_budget: NotRequired[int]
    reasoning_summary: NotRequired[Literal["none", "auto", "concise", "detailed"]]
    verbosity: NotRequired[Literal["low", "medium", "high"]]
    parallel_tool_calls: NotRequired[bool]
    modalities: NotRequired[list[str]]
    audio: NotRequired[JSONObject]
    prediction: NotRequired[str]
    service_tier: NotRequired[str]
    cache_key: NotRequired[str]
    user: NotRequired[str]
    metadata: NotRequired[JSONObject]
    store: NotRequired[bool]
    headers: NotRequired[JSONObject]
    extra: NotRequired[JSONObject]
    raw: NotRequired[bool]


class RequestDict(TypedDict):
    """A Request."""

    version: Literal[1]
    type: Literal["request"]
    model: str
    messages: list[MessageDict]
    tools: NotRequired[list[AnyToolDict]]
    tool_choice: NotRequired[ToolChoiceDict]
    schema: NotRequired[OutputSchemaDict]
    options: NotRequired[OptionsDict]


class TimingDict(TypedDict):
    """A Timing."""

    started: float
    first_event: NotRequired[float]
    ended: NotRequired[float]


class ResponseDict(TypedDict):
    """A Response."""

    version: Literal[1]
    type: Literal["response"]
    model: str | None
    request: RequestDict | None
    parts: list[PartDict]
    state: State
    finish_reason: FinishReason | None
    raw_finish_reason: NotRequired[str]
    usage: NotRequired[UsageDict]
    id: NotRequired[str]
    provider_metadata: NotRequired[JSONObject]
    source: NotRequired[str]
    timing: NotRequired[TimingDict]
