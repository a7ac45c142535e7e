"""Values as dicts that JSON can say, and events as lines of JSON.

A Response or a Request carries the version of the format. What is read is checked in full first: a
value of the closed table comes of it, or a ConfigError.
"""

from llmstream.serial.dicts import AnyToolDict as AnyToolDict
from llmstream.serial.dicts import AttachmentDict as AttachmentDict
from llmstream.serial.dicts import AttachmentPartDict as AttachmentPartDict
from llmstream.serial.dicts import AudioDeltaDict as AudioDeltaDict
from llmstream.serial.dicts import CitationDict as CitationDict
from llmstream.serial.dicts import CitationOutDict as CitationOutDict
from llmstream.serial.dicts import DoneDict as DoneDict
from llmstream.serial.dicts import EventDict as EventDict
from llmstream.serial.dicts import ImageOutDict as ImageOutDict
from llmstream.serial.dicts import LogprobDict as LogprobDict
from llmstream.serial.dicts import MessageDict as MessageDict
from llmstream.serial.dicts import OpaqueOutDict as OpaqueOutDict
from llmstream.serial.dicts import OpaquePartDict as OpaquePartDict
from llmstream.serial.dicts import OptionsDict as OptionsDict
from llmstream.serial.dicts import OutputSchemaDict as OutputSchemaDict
from llmstream.serial.dicts import PartDict as PartDict
from llmstream.serial.dicts import PartMetadataDict as PartMetadataDict
from llmstream.serial.dicts import RawDict as RawDict
from llmstream.serial.dicts import ReasoningDeltaDict as ReasoningDeltaDict
from llmstream.serial.dicts import ReasoningPartDict as ReasoningPartDict
from llmstream.serial.dicts import RequestDict as RequestDict
from llmstream.serial.dicts import ResponseDict as ResponseDict
from llmstream.serial.dicts import RestartedDict as RestartedDict
from llmstream.serial.dicts import RoundDoneDict as RoundDoneDict
from llmstream.serial.dicts import ServerSideToolDict as ServerSideToolDict
from llmstream.serial.dicts import TextDeltaDict as TextDeltaDict
from llmstream.serial.dicts import TextPartDict as TextPartDict
from llmstream.serial.dicts import TimingDict as TimingDict
from llmstream.serial.dicts import ToolCallArgsDeltaDict as ToolCallArgsDeltaDict
from llmstream.serial.dicts import ToolCallEndDict as ToolCallEndDict
from llmstream.serial.dicts import ToolCallPartDict as ToolCallPartDict
from llmstream.serial.dicts import ToolCallStartDict as ToolCallStartDict
from llmstream.serial.dicts import ToolChoiceDict as ToolChoiceDict
from llmstream.serial.dicts import ToolDict as ToolDict
from llmstream.serial.dicts import ToolProgressDict as ToolProgressDict
from llmstream.serial.dicts import ToolResultOutDict as ToolResultOutDict
from llmstream.serial.dicts import ToolResultPartDict as ToolResultPartDict
from llmstream.serial.dicts import UsageDict as UsageDict
from llmstream.serial.forms import event_from_dict as event_from_dict
from llmstream.serial.forms import from_dict as from_dict
from llmstream.serial.forms import to_dict as to_dict
from llmstream.serial.lines import event_from_json as event_from_json
from llmstream.serial.lines import event_to_json as event_to_json
