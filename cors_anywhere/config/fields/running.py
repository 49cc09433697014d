"""The processes that serve: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, admin_address, event_loop, integer, optional


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Running:
    """The processes that serve."""

    __slots__ = ()

    event_loop: str = "asyncio"  # or uvloop
    workers: int = 1  # 0: one for each processor that may be used
    admin: str | None = None  # host:port, or unix:path, where the operator looks


CHECKS: Final[dict[str, Check]] = {
    "event_loop": event_loop,
    "workers": integer(0, 256),
    "admin": optional(admin_address),
}
