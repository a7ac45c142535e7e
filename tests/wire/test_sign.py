"""Signatures, against the vendor's published example and ones that its own signer made."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from llmstream import Secret
from llmstream.wire.http import HttpRequest
from llmstream.wire.sign import Credentials, Scope, signature

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = Credentials("AKIDEXAMPLE", Secret(SECRET))
TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
SCOPE = Scope("us-east-1", "bedrock")


def told(http: HttpRequest, keys: Credentials = KEYS, scope: Scope = SCOPE, time: datetime = TIME) -> str:
    value = dict(signature(http, keys, scope, time=time))["authorization"]
    assert isinstance(value, Secret)
    return value.reveal()


def post(address: str, body: bytes = b"{}", **headers: str) -> HttpRequest:
    given = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return HttpRequest("POST", address, given.items(), body)


def test_the_published_example() -> None:
    # https://docs.aws.amazon.com/general/latest/gr/signature-v4-examples.html
    http = HttpRequest(
        "GET",
        "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
    )
    time = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    assert told(http, scope=Scope("us-east-1", "iam"), time=time) == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


CLAUDE = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream"
ARN = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fx/converse-stream"
GOLDEN = {
    "": "9079d1b67905cefb97fbaafe018815111411dc6d809bb8be81777eea4ac3150f",
    "/model/m/converse-stream": "0ed3b70dadd6d389b18b8f615f45bef856aca461a5491e7a2bb212137e9d9fb1",
    CLAUDE: "1c0034ed5f3032bcc70615d38987be6209d5a1031924061f1d5e4b58cc74556d",
    f"{ARN}?b=1&a=%20": "fc2746c45e94d2206f76a225e969129e2730823337a1d444b3e8dac2e0bb3b24",
}


@pytest.mark.parametrize("path", GOLDEN)
def test_paths_are_quoted_twice(path) -> None:
    assert told(post(f"{HOST}{path}")).endswith(f"Signature={GOLDEN[path]}")


def test_a_sessions_token_is_signed_and_sent_as_a_secret() -> None:
    keys = Credentials("AKIDEXAMPLE", Secret(SECRET), Secret("session-token"))
    headers = dict(signature(post(f"{HOST}/model/m/converse-stream"), keys, SCOPE, time=TIME))
    assert headers["x-amz-security-token"] == Secret("session-token")
    assert headers["x-amz-date"] == "20260102T030405Z"
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token," in told(
        post(f"{HOST}/model/m/converse-stream"), keys
    )


def test_the_time_is_that_of_utc() -> None:
    elsewhere = TIME.astimezone(timezone(timedelta(hours=5)))
    assert told(post(HOST), time=elsewhere) == told(post(HOST))


def test_all_that_is_signed_counts_and_the_rest_does_not() -> None:
    plain = told(post(f"{HOST}/a"))
    assert told(post(f"{HOST}/b")) != plain
    assert told(post(f"{HOST}/a", b"[]")) != plain
    assert told(post(f"{HOST}/a?x=1")) != plain
    assert told(post(f"{HOST}/a", x_amz_target="t")) != plain
    assert told(post(f"{HOST}/a", user_agent="me", accept="x")) == plain
    assert told(post(f"{HOST}:443/a")) == plain
    assert told(post(f"{HOST}:444/a")) != plain


def test_the_query_is_sorted_and_quoted() -> None:
    assert told(post(f"{HOST}/a?b=2&a=1+0&a=0")) == told(post(f"{HOST}/a?a=0&a=1%200&b=2"))
    assert told(post(f"{HOST}/a?a=%7e")) == told(post(f"{HOST}/a?a=~"))


def test_the_keys_never_show() -> None:
    keys = Credentials("AKIDEXAMPLE", Secret(SECRET), Secret("session-token"))
    assert SECRET not in repr(keys)
    assert "session-token" not in repr(keys)
    assert "Signature" not in repr(signature(post(HOST), keys, SCOPE, time=TIME))
