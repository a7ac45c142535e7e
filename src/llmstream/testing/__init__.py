"""The testing kit: laws, byte cuttings, recorded cases, a loopback server."""

from llmstream.testing.recorded import decode as decode
