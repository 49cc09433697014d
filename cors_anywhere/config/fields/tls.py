"""TLS, towards clients and targets: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, flag, optional, string


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Tls:
    """TLS, towards clients and targets."""

    __slots__ = ()

    tls_cert: str | None = None  # a path, as the next two
    tls_key: str | None = None
    ca_file: str | None = None
    insecure_targets: bool = False


CHECKS: Final[dict[str, Check]] = {
    "tls_cert": optional(string),
    "tls_key": optional(string),
    "ca_file": optional(string),
    "insecure_targets": flag,
}
