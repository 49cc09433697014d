from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_anywhere.errors import (
    InvalidHost,
    InvalidPort,
    InvalidTarget,
    MissingSlash,
    NoTarget,
    ProxyError,
)
from cors_anywhere.messages import Target
from cors_anywhere.rules.authority import host_rule
from cors_anywhere.rules.doors import parse_path
from cors_anywhere.rules.redirects import resolve_location
from cors_anywhere.rules.target_pattern import TargetPattern


def raw(text: str) -> str:
    """Text as it arrives: UTF-8 octets read as ISO-8859-1."""
    return text.encode().decode("latin-1")


# --- URL forms --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/http://example.com/p?q", "http://example.com/p?q"),
        ("/https://example.com:8443/p", "https://example.com:8443/p"),
        ("/HTTPS://EXAMPLE.com/P", "https://example.com/P"),
        ("/http://robots.txt", "http://robots.txt/"),
        ("/http://localhost:9000/x", "http://localhost:9000/x"),
        ("/http://example.com", "http://example.com/"),
        ("/http://example.com?x=1", "http://example.com/?x=1"),
        ("/http://example.com?x=/y", "http://example.com/?x=/y"),
        ("/http://example.com:", "http://example.com/"),
        ("/http://example.com:80/", "http://example.com:80/"),
        ("/https://example.com:0443/", "https://example.com:0443/"),
        ("/http://example.com./", "http://example.com./"),
        ("/http://[::1]/x", "http://[::1]/x"),
        ("/http://[0:0::1]:8080", "http://[::1]:8080/"),
        ("/http://[2001:DB8::1]:80/", "http://[2001:db8::1]:80/"),
        # no scheme
        ("/example.com/p?q", "http://example.com/p?q"),
        ("/example.com?q", "http://example.com/?q"),
        ("/example.com:80/", "http://example.com:80/"),
        ("/example.com:443/", "https://example.com:443/"),
        ("/example.com:4430/", "http://example.com:4430/"),
        ("///example.com/p", "http://example.com/p"),
        ("///example.com:443/p", "https://example.com:443/p"),
        ("/127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ("/[::1]:443/x", "https://[::1]:443/x"),
        ("/localhost:3000/x", "http://localhost:3000/x"),
        ("/LOCALHOST", "http://localhost/"),
        ("/example.com./x", "http://example.com./x"),
        (raw("/bücher.de/x"), "http://xn--bcher-kva.de/x"),
        (raw("/пример.рф/"), "http://xn--e1afmkfd.xn--p1ai/"),
        # a fragment is not sent
        ("/http://example.com/p#f", "http://example.com/p"),
        ("/http://example.com#f/g?h", "http://example.com/"),
        ("/http://example.com/p?q#f#g", "http://example.com/p?q"),
        ("/example.com#f", "http://example.com/"),
        # slashes that a front server merged
        ("/http:/example.com/p?q", "http://example.com/p?q"),
        ("/https:/example.com:8443", "https://example.com:8443/"),
        ("/HTTPS:/example.com", "https://example.com/"),
        ("/http:/127.0.0.1:9000/x", "http://127.0.0.1:9000/x"),
        ("/https:/[::1]/x", "https://[::1]/x"),
        ("/http:/localhost:3000/x", "http://localhost:3000/x"),
        ("/http:/example.com:443/", "http://example.com:443/"),
        (raw("/http:/example.com/é"), raw("http://example.com/é")),
        # encoded as one component
        ("/https%3A%2F%2Fexample.com%2Fp", "https://example.com/p"),
        ("/http%3a%2f%2fexample.com%3A8080%2Fp%3Fq%3D1", "http://example.com:8080/p?q=1"),
        ("/https%3A//example.com/p%3Fq", "https://example.com/p?q"),
        ("/https:%2F%2Fexample.com%2Fp", "https://example.com/p"),
        ("/https:/%2Fexample.com%2Fp", "https://example.com/p"),
        ("/https%3A%2F%2Fexample.com", "https://example.com/"),
        ("/https%3A%2F%2Fexample.com%2Fa%2520b%252F", "https://example.com/a%20b%2F"),
        ("/https%3A%2F%2Fexample.com%2Fp?a=%2F", "https://example.com/p?a=%2F"),
        ("/https%3A%2F%2Fexample.com%2Fp%23f", "https://example.com/p"),
        ("/https%3A%2Fexample.com%2Fp", "https://example.com/p"),
        ("/https%3A%2F%2Fb%C3%BCcher.de%2F%C3%A9", "https://xn--bcher-kva.de/%C3%A9"),
        ("/https%3A%2F%2Fexample.com%2Fa%20b%0D%0AX", "https://example.com/a%20b%0D%0AX"),
        # as a parameter
        ("/?url=https%3A%2F%2Fexample.com%2Fp", "https://example.com/p"),
        ("/?url=https%3A%2F%2Fexample.com%2Fp%3Fa%3D1%26b&c=d", "https://example.com/p?a=1&b"),
        ("/?url=https%3A%2F%2Fexample.com%2Fp+q", "https://example.com/p+q"),
        ("/?url=https%3A%2F%2Fexample.com%2Fp%0A", "https://example.com/p%0A"),
        ("/?url=https://example.com/p%20?a=1&b=2", "https://example.com/p%20?a=1&b=2"),
        ("/?url=http%3A%2Fexample.com", "http://example.com/"),
    ],
)
def test_a_form_names_its_url(path: str, url: str) -> None:
    assert parse_path(path).url == url


