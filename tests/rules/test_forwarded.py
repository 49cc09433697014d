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
    believed = TRUSTED.believe(NEAR, "http", 8080, fields)
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
    believed = TRUSTED.believe(NEAR, "http", 8080, [("x-forwarded-proto", value)])
    assert believed == (NEAR, scheme, NEAR, 443 if scheme == "https" else 80)


@pytest.mark.parametrize("peer", ["9.255.255.255", "11.0.0.0", "fc00::1", "", "not-an-address"])
def test_nobody_else_is_believed(peer: str) -> None:
    fields = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")]
    assert TRUSTED.believe(peer, "http", 8080, fields) == (peer, "http", None, 8080)


@pytest.mark.parametrize("peer", ["10.0.0.0", "10.255.255.255", "fd00::", "fdff::1"])
def test_the_whole_network_is_trusted(peer: str) -> None:
    assert TRUSTED.believe(peer, "http", 8080, [("X-Forwarded-For", "192.0.2.1")])[0] == "192.0.2.1"


def test_without_networks_nobody_is_trusted() -> None:
    assert not TrustedProxies(())
    assert TRUSTED


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_the_trusted_server_that_connected_is_named_beside_the_client(peer: str) -> None:
    believed = TRUSTED.believe(peer, "http", 8080, [("X-Forwarded-For", "192.0.2.1")])
    assert (believed.address, believed.front) == ("192.0.2.1", "10.0.0.1")


@pytest.mark.parametrize("trusted", [TRUSTED, TrustedProxies()])
def test_a_mapped_peer_is_its_ipv4_address(trusted: TrustedProxies) -> None:
    assert trusted.believe("::ffff:192.0.2.9", "http", 8080, []) == (
        "192.0.2.9",
        "http",
        None,
        8080,
    )


def test_a_chain_of_trusted_servers_without_end_is_not_followed_for_ever() -> None:
    chain = ", ".join(["192.0.2.1", *["10.0.0.3"] * 65])
    assert TRUSTED.believe(NEAR, "http", 8080, [("X-Forwarded-For", chain)]).address == "10.0.0.3"


@pytest.mark.parametrize("fields", [[], [("x-forwarded-for", "junk")]], ids=["none", "junk"])
def test_whom_a_front_server_does_not_name_counts_as_that_server(
    fields: list[tuple[str, str]],
) -> None:
    assert TRUSTED.believe(NEAR, "http", 8080, fields) == (NEAR, "http", NEAR, 80)


PORTS = {
    "told": ([("X-Forwarded-Port", "8443"), ("Host", "proxy.test:9000")], 8443),
    "told-by-the-nearest-hop": ([("x-forwarded-port", "1, 8443")], 8443),
    "of-the-host": ([("Host", "proxy.test:9000")], 9000),
    "of-an-ipv6-host": ([("Host", "[::1]:9000")], 9000),
    "of-the-scheme": ([("Host", "proxy.test"), ("X-Forwarded-Proto", "https")], 443),
    "no-number": ([("X-Forwarded-Port", "https")], 80),
    "no-port": ([("X-Forwarded-Port", "65536"), ("Host", "[::1")], 80),
    "zero": ([("X-Forwarded-Port", "0")], 80),
    "endless": ([("X-Forwarded-Port", "1" * 9000)], 80),
}


@pytest.mark.parametrize(("fields", "port"), PORTS.values(), ids=PORTS)
def test_the_port_is_the_one_that_the_client_reached(
    fields: list[tuple[str, str]], port: int
) -> None:
    assert TRUSTED.believe(NEAR, "http", 8080, fields).port == port


def test_the_word_of_a_client_on_the_port_is_not_believed() -> None:
    assert TRUSTED.believe("192.0.2.9", "http", 8080, [("X-Forwarded-Port", "1")]).port == 8080


# --- so many hops -------------------------------------------------------------------------------

COUNTED = {
    "one": (1, ["203.0.113.5, 192.0.2.1"], "192.0.2.1"),
    "two": (2, ["203.0.113.5, 192.0.2.1, 10.0.0.1"], "192.0.2.1"),
    "over-two-fields": (2, ["203.0.113.5, 192.0.2.1", "10.0.0.1"], "192.0.2.1"),
    "exactly-so-many": (2, ["192.0.2.1, 10.0.0.1"], "192.0.2.1"),
    "fewer": (2, ["192.0.2.1"], NEAR),
    "none": (1, [], NEAR),
    "no-address": (1, ["203.0.113.5, unknown"], NEAR),
    "zone": (1, ["203.0.113.5, fe80::1%\x9b31m"], "fe80::1"),
    "more-than-are-read": (3, ["1.1.1.1," * 500 + "192.0.2.1, 10.0.0.1, 10.0.0.2"], "192.0.2.1"),
}


@pytest.mark.parametrize(("hops", "values", "client"), COUNTED.values(), ids=COUNTED)
def test_the_client_is_so_many_hops_away_whatever_their_addresses(
    hops: int, values: list[str], client: str
) -> None:
    fields = [("X-Forwarded-For", value) for value in values]
    believed = TrustedProxies(hops=hops).believe(NEAR, "http", 8080, fields)
    assert (believed.address, believed.front) == (client, NEAR)


def test_who_did_not_come_by_all_front_servers_is_believed_in_nothing() -> None:
    fields = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")]
    trusted = TrustedProxies(hops=2)
    assert trusted.believe(NEAR, "http", 8080, fields)[:2] == (NEAR, "http")
    fields[0] = ("X-Forwarded-For", "192.0.2.1, 192.0.2.2")
    assert trusted.believe(NEAR, "http", 8080, fields)[:2] == ("192.0.2.1", "https")


def test_where_hops_are_counted_whoever_connects_is_a_front_server() -> None:
    assert TrustedProxies(hops=1).includes("203.0.113.5")


# --- a Unix socket ------------------------------------------------------------------------------


def test_who_comes_over_the_unix_socket_is_believed_when_that_is_trusted() -> None:
    fields = [("X-Forwarded-For", "192.0.2.1")]
    assert TrustedProxies(unix=True).believe("unix", "http", 0, fields).address == "192.0.2.1"
    assert TrustedProxies(unix=True).includes("unix")
    assert not TrustedProxies(unix=True).includes("10.0.0.1")
    assert TRUSTED.believe("unix", "http", 0, fields).address == "unix"
    assert not TRUSTED.includes("unix")


def test_a_client_cannot_call_itself_a_unix_socket() -> None:
    fields = [("X-Forwarded-For", "192.0.2.1, unix")]
    trusted = TrustedProxies([ip_network("10.0.0.0/8")], unix=True)
    assert trusted.believe(NEAR, "http", 8080, fields).address == NEAR
