"""The proxy's own addresses, however they are spelt."""

from __future__ import annotations

import pytest

from cors_anywhere.egress import OwnAddresses

OWN = {
    # listening, asked for, whether that is the proxy itself
    "exact": (("192.0.2.1", 80), ("192.0.2.1", 80), True),
    "other-port": (("192.0.2.1", 80), ("192.0.2.1", 81), False),
    "other-address": (("192.0.2.1", 80), ("192.0.2.2", 80), False),
    "wildcard-loopback": (("0.0.0.0", 80), ("127.0.0.1", 80), True),
    "wildcard-any-loopback": (("0.0.0.0", 80), ("127.9.9.9", 80), True),
    "wildcard-elsewhere": (("0.0.0.0", 80), ("192.0.2.1", 80), False),
    "wildcard-other-port": (("0.0.0.0", 80), ("127.0.0.1", 81), False),
    "wildcard-6": (("::", 80), ("127.0.0.1", 80), True),
    "unspecified-target": (("127.0.0.1", 80), ("0.0.0.0", 80), True),
    "unspecified-target-6": (("::1", 80), ("::", 80), True),
    "mapped": (("127.0.0.1", 80), ("::ffff:127.0.0.1", 80), True),
    "mapped-in-hexadecimal": (("127.0.0.1", 80), ("::ffff:7f00:1", 80), True),
    "mapped-written-out": (("127.0.0.1", 80), ("0:0:0:0:0:FFFF:127.0.0.1", 80), True),
    "mapped-wildcard-target": (("127.0.0.1", 80), ("::ffff:0:0", 80), True),
    "listening-on-a-mapped-one": (("::ffff:127.0.0.1", 80), ("127.0.0.1", 80), True),
    "other-spelling": (("::1", 80), ("0::0001", 80), True),
    "zone": (("fe80::1", 80), ("fe80::1%lo", 80), True),
    "wildcard-mapped": (("0.0.0.0", 80), ("::ffff:127.0.0.1", 80), True),
}


@pytest.mark.parametrize(("listening", "asked", "own"), OWN.values(), ids=OWN)
def test_the_proxys_own_addresses(
    listening: tuple[str, int], asked: tuple[str, int], own: bool
) -> None:
    assert OwnAddresses([listening]).has(*asked) is own
