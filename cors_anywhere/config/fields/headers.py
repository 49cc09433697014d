"""The fields of requests and replies: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cors_anywhere.config.checks import (
    Check,
    field_name,
    flag,
    header,
    integer,
    overridable,
    reply_field_name,
    reply_header,
    target_header,
)


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Headers:
    """The fields of requests and replies."""

    __slots__ = ()

    remove_headers: tuple[str, ...] = ()  # besides those that are always removed
    set_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold secrets
    allow_header_overrides: tuple[str, ...] = ()  # what pages may set by x-cors-headers
    # A target (an origin, or a host), a name and a value, which may be a secret.
    target_headers: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    set_response_headers: tuple[tuple[str, str], ...] = ()
    remove_response_headers: tuple[str, ...] = ()
    forwarded_headers: bool = False
    cors_max_age: int = 0  # 0: not sent


CHECKS: Final[dict[str, Check]] = {
    "forwarded_headers": flag,
    "cors_max_age": integer(0, 2**31 - 1),
}

LIST_CHECKS: Final[dict[str, Check]] = {
    "remove_headers": field_name,
    "set_headers": header,
    "allow_header_overrides": overridable,
    "target_headers": target_header,
    "set_response_headers": reply_header,
    "remove_response_headers": reply_field_name,
}
