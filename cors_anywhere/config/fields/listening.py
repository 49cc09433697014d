"""Where the proxy listens: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import (
    Check,
    base_path,
    flag,
    host,
    integer,
    mode,
    optional,
    socket_path,
)
from cors_anywhere.config.grammars import trusted_peer


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Listening:
    """Where the proxy listens."""

    __slots__ = ()

    hosts: tuple[str, ...] = ("127.0.0.1",)
    port: int = 8080  # 0: any that is free
    unix: str | None = None  # the path of a socket; with no hosts it is listened on alone
    unix_mode: str = "660"
    base_path: str = ""
    trusted_proxies: tuple[str, ...] = ()  # networks, or "unix"
    trusted_hops: int = 0  # front servers, whatever their addresses
    dev: bool = False  # for one developer's machine: local targets, local pages, a log


CHECKS: Final[dict[str, Check]] = {
    "port": integer(0, 65535),
    "unix": optional(socket_path),
    "unix_mode": mode,
    "trusted_hops": integer(0, 16),
    "base_path": base_path,
    "dev": flag,
}

LIST_CHECKS: Final[dict[str, Check]] = {
    "hosts": host,
    "trusted_proxies": trusted_peer,
}
