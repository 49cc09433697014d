"""The addresses on which the proxy itself listens: it never connects to them.

Owns: recognising them, also behind a wildcard address. Must not know: anything else.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from functools import lru_cache

from cors_anywhere.rules.addresses import normal

_WILDCARDS = frozenset(("0.0.0.0", "::"))


class OwnAddresses:
    """Where the proxy listens."""

    def __init__(self, listening: Iterable[tuple[str, int]] = ()) -> None:
        self._exact: set[tuple[str, int]] = set()
        self._any: set[int] = set()
        for address, port in listening:
            self.add(address, port)

    def add(self, address: str, port: int) -> None:
        """One more socket listens."""
        address = normal(address)
        if address in _WILDCARDS:
            self._any.add(port)
        else:
            self._exact.add((address, port))

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """More of them listen; a Unix socket has no address that a target could have."""
        for sock in sockets:
            if sock.family != socket.AF_UNIX:
                self.add(*sock.getsockname()[:2])

    def has(self, address: str, port: int) -> bool:
        """Whether a connection to this address would reach the proxy itself."""
        address = normal(address)
        if (address, port) in self._exact:
            return True
        if address in _WILDCARDS:  # connects to a loopback address
            return port in self._any or any(port == own for _, own in self._exact)
        return port in self._any and _is_local(address)


@lru_cache(1024)
def _is_local(address: str) -> bool:
    """Whether this machine has the address: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