@pytest.mark.parametrize(
    ("path", "error", "detail"),
    [
        *(
            (path, NoTarget, "No target URL was given.")
            for path in (
                "",
                "/",
                "*",
                "//",
                "///",
                "////example.com",
                "//example.com",
                "/?",
                "/?x=1",
                "/#f",
                "/http:",
                "/http:/",
                "/http://",
                "/https://",
                "/http:///",
                "/http:///example.com",
                "/http://:1234",
                "/http://?x",
                "/http://#f",
                "/http:example.com",
                "/http:\\\\example.com",
                "/::1/",
                "/:80",
                "/https%3A%2F%2F",
                "/https%3A%2F%2F%3A80",
                "/?url=",
                "/?url=example.com",
                "/?url=ftp%3A%2F%2Fexample.com",
                "/?url=%2F%3Furl%3D",
                "/?url=http%3A%2F%2F",
            )
        ),
        ("/favicon.ico", InvalidHost, "Invalid host: favicon.ico"),
        ("/robots.txt", InvalidHost, "Invalid host: robots.txt"),
        ("/index.php", InvalidHost, "Invalid host: index.php"),
        ("/Index.PHP?x", InvalidHost, "Invalid host: index.php"),
        ("/iscorsneeded", InvalidHost, "Invalid host: iscorsneeded"),
        ("/com", InvalidHost, "Invalid host: com"),
        ("/.com", InvalidHost, "Invalid host: .com"),
        ("/.well-known/x", InvalidHost, "Invalid host: .well-known"),
        ("/404", InvalidHost, "Invalid host: 404"),
        ("/127.1/", InvalidHost, "Invalid host: 127.1"),
        ("/foo.localhost", InvalidHost, "Invalid host: foo.localhost"),
        ("/ftp://example.com/", InvalidHost, "Invalid host: ftp"),
        ("/FTP://example.com/", InvalidHost, "Invalid host: ftp"),
        ("/data:text/html", InvalidHost, "Invalid host: data"),
        ("///http://example.com", InvalidHost, "Invalid host: http"),
        ("/https", InvalidHost, "Invalid host: https"),
        ("/http://example.com:65536/", InvalidPort, "Port number too large: 65536"),
        ("/example.com:65536", InvalidPort, "Port number too large: 65536"),
        ("/favicon.ico:99999", InvalidPort, "Port number too large: 99999"),
        ("/http://a.com:9999999", InvalidPort, "Port number too large: 9999999"),
        ("/https%3A%2F%2Fa.com%3A65536", InvalidPort, "Port number too large: 65536"),
        *(
            (
                path,
                MissingSlash,
                "The URL is invalid: two slashes are needed after the http(s):.",
            )
            for path in (
                "/http:/notenoughslashes",
                "/https:/favicon.ico/x",
                "/http:/?x",
                "/http:/com",
                "/http:/127.1",
                "/http:/example.com:65536",
                "/http:/user@example.com",
                "/http:/\\example.com",
                "/https%3A%2Funknown",
                "/?url=http%3A%2Funknown",
            )
        ),
    ],
)
def test_what_names_no_url_is_rejected_by_name(
    path: str, error: type[ProxyError], detail: str
) -> None:
    with pytest.raises(error) as caught:
        parse_path(path)
    assert type(caught.value) is error
    assert caught.value.detail == detail


