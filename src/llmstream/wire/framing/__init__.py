"""Framings: bytes in, frames out, cut anywhere."""

from llmstream.wire.framing.frame import MAX_FRAME_BYTES as MAX_FRAME_BYTES
from llmstream.wire.framing.frame import Frame as Frame
