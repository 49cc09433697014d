"""IP address -> named verdict: may the proxy connect to it?

Owns: the address table and the operator's exceptions to it. Written out because
`ipaddress.is_global` is no filter: it accepts multicast, NAT64 and all unallocated IPv6, and its
answers change between patch releases.
Must not know: names, ports, or how an address was come by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CACHED_VERDICTS = 4096


class Verdict(NamedTuple):
    """What became of an address, and which row of which table decided it."""

    name: str
    network: str  # CIDR of the deciding row; "" if no row decided
    allowed: bool
    explicit: bool  # allowed because the operator named the network


# (network, verdict); the first row that holds the address decides. RFC 6890 and its successors in
# the IANA special-purpose registry, and the metadata services of clouds.
_IPV4 = (
    ("0.0.0.0/8", "reserved"),  # RFC 791 3.2; Linux connects 0.0.0.0 to itself
    ("10.0.0.0/8", "private"),  # RFC 1918
    ("100.64.0.0/10", "shared"),  # RFC 6598
    ("127.0.0.0/8", "loopback"),  # RFC 1122 3.2.1.3
    ("169.254.169.254/32", "metadata"),  # AWS, Google Cloud, Azure and others
    ("169.254.0.0/16", "link-local"),  # RFC 3927
    ("172.16.0.0/12", "private"),  # RFC 1918
    ("192.0.0.0/24", "reserved"),  # RFC 6890, protocol assignments
    ("192.0.2.0/24", "documentation"),  # RFC 5737
    ("192.88.99.0/24", "reserved"),  # RFC 7526, once 6to4 relays
    ("192.168.0.0/16", "private"),  # RFC 1918
    ("198.18.0.0/15", "reserved"),  # RFC 2544, benchmarks
    ("198.51.100.0/24", "documentation"),  # RFC 5737
    ("203.0.113.0/24", "documentation"),  # RFC 5737
    ("224.0.0.0/4", "multicast"),  # RFC 5771
    ("240.0.0.0/4", "reserved"),  # RFC 1112 4, and 255.255.255.255
    ("168.63.129.16/32", "metadata"),  # Azure's host agent, inside public space
)

# Exceptions from the only allocated unicast space, 2000::/3 (RFC 4291 2.4).
_IPV6_INSIDE = (
    ("2001::/32", "embedded"),  # Teredo, RFC 4380
    ("2001::/23", "reserved"),  # RFC 2928, protocol assignments
    ("2001:db8::/32", "documentation"),  # RFC 3849
    ("2002::/16", "embedded"),  # 6to4, RFC 3056
    ("3fff::/20", "documentation"),  # RFC 9637
)

# All else is denied without a row; these give a refusal its right name.
_IPV6_OUTSIDE = (
    ("::/128", "reserved"),  # the unspecified address
    ("::1/128", "loopback"),
    ("::/96", "embedded"),  # IPv4-compatible, RFC 4291 2.5.5.1
    ("::ffff:0:0/96", "embedded"),  # IPv4-mapped, RFC 4291 2.5.5.2
    ("64:ff9b::/96", "embedded"),  # NAT64, RFC 6052
    ("64:ff9b:1::/48", "embedded"),  # local NAT64, RFC 8215
    ("fd00:ec2::254/128", "metadata"),  # AWS
    ("fc00::/7", "private"),  # RFC 4193
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),  # site-local, RFC 3879
    ("ff00::/8", "multicast"),
)

_Table = tuple[tuple[Network, Verdict], ...]


def _table(rows: Iterable[tuple[str, str]]) -> _Table:
    return tuple((ip_network(cidr), Verdict(name, cidr, False, False)) for cidr, name in rows)


_IPV4_TABLE = _table(_IPV4)
_IPV6_TABLE = _table(_IPV6_INSIDE + _IPV6_OUTSIDE)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_MAPPED = IPv6Network("::ffff:0:0/96")
# RFC 5214 6.1: the upper half of an interface identifier that holds an IPv4 address.
_ISATAP = frozenset((0x00005EFE, 0x02005EFE))

_PUBLIC = Verdict("public", "", True, False)
_UNALLOCATED = Verdict("reserved", "", False, False)
_TUNNEL = Verdict("embedded", "", False, False)
_NO_ADDRESS = Verdict("invalid", "", False, False)
_NAMED = Verdict("named", "", True, True)


def is_literal(host: str) -> bool:
    """Whether a host, as a URL's parser leaves it, is an IP address."""
    if ":" in host:
        return True
    return host[-1:].isdecimal() and _is_dotted_quad(host)


