"""The command `prompt`, from its arguments to what a pipe, a terminal and a shell see."""

import os
import signal
import subprocess
from pathlib import Path

import anyio
import pytest

from llmstream import (
    AttachmentPart,
    Citation,
    CitationOut,
    Done,
    ReasoningDelta,
    ServerError,
    TextDelta,
    TextPart,
    ToolCallStart,
    reduce,
)
from llmstream.serial import event_from_json
from llmstream.testing import loopback

MODEL = ("-m", "scripted/scripted")
ANSWER = (ReasoningDelta(0, "Easy."), TextDelta(1, "# Par"), TextDelta(1, "is"), Done(finish_reason="stop"))

ONE_WORD = "model = ScriptedModel([[TextDelta(0, 'Paris'), Done()]], name='scripted/scripted')"
HOSTILE = r"""
model = ScriptedModel(
    [[ReasoningDelta(0, 'hm\x1b[2J'), TextDelta(1, 'a\x1b]52;c;'), TextDelta(1, 'aGk=\x07b\u202e'), Done()]],
    name='scripted/scripted',
)
"""
LONG = """
class Long(Model):
    id, name = "scripted", "scripted/scripted"

    async def events(self, request):
        while True:
            yield TextDelta(0, "x" * 50_000)

model = Long()
"""
# Waits for a thread of the loop that nothing can interrupt, as the look-up of a name does.
STUCK = """
import asyncio

class Stuck(Model):
    id, name = "scripted", "scripted/scripted"

    async def events(self, request):
        yield TextDelta(0, "begun")
        await asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)

model = Stuck()
"""
CONNECTED = """model = get_model('anthropic/claude', base_url={url!r}, key='sk-of-the-user')
model.name = 'wired/claude'"""
# The beginning of a Messages stream, up to a first word.
BEGUN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
    b'"role":"assistant","model":"claude","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Par"}}\n\n'
)


def test_an_answer_is_text_on_output_and_reasoning_on_error(line) -> None:
    result = line(*MODEL, "Capital of France?", script=ANSWER)
    assert (result.stdout, result.stderr, result.exit_code) == ("# Paris", "Easy.\n", 0)
    assert line.model.closed == 1


def test_reasoning_can_be_hidden(line) -> None:
    assert line(*MODEL, "-R", "Hi", script=ANSWER).stderr == ""


def test_everything_that_was_given_is_asked(line) -> None:
    result = line(
        *(*MODEL, "-s", "Be brief.", "-o", "max_tokens", "5", "-o", "stop", "END"),
        *("-a", "https://example.com/dog.png", "What is this?"),
        stdin="Look:\n",
    )
    assert result.exit_code == 0, result.output
    request = line.model.requests[0]
    assert [message.role for message in request.messages] == ["system", "user"]
    text, picture = request.messages[1].parts
    assert text == TextPart("Look:\n\nWhat is this?")
    assert isinstance(picture, AttachmentPart)
    assert picture.attachment.url == "https://example.com/dog.png"
    assert request.options.given() == {"max_tokens": 5, "stop": ("END",)}


def test_a_file_from_standard_input_is_sent_with_its_type(line) -> None:
    assert line(*MODEL, "-a", "-", "What is this?", stdin=b"GIF89a").exit_code == 0
    part = line.model.requests[0].messages[0].parts[1]
    assert isinstance(part, AttachmentPart)
    assert (part.attachment.media_type, part.attachment.data) == ("image/gif", b"GIF89a")


def test_a_file_that_is_not_there_is_misuse(line, tmp_path: Path) -> None:
    result = line(*MODEL, "-a", str(tmp_path / "none.png"), "Hi")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: expected an attachment at ")


def test_events_come_as_lines_of_json(line) -> None:
    result = line(*MODEL, "--json", "Hi", script=ANSWER)
    assert tuple(map(event_from_json, result.stdout.splitlines())) == ANSWER
    assert result.stderr == ""


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_without_streaming_the_whole_answer_comes_at_once(line, flags: tuple[str, ...]) -> None:
    streamed = line(*MODEL, *flags, "Hi", script=ANSWER)
    whole = line(*MODEL, *flags, "--no-stream", "Hi", script=ANSWER)
    if flags:
        events = list(map(event_from_json, whole.stdout.splitlines()))
        assert events[1] == TextDelta(1, "# Paris")
        assert reduce(events) == reduce(ANSWER)
    else:
        assert (whole.stdout, whole.stderr) == (streamed.stdout, streamed.stderr)


@pytest.mark.parametrize("flags", [(), ("--no-stream",)])
def test_an_answer_that_breaks_off_is_shown_as_far_as_it_came(line, flags: tuple[str, ...]) -> None:
    script = (
        CitationOut(0, Citation(title="Atlas")),
        TextDelta(0, "Par"),
        ToolCallStart(1, id="c1", name="look"),
        ServerError("overheated"),
    )
    result = line(*MODEL, *flags, "Hi", script=script)
    assert result.stdout == "Par"
    assert result.stderr == "→ look()\n[1] Atlas\nerror: overheated\n"
    assert result.exit_code == 1


def test_a_truncated_answer_is_an_error(line) -> None:
    result = line(*MODEL, "Hi", script=[TextDelta(0, "Par")])
    assert result.stdout == "Par"
    assert result.stderr.startswith("error: expected Done")
    assert result.exit_code == 1


def test_an_error_of_a_plugin_is_one_line(line) -> None:
    result = line(*MODEL, "Hi", script=[ReasoningDelta(0, "Hm"), ZeroDivisionError("oh")])
    assert (result.stderr, result.exit_code) == ("Hm\nerror: ZeroDivisionError: oh\n", 1)


