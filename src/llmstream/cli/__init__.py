"""The command line: a prompt in, a streamed answer out. Needs the extra `cli`."""

from llmstream.cli.commands import cli as cli
