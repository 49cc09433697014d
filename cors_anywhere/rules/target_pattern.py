"""An operator's names for targets.

Owns: their grammar, and the mistakes that are usual in them. Must not know: what a match leads to.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from cors_anywhere.errors import ProxyError
from cors_anywhere.messages import Target
from cors_anywhere.rules.authority import check_host, is_address, map_host, port_number, split_port

_CONTROL = re.compile(r"[\x00-\x20\x7f]")


class TargetPattern(NamedTuple):
    """An operator's name for targets: "host", "*.host", either with ":port"."""

    host: str  # as in Target
    wildcard: bool  # any name under host, at any depth; not host itself
    port: int | None  # None for any

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError, whose text names the mistake and the fix."""
        _lint_pattern(text)
        wildcard = text.startswith("*.")
        try:
            name, port_text = split_port(text.removeprefix("*."))
            port = port_number(port_text)
            host = map_host(name)
            check_host(host)
        except ProxyError as error:
            raise ValueError(f"{text!r} holds no valid host: {error.detail}") from error
        if (port_text and port < 1) or text.endswith(":"):
            raise ValueError(f"{text!r}: what follows the colon is no port from 1 to 65535")
        if wildcard and is_address(host):
            raise ValueError(f"{text!r}: an address has no subdomains; leave '*.' out")
        host = host.strip("[]").removesuffix(".")
        return cls(host, wildcard, port if port_text else None)

    def matches(self, target: Target) -> bool:
        if self.port is not None and self.port != target.port:
            return False
        if self.wildcard:
            return target.host.endswith("." + self.host)
        return target.host == self.host


def _lint_pattern(text: str) -> None:
    """Name the usual mistakes before the host is parsed."""
    if not text or _CONTROL.search(text):
        raise ValueError(f"{text!r} is empty or holds blanks; write a host, as in 'api.example'")
    if "://" in text:
        raise ValueError(f"{text!r}: leave the scheme out; write {text.partition('://')[2]!r}")
    if "/" in text:
        raise ValueError(f"{text!r}: a path cannot be matched; write {text.partition('/')[0]!r}")
    if text == "*":
        raise ValueError("'*' would match every target; leave the option out instead")
    if "*" in text.removeprefix("*."):
        raise ValueError(f"{text!r}: a '*' may only stand for the leftmost labels, as in '*.host'")
    if text.count(":") > 1 and "[" not in text:
        raise ValueError(f"{text!r}: put an IPv6 address in brackets: '[{text}]'")
    if "@" in text or "%" in text or "\\" in text:
        raise ValueError(f"{text!r} is no host; write only a name and perhaps a port")