@pytest.mark.parametrize("port", ["0", "1", "65535", "065535", "00080"])
def test_a_port_within_range_is_kept_as_written(port: str) -> None:
    target = parse_path(f"/http://example.com:{port}/")
    assert (target.port, target.authority) == (int(port), f"example.com:{port}")


def test_a_port_of_many_digits_is_too_large() -> None:
    with pytest.raises(InvalidPort):
        parse_path("/http://example.com:" + "9" * 1000)


def test_the_parts_of_a_target_are_what_its_users_need() -> None:
    assert parse_path("/https://[2001:DB8::0:1]:443/p?q#f") == Target(
        "https", "2001:db8::1", 443, "[2001:db8::1]:443", "/p?q"
    )
    assert parse_path("/Example.COM.") == Target("http", "example.com", 80, "example.com.", "/")


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/http://example.com/x", "http://example.com"),
        ("/http://example.com:80/x", "http://example.com"),
        ("/http://example.com:443/x", "http://example.com:443"),
        ("/https://example.com:443/x", "https://example.com"),
        ("/https://example.com:0443/x", "https://example.com"),
        ("/https://example.com:08443/x", "https://example.com:8443"),
        ("/https://example.com./x", "https://example.com."),
        ("/https://[::1]/x", "https://[::1]"),
        ("/https://[::1]:443/x", "https://[::1]"),
        ("/https://[::1]:8443/x", "https://[::1]:8443"),
    ],
)
def test_an_origin_leaves_out_the_default_port(path: str, origin: str) -> None:
    assert parse_path(path).origin == origin


# --- host rules -------------------------------------------------------------------------------


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
        ("b%C3%BCcher.de", "%"),
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
        (raw("①②⑦.⓪.⓪.①"), "127.0.0.1"),
        (raw("127。0。0。1"), "127.0.0.1"),
        (raw("lo\u00adcalhost"), "localhost"),
        (raw("ｅxample.com"), "example.com"),
    ],
)
def test_a_host_is_judged_as_it_is_mapped(authority: str, host: str) -> None:
    assert parse_path(f"/http://{authority}/").host == host


@pytest.mark.parametrize(
    ("authority", "rule"),
    [
        ("example.com", ""),
        ("example.com.", ""),
        ("localhost.com", ""),
        ("notlocalhost.example", ""),
        ("xlocal.mylocal", ""),
        ("arpa.home.example", ""),
        ("home.arpa.example", ""),
        ("1.1.168.192.in-addr.arpa", ""),
        ("127.0.0.1", ""),
        ("[::1]", ""),
        ("intranet", "single-label"),
        ("intranet.", "single-label"),
        ("com", "single-label"),
        (raw("bücher"), "single-label"),
        ("localhost", "special-name"),
        ("LOCALHOST.", "special-name"),
        (raw("lo\u00adcalhost"), "special-name"),
        ("a.b.localhost", "special-name"),
        ("printer.local", "special-name"),
        ("metadata.google.internal", "special-name"),
        ("metadata.google.internal.", "special-name"),
        ("router.home.arpa", "special-name"),
        ("home.arpa", "special-name"),
        ("x.onion", "special-name"),
        ("api.default.svc", "special-name"),
        ("api.default.svc.cluster.local", "special-name"),
        ("example.com:22", "bad-port"),
        ("example.com:6667", "bad-port"),
        ("example.com:0", "bad-port"),
        ("8.8.8.8:25", "bad-port"),
        ("[2606:4700::1]:25", "bad-port"),
        ("example.com:80", ""),
        ("example.com:443", ""),
        ("example.com:8080", ""),
        ("example.com:24", ""),
        ("example.com:6664", ""),
        ("example.com:6670", ""),
        ("example.com:65535", ""),
    ],
)
def test_a_host_rule_names_what_is_forbidden(authority: str, rule: str) -> None:
    assert host_rule(parse_path(f"/http://{authority}/")) == rule


# --- path and query ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/a/../b/./c",
        "/%2e%2e/%2F//x///y",
        "//x",
        "/http://other.example/x",
        "/http:/other.example//x",
        "/a\\b|c{}^`\"<>'[]",
        "/p?q=a+b&c=%20%zz%&?d=/?e",
        "/?url=https%3A%2F%2Fx",
        "/?",
        "/p?",
        raw("/é?ü"),
        "/\xff\x80",
        "/@:%40",
    ],
)
def test_path_and_query_pass_octet_for_octet(path: str) -> None:
    assert parse_path("/http://example.com" + path).path == path
    assert parse_path("/example.com:443" + path).path == path


