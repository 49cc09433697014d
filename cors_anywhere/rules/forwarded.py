"""Who the client is when front servers stand between it and the proxy.

Owns: whose `X-Forwarded-*` is believed, and which of its values. Must not know: what is decided
by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from cors_anywhere.messages import Fields
from cors_anywhere.rules.addresses import Network


class TrustedProxies:
    """The front servers whose `X-Forwarded-*` are believed."""

    def __init__(self, nets: Sequence[Network]) -> None:

        @lru_cache(1024)
        def is_trusted(address: str) -> bool:
            try:
                parsed = ip_address(address)
            except ValueError:
                return False
            return any(parsed in net for net in nets)

        self._any = bool(nets)
        self._is_trusted = is_trusted

    def __bool__(self) -> bool:
        return self._any

    def believe(self, peer: str, scheme: str, fields: Fields) -> tuple[str, str]:
        """The client's address and scheme: the rightmost hop that is not itself trusted."""
        if not self._is_trusted(peer):
            return peer, scheme
        hops: list[str] = []
        for name, value in fields:
            lower = name.lower()
            if lower == "x-forwarded-for":
                hops += [hop.strip(" \t") for hop in value.split(",")]
            elif lower == "x-forwarded-proto":
                proto = value.rpartition(",")[2].strip(" \t").lower()
                scheme = proto if proto in ("http", "https") else scheme
        for hop in reversed(hops):
            if not _is_address(hop):
                break
            peer = hop
            if not self._is_trusted(hop):
                break
        return peer, scheme


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
