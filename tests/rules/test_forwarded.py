"""Whose word on the client is believed."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from cors_anywhere.rules.forwarded import TrustedProxies

TRUSTED = TrustedProxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
NEAR = "10.0.0.1"  # the front server that connects to us

FORS = {
    "one-hop": (["192.0.2.1"], "192.0.2.1"),
    "rightmost-untrusted": (["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
    "trusted-hops-are-passed": (["198.51.100.9, 192.0.2.1, 10.0.0.3, fd00::1"], "192.0.2.1"),
    "two-fields-are-one-list": (["198.51.100.9", "192.0.2.1, 10.0.0.3"], "192.0.2.1"),
    "all-trusted": (["10.0.0.4, 10.0.0.3"], "10.0.0.4"),
    "blanks": (["\t192.0.2.1 "], "192.0.2.1"),
    "ipv6": (["2001:db8::1"], "2001:db8::1"),
    "none": ([], NEAR),
    "empty": ([""], NEAR),
    "no-address": (["unknown"], NEAR),
    "nothing-beyond-what-is-no-address": (["192.0.2.1, unknown, 10.0.0.3"], "10.0.0.3"),
    "with-a-port": (["192.0.2.1:5000"], "192.0.2.1"),
    "ipv6-with-a-port": (["[2001:db8::1]:443"], "2001:db8::1"),
    "ipv6-in-brackets": (["[2001:db8::1]"], "2001:db8::1"),
    "trusted-with-a-port": (["192.0.2.1, 10.0.0.3:80"], "192.0.2.1"),
    "mapped": (["::ffff:192.0.2.1"], "192.0.2.1"),
    "a-name-with-a-port": (["front:80"], NEAR),
    "an-open-bracket": (["[::1"], NEAR),
    "endless": (["1" * 9000], NEAR),
}


@pytest.mark.parametrize(("values", "client"), FORS.values(), ids=FORS)
def test_the_client_is_the_rightmost_hop_that_is_not_trusted(
    values: list[str], client: str
) -> None:
    fields = [("X-Forwarded-For", value) for value in values]
    believed = TRUSTED.believe(NEAR, "http", fields)
    assert (believed.address, believed.scheme) == (client, "http")


PROTOS = {
    "https": ("https", "https"),
    "capitals": ("HTTPS", "https"),
    "last-hop": ("http, https", "https"),
    "unknown": ("gopher", "http"),
    "empty": ("", "http"),
}


@pytest.mark.parametrize(("value", "scheme"), PROTOS.values(), ids=PROTOS)
def test_the_scheme_is_that_of_the_nearest_hop(value: str, scheme: str) -> None:
    believed = TRUSTED.believe(NEAR, "http", [("x-forwarded-proto", value)])
    assert believed == (NEAR, scheme, NEAR)


@pytest.mark.parametrize("peer", ["9.255.255.255", "11.0.0.0", "fc00::1", "", "not-an-address"])
def test_nobody_else_is_believed(peer: str) -> None:
    fields = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")]
    assert TRUSTED.believe(peer, "http", fields) == (peer, "http", "")


@pytest.mark.parametrize("peer", ["10.0.0.0", "10.255.255.255", "fd00::", "fdff::1"])
def test_the_whole_network_is_trusted(peer: str) -> None:
    assert TRUSTED.believe(peer, "http", [("X-Forwarded-For", "192.0.2.1")])[0] == "192.0.2.1"


def test_without_networks_nobody_is_trusted() -> None:
    assert not TrustedProxies(())
    assert TRUSTED


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_the_trusted_server_that_connected_is_named_beside_the_client(peer: str) -> None:
    believed = TRUSTED.believe(peer, "http", [("X-Forwarded-For", "192.0.2.1")])
    assert (believed.address, believed.front) == ("192.0.2.1", "10.0.0.1")


@pytest.mark.parametrize("trusted", [TRUSTED, TrustedProxies()])
def test_a_mapped_peer_is_its_ipv4_address(trusted: TrustedProxies) -> None:
    assert trusted.believe("::ffff:192.0.2.9", "http", []) == ("192.0.2.9", "http", "")


def test_a_chain_of_trusted_servers_without_end_is_not_followed_for_ever() -> None:
    chain = ", ".join(["192.0.2.1", *["10.0.0.3"] * 65])
    assert TRUSTED.believe(NEAR, "http", [("X-Forwarded-For", chain)]).address == "10.0.0.3"


@pytest.mark.parametrize("fields", [[], [("x-forwarded-for", "junk")]], ids=["none", "junk"])
def test_whom_a_front_server_does_not_name_counts_as_that_server(
    fields: list[tuple[str, str]],
) -> None:
    assert TRUSTED.believe(NEAR, "http", fields) == (NEAR, "http", NEAR)
