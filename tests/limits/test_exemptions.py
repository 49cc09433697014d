"""Who is exempt from a limit, by host, origin, network or target."""

from __future__ import annotations

import pytest

from cors_anywhere.limits.exemptions import Exemptions
from cors_anywhere.messages import Target


@pytest.mark.parametrize(
    ("exempt", "fix"),
    [
        ("/", "a slash on each end"),
        ("//", "a slash on each end"),
        ("/x", "a slash on each end"),
        ("x/", "a slash on each end"),
        ("/(/", "not a regular expression"),
        ("https://app.example.com", 'write "app.example.com"'),
    ],
)
def test_a_bad_exemption_is_named(exempt: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix) as raised:
        Exemptions(f"ok.example.com {exempt}")
    assert f'"{exempt}"' in str(raised.value)


@pytest.mark.parametrize(
    "entry",
    ["a.org,b.org", "*.a.org", "a.org:", "a.org:*", "b\xfccher.example", "a.org:080", "::1"],
)
def test_an_exemption_that_no_origin_can_match_is_known(entry: str) -> None:
    assert list(Exemptions(f"ok.test {entry}").nobody) == [entry]


@pytest.mark.parametrize(
    "entry", ["a.org", "A.org", "a.org:8080", "localhost", "a_b.org", "[::1]:3000", "null", "/a,b/"]
)
def test_an_exemption_that_an_origin_can_match_is_not_spoken_of(entry: str) -> None:
    assert list(Exemptions(entry).nobody) == []


EXEMPT = Exemptions(r"App.example.com local:3000 /(.*\.)?Org\.test/ /a|ab/")


@pytest.mark.parametrize(
    ("origin", "exempt"),
    [
        ("https://app.example.com", True),
        ("http://APP.EXAMPLE.COM", True),
        ("app.example.com", True),
        ("https://app.example.com:8443", False),
        ("https://appXexample.com", False),
        ("https://x.app.example.com", False),
        ("http://local:3000", True),
        ("http://local", False),
        ("https://org.test", True),
        ("https://www.ORG.test", True),
        ("https://org.test.evil", False),
        ("https://org.test:8443", False),
        ("https://evilorg.test", False),
        ("https://ab", True),
        ("https://abc", False),
        ("null", False),
        ("", False),
    ],
)
def test_exemptions_match_the_whole_host_in_any_case(origin: str, exempt: bool) -> None:
    assert EXEMPT.cover(origin) is exempt


def test_nobody_is_exempt_unless_listed() -> None:
    assert not Exemptions().cover("https://app.example.com")


@pytest.mark.parametrize("expression", ["(a+)+", "(.*)*x", r"(?:[a-z]+\.?)*", "(a{2,})*"])
def test_an_exemption_that_could_take_for_ever_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="repeats a group"):
        Exemptions(f"/{expression}/")


@pytest.mark.parametrize("expression", [r"(.*\.)?a\.test", r"([a-z]+\.)*a\.test", "(a|b)+", "a+b*"])
def test_an_exemption_whose_groups_end_in_something_fixed_is_taken(expression: str) -> None:
    assert Exemptions(f"/{expression}/").patterns


def target(host: str, port: int = 443) -> Target:
    return Target("https", host, port, f"{host}:{port}", "/")


def but(entries: str, *, of_targets: bool = False) -> Exemptions:
    """What is written behind `except`."""
    return Exemptions(entries, plain=False, of_targets=of_targets)


MIXED = but("http://localhost:* 10.0.0.0/8 2001:db8::/32 192.0.2.7 app.example.com null")


@pytest.mark.parametrize(
    ("origin", "peer", "exempt"),
    [
        ("http://localhost:3000", "203.0.113.1", True),
        ("https://localhost:3000", "203.0.113.1", False),
        ("https://page.test", "10.255.255.255", True),
        ("https://page.test", "11.0.0.0", False),
        ("https://page.test", "::ffff:10.0.0.1", True),
        ("https://page.test", "2001:db8::1%eth0", True),
        ("https://page.test", "2001:db9::1", False),
        ("https://page.test", "192.0.2.7", True),
        ("https://page.test", "", False),
        ("https://app.example.com", "203.0.113.1", True),
        ("http://10.0.0.1", "203.0.113.1", False),
        ("null", "203.0.113.1", True),
        ("", "203.0.113.1", False),
    ],
)
def test_behind_except_origins_networks_and_hosts_may_be_mixed(
    origin: str, peer: str, exempt: bool
) -> None:
    assert MIXED.cover(origin, peer, target("api.test")) is exempt


@pytest.mark.parametrize(
    ("host", "exempt"),
    [("api.test", True), ("x.mine.test", True), ("mine.test", False), ("other.test", False)],
)
def test_where_targets_are_counted_a_host_is_a_target(host: str, exempt: bool) -> None:
    exemptions = but("api.test *.mine.test", of_targets=True)
    assert exemptions.cover("https://api.test", "203.0.113.1", target(host)) is exempt


@pytest.mark.parametrize(
    ("entry", "fix"),
    [
        ("10.0.0.1/8", "no address or network"),
        ("10.0.0.0/33", "no address or network"),
        ("10.0.0", "no address or network"),
        ("::1/129", "no address or network"),
        ("https://App.test", "lower case"),
        ("https://app.test/", "no slash at its end"),
    ],
)
def test_a_bad_entry_behind_except_is_named(entry: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix) as raised:
        but(f"ok.example.com {entry}")
    assert entry in str(raised.value)


@pytest.mark.parametrize("entries", ["a.org", "/a/", "10.0.0.0/8", "http://localhost:*", "null"])
def test_whoever_can_be_exempt_is_somebody(entries: str) -> None:
    assert but(entries)


@pytest.mark.parametrize("entries", ["", "a.org,b.org", "*.a.org"])
def test_who_cannot_be_is_nobody(entries: str) -> None:
    assert not but(entries)
