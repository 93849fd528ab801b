"""Addresses of callers: the socket's peer, or the client that a trusted proxy names."""

import ipaddress
import re
from collections.abc import Iterable

from aiohttp import web

FORWARDED_FOR = re.compile(r'(?:^|[;,\s])for=("?)([^",;]+)\1', re.IGNORECASE)
IPV6_PREFIX = 64
"""One subscriber has a whole /64 and can send from each of its addresses."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(address: str) -> str:
    """Return what limits count by: an IPv4 address itself, of an IPv6 address its /64."""
    found = _parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False))
    return str(found) if found is not None else address[:64]


class Peers:
    """Tells the address of a caller.

    X-Forwarded-For and Forwarded count only where the connection comes from one of ``trusted_proxies``: the
    right-most address in them that is no trusted proxy. Anything to its left was written by the caller.
    """

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted: tuple[Network, ...] = tuple(
            ipaddress.ip_network(text, strict=False) for text in trusted_proxies
        )

    def address(self, request: web.BaseRequest) -> str:
        """Return the caller's address; the proxy's own where what it forwards cannot be read."""
        peer = request.remote or ""
        if not self.trusts(peer):
            return peer
        hops = _hops(request)
        for text in reversed(hops):
            found = _parsed(text)
            if found is None:
                return peer
            if not self.trusts(str(found)):
                return str(found)
            peer = str(found)
        return peer

    def trusts(self, address: str) -> bool:
        """Return whether ``address`` is that of a trusted proxy."""
        found = _parsed(address)
        return found is not None and any(
            found.version == network.version and found in network for network in self._trusted
        )


def _hops(request: web.BaseRequest) -> list[str]:
    """Return the forwarded addresses from the caller to the nearest proxy.

    A proxy writes one of the two headers and passes the other one on as the caller sent it. With both there
    is no telling which is which, so none is believed.
    """
    listed = ",".join(request.headers.getall("X-Forwarded-For", ()))
    forwarded = ",".join(request.headers.getall("Forwarded", ()))
    if listed and forwarded:
        return []
    if listed:
        return [part.strip() for part in listed.split(",")]
    return [found[2].strip() for found in FORWARDED_FOR.finditer(forwarded)]


def _parsed(text: str) -> Address | None:
    """Return the address in ``1.2.3.4``, ``1.2.3.4:567``, ``::1``, ``[::1]`` or ``[::1]:567``."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