def _is_dotted_quad(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True


def normal(address: str) -> str:
    """The one spelling of an address, an IPv4-mapped one as the IPv4 address that a connection to
    it reaches; a zone is dropped. Text that is no address stays as it is."""
    return _normal_ipv6(address) if ":" in address else address


@lru_cache(_CACHED_VERDICTS)
def _normal_ipv6(text: str) -> str:
    try:
        address = IPv6Address(text.partition("%")[0])
    except ValueError:
        return text
    return str(address.ipv4_mapped or address)


class Guard:
    """The address table with the operator's exceptions: deny beats allow, allow beats the table.

    A network allows addresses of its own family only: 127.0.0.0/8 does not open
    ::ffff:127.0.0.1, since no resolver answers so for an honest name. A denied IPv4 network also
    denies the IPv6 forms that lead to it (mapped, NAT64), because the connection would end there.
    With `nat64`, 64:ff9b::/96 is as good as the IPv4 address in it.
    """

    def __init__(
        self, allow: Sequence[Network] = (), deny: Sequence[Network] = (), nat64: bool = False
    ) -> None:
        self._deny = tuple(
            (network, Verdict("denied", str(network), False, False)) for network in deny
        )
        self._allow = tuple(
            (network, Verdict("allowed", str(network), True, True)) for network in allow
        )
        self._nat64 = nat64
        self._cached = lru_cache(_CACHED_VERDICTS)(self._judge_text)

    def judge(self, address: str) -> Verdict:
        """The verdict on a textual address, as a resolver or socket gives it.

        A zone ("%eth0") is ignored. Text that is no address is "invalid", and not allowed.
        """
        return self._cached(address)

    def judge_named(self, address: str) -> Verdict:
        """The verdict on an address of a target that the operator named (--allow-private): the
        table does not hold for it, a denied network does."""
        verdict = self.judge(address)
        if verdict.allowed or verdict.name in ("denied", "invalid"):
            return verdict
        return _NAMED

    def _judge_text(self, text: str) -> Verdict:
        try:
            return self._judge(ip_address(text.partition("%")[0]))
        except ValueError:
            return _NO_ADDRESS

    def _judge(self, address: Address) -> Verdict:
        inner = _embedded(address)
        return (
            _first(self._deny, address)
            or (inner and _first(self._deny, inner))
            or _first(self._allow, address)
            or self._judge_by_table(address, inner)
        )

    def _judge_by_table(self, address: Address, inner: IPv4Address | None) -> Verdict:
        if isinstance(address, IPv4Address):
            return _first(_IPV4_TABLE, address) or _PUBLIC
        if inner and self._nat64 and address in _NAT64:
            return self._judge(inner)
        return _judge_ipv6(address)


def _judge_ipv6(address: IPv6Address) -> Verdict:
    verdict = _first(_IPV6_TABLE, address)
    if verdict is not None:
        return verdict
    if address not in _GLOBAL_UNICAST:
        return _UNALLOCATED
    return _TUNNEL if int(address) >> 32 & 0xFFFFFFFF in _ISATAP else _PUBLIC


def _first(table: _Table, address: Address) -> Verdict | None:
    for network, verdict in table:
        if address in network:
            return verdict
    return None


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address in which a connection to a mapped or NAT64 address ends."""
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
