"""Call language models as streams of typed events.

    model = llmstream.get_model("claude-sonnet-4-6")
    response = await model.prompt("Capital of France?")

Values, events, errors and the reducer are here at once; what needs more than them is imported when it
is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from llmstream.errors import (
    AuthError as AuthError,
)
from llmstream.errors import (
    BodyTooLargeError as BodyTooLargeError,
)
from llmstream.errors import (
    ChainLimitError as ChainLimitError,
)
from llmstream.errors import (
    ConfigError as ConfigError,
)
from llmstream.errors import (
    ConnectError as ConnectError,
)
from llmstream.errors import (
    ConnectionLost as ConnectionLost,
)
from llmstream.errors import (
    ContentBlockedError as ContentBlockedError,
)
from llmstream.errors import (
    ContextLengthError as ContextLengthError,
)
from llmstream.errors import (
    ForbiddenError as ForbiddenError,
)
from llmstream.errors import (
    FrameTooLargeError as FrameTooLargeError,
)
from llmstream.errors import (
    InvalidRequestError as InvalidRequestError,
)
from llmstream.errors import (
    LLMStreamError as LLMStreamError,
)
from llmstream.errors import (
    MalformedFrameError as MalformedFrameError,
)
from llmstream.errors import (
    NotFoundError as NotFoundError,
)
from llmstream.errors import (
    OutputError as OutputError,
)
from llmstream.errors import (
    OverloadedError as OverloadedError,
)
from llmstream.errors import (
    PoolTimeout as PoolTimeout,
)
from llmstream.errors import (
    ProviderError as ProviderError,
)
from llmstream.errors import (
    QuotaError as QuotaError,
)
from llmstream.errors import (
    RateLimitError as RateLimitError,
)
from llmstream.errors import (
    ServerError as ServerError,
)
from llmstream.errors import (
    SlowConsumerError as SlowConsumerError,
)
from llmstream.errors import (
    TimeoutExceeded as TimeoutExceeded,
)
from llmstream.errors import (
    TLSError as TLSError,
)
from llmstream.errors import (
    ToolError as ToolError,
)
from llmstream.errors import (
    TransportError as TransportError,
)
from llmstream.errors import (
    TruncatedStreamError as TruncatedStreamError,
)
from llmstream.errors import (
    UnexpectedContentError as UnexpectedContentError,
)
from llmstream.errors import (
    UnsupportedError as UnsupportedError,
)
from llmstream.errors import (
    WireError as WireError,
)
from llmstream.reduce import Draft as Draft
from llmstream.reduce import reduce as reduce
from llmstream.reduce import step as step
from llmstream.values.content import (
    Attachment as Attachment,
)
from llmstream.values.content import (
    AttachmentPart as AttachmentPart,
)
from llmstream.values.content import (
    Citation as Citation,
)
from llmstream.values.content import (
    Logprob as Logprob,
)
from llmstream.values.content import (
    OpaquePart as OpaquePart,
)
from llmstream.values.content import (
    Part as Part,
)
from llmstream.values.content import (
    ReasoningPart as ReasoningPart,
)
from llmstream.values.content import (
    TextPart as TextPart,
)
from llmstream.values.content import (
    ToolCallPart as ToolCallPart,
)
from llmstream.values.content import (
    ToolResultPart as ToolResultPart,
)
from llmstream.values.embeddings import Embeddings as Embeddings
from llmstream.values.events import (
    AudioDelta as AudioDelta,
)
from llmstream.values.events import (
    CitationOut as CitationOut,
)
from llmstream.values.events import (
    Done as Done,
)
from llmstream.values.events import (
    Event as Event,
)
from llmstream.values.events import (
    FinishReason as FinishReason,
)
from llmstream.values.events import (
    ImageOut as ImageOut,
)
from llmstream.values.events import (
    OpaqueOut as OpaqueOut,
)
from llmstream.values.events import (
    PartMetadata as PartMetadata,
)
from llmstream.values.events import (
    Raw as Raw,
)
from llmstream.values.events import (
    ReasoningDelta as ReasoningDelta,
)
from llmstream.values.events import (
    Restarted as Restarted,
)
from llmstream.values.events import (
    RoundDone as RoundDone,
)
from llmstream.values.events import (
    TextDelta as TextDelta,
)
from llmstream.values.events import (
    ToolCallArgsDelta as ToolCallArgsDelta,
)
from llmstream.values.events import (
    ToolCallEnd as ToolCallEnd,
)
from llmstream.values.events import (
    ToolCallStart as ToolCallStart,
)
from llmstream.values.events import (
    ToolProgress as ToolProgress,
)
from llmstream.values.events import (
    ToolResultOut as ToolResultOut,
)
from llmstream.values.events import (
    UnknownEvent as UnknownEvent,
)
from llmstream.values.listed import ModelInfo as ModelInfo
from llmstream.values.messages import (
    Message as Message,
)
from llmstream.values.messages import (
    assistant as assistant,
)
from llmstream.values.messages import (
    system as system,
)
from llmstream.values.messages import (
    tool_message as tool_message,
)
from llmstream.values.messages import (
    user as user,
)
from llmstream.values.request import (
    Options as Options,
)
from llmstream.values.request import (
    OutputSchema as OutputSchema,
)
from llmstream.values.request import (
    Request as Request,
)
from llmstream.values.request import (
    ServerSideTool as ServerSideTool,
)
from llmstream.values.request import (
    Tool as Tool,
)
from llmstream.values.request import (
    ToolChoice as ToolChoice,
)
from llmstream.values.secret import Secret as Secret
from llmstream.values.usage import Usage as Usage

if TYPE_CHECKING:
    from llmstream.chain.limits import ChainLimits as ChainLimits
    from llmstream.client.attach import open_attachments as open_attachments
    from llmstream.client.budget import Budget as Budget
    from llmstream.client.budget import budget as budget
    from llmstream.client.download import fetch_attachment as fetch_attachment
    from llmstream.client.limiter import RateLimiter as RateLimiter
    from llmstream.client.limits import Limits as Limits
    from llmstream.client.retries import Attempt as Attempt
    from llmstream.client.retries import Retries as Retries
    from llmstream.client.timeouts import Timeouts as Timeouts
    from llmstream.model.bulk import Outcome as Outcome
    from llmstream.model.bulk import PromptMap as PromptMap
    from llmstream.model.bulk import PromptProgress as PromptProgress
    from llmstream.model.bulk import map_prompts as map_prompts
    from llmstream.model.chain import ChainStream as ChainStream
    from llmstream.model.connected import ConnectedProvider as ConnectedProvider
    from llmstream.model.conversation import Conversation as Conversation
    from llmstream.model.fallback import fallback as fallback
    from llmstream.model.hedge import hedge as hedge
    from llmstream.model.model import Model as Model
    from llmstream.model.portable import Loss as Loss
    from llmstream.model.portable import portability_report as portability_report
    from llmstream.model.portable import ported as ported
    from llmstream.model.recording import record as record
    from llmstream.model.registry import get_model as get_model
    from llmstream.model.registry import get_provider as get_provider
    from llmstream.model.replaying import replay as replay
    from llmstream.model.response import Response as Response
    from llmstream.model.stream import EventStream as EventStream
    from llmstream.output import FieldDone as FieldDone
    from llmstream.output import ItemDone as ItemDone
    from llmstream.output import Output as Output
    from llmstream.output import PartialObject as PartialObject
    from llmstream.plugins import hookimpl as hookimpl
    from llmstream.providers._provider import Provider as Provider
    from llmstream.tools.function import FunctionTool as FunctionTool
    from llmstream.tools.function import tool as tool
    from llmstream.tools.limits import ToolLimits as ToolLimits
    from llmstream.tools.mcp import mcp_toolbox as mcp_toolbox
    from llmstream.tools.signals import CancelToolCall as CancelToolCall
    from llmstream.tools.signals import PauseChain as PauseChain
    from llmstream.tools.signals import Progress as Progress
    from llmstream.tools.signals import ToolCall as ToolCall
    from llmstream.tools.toolbox import Toolbox as Toolbox

__version__ = "0.1.0"

_LAZY = {
    "Attempt": "client.retries",
    "Budget": "client.budget",
    "CancelToolCall": "tools.signals",
    "ChainLimits": "chain.limits",
    "ChainStream": "model.chain",
    "ConnectedProvider": "model.connected",
    "Conversation": "model.conversation",
    "EventStream": "model.stream",
    "FieldDone": "output",
    "FunctionTool": "tools.function",
    "ItemDone": "output",
    "Limits": "client.limits",
    "Loss": "model.portable",
    "Model": "model.model",
    "Outcome": "model.bulk",
    "Output": "output",
    "PartialObject": "output",
    "PauseChain": "tools.signals",
    "Progress": "tools.signals",
    "PromptMap": "model.bulk",
    "PromptProgress": "model.bulk",
    "Provider": "providers._provider",
    "RateLimiter": "client.limiter",
    "Response": "model.response",
    "Retries": "client.retries",
    "Timeouts": "client.timeouts",
    "ToolCall": "tools.signals",
    "ToolLimits": "tools.limits",
    "Toolbox": "tools.toolbox",
    "budget": "client.budget",
    "fallback": "model.fallback",
    "fetch_attachment": "client.download",
    "get_model": "model.registry",
    "get_provider": "model.registry",
    "hedge": "model.hedge",
    "hookimpl": "plugins",
    "map_prompts": "model.bulk",
    "mcp_toolbox": "tools.mcp",
    "open_attachments": "client.attach",
    "portability_report": "model.portable",
    "ported": "model.portable",
    "record": "model.recording",
    "replay": "model.replaying",
    "tool": "tools.function",
}
_ROOMS = {"stream", "sync", "testing", "wire"}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        import_module("llmstream.model")
        return getattr(import_module(f"llmstream.{_LAZY[name]}"), name)
    if name in _ROOMS:
        return import_module(f"llmstream.{name}")
    raise AttributeError(f"module 'llmstream' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_ROOMS})
