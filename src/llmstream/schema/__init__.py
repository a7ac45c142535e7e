"""Types to JSON Schema, JSON to types, and JSON that is cut anywhere."""

from llmstream.schema.convert import arguments as arguments
from llmstream.schema.convert import convert as convert
from llmstream.schema.describe import describe as describe
from llmstream.schema.describe import parameters as parameters
from llmstream.schema.docstring import Documented as Documented
from llmstream.schema.docstring import documented as documented
from llmstream.schema.problems import MisfitError as MisfitError
from llmstream.schema.problems import Problem as Problem
from llmstream.schema.signature import annotations_of as annotations_of
