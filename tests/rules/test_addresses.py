from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_anywhere.rules.addresses import Guard, Network, is_literal, normal

# network, verdict of its first, middle and last address, whether each neighbour outside is public
RANGES = [
    ("0.0.0.0/8", "reserved", None, True),
    ("10.0.0.0/8", "private", True, True),
    ("100.64.0.0/10", "shared", True, True),
    ("127.0.0.0/8", "loopback", True, True),
    ("169.254.0.0/16", "link-local", True, True),
    ("172.16.0.0/12", "private", True, True),
    ("192.0.0.0/24", "reserved", True, True),
    ("192.0.2.0/24", "documentation", True, True),
    ("192.88.99.0/24", "reserved", True, True),
    ("192.168.0.0/16", "private", True, True),
    ("198.18.0.0/15", "reserved", True, True),
    ("198.51.100.0/24", "documentation", True, True),
    ("203.0.113.0/24", "documentation", True, True),
    ("224.0.0.0/4", "multicast", True, False),
    ("240.0.0.0/4", "reserved", False, None),
    ("168.63.129.16/32", "metadata", True, True),
    ("169.254.169.254/32", "metadata", False, False),
    ("::/128", "reserved", None, False),
    ("::1/128", "loopback", False, False),
    ("::ffff:0:0/96", "embedded", False, False),
    ("64:ff9b::/96", "embedded", False, False),
    ("64:ff9b:1::/48", "embedded", False, False),
    ("fc00::/7", "private", False, False),
    ("fd00:ec2::254/128", "metadata", False, False),
    ("fe80::/10", "link-local", False, False),
    ("fec0::/10", "private", False, False),
    ("ff00::/8", "multicast", False, None),
    ("4000::/2", "reserved", True, False),
    ("100::/8", "reserved", False, False),
    ("5f00::/16", "reserved", False, False),
    ("2001::/32", "embedded", True, False),
    ("2001:2::/48", "reserved", False, False),
    ("2001:db8::/32", "documentation", True, True),
    ("2002::/16", "embedded", True, True),
    ("3fff::/20", "documentation", True, True),
]


def edges(network: Network) -> list[str]:
    first, last = int(network[0]), int(network[-1])
    kind = type(network[0])
    return [str(kind(value)) for value in (first, (first + last) // 2, last)]


INSIDE = [(edge, name) for cidr, name, _, _ in RANGES for edge in edges(ip_network(cidr))]
BEFORE = [
    (str(ip_network(cidr)[0] - 1), public) for cidr, _, public, _ in RANGES if public is not None
]
AFTER = [
    (str(ip_network(cidr)[-1] + 1), public) for cidr, _, _, public in RANGES if public is not None
]


@pytest.mark.parametrize(("address", "name"), INSIDE)
def test_every_part_of_a_forbidden_range_is_refused_by_name(address: str, name: str) -> None:
    verdict = Guard().judge(address)
    assert (verdict.name, verdict.allowed, verdict.explicit) == (name, False, False)


@pytest.mark.parametrize(("address", "public"), BEFORE + AFTER)
def test_a_range_ends_at_its_edges(address: str, public: bool) -> None:
    assert Guard().judge(address).allowed is public


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("8.8.8.8", "public"),
        ("1.0.0.0", "public"),
        ("223.255.255.255", "public"),
        ("2606:4700:4700::1111", "public"),
        ("2000::", "public"),
        ("2001:200::", "public"),
        ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"),
        ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"),
        ("3fff:1000::", "public"),
        ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "public"),
        ("::7f00:1", "embedded"),
        ("::127.0.0.1", "embedded"),
        ("::1:0:0", "reserved"),
        ("::ffff:8.8.8.8", "embedded"),
        ("64:ff9b::8.8.8.8", "embedded"),
        ("2606:4700::5efe:a00:1", "embedded"),
        ("2606:4700::200:5efe:a00:1", "embedded"),
        ("2606:4700::5efd:a00:1", "public"),
        ("2606:4700::5eff:a00:1", "public"),
        ("2606:4700::100:5efe:a00:1", "public"),
        ("2606:4700::300:5efe:a00:1", "public"),
        ("2606:4700::5efe:0:a00:1", "public"),
        ("fe80::1%eth0", "link-local"),
        ("2606:4700::1%eth0", "public"),
        ("", "invalid"),
        ("localhost", "invalid"),
        ("010.8.8.8", "invalid"),
        ("8.8.8", "invalid"),
        ("[::1]", "invalid"),
        ("8.8.8.8 ", "invalid"),
    ],
)
def test_single_addresses_have_their_verdicts(address: str, name: str) -> None:
    verdict = Guard().judge(address)
    assert verdict.name == name
    assert verdict.allowed is (name == "public")


