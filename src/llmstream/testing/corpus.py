"""Recorded cases: real bodies, each with what any right decoder must find in it.

A case is three files side by side: NAME.sse (.ndjson, .json, .bin; .jsonl where the recorder took the SSE
framing off), NAME.meta.json and NAME.expected.json. A folder of cases may have an INDEX.json that lists
them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from struct import pack
from typing import cast
from zlib import crc32

import attrs

from llmstream.errors import LLMStreamError
from llmstream.jsontext import JSON, JSONObject, dump_bytes, loads
from llmstream.testing.findings import findings
from llmstream.values.response import Response
from llmstream.wire.http import HttpResponse, ResponseHead

_TYPES = {
    "sse": "text/event-stream",
    "jsonl": "text/event-stream",
    "ndjson": "application/x-ndjson",
    "json": "application/json",
    "bin": "application/vnd.amazon.eventstream",
}
# All that decoders read of a head; the rest may name an account or carry a credential.
_KEPT_HEADERS = ("content-type", "retry-after", "request-id", "requestid", "ratelimit", "errortype")


@attrs.frozen(kw_only=True)
class Case:
    """One recorded exchange.

    Attributes:
        kind: "stream", "nonstream" or "error".
        body: as it was on the wire, one response of it, with its framing.
        headers: the response's, with names in lower case.
        expected: what a right decoder finds: the fields of `findings`.
        request: the body that was sent, where it is known.
        next_request: what the recorded client sent next: it shows what was sent back.
    """

    name: str
    wire: str
    provider: str
    status: int
    kind: str
    body: bytes = attrs.field(repr=lambda body: f"<{len(body)} bytes>")
    content_type: str
    headers: Mapping[str, str]
    expected: JSONObject = attrs.field(repr=False)
    request: JSON = attrs.field(default=None, repr=False)
    next_request: JSON = attrs.field(default=None, repr=False)

    @property
    def head(self) -> ResponseHead:
        """The status and headers, the content type among them."""
        return ResponseHead(self.status, {**self.headers, "content-type": self.content_type})


def find() -> Path | None:
    """Find the folder that holds the `corpus`, or None.

    It is the one that LLMSTREAM_SHARED names, else `shared` beside the checkout.
    """
    named = os.environ.get("LLMSTREAM_SHARED")
    folder = Path(named) if named else Path(__file__).parents[4] / "shared"
    return folder if (folder / "corpus").is_dir() else None


def cases(root: Path, wire: str | None = None) -> Iterator[Case]:
    """Read the cases of a folder, or those of one wire, in the order of their names."""
    index = root / "INDEX.json"
    rows = (
        [cast("JSONObject", row) for row in _read(index)]
        if index.is_file()
        else [cast("JSONObject", _read(path)) for path in root.rglob("*.meta.json")]
    )
    for row in sorted(rows, key=lambda row: row["name"]):
        if wire in (None, row["wire"]):
            yield _case(root, row)


def _case(root: Path, row: JSONObject) -> Case:
    name, file = row["name"], root / row["file"]
    expected = _read(root / f"{name}.expected.json")
    recorded = cast("dict[str, str]", _read(root / f"{name}.meta.json").get("response_headers") or {})
    headers = {key.lower(): value for key, value in recorded.items()}
    framing = file.suffix.removeprefix(".")
    body = file.read_bytes()
    body = body[: expected.get("body_end", len(body))]
    content_type = headers.get("content-type") or _TYPES[framing]
    if framing == "jsonl":
        body, content_type = _framed(row["wire"], body, content_type)
    return Case(
        name=name,
        wire=row["wire"],
        provider=row["provider"],
        status=row["status"],
        kind=row["kind"],
        body=body,
        content_type=content_type,
        headers=headers,
        expected=expected,
        request=_read_if_there(root / f"{name}.request.json"),
        next_request=_read_if_there(root / f"{name}.next_request.json"),
    )


def _read(path: Path) -> JSON:
    return loads(path.read_bytes())


def _read_if_there(path: Path) -> JSON:
    return _read(path) if path.is_file() else None


def _framed(wire: str, body: bytes, content_type: str) -> tuple[bytes, str]:
    """Put the framing back that the recorder took off."""
    lines = [line.rstrip(b"\r") for line in body.split(b"\n") if line.strip()]
    if wire == "bedrock":
        return b"".join(_aws_message(*next(iter(loads(line).items()))) for line in lines), _TYPES["bin"]
    frames = [_named(wire, line) + b"data: " + line + b"\n\n" for line in lines]
    end = b"data: [DONE]\n\n" if wire in ("openai-chat", "mistral") else b""
    return b"".join(frames) + end, content_type


def _named(wire: str, line: bytes) -> bytes:
    data = loads(line)
    name = data.get("event_type") or (data.get("type") if wire in ("anthropic", "openai-responses") else None)
    return f"event: {name}\n".encode() if name else b""


def _aws_message(kind: str, payload: JSON) -> bytes:
    fields = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
        for name, value in fields.items()
    )
    data = dump_bytes(payload)
    prelude = pack(">II", len(headers) + len(data) + 16, len(headers))
    message = prelude + pack(">I", crc32(prelude)) + headers + data
    return message + pack(">I", crc32(message))


def record(
    root: Path,
    name: str,
    *,
    wire: str,
    provider: str,
    answer: HttpResponse,
    outcome: Response | LLMStreamError,
) -> Path:
    """Write a case: the body as it came, and what was found in it.

    A human reads it over before it counts as right. Only headers that a decoder reads are kept. Returns
    the path of the body.

    Raises:
        FileExistsError: when there is such a case already.
    """
    head, body = answer.head, answer.body
    framing = next(
        (key for key, kind in _TYPES.items() if kind == head.media_type and key != "jsonl"), "json"
    )
    path = root / f"{name}.{framing}"
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "error" if head.status >= 400 else "nonstream" if framing == "json" else "stream"
    meta = {
        "name": name,
        "file": path.relative_to(root).as_posix(),
        "kind": kind,
        "wire": wire,
        "provider": provider,
        "status": head.status,
        "response_headers": {key: value for key, value in head.headers.items() if _is_kept(key)},
        "bytes": len(body),
        "sha256": sha256(body).hexdigest(),
        "authenticity": "recorded",
    }
    _write(path, body)
    _write(root / f"{name}.meta.json", dump_bytes(meta))
    _write(root / f"{name}.expected.json", dump_bytes(_expected(outcome)))
    return path


def _is_kept(header: str) -> bool:
    return any(part in header for part in _KEPT_HEADERS)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)


def _expected(outcome: Response | LLMStreamError) -> JSONObject:
    expected = findings(outcome)
    expected["opaque"] = expected.pop("opaque_all")
    if expected["error"] is not None:
        expected["error"]["message_contains"] = expected["error"].pop("message")
    return expected
