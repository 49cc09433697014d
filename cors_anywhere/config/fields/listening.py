"""Where the proxy listens: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, base_path, flag, host, integer
from cors_anywhere.config.grammars import network


@dataclass(frozen=True, kw_only=True)
class Listening:
    """Where the proxy listens."""

    __slots__ = ()

    hosts: tuple[str, ...] = ("127.0.0.1",)
    port: int = 8080  # 0: any that is free
    base_path: str = ""
    trusted_proxies: tuple[str, ...] = ()  # networks
    dev: bool = False  # for one developer's machine: local targets, local pages, a log


CHECKS: Final[dict[str, Check]] = {
    "port": integer(0, 65535),
    "base_path": base_path,
    "dev": flag,
}

LIST_CHECKS: Final[dict[str, Check]] = {
    "hosts": host,
    "trusted_proxies": network,
}