@pytest.mark.parametrize("character", ["\x00", "\r", "\n", "\t", " ", "\x1f", "\x7f", "\u0100"])
@pytest.mark.parametrize("prefix", ["/http://example.com/", "/http://example.com/?", "/", "/?url="])
def test_what_a_request_line_cannot_carry_is_refused(prefix: str, character: str) -> None:
    with pytest.raises(InvalidTarget):
        parse_path(f"{prefix}a{character}b")


@given(
    st.text(
        st.characters(codec="latin-1", exclude_characters=" #").filter(
            lambda character: character > " " and character != "\x7f"
        )
    )
)
def test_any_path_and_query_pass_octet_for_octet(rest: str) -> None:
    for start in ("/", "?"):
        expected = f"/{start}{rest}" if start == "?" else start + rest
        assert parse_path(f"/https://example.com{start}{rest}").path == expected


# fmt: off
PIECES = st.sampled_from([
    "http", "https", "ftp", ":", "/", "//", "?", "#", "@", "%", "\\", "[", "]", "::", ".", "..",
    "com", "a", "example.com", "localhost", "127.0.0.1", "::1", "0x", "1", "65536", ":80", ":443",
    "%3A", "%2F", "?url=", "xn--", "ü", "ß", "①", "。", "：", "［", "］", "／", "％", "＠",
    "\u00ad", "\ud800", "\x00", " ",
])
# fmt: on
HOSTILE = (
    st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)
    | st.text()
    | st.binary().map(lambda octets: octets.decode("latin-1"))
)


def assert_well_formed(target: Target) -> None:
    assert target.scheme in ("http", "https")
    assert target.host
    assert target.authority.isascii()
    assert target.authority.isprintable()
    assert 0 <= target.port <= 65535
    assert target.path.startswith("/")
    assert not set(target.path) & {"#", " ", "\r", "\n", "\t", "\x00"}
    assert target.url.startswith(target.scheme + "://" + target.authority)
    assert isinstance(host_rule(target), str)
    assert parse_path("/" + target.url) == target


@given(HOSTILE)
def test_any_text_is_a_target_or_a_named_failure(text: str) -> None:
    for path in (text, "/" + text, "/http://" + text, "/?url=" + text, raw_or_empty(text)):
        try:
            target = parse_path(path)
        except ProxyError as error:
            assert error.detail
        else:
            assert_well_formed(target)


def raw_or_empty(text: str) -> str:
    return "/https://" + text.encode(errors="ignore").decode("latin-1")


# --- redirects --------------------------------------------------------------------------------

BASE = "/https://example.com:8443/a/b?q"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://other.example/x?y", "https://other.example/x?y"),
        ("HTTP://Other.EXAMPLE", "http://other.example/"),
        ("http://other.example:80/", "http://other.example:80/"),
        ("http://other.example/#f", "http://other.example/"),
        ("//other.example/x", "https://other.example/x"),
        ("/\\other.example/x", "https://other.example/x"),
        ("\\\\other.example/x", "https://other.example/x"),
        ("///other.example/x", "https://other.example/x"),
        ("http:/other.example/x", "http://other.example/x"),
        ("http:other.example/x", "http://other.example/x"),
        ("https:/x", "https://example.com:8443/x"),
        ("https:x", "https://example.com:8443/a/x"),
        ("/x", "https://example.com:8443/x"),
        ("x", "https://example.com:8443/a/x"),
        ("../../x/./y", "https://example.com:8443/x/y"),
        ("?z", "https://example.com:8443/a/b?z"),
        ("#f", "https://example.com:8443/a/b?q"),
        (" \t/x ", "https://example.com:8443/x"),
        ("/a b", "https://example.com:8443/a%20b"),
        (raw("/é?ü"), "https://example.com:8443/%C3%A9?%C3%BC"),
        ("/\xe9", "https://example.com:8443/%E9"),
        (raw("http://bücher.de/é"), "http://xn--bcher-kva.de/%C3%A9"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://localhost/", "http://localhost/"),
        ("/http://x/", "https://example.com:8443/http://x/"),
        ("x/@y", "https://example.com:8443/a/x/@y"),
    ],
)
def test_a_location_is_resolved_against_its_base(location: str, url: str) -> None:
    target = resolve_location(parse_path(BASE), location)
    assert target is not None
    assert target.url == url


