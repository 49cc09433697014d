"""Who the client is when front servers stand between it and the proxy.

Owns: whose `X-Forwarded-*` is believed, and which of its values. Must not know: what is decided
by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from cors_anywhere.messages import DEFAULT_PORTS, UNIX, Fields
from cors_anywhere.rules.addresses import Network
from cors_anywhere.tokens import split_port

_MAX_HOPS: Final = 64
"""Front servers in a row that are believed; nobody has as many, and reading a hop costs."""

_MAX_ADDRESS: Final = 64
"""Octets of an address with brackets, zone and port."""

_CACHED_ADDRESSES: Final = 1024


class Believed(NamedTuple):
    """Who sent a request, and how it reached the first server of the operator's."""

    address: str
    scheme: str
    front: str | None  # the address of the trusted front server that connected
    port: int  # the one that the client reached


class TrustedProxies:
    """The front servers whose `X-Forwarded-*` are believed: those in `nets`, with `unix` those that
    come over a Unix socket, or whoever connects where `hops` of them are on every way here."""

    def __init__(self, nets: Sequence[Network] = (), *, unix: bool = False, hops: int = 0) -> None:

        @lru_cache(_CACHED_ADDRESSES)
        def is_trusted(address: str) -> bool:
            if address == UNIX:
                return unix
            try:
                parsed = ip_address(address.partition("%")[0])
            except ValueError:
                return False
            return any(parsed in net for net in nets)

        self._any = bool(nets) or unix or hops > 0
        self._hops = hops
        self._is_trusted = is_trusted

    def __bool__(self) -> bool:
        return self._any

    def includes(self, peer: str) -> bool:
        """Whether the address that connected is a front server's."""
        return self._any and (self._hops > 0 or self._is_trusted(_plain(peer)))

    def believe(self, peer: str, scheme: str, port: int, fields: Fields) -> Believed:
        """The client's address and scheme: the rightmost hop that is not itself trusted.

        `peer` is the address that connected, to `port`. One that a dual-stack socket reports as
        IPv4-mapped is the IPv4 address (RFC 4291 section 2.5.5.2). A front server that does not
        tell the port which the client reached passed its `Host` on, which names it.

        Where hops are counted, a request that names fewer did not come by all front servers:
        nothing that it says is believed then.
        """
        if ":" in peer:
            peer = _plain(peer)
        if not self._any or not (self._hops or self._is_trusted(peer)):
            return Believed(peer, scheme, None, port)
        reached = scheme
        hops: list[str] = []
        outer: int | None = None
        host = ""
        for name, value in fields:
            lower = name.lower()
            if lower == "x-forwarded-for":
                hops += value.rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]
            elif lower == "x-forwarded-proto":
                proto = value.rpartition(",")[2].strip(" \t").lower()
                scheme = proto if proto in ("http", "https") else scheme
            elif lower == "x-forwarded-port":
                outer = _port(value.rpartition(",")[2].strip(" \t")) or outer
            elif lower == "host":
                host = value
        if self._hops:
            counted = self._counted(hops)
            if counted is None:
                return Believed(peer, reached, peer, port)
            client = counted
        else:
            client = self._client(peer, hops[-_MAX_HOPS:])
        return Believed(client, scheme, peer, outer or _port_of(host) or DEFAULT_PORTS[scheme])

    def _counted(self, hops: Sequence[str]) -> str | None:
        """The address so many from the right; None where there is none."""
        if len(hops) < self._hops:
            return None
        return _address(hops[-self._hops].strip(" \t"))

    def _client(self, nearest: str, hops: Sequence[str]) -> str:
        for hop in reversed(hops):
            address = _address(hop.strip(" \t"))
            if address is None:
                break
            nearest = address
            if not self._is_trusted(address):
                break
        return nearest


@lru_cache(_CACHED_ADDRESSES)
def _plain(address: str) -> str:
    """The IPv4 address in an IPv4-mapped one; any other text as it is."""
    try:
        mapped = IPv6Address(address.partition("%")[0]).ipv4_mapped
    except ValueError:
        return address
    return address if mapped is None else str(mapped)


def _port_of(authority: str) -> int | None:
    try:
        return _port(split_port(authority)[1] or "")
    except ValueError:
        return None


def _port(digits: str) -> int | None:
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 5:
        return None
    return int(digits) if 0 < int(digits) < 65536 else None


def _address(hop: str) -> str | None:
    """The address in an element of `X-Forwarded-For`, which some servers follow by a port. A zone
    means nothing here, and may be any text (RFC 4007 section 11.2): it is left out."""
    if len(hop) > _MAX_ADDRESS:
        return None
    try:
        host = hop if hop.count(":") > 1 and hop[0] != "[" else split_port(hop)[0].strip("[]")
        host = host.partition("%")[0]
        ip_address(host)
    except ValueError:
        return None
    return _plain(host)
