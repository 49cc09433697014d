"""Who is not counted by a limit.

Owns: how the operator names them, and the question whether a request is theirs. Must not know: what
is limited, or counting.

Of the entries behind `except`, an origin (`http://localhost:*`) is who asks, a network or an
address is the client, and a host is a target where targets are counted, else the host of who asks.
Behind the numbers alone, as the Node.js package has them, all are hosts of who asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

from cors_anywhere.messages import Target
from cors_anywhere.rules.addresses import Network
from cors_anywhere.rules.origins import OriginPattern, OriginSet
from cors_anywhere.rules.targets import TargetPattern, TargetSet
from cors_anywhere.tokens import MAX_ORIGIN

_CACHED_ADDRESSES: Final = 1024

# What follows the scheme of an origin as a browser writes it, and the origin that has none.
_is_host = re.compile(r"(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?", re.ASCII).fullmatch
_is_network = re.compile(r"[0-9.]+(?:/[0-9]+)?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:/[0-9]+)?").fullmatch
_REPEATED_GROUP = re.compile(r"\(((?:[^()\\]|\\.)*)\)(?:[*+]|\{[0-9]*,\})")
_ENDS_OPEN = re.compile(r"(?<!\\)[*+?}]$")
_UNBOUNDED = re.compile(r"(?<!\\)(?:[*+]|,\})")


class Exemptions:
    """Those of one limit; false when there is nobody."""

    def __init__(self, entries: str = "", *, plain: bool = True, of_targets: bool = False) -> None:
        """`entries` are separated by blanks; `plain` ones are hosts and /regex/ alone. Raises
        ValueError, whose text names the mistake and the fix."""
        self.hosts: set[str] = set()  # lower case, "host" or "host:port"
        self.patterns: list[re.Pattern[str]] = []
        origins: list[OriginPattern] = []
        networks: list[Network] = []
        targets: list[TargetPattern] = []
        for entry in entries.split():
            if "://" in entry and not entry.startswith("/"):
                origins.append(_origin(entry, plain=plain))
            elif entry.startswith("/") or entry.endswith("/"):
                self.patterns.append(_pattern(entry))
            elif not plain and _is_network(entry):
                networks.append(_network(entry))
            elif not plain and of_targets:
                targets.append(TargetPattern.parse(entry))
            else:
                self.hosts.add(entry.lower())
        self._origins = OriginSet(origins)
        self._targets = TargetSet(targets) if targets else None
        self._by_network = bool(networks)

        @lru_cache(_CACHED_ADDRESSES)
        def is_exempt(address: str) -> bool:
            try:
                parsed = ip_address(address.partition("%")[0])
            except ValueError:  # a Unix socket's peer has none
                return False
            mapped = getattr(parsed, "ipv4_mapped", None) or parsed
            return any(mapped in network for network in networks)

        self._is_exempt = is_exempt
        self._some = bool(self.patterns or origins or networks or targets) or any(
            map(_is_host, self.hosts)
        )

    def __bool__(self) -> bool:
        return self._some

    @property
    def nobody(self) -> Iterator[str]:
        """The entries that no origin can match."""
        return (host for host in sorted(self.hosts) if not _is_host(host))

    def cover(self, origin: str, peer: str = "", target: Target | None = None) -> bool:
        """Whether a request of this origin ("" for none), from this address, is not counted."""
        if (self.hosts or self.patterns) and self._covers_host(origin):
            return True
        if origin in self._origins or (self._by_network and self._is_exempt(peer)):
            return True
        return self._targets is not None and target is not None and self._targets.has(target)

    def _covers_host(self, origin: str) -> bool:
        """Hosts and patterns are held against all of the origin but its scheme, so a port that is
        not the default one belongs to it."""
        if len(origin) > MAX_ORIGIN:
            return False
        scheme, separator, rest = origin.partition("://")
        host = (rest if separator else scheme).lower()
        # fullmatch: a pattern found somewhere inside the host must not exempt
        # "example.com.evil.test".
        return host in self.hosts or any(pattern.fullmatch(host) for pattern in self.patterns)


def _origin(entry: str, *, plain: bool) -> OriginPattern:
    if plain:
        host = entry.partition("://")[2]
        raise ValueError(
            f'"{entry}" has a scheme: write "{host}", exempt hosts have none, or write "except"'
            " before what is exempt"
        )
    return OriginPattern.parse(entry)


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError as error:
        raise ValueError(
            f'"{entry}" is no address or network: write one as in 192.0.2.7 or 10.0.0.0/8, without'
            " bits beyond its prefix"
        ) from error


def _takes_for_ever(expression: str) -> bool:
    """Whether a group without end is repeated without end: there are exponentially many ways, then,
    to match one text. The usual form is known, (a+)+, not every one."""
    return any(
        _ENDS_OPEN.search(found[1]) and _UNBOUNDED.search(found[1])
        for found in _REPEATED_GROUP.finditer(expression)
    )


def _pattern(entry: str) -> re.Pattern[str]:
    if len(entry) < 3 or not (entry.startswith("/") and entry.endswith("/")):
        raise ValueError(f'"{entry}" is neither host nor /regex/: a regex has a slash on each end')
    if _takes_for_ever(entry[1:-1]):
        raise ValueError(
            f'"{entry}" repeats a group that itself may repeat: an Origin made for it would take'
            r" for ever; end the group in something fixed, as in /([a-z]+\.)*example\.com/"
        )
    try:
        return re.compile(entry[1:-1], re.IGNORECASE)
    except re.error as error:
        raise ValueError(f'"{entry}" is not a regular expression: {error}') from error