@pytest.mark.parametrize(
    "location",
    [
        "",
        " ",
        "http://",
        "https://?",
        "//",
        "ftp://example.com/",
        "javascript:alert(1)",
        "data:,x",
        "about:blank",
        "ws://example.com/",
        "http://user:pw@example.com/",
        "http://@example.com/",
        "//user@example.com/",
        "http:user@example.com/",
        "http://[",
        "http://xn--/",
        "http://%@a/",
        "http://%65xample.com/",
        "http://a\\b/",
        "http://127.1/",
        "http://2130706433/",
        "//0177.0.0.1/",
        "http:\\\\0x7f.1/",
        "http://a..b/",
        "http://example.com:65536/",
        "http://example.com:x/",
        "http://b\xfccher.de/",
        "/a\tb",
        "/a\r\nSet-Cookie: x",
        "/\x00",
        "\u0142",
        "\ud800",
    ],
)
def test_an_unusable_location_is_none(location: str) -> None:
    assert resolve_location(parse_path(BASE), location) is None


def test_a_location_resolves_against_a_base_with_raw_octets() -> None:
    target = resolve_location(parse_path(raw("/http://example.com/é/x")), "y")
    assert target is not None
    assert target.path == "/%C3%A9/y"


def test_a_relative_location_keeps_the_authority_as_written() -> None:
    target = resolve_location(parse_path("/http://example.com.:080/x"), "/y")
    assert target == Target("http", "example.com", 80, "example.com.:080", "/y")


@given(HOSTILE, st.sampled_from(["/http://a.example", BASE, raw("/[::1]:80/é?ü"), "/b.com:0443"]))
def test_any_location_is_a_target_or_none(location: str, base: str) -> None:
    for text in (location, "http://" + location, "//" + location):
        target = resolve_location(parse_path(base), text)
        if target is not None:
            assert_well_formed(target)


# --- patterns ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "authority", "expected"),
    [
        ("api.example", "api.example", True),
        ("api.example", "api.example.", True),
        ("API.Example.", "api.example", True),
        ("api.example", "api.example:8080", True),
        ("api.example", "x.api.example", False),
        ("api.example", "xapi.example", False),
        ("api.example", "api.example.attacker.example", False),
        ("api.example:80", "api.example", True),
        ("api.example:8080", "api.example:8080", True),
        ("api.example:8080", "api.example", False),
        ("*.api.example", "x.api.example", True),
        ("*.api.example", "x.y.api.example.", True),
        ("*.api.example", "api.example", False),
        ("*.api.example", "xapi.example", False),
        ("*.api.example:8080", "x.api.example:8080", True),
        ("*.api.example:8080", "x.api.example:8081", False),
        ("bücher.de", "xn--bcher-kva.de", True),
        ("localhost:3000", "localhost:3000", True),
        ("127.0.0.1", "127.0.0.1:9000", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("[::1]", "[::1]", True),
        ("[0:0::1]:9000", "[::1]:9000", True),
        ("[::1]:9000", "[::1]:9001", False),
    ],
)
def test_a_pattern_matches_hosts_and_ports(pattern: str, authority: str, expected: bool) -> None:
    target = parse_path(f"/http://{authority}/")
    assert TargetPattern.parse(pattern).matches(target) is expected


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "empty"),
        ("api.example ", "blanks"),
        ("*", "every target"),
        ("https://api.example", "write 'api.example'"),
        ("api.example/", "write 'api.example'"),
        ("api.example/v1", "path"),
        ("user@api.example", "only a name"),
        ("api%2eexample", "only a name"),
        ("api.*.example", "leftmost"),
        ("*api.example", "leftmost"),
        ("*.*.example", "leftmost"),
        ("api.example:*", "leftmost"),
        ("*.", "no valid host"),
        (":80", "no valid host"),
        ("api..example", "empty label"),
        ("127.1", "IPv4"),
        ("*.127.0.0.1", "no subdomains"),
        ("*.[::1]", "no subdomains"),
        ("::1", "'[::1]'"),
        ("[::1", "brackets"),
        ("[::1]x", "brackets"),
        ("api.example:", "no port"),
        ("api.example:0", "no port"),
        ("api.example:x", "no port"),
        ("api.example:65536", "too large"),
        ("api.example?x", "no domain name"),
    ],
)
def test_a_mistaken_pattern_names_the_mistake(text: str, mistake: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        TargetPattern.parse(text)
    assert mistake in str(caught.value)


@given(HOSTILE)
def test_any_text_is_a_pattern_or_a_value_error(text: str) -> None:
    try:
        pattern = TargetPattern.parse(text)
    except ValueError:
        return
    assert pattern.host
