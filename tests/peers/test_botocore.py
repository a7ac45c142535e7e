"""Signatures against those of the vendor's own signer."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import Request, Secret, user
from llmstream.wire.bedrock import CODEC
from llmstream.wire.http import HttpRequest
from llmstream.wire.sign import Credentials, Scope, signature

pytestmark = pytest.mark.peer
auth = pytest.importorskip("botocore.auth")
awsrequest = pytest.importorskip("botocore.awsrequest")
credentials = pytest.importorskip("botocore.credentials")


def theirs(http: HttpRequest, keys: Credentials, scope: Scope, time: datetime) -> str:
    """The authorization header that botocore makes, at a time that is given."""
    token = keys.session_token.reveal() if keys.session_token else None
    request = awsrequest.AWSRequest(http.method, http.path, dict(http.headers), http.body)
    stamp = request.context["timestamp"] = time.astimezone(UTC).strftime(auth.SIGV4_TIMESTAMP)
    request.headers["X-Amz-Date"] = stamp
    if token is not None:
        request.headers["X-Amz-Security-Token"] = token
    own = credentials.Credentials(keys.access_key, keys.secret_key.reveal(), token)
    signer = auth.SigV4Auth(own, scope.service, scope.region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    names = signer.signed_headers(signer.headers_to_sign(request))
    told = [
        f"{signer.scope(request)}",
        f"SignedHeaders={names}",
        f"Signature={signer.signature(text, request)}",
    ]
    return "AWS4-HMAC-SHA256 Credential=" + ", ".join(told)


MODELS = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=3, max_size=40)
HOSTS = st.sampled_from(
    ["https://bedrock-runtime.eu-west-1.amazonaws.com", "http://127.0.0.1:8080", "https://h.test:443/base"]
)
QUERIES = st.sampled_from(["", "?b=2&a=1&a=0", "?name=a%20b&x=~&y="])
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy wants bare ones
WORDS = st.text("abcdefghXYZ0189+/=", min_size=1, max_size=40)


@given(HOSTS, MODELS, QUERIES, st.binary(max_size=20), TIMES, WORDS, st.none() | WORDS)
def test_the_signature_is_that_of_botocore(host, model, query, body, time, secret, token) -> None:
    path = CODEC.encode(Request(model, [user("hi")])).path
    http = HttpRequest("POST", f"{host}{path}{query}", [("content-type", "application/json")], body)
    keys = Credentials("AKIDEXAMPLE", Secret(secret), None if token is None else Secret(token))
    scope = Scope("eu-west-1", "bedrock")
    ours = dict(signature(http, keys, scope, time=time))["authorization"]
    assert isinstance(ours, Secret)
    assert ours.reveal() == theirs(http, keys, scope, time)
