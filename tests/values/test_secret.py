import copy
import json
import logging
import pickle
import pprint
import traceback

import pytest

from llmstream.jsontext import dumps
from llmstream.values.secret import Secret

TEXT = "sk-SENTINEL-1234"


@pytest.fixture
def secret() -> Secret:
    return Secret(TEXT)


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        format,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r:>40}",
        lambda secret: f"{secret:>40}",
        "{0} {0!s}".format,
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - another way than an f-string
        lambda secret: repr({"key": [secret]}),
        pprint.pformat,
        lambda secret: repr(copy.copy(secret)),
        lambda secret: repr(copy.deepcopy({"key": secret})),
        lambda secret: repr(secret.reveal),
    ],
)
def test_no_way_of_showing_it_shows_it(secret: Secret, show):
    assert TEXT not in show(secret)


@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        dumps,
        vars,
        *(lambda secret, protocol=protocol: pickle.dumps(secret, protocol) for protocol in range(6)),
        lambda secret: pickle.dumps({"key": secret}),
        lambda secret: secret.__reduce_ex__(4),
        bytes,
        iter,
    ],
)
def test_no_way_of_writing_it_takes_it(secret: Secret, write):
    with pytest.raises(TypeError) as raised:
        write(secret)
    assert TEXT not in str(raised.value)


def test_logs_and_tracebacks_do_not_show_it(secret: Secret, caplog: pytest.LogCaptureFixture):
    logging.getLogger(__name__).warning("the key is %s, %r", secret, secret)
    assert TEXT not in caplog.text
    try:
        raise RuntimeError(secret)
    except RuntimeError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert TEXT not in "".join(shown.format())


def test_only_reveal_gives_it(secret: Secret):
    assert secret.reveal() == TEXT


def test_white_space_around_it_is_no_part_of_it():
    assert Secret(f" {TEXT}\n").reveal() == TEXT


@pytest.mark.parametrize("bad", ["é", "\n", "\r", "\x00", "\u2028", "\x7f"])
def test_what_no_header_may_carry_is_refused_and_not_shown(bad: str):
    with pytest.raises(ValueError, match="expected printable ASCII in the key of x") as raised:
        Secret(f"{TEXT}{bad}{TEXT}", name="the key of x")
    assert TEXT not in str(raised.value)


def test_secrets_of_the_same_text_are_equal(secret: Secret):
    assert secret == Secret(TEXT)
    assert hash(secret) == hash(Secret(TEXT))
    assert secret != Secret("another")
    assert secret != TEXT


def test_an_empty_secret_is_false(secret: Secret):
    assert not Secret("")
    assert secret


@pytest.mark.parametrize("given", [b"sk-sentinel", 3, None, ["sk-sentinel"]])
def test_what_is_no_string_is_refused_and_not_shown(given) -> None:
    with pytest.raises(TypeError, match="a string as the key, got") as caught:
        Secret(given)
    assert "sentinel" not in str(caught.value)
