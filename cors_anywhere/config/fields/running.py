"""The processes that serve: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, admin_address, integer, optional


@dataclass(frozen=True, kw_only=True)
class Running:
    """The processes that serve."""

    __slots__ = ()

    workers: int = 1  # 0: one for each processor that may be used
    admin: str | None = None  # host:port, or unix:path, where the operator looks


CHECKS: Final[dict[str, Check]] = {
    "workers": integer(0, 256),
    "admin": optional(admin_address),
}
