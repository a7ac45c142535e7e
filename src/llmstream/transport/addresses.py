"""Which addresses may be fetched on somebody's word: a decision table, without I/O.

An address comes from a user, a model or a redirect, and the machine that fetches it stands inside a
network whose other machines trust it. So only http and https, no user in the address, and no host but one
that every resolver reads the same way; numbers are read as browsers read them, since the C library does.

The blocks are those of the special-purpose registries of IANA that are not globally reachable:
https://www.iana.org/assignments/iana-ipv4-special-registry
https://www.iana.org/assignments/iana-ipv6-special-registry
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias
from urllib.parse import quote, urlsplit

import attrs

from llmstream.errors import ConfigError
from llmstream.transport.base import shown

_Address: TypeAlias = IPv4Address | IPv6Address

_PORTS = {"http": 80, "https": 443}
# What a browser passes over, or reads in a way of its own: two readers of one address disagree.
_DOUBTFUL = re.compile(r"[\x00-\x20\x7f\\]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa", "lan", "intranet")
_MAX_URL_CHARS = 64 * 1024
_MAX_HOST_CHARS = 253
# RFC 3986's reserved characters, and what is encoded already.
_KEPT = "!#$%&'()*+,/:;=?@[]~"

_PRIVATE_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
        ),
    )
)
# Refused although private ones may be allowed: metadata of machines in clouds, which gives out their keys,
# and what no server has. 168.63.129.16, 100.100.100.200 and 192.0.0.192: Azure's, Alibaba's, Oracle's.
_NEVER_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/32",
            "100.100.100.200/32",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "192.0.0.192/32",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_NEVER_V6 = tuple(map(IPv6Network, ("::/128", "fd00:ec2::/32", "fd20:ce::/32", "fe80::/10", "ff00::/8")))
_GLOBAL_V6 = IPv6Network("2000::/3")
_PRIVATE_V6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20", "2620:4f:8000::/48")),
)
# Addresses that stand for one of version 4, and where in them it is, in bits from the right.
_EMBEDDING = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)


@attrs.frozen
class Target:
    """An address that may be asked for, if what its host stands for may.

    Attributes:
        url: as it is sent: in ASCII, without a fragment.
        host: in lower case, without a dot at the end; a number is written as a dotted one.
        literal: the host is an address itself, and needs no resolver.
    """

    url: str
    host: str
    port: int
    literal: bool


def target_of(url: str, /) -> Target:
    """Read an address by form alone.

    Raises:
        ConfigError: when it is none that may be asked for; the reason is said, a user in it is not.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refused(url, f"got one that is none: {error}") from None
    if parts.scheme not in _PORTS:
        raise _refused(url, f"got the scheme {parts.scheme[:40]!r}")
    if len(url) > _MAX_URL_CHARS or _DOUBTFUL.search(url):
        raise _refused(url, "got one that is too long, or has spaces, control characters or backslashes")
    if "@" in parts.netloc:
        raise _refused(url, "got one with a user in it")
    if port == 0:
        raise _refused(url, "got the port 0")
    host, literal = _host(url, host)
    port = port or _PORTS[parts.scheme]
    name = f"[{host}]" if ":" in host else host
    where = name if port == _PORTS[parts.scheme] else f"{name}:{port}"
    path = quote(parts.path or "/", safe=_KEPT)
    query = "?" + quote(parts.query, safe=_KEPT) if parts.query else ""
    return Target(f"{parts.scheme}://{where}{path}{query}", host, port, literal)


def refusal(address: str, /, *, allow_private: bool = False) -> str | None:
    """Why no connection may be made to an address of the network; None when one may.

    `allow_private` lets in what is not globally reachable, but for the metadata of clouds, link-local
    addresses, multicast and the unspecified address.
    """
    parsed = _parsed(address)
    if parsed is None:
        return f"{address!r} is no address"
    if _in(parsed, _NEVER_V4 if isinstance(parsed, IPv4Address) else _NEVER_V6):
        return f"{parsed} is reserved"
    if allow_private:
        return None
    is_private = _in(parsed, _PRIVATE_V4) if isinstance(parsed, IPv4Address) else _is_private_v6(parsed)
    return f"{parsed} is not globally reachable" if is_private else None


