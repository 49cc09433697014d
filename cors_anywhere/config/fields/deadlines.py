"""Deadlines, in seconds: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, seconds


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Deadlines:
    """Deadlines, in seconds."""

    __slots__ = ()

    connect_timeout: float = 5.0
    head_timeout: float = 120.0
    idle_timeout: float = 120.0
    tunnel_timeout: float = 600.0
    client_header_timeout: float = 10.0
    client_idle_timeout: float = 60.0
    client_stall_timeout: float = 60.0
    shutdown_delay: float = 0.0
    drain_timeout: float = 8.0  # docker stop has ten seconds of patience


CHECKS: Final[dict[str, Check]] = {
    "connect_timeout": seconds(0.01),
    "head_timeout": seconds(0.01),
    "idle_timeout": seconds(0.01),
    "tunnel_timeout": seconds(0.01),
    "client_header_timeout": seconds(0.01),
    "client_idle_timeout": seconds(0.01),
    "client_stall_timeout": seconds(0.01),
    "shutdown_delay": seconds(0),
    "drain_timeout": seconds(0),
}