def test_without_a_question_on_a_terminal_there_is_help(terminal, program) -> None:
    code, shown = terminal.run(program(ONE_WORD))
    assert code == 2
    assert shown.startswith(b"Usage: ")


def test_without_a_question_in_a_pipe_there_is_help_too(line) -> None:
    result = line(*MODEL, "-s", "Be brief.", stdin="\n")
    assert (result.stdout, result.exit_code) == ("", 2)
    assert result.stderr.startswith("Usage: ")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("-o", "heat", "1", "Hi"), "expected one of the options"),
        (("-m", "nobody/nothing", "Hi"), "expected provider/model-id"),
        (("caf\udce9",), "expected UTF-8"),
    ],
)
def test_misuse_is_said_and_nothing_is_asked(line, args: tuple[str, ...], message: str) -> None:
    result = line(*MODEL, *args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not line.model.requests


def test_a_model_that_was_not_named_is_said_on_error(line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSTREAM_MODEL", "scripted/scripted")
    result = line("Hi", script=ANSWER)
    assert result.stdout == "# Paris"
    assert result.stderr.startswith("model: scripted/scripted (the configured default)\n")


def test_the_demo_answers_where_nothing_is_set_up(line) -> None:
    result = line("Capital of France?")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Paris.")
    assert result.stderr.startswith("model: demo/demo (")


def test_the_demo_shows_every_kind(line) -> None:
    result = line("-m", "demo", "show every event kind")
    assert result.exit_code == 0, result.output
    assert '→ get_weather({"city":"Paris"})\n' in result.stderr
    assert "image: image/png, " in result.stderr
    assert "[1] Server-sent events: https://" in result.stderr


def test_on_a_terminal_the_answer_ends_its_line_and_cannot_steer(terminal, program) -> None:
    code, shown = terminal.run(program(HOSTILE, "Hi"))
    assert code == 0
    assert shown.decode() == "\x1b[2mhm␛[2J\x1b[0m\na␛]52;c;aGk=␇b<U+202E>\n"


def test_in_a_pipe_the_answer_is_exact(terminal, program) -> None:
    outlet, inlet = os.pipe()
    code, shown = terminal.run(program(HOSTILE, "Hi"), stdout=inlet)
    os.close(inlet)
    with os.fdopen(outlet, "rb") as pipe:
        assert pipe.read() == "a\x1b]52;c;aGk=\x07b\u202e".encode()
    assert code == 0
    assert shown.decode() == "\x1b[2mhm␛[2J\x1b[0m\n"


def test_json_on_a_terminal_cannot_steer(terminal, program) -> None:
    _, shown = terminal.run(program(HOSTILE, "--json", "Hi"))
    assert b"<U+202E>" in shown
    assert b"\x1b" not in shown


def test_a_reader_that_has_had_enough_ends_it_quietly(program) -> None:
    with subprocess.Popen(
        program(LONG, "Hi"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_line(program) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            program(ONE_WORD, "Hi"),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: OSError: ")
    assert done.stderr.count(b"\n") == 1


async def interrupted(argv: list[str]) -> tuple[int, bytes]:
    """Press Ctrl-C once there is a first piece of the answer; give the exit code and standard error."""
    # The outer limit kills a process that does not end.
    with anyio.fail_after(20):
        async with await anyio.open_process(argv, stdin=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            await process.stdout.receive(1)
            process.send_signal(signal.SIGINT)
            # A second is what a person waits; another is for a machine that does other things too.
            with anyio.fail_after(2):
                code = await process.wait()
            return code, b"".join([chunk async for chunk in process.stderr])


@pytest.mark.anyio
async def test_ctrl_c_ends_a_call_and_closes_its_connection(program) -> None:
    async def begin(received: loopback.Received, reply: loopback.Reply) -> None:
        await reply.head(headers={"content-type": "text/event-stream"})
        await reply.send(BEGUN)
        await reply.hang()

    async with loopback.serve(begin) as server:
        ended = await interrupted(program(CONNECTED.format(url=server.url), "-m", "wired/claude", "Hi"))
        await server.wait_closed()
    assert ended == (130, b"")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_answer_that_its_wire_did_not_end_is_an_error(program) -> None:
    async with loopback.serve(loopback.replies(BEGUN)) as server:
        argv = program(CONNECTED.format(url=server.url), "-m", "wired/claude", "Hi")
        ended = await anyio.run_process(argv, stdin=subprocess.DEVNULL, check=False)
    assert (ended.stdout, ended.returncode) == (b"Par", 1)
    assert ended.stderr.startswith(b"error: expected ")
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_refusal_that_repeats_the_key_does_not_show_it(program) -> None:
    async def refuse(received: loopback.Received, reply: loopback.Reply) -> None:
        body = b'{"type":"error","error":{"type":"authentication_error","message":"bad key %b"}}'
        body %= received.headers["x-api-key"].encode()
        await reply.head(401, {"content-type": "application/json"}, chunked=len(body))
        await reply.send(body)

    async with loopback.serve(refuse) as server:
        argv = program(CONNECTED.format(url=server.url), "-m", "wired/claude", "Hi")
        ended = await anyio.run_process(argv, stdin=subprocess.DEVNULL, check=False)
    assert (ended.stdout, ended.returncode) == (b"", 1)
    assert ended.stderr.startswith(b"error: bad key ")
    assert b"sk-of-the-user" not in ended.stderr


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("source", [LONG, STUCK], ids=["output that nobody reads", "a thread that waits"])
async def test_ctrl_c_ends_what_cannot_be_interrupted(program, source: str) -> None:
    assert await interrupted(program(source, "Hi")) == (130, b"")
