"""AWS Signature Version 4, as a function of all that it depends on.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

Signed are the host, the headers that AWS reads, the query, the body and the time, so that nobody can change
them on the way, and so that a signature is good for five minutes and for one request only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, TypeAlias
from urllib.parse import quote, unquote, urlsplit

import attrs

from llmstream.values.secret import Secret
from llmstream.wire.http import HttpRequest

SignedHeaders: TypeAlias = tuple[tuple[str, "str | Secret"], ...]

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_TERMINATOR: Final = "aws4_request"
_TIME: Final = "%Y%m%dT%H%M%SZ"
_UNRESERVED: Final = "-_.~"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@attrs.frozen
class Credentials:
    """The keys of an AWS account; with a session's token where they are temporary."""

    access_key: str
    secret_key: Secret
    session_token: Secret | None = None


@attrs.frozen
class Scope:
    """Where and what for a signature is good."""

    region: str
    service: str


def signature(http: HttpRequest, credentials: Credentials, scope: Scope, *, time: datetime) -> SignedHeaders:
    """Return the headers that sign a request; they belong to it beside its own.

    `http.path` is the whole address here, as it will be sent. The content type and the headers `x-amz-*` of
    the request are signed; its others may yet be changed.
    """
    stamp = time.astimezone(UTC).strftime(_TIME)
    added: list[tuple[str, str | Secret]] = [("x-amz-date", stamp)]
    if credentials.session_token is not None:
        added.append(("x-amz-security-token", credentials.session_token))
    headers = _headers(http, added)
    names = ";".join(headers)
    place = f"{stamp[:8]}/{scope.region}/{scope.service}/{_TERMINATOR}"
    text = "\n".join((_ALGORITHM, stamp, place, _hash(_canonical(http, headers).encode())))
    key = _key(credentials.secret_key, place)
    credential = f"Credential={credentials.access_key}/{place}"
    told = f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={_mac(key, text).hex()}"
    return (*added, ("authorization", Secret(told, name="the signature")))


def _headers(http: HttpRequest, added: list[tuple[str, str | Secret]]) -> dict[str, str]:
    """The headers to sign, by name, in order."""
    address = urlsplit(http.path)
    host = address.hostname or ""
    if address.port is not None and address.port != _DEFAULT_PORTS.get(address.scheme):
        host = f"{host}:{address.port}"
    signed = {"host": host}
    for name, value in (*http.headers, *added):
        name = name.lower()
        if name == "content-type" or name.startswith("x-amz-"):
            signed[name] = " ".join((value.reveal() if isinstance(value, Secret) else value).split())
    return dict(sorted(signed.items()))


def _canonical(http: HttpRequest, headers: dict[str, str]) -> str:
    address = urlsplit(http.path)
    lines = (
        http.method,
        # Quoted once more than it is sent: all services but S3 ask for it.
        quote(address.path or "/", safe=f"/{_UNRESERVED}"),
        _query(address.query),
        *(f"{name}:{value}" for name, value in headers.items()),
        "",
        ";".join(headers),
        _hash(http.body),
    )
    return "\n".join(lines)


def _query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    quoted = sorted((_quoted(name), _quoted(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in quoted)


def _quoted(text: str) -> str:
    return quote(unquote(text.replace("+", " ")), safe=_UNRESERVED)


def _key(secret: Secret, place: str) -> bytes:
    key = f"AWS4{secret.reveal()}".encode()
    for word in place.split("/"):
        key = _mac(key, word)
    return key


def _mac(key: bytes, text: str) -> bytes:
    # Here and below, not above: few calls are signed.
    from hmac import digest

    return digest(key, text.encode(), "sha256")


def _hash(data: bytes) -> str:
    from hashlib import sha256

    return sha256(data).hexdigest()