def checked(target: Target, addresses: Iterable[str], /, *, allow_private: bool = False) -> tuple[str, ...]:
    """The addresses that a host stands for, each once: all of them, or none.

    Raises:
        ConfigError: when there are none, or any of them is one to which no connection may be made.
    """
    found = tuple(dict.fromkeys(addresses))
    for address in found:
        why = refusal(address, allow_private=allow_private)
        if why is not None:
            raise _refused(target.url, f"got the host {target.host!r}: {why}")
    if not found:
        raise _refused(target.url, f"got the host {target.host!r}, which has no address")
    return found


def allowed_by_name(target: Target, /, *, allow_private: bool = False) -> None:
    """Refuse the names that stand for machines nearby, before a resolver is asked.

    Raises:
        ConfigError: when the host is such a name.
    """
    if not allow_private and any(f".{target.host}".endswith(f".{name}") for name in _LOCAL_NAMES):
        raise _refused(target.url, f"got the host {target.host!r}, which is local")


def _refused(url: str, why: str) -> ConfigError:
    return ConfigError(
        f"expected an http or https address that is reachable from anywhere, {why}: {shown(url[:200])!r}"
    )


def _host(url: str, host: str) -> tuple[str, bool]:
    if ":" in host:
        try:
            address = IPv6Address(host)
        except AddressValueError:
            raise _refused(url, "got a host that is no address of version 6") from None
        if address.scope_id is not None:
            raise _refused(url, "got a host on one of this machine's own links")
        return str(address), True
    host = host.removesuffix(".")
    labels = host.split(".")
    if labels[-1].isascii() and re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        number = _number(labels)
        if number is None:
            raise _refused(url, "got a host that is a number and no address of version 4")
        return str(IPv4Address(number)), True
    if len(host) > _MAX_HOST_CHARS or not all(map(_LABEL.fullmatch, labels)):
        raise _refused(url, "got a host that is no name in ASCII (an international one begins with xn--)")
    return host, False


def _number(labels: list[str]) -> int | None:
    """An address of version 4 in any notation: https://url.spec.whatwg.org/#concept-ipv4-parser ."""
    if len(labels) > 4:
        return None
    values = [_part(label) for label in labels]
    *firsts, last = values
    if last is None or last >= 256 ** (5 - len(values)):
        return None
    number = last
    for place, value in enumerate(firsts):
        if value is None or value > 255:
            return None
        number += value * 256 ** (3 - place)
    return number


def _part(label: str) -> int | None:
    # Longer ones are no part of an address, whatever the base.
    match = re.fullmatch(r"0x(?P<hex>[0-9a-f]{0,40})|0(?P<oct>[0-7]{0,40})|(?P<dec>[1-9][0-9]{0,40})", label)
    if match is None:
        return None
    if match["hex"] is not None:
        return int(match["hex"] or "0", 16)
    return int(match["oct"] or "0", 8) if match["oct"] is not None else int(match["dec"])


def _parsed(address: str) -> _Address | None:
    """An address, or the one of version 4 that it stands for."""
    try:
        parsed = IPv6Address(address) if ":" in address else IPv4Address(address)
    except AddressValueError:
        return None
    if isinstance(parsed, IPv6Address):
        for network, bits in _EMBEDDING:
            if parsed in network:
                return IPv4Address(int(parsed) >> bits & 0xFFFF_FFFF)
    return parsed


def _in(address: _Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


def _is_private_v6(address: IPv6Address) -> bool:
    return address not in _GLOBAL_V6 or _in(address, _PRIVATE_V6)
