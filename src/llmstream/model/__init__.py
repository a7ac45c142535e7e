"""The face: models, their streams and responses."""

from __future__ import annotations

from llmstream.model.registry import get_model
from llmstream.model.response import Response

Response.find = get_model
