"""What the limit on file descriptors allows.

Owns: how descriptors are shared out between clients, their targets and idle connections, and what
one client may have of them. Must not know: how a limit is kept.
"""

from __future__ import annotations

import resource

from cors_anywhere.config.settings import Settings
from cors_anywhere.egress.pool import MOST

RESERVED_DESCRIPTORS = 64
"""For standard streams, listeners, the event loop, look-ups, log files and certificates, and for
clients that have no place: those that wait, are refused, or have just given way."""

LEAST_SHARE = 8
"""Connections of one client: more than a browser opens to one server."""


def connection_limit(settings: Settings) -> int:
    """The cap on clients' connections: what the operator chose, or at most what the limit on file
    descriptors allows.

    Two fifths for clients, two for their targets, one for idle connections to targets.
    """
    held = max(8, _fifth_of_descriptors() * 2)
    return min(settings.max_connections or held, held)


def client_limit(settings: Settings) -> int:
    """How many of these connections one client may hold."""
    return settings.max_connections_per_client or max(LEAST_SHARE, connection_limit(settings) // 4)


def idle_limit() -> int:
    """How many idle connections to targets the limit on file descriptors allows."""
    return max(1, min(MOST, _fifth_of_descriptors()))


def _fifth_of_descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (min(soft, 1 << 20) - RESERVED_DESCRIPTORS) // 5
