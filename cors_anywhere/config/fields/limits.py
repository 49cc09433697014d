"""Sizes, in octets, and counts: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cors_anywhere.config.checks import Check, integer, optional
from cors_anywhere.config.grammars import store


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Limits:
    """Sizes, in octets, and counts."""

    __slots__ = ()

    max_header_bytes: int = 32768
    max_headers: int = 200
    max_url_bytes: int = 16384
    max_body_bytes: int | None = None  # None: no limit, as in the next
    max_response_bytes: int | None = None
    max_get_bytes: int = 2097152
    max_connections: int | None = None  # None: what the file descriptors allow
    max_connections_per_client: int | None = None  # None: a quarter of those, at least 8
    max_requests_per_target: int | None = None  # None: no limit
    # Of counts; None: memory, or shared by several workers. A URL may hold a password.
    store: str | None = field(default=None, repr=False)


CHECKS: Final[dict[str, Check]] = {
    "max_header_bytes": integer(1024, 2**20),  # a browser's own head is near 1 KB
    "max_headers": integer(16, 10_000),
    "max_url_bytes": integer(256, 2**20),
    "max_body_bytes": optional(integer(0, 2**63 - 1)),
    "max_response_bytes": optional(integer(0, 2**63 - 1)),
    "max_get_bytes": integer(1, 2**26),  # held in memory, and worked on while others wait
    "max_connections": optional(integer(1, 10**6)),
    "max_connections_per_client": optional(integer(1, 10**6)),
    "max_requests_per_target": optional(integer(1, 10**6)),
    "store": optional(store),
}
