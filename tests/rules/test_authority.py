"""Which authorities are refused as ambiguous, and how a host is mapped."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import InvalidTarget
from tests.support.urls import parse_path, raw


@pytest.mark.parametrize(
    ("authority", "why"),
    [
        ("user:pw@example.com", "user name"),
        ("user@example.com", "user name"),
        ("@example.com", "user name"),
        ("%@a", "user name"),
        ("a\\b.example", "backslash"),
        ("example.com\\", "backslash"),
        ("%65xample.com", "%"),
        ("b%C3%BCcher%2Ede", "%"),
        ("b%FCcher.de", "not UTF-8"),
        ("b%C3cher.de", "not UTF-8"),
        ("a%EF%BC%85b.example", "no domain name"),
        ("a%EF%BC%A0b.example", "no domain name"),
        ("%E2%91%A0%E2%91%A1%E2%91%A6.1", "IPv4"),
        ("[fe80::1%25eth0]", "%"),
        ("[fe80::1%eth0]", "%"),
        ("a\tb.example", "control character"),
        ("a b.example", "space"),
        ("a\x00.example", "control character"),
        ("a\x7f.example", "control character"),
        ("[", "brackets"),
        ("[::1", "brackets"),
        ("[::1]x", "brackets"),
        ("[::1]x:80", "brackets"),
        ("[::1]]", "brackets"),
        ("[]", "cannot be parsed"),
        ("[::g]", "cannot be parsed"),
        ("[127.0.0.1]", "cannot be parsed"),
        ("[::127.1]", "cannot be parsed"),
        ("[v1.x]", "cannot be parsed"),
        ("x[::1]", "no port number"),
        ("2001:db8::1", "no port number"),
        ("example.com:x", "no port number"),
        ("example.com:80:80", "no port number"),
        ("example.com:-1", "no port number"),
        ("example.com:+80", "no port number"),
        (raw("example.com:٨٠"), "no port number"),
        ("127.1", "IPv4"),
        ("0177.0.0.1", "IPv4"),
        ("2130706433", "IPv4"),
        ("010.8.8.8", "IPv4"),
        ("127.0.0.1.", "IPv4"),
        ("127.0.0.01", "IPv4"),
        ("256.0.0.1", "IPv4"),
        ("1.2.3.4.5", "IPv4"),
        ("0x7f.0.0.1", "IPv4"),
        ("0x7f.1", "IPv4"),
        ("0x7F000001", "IPv4"),
        ("example.0x", "IPv4"),
        ("example.1", "IPv4"),
        (raw("①②⑦.①"), "IPv4"),
        (raw("127。1"), "IPv4"),
        (".", "empty label"),
        ("..", "empty label"),
        ("a..b", "empty label"),
        (".a.example", "empty label"),
        ("a.example..", "empty label"),
        ("a" * 64 + ".example", "too long"),
        ("a." * 126 + "bc", "too long"),
        ("a" * 5000, "too long"),
        ("xn--", "no domain name"),
        ("xn--a", "no domain name"),
        ("xn--hello-.example", "no domain name"),
        ("xn--\x00.example", "control character"),
        ("xn--99999999.example", "no domain name"),
        ("xn--" + "①".encode("punycode").decode() + ".example", "no domain name"),
        ("xn--" + "Ü".encode("punycode").decode() + ".example", "no domain name"),
        ("a|b.example", "no domain name"),
        ("a<b.example", "no domain name"),
        ("a]b.example", "no domain name"),
        (raw("℀.example"), "no domain name"),
        (raw("a％41.example"), "no domain name"),
        (raw("a：80"), "no domain name"),
        (raw("［::1］"), "no domain name"),
        (raw("［x"), "no domain name"),
        (raw("a＠b.example"), "no domain name"),
        (raw("a／b.example"), "no domain name"),
        (raw("\u00ad"), "no domain name"),
        (raw("a\u0080.example"), "no domain name"),
        ("b\xfccher.example", "not UTF-8"),
        ("a\u0142.example", "control character"),
    ],
)
def test_an_ambiguous_authority_is_refused_with_a_reason(authority: str, why: str) -> None:
    with pytest.raises(InvalidTarget) as caught:
        parse_path(f"/http://{authority}/")
    assert type(caught.value) is InvalidTarget
    assert why in caught.value.detail


@pytest.mark.parametrize("path", ["/user@example.com/", "/example.com%2Fp", "/example.com:x"])
def test_a_host_without_scheme_obeys_the_same_rules(path: str) -> None:
    with pytest.raises(InvalidTarget):
        parse_path(path)


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("a_b.example", "a_b.example"),
        ("-a.example", "-a.example"),
        ("0x.example", "0x.example"),
        ("example.0xg", "example.0xg"),
        ("1a.example.a1", "1a.example.a1"),
        ("255.255.255.255", "255.255.255.255"),
        ("0.0.0.0", "0.0.0.0"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("a." * 126 + "b", "a." * 126 + "b"),
        ("a." * 126 + "b.", "a." * 126 + "b"),
        ("[::ffff:127.0.0.1]", "::ffff:7f00:1"),
        ("xn--bcher-kva.de", "xn--bcher-kva.de"),
        ("XN--BCHER-KVA.de", "xn--bcher-kva.de"),
        ("xn--ls8h.la", "xn--ls8h.la"),
        (raw("Bücher.de"), "xn--bcher-kva.de"),
        (raw("faß.de"), "xn--fa-hia.de"),
        ("b%C3%BCcher.de", "xn--bcher-kva.de"),
        ("b%c3%bccher.DE:80", "xn--bcher-kva.de"),
        ("lo%C2%ADcalhost", "localhost"),
        (raw("①②⑦.⓪.⓪.①"), "127.0.0.1"),
        (raw("127。0。0。1"), "127.0.0.1"),
        (raw("lo\u00adcalhost"), "localhost"),
        (raw("ｅxample.com"), "example.com"),
    ],
)
def test_a_host_is_judged_as_it_is_mapped(authority: str, host: str) -> None:
    assert parse_path(f"/http://{authority}/").host == host


def test_userinfo_is_refused_with_the_header_that_does_the_same() -> None:
    with pytest.raises(InvalidTarget) as caught:
        parse_path("/https://user:pw@example.com/")
    assert "Authorization: Basic" in caught.value.hint
    assert "pw@" not in caught.value.detail
