"""The address table of the promises, written out a second time, and the addresses that probe it.

Owns: what is expected of an address. Must not know: the proxy's own table.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

import ada_url


class Row(NamedTuple):
    """A range that is refused, and the name of the verdict. Without `named` no CIDR is shown."""

    cidr: str
    verdict: str
    named: bool = True


# The more specific row stands before the wider one that holds it.
ROWS = (
    Row("0.0.0.0/8", "reserved"),
    Row("10.0.0.0/8", "private"),
    Row("100.64.0.0/10", "shared"),
    Row("127.0.0.0/8", "loopback"),
    Row("169.254.169.254/32", "metadata"),
    Row("169.254.0.0/16", "link-local"),
    Row("172.16.0.0/12", "private"),
    Row("192.0.0.0/24", "reserved"),
    Row("192.0.2.0/24", "documentation"),
    Row("192.88.99.0/24", "reserved"),
    Row("192.168.0.0/16", "private"),
    Row("198.18.0.0/15", "reserved"),
    Row("198.51.100.0/24", "documentation"),
    Row("203.0.113.0/24", "documentation"),
    Row("224.0.0.0/4", "multicast"),
    Row("240.0.0.0/4", "reserved"),
    Row("168.63.129.16/32", "metadata"),
    Row("2001::/32", "embedded"),
    Row("2001::/23", "reserved"),
    Row("2001:db8::/32", "documentation"),
    Row("2002::/16", "embedded"),
    Row("3fff::/20", "documentation"),
    Row("2600:1:2:3:0:5efe::/96", "embedded", named=False),
    Row("2600:1:2:3:200:5efe::/96", "embedded", named=False),
    Row("::/128", "reserved"),
    Row("::1/128", "loopback"),
    Row("::/96", "embedded"),
    Row("::ffff:0:0/96", "embedded"),
    Row("64:ff9b::/96", "embedded"),
    Row("64:ff9b:1::/48", "embedded"),
    Row("fd00:ec2::254/128", "metadata"),
    Row("fc00::/7", "private"),
    Row("fe80::/10", "link-local"),
    Row("fec0::/10", "private"),
    Row("ff00::/8", "multicast"),
    # What is not allocated is refused without a row of its own.
    Row("5f00::/16", "reserved", named=False),
    Row("4000::/2", "reserved", named=False),
    Row("8000::/1", "reserved", named=False),
    Row("::/3", "reserved", named=False),
)

_NETWORKS = [(ip_network(row.cidr), row) for row in ROWS]


def refusing(address: str) -> Row | None:
    """The row that refuses an address; None for one that is allowed."""
    ip = ip_address(address)
    found = next((row for network, row in _NETWORKS if ip in network), None)
    assert found or not isinstance(ip, IPv6Address) or ip in IPv6Network("2000::/3")
    return found


def samples(row: Row) -> list[str]:
    """The first, middle and last address of a row, and its neighbours where there are any."""
    network = ip_network(row.cidr)
    first, last = int(network[0]), int(network[-1])
    numbers = {first - 1, first, (first + last + 1) // 2, last, last + 1}
    highest = 2**network.max_prefixlen - 1
    make = type(network[0])
    return [_written(make(number)) for number in sorted(numbers) if 0 <= number <= highest]


def _written(address: IPv4Address | IPv6Address) -> str:
    """As browsers write it; some Pythons write the end of an IPv4-mapped one with dots."""
    if address.version == 4:
        return str(address)
    return str(ada_url.URL(f"http://[{address}]/").hostname)[1:-1]
