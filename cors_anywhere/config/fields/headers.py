"""The fields of requests and replies: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cors_anywhere.config.checks import Check, field_name, flag, header, integer


@dataclass(frozen=True, kw_only=True)
class Headers:
    """The fields of requests and replies."""

    __slots__ = ()

    remove_headers: tuple[str, ...] = ()  # besides those that are always removed
    set_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold secrets
    forwarded_headers: bool = False
    cors_max_age: int = 0  # 0: not sent


CHECKS: Final[dict[str, Check]] = {
    "forwarded_headers": flag,
    "cors_max_age": integer(0, 2**31 - 1),
}

LIST_CHECKS: Final[dict[str, Check]] = {
    "remove_headers": field_name,
    "set_headers": header,
}
