"""Which addresses are one client, wherever clients are told apart.

Owns: what a client is: an IPv4 address or an IPv6 /64, the least that a network is given for one
site (RFC 6177 section 2), in which anybody picks new addresses at will. Must not know: what is
counted or kept by client.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network

_CACHED = 4096
_INTERFACE_BITS = 64


def client_of(address: str) -> str:
    """The name of the client with this textual address, the same for all addresses that are its.

    An IPv4-mapped IPv6 address, as a dual-stack socket reports it, is the IPv4 address; a zone
    ("%eth0") is ignored. Text that is no address is a client of its own.
    """
    return _client_by_ipv6(address) if ":" in address else address


@lru_cache(_CACHED)
def _client_by_ipv6(text: str) -> str:
    try:
        address = IPv6Address(text.partition("%")[0])
    except ValueError:
        return text
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address) >> _INTERFACE_BITS << _INTERFACE_BITS, 64)))
