"""Where requests may go, as far as a host and a port tell.

Owns: the hosts and ports that are forbidden whatever their address, the operator's patterns for
targets, and which of them decides. Must not know: who asks, or what address a name has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple, Self

from cors_anywhere.errors import ProhibitedTarget, ProxyError, Refused
from cors_anywhere.messages import Mount, Target
from cors_anywhere.rules.authority import is_address, read_authority, site_of

_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_CACHED_RULES = 2048

# RFC 6761, RFC 6762, RFC 7686, RFC 8375, ICANN's .internal, and what Kubernetes resolves.
# fmt: off
_SPECIAL_NAMES = (
    ".localhost", ".local", ".internal", ".home.arpa", ".onion", ".svc", ".cluster.local",
)

# Fetch Standard, "port blocking": a page must not reach through us what its browser refuses.
BAD_PORTS: Final = frozenset((
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95,
    101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179,
    389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587,
    601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
    6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
))
# fmt: on

_HOST_RULES = {
    "single-label": "names without a dot are not in the public DNS",
    "special-name": "names of this kind are not in the public DNS",
    "bad-port": "browsers do not connect to this port",
}


@lru_cache(_CACHED_RULES)
def host_rule(host: str, port: int) -> str | None:
    """The rule that forbids this host or port whatever its address: its name, or None.

    "bad-port", "special-name" (never in the public DNS) or "single-label". The host is as in
    Target.
    """
    if port in BAD_PORTS:
        return "bad-port"
    if is_address(host):
        return None
    if f".{host}".endswith(_SPECIAL_NAMES):
        return "special-name"
    return None if "." in host else "single-label"


class Conditions(NamedTuple):
    """What may be connected to for a target that is allowed."""

    exception_only: str | None = None  # a host rule's name: only an explicitly allowed address
    private: bool = False  # whatever address the target has


_PUBLIC = Conditions()
_PRIVATE = Conditions(private=True)


class Targets:
    """The operator's choices. `some_network` says that a network is allowed explicitly: only the
    connection shows whether a target is in it."""

    def __init__(
        self,
        allow: Iterable[TargetPattern] = (),
        deny: Iterable[TargetPattern] = (),
        private: Iterable[TargetPattern] = (),
        *,
        some_network: bool = False,
    ) -> None:
        self._allow = TargetSet(allow)
        self._deny = TargetSet(deny)
        self._private = TargetSet(private)
        self._some_network = some_network

    def judge(self, target: Target, mount: Mount | None = None) -> Conditions:
        """Whether the target may be asked for, by a mount or else by whoever names it. Raises
        Refused.

        A mount is the operator's own word: no list of targets, and no rule of names and ports,
        holds against it.

        A denied one may not; where some are allowed, no other may. A pattern of either sort that
        allows a host lifts the rule of names for it, and the rule of ports when it names the port.
        """
        if mount is not None:
            named = mount.private or self._private.has(target)
            return _PRIVATE if named else _PUBLIC
        if self._deny and self._deny.has(target):
            raise Refused(
                "The operator of this proxy does not allow this target.", rule="denied-target"
            )
        if self._allow and not self._allow.has(target):
            raise Refused(
                "The operator of this proxy allows other targets only.", rule="allowed-targets"
            )
        rule = host_rule(target.host, target.port)
        with_port = rule == "bad-port"
        if self._private and self._private.has(target, with_port=with_port):
            return _PRIVATE
        if rule is None or (self._allow and self._allow.has(target, with_port=with_port)):
            return _PUBLIC
        if not self._some_network:
            raise refused_by_host_rule(target, rule)
        return Conditions(rule)


def refused_by_host_rule(target: Target, rule: str) -> ProhibitedTarget:
    """The refusal of a host or port whatever its address is."""
    dev = "--dev, or with " if target.host == "localhost" and rule != "bad-port" else ""
    return ProhibitedTarget(
        f"The proxy does not connect to {target.authority}: {_HOST_RULES[rule]} ({rule}).",
        rule=rule,
        hint=f"The operator of this proxy can allow it with {dev}"
        f"--allow-private {target.host_and_port}.",
    )


def refused_as_itself(target: Target) -> ProhibitedTarget:
    """The refusal of the proxy's own address."""
    return ProhibitedTarget(
        f"The proxy was asked to fetch itself: {target.authority} is its own address"
        " (own-address).",
        rule="own-address",
        hint="No option allows the proxy's own address.",
    )


# --- patterns -------------------------------------------------------------------------------


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
        written = text.removeprefix("*.").encode().decode("latin-1")  # as in a request
        try:
            host, digits, port = read_authority(written)
            if (digits and not port) or text.endswith(":"):
                raise ValueError(f"{text!r}: what follows the colon is no port from 1 to 65535")
            site = site_of("http", written)
        except ProxyError as error:
            raise ValueError(f"{text!r} holds no valid host: {error.detail}") from error
        if wildcard and is_address(host):
            raise ValueError(f"{text!r}: an address has no subdomains; leave '*.' out")
        return cls(site.host, wildcard, port)

    def matches(self, target: Target) -> bool:
        return TargetSet((self,)).has(target)


class TargetSet:
    """The targets that any of some patterns matches; false when there is none."""

    def __init__(self, patterns: Iterable[TargetPattern]) -> None:
        self._exact: dict[str, set[int | None]] = {}
        self._under: dict[str, set[int | None]] = {}
        for host, wildcard, port in patterns:
            hosts = self._under if wildcard else self._exact
            hosts.setdefault(host, set()).add(port)
        self._any = bool(self._exact or self._under)

    def __bool__(self) -> bool:
        return self._any

    def has(self, target: Target, *, with_port: bool = False) -> bool:
        """Whether a pattern matches; `with_port` asks for one that names the port."""
        ports: set[int | None] = {target.port} if with_port else {target.port, None}
        host = target.host
        if not ports.isdisjoint(self._exact.get(host, ())):
            return True
        dot = host.find(".") if self._under else -1
        while dot >= 0:
            if not ports.isdisjoint(self._under.get(host[dot + 1 :], ())):
                return True
            dot = host.find(".", dot + 1)
        return False


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
