"""Which requests the environment sends through a proxy: those are not for this transport.

A client that is given a transport does not look for proxies itself. Mounted, the library's own transports
take what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name, and the rest stays here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


def has_proxies() -> bool:
    """Whether the environment, or the system's own settings, name a proxy at all."""
    if sys.platform not in {"darwin", "win32"}:
        # There the environment is all there is: no need to import what knows the others.
        return any(name.lower() in _VARIABLES and value for name, value in os.environ.items())
    from urllib.request import getproxies

    return bool(getproxies())


def environment_mounts(library: Any, proxies: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The `mounts` of a client of `library` (httpx or httpx2, as a module), for its given transport.

    None is the client's own transport. Any: the library's types, which no common type describes.

    Args:
        proxies: addresses by scheme, and `no`; the environment's, if not given.
    """
    # Not above: it brings all of the standard library's HTTP with it, a sixth of a first request's imports.
    from urllib.request import getproxies

    found = getproxies() if proxies is None else proxies
    excepted = [host.strip() for host in found.get("no", "").split(",") if host.strip()]
    if "*" in excepted:
        return {}
    mounts: dict[str, Any] = {}
    for scheme in ("http", "https", "all"):
        if address := found.get(scheme):
            proxy = address if "://" in address else f"http://{address}"
            mounts[f"{scheme}://"] = library.AsyncHTTPTransport(proxy=proxy)
    if mounts:
        mounts.update((pattern(host), None) for host in excepted)
    return mounts


def pattern(host: str) -> str:
    """An entry of NO_PROXY as the libraries write it: a name covers its subdomains."""
    if "://" in host:
        return host
    import ipaddress

    name = host.rpartition(":")[0] if host.count(":") == 1 else host
    try:
        address = ipaddress.ip_address(name.split("/")[0].strip("[]"))
    except ValueError:
        return f"all://{host}" if name == "localhost" else f"all://*{host}"
    if address.version == 6:
        return f"all://[{address}]"
    return f"all://{host}"