def guard(allow: str = "", deny: str = "", nat64: bool = False) -> Guard:
    return Guard(
        [ip_network(cidr) for cidr in allow.split()],
        [ip_network(cidr) for cidr in deny.split()],
        nat64,
    )


def test_the_deciding_row_is_told() -> None:
    assert Guard().judge("10.1.2.3").network == "10.0.0.0/8"
    assert Guard().judge("8.8.8.8").network == ""
    assert guard(allow="10.1.0.0/16").judge("10.1.2.3").network == "10.1.0.0/16"
    assert guard(deny="8.8.0.0/16").judge("8.8.8.8").network == "8.8.0.0/16"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.0.255.255", "private"),
        ("10.1.0.0", "allowed"),
        ("10.1.255.255", "allowed"),
        ("10.2.0.0", "private"),
        ("10.1.7.7", "denied"),
        ("8.8.8.8", "denied"),
        ("8.8.8.9", "public"),
        ("fd00::1", "allowed"),
        ("fd01::1", "private"),
    ],
)
def test_deny_beats_allow_and_allow_beats_the_table(address: str, name: str) -> None:
    verdict = guard(allow="10.1.0.0/16 8.8.8.8/32 fd00::/16", deny="10.1.7.7/32 8.8.8.8/32").judge(
        address
    )
    assert verdict.name == name
    assert verdict.allowed is (name in ("allowed", "public"))
    assert verdict.explicit is (name == "allowed")


@pytest.mark.parametrize("address", ["::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1"])
def test_an_allowed_ipv4_network_opens_no_ipv6_form_of_it(address: str) -> None:
    assert not guard(allow="127.0.0.0/8").judge(address).allowed


def test_a_mapped_address_is_allowed_only_as_itself() -> None:
    verdict = guard(allow="::ffff:127.0.0.1/128").judge("::ffff:127.0.0.1")
    assert verdict.allowed
    assert verdict.explicit


@pytest.mark.parametrize("address", ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_a_denied_ipv4_network_denies_the_ipv6_forms_that_lead_to_it(address: str) -> None:
    permissive = guard(allow="::/0", deny="8.8.8.8/32", nat64=True)
    assert permissive.judge(address).name == "denied"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("64:ff9b::8.8.8.8", "public"),
        ("64:ff9b::127.0.0.1", "loopback"),
        ("64:ff9b::169.254.169.254", "metadata"),
        ("64:ff9b::10.0.0.1", "allowed"),
        ("64:ff9b::9.9.9.9", "denied"),
        ("64:ff9b::1:808:808", "reserved"),  # outside the /96
        ("64:ff9b:1::808:808", "embedded"),
        ("::ffff:8.8.8.8", "embedded"),
    ],
)
def test_with_nat64_an_address_is_as_good_as_the_one_in_it(address: str, name: str) -> None:
    translated = guard(allow="10.0.0.0/8", deny="9.9.9.9/32", nat64=True)
    verdict = translated.judge(address)
    assert verdict.name == name
    assert verdict.allowed is (name in ("public", "allowed"))


@given(st.text() | st.ip_addresses().map(str))
def test_any_text_has_a_verdict(text: str) -> None:
    assert Guard(nat64=True).judge(text).name


@given(st.ip_addresses(v=6))
def test_ipv6_outside_global_unicast_is_never_allowed(address: object) -> None:
    if ip_address(str(address)) not in ip_network("2000::/3"):
        assert not Guard().judge(str(address)).allowed


# --- targets that the operator named --------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"])
def test_the_table_does_not_hold_for_a_target_that_the_operator_named(address: str) -> None:
    verdict = Guard().judge_named(address)
    assert verdict.allowed
    assert verdict.explicit


@pytest.mark.parametrize(
    ("address", "name"),
    [("10.0.0.1", "denied"), ("::ffff:10.0.0.1", "denied"), ("no address", "invalid")],
)
def test_a_denied_network_holds_for_a_target_that_the_operator_named(
    address: str, name: str
) -> None:
    verdict = guard(deny="10.0.0.0/8").judge_named(address)
    assert (verdict.name, verdict.allowed) == (name, False)


# --- spellings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "literal"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("a.test", False),
        ("1.2.3", False),
        ("1.2.3.4.5", False),
        ("a.b.c.1", False),
        ("host1", False),
        ("", False),
    ],
)
def test_a_literal_is_told_from_a_name(host: str, literal: bool) -> None:
    assert is_literal(host) is literal


@pytest.mark.parametrize(
    ("address", "spelt"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:7f00:1", "127.0.0.1"),
        ("::FFFF:127.0.0.1", "127.0.0.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("no:address", "no:address"),
    ],
)
def test_an_address_has_one_spelling(address: str, spelt: str) -> None:
    assert normal(address) == spelt
