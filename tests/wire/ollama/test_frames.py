"""Lines as structs."""

import pytest

from llmstream import MalformedFrameError
from llmstream.wire.ollama.frames import is_cut, line_of, malformed, reread


def test_a_line_is_read_with_what_it_names():
    line = line_of('{"model":"m","message":{"content":"a","other":1},"done":false,"x":[1]}')
    assert (line.model, line.done, line.error) == ("m", False, None)
    assert line.message is not None
    assert line.message.content == "a"


def test_a_line_that_only_a_lenient_reader_reads_is_read():
    line = reread('{"message":{"content":"\\ud800"}}', 1)
    assert line.message is not None
    assert line.message.content == "\ufffd"


@pytest.mark.parametrize("text", ["x", "[]", "5", '{"message":5}', "[" * 1000])
def test_what_is_no_line_is_malformed(text: str):
    with pytest.raises(MalformedFrameError, match="in line 7"):
        reread(text, 7)


@pytest.mark.parametrize(
    ("text", "cut"),
    [('{"a', True), ('{"message":{', True), ("", False), ("[1", False), ("{}", False), ("{x", False)],
)
def test_a_line_that_was_cut_off_is_told_from_one_that_is_broken(text: str, cut: bool):
    assert is_cut(text) is cut


def test_nesting_without_end_is_no_cut():
    assert not is_cut('{"done":' + "[" * 100_000)


def test_an_error_has_an_excerpt():
    assert len(str(malformed("why", "x" * 10_000, 1))) < 400
