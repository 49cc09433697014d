"""Every form in which a URL may be written in a path, and what is no URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_anywhere.config.suffixes import has_public_suffix
from cors_anywhere.errors import (
    InvalidHost,
    InvalidPort,
    InvalidTarget,
    MissingSlash,
    NoTarget,
    ProxyError,
)
from cors_anywhere.messages import Target
from cors_anywhere.rules.urls import Urls
from tests.support.urls import HOSTILE, assert_well_formed, parse_path, raw

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
        ("/?key=1&url=https%3A%2F%2Fexample.com%2Fp", "https://example.com/p"),
        ("/?a&b=c&url=https://example.com/p?a=1&b=2", "https://example.com/p?a=1&b=2"),
        ("/?url=https://example.com/?x&url=y", "https://example.com/?x&url=y"),
        # as the query itself
        ("/?https://example.com/p?q&url=x", "https://example.com/p?q&url=x"),
        ("/?HTTP://example.com", "http://example.com/"),
        ("/?https%3A%2F%2Fexample.com%2Fp%3Fa%26b&c", "https://example.com/p?a&b"),
        ("/?https:/example.com/p", "https://example.com/p"),
        # after a base that ends in a slash
        ("//https://example.com/p?q", "https://example.com/p?q"),
        ("//http://localhost:9000/x", "http://localhost:9000/x"),
        ("//https%3A%2F%2Fexample.com%2Fp", "https://example.com/p"),
        # international names as browsers send them
        ("/https://b%C3%BCcher.example/", "https://xn--bcher-kva.example/"),
        ("/b%C3%BCcher.de/x%C3%BC", "http://xn--bcher-kva.de/x%C3%BC"),
        ("/?url=https://b%C3%BCcher.example/", "https://xn--bcher-kva.example/"),
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
                "/?xurl=https://example.com",
                "/?key=1&URL=https://example.com",
                "/?ftp://example.com",
                "//https:/",
                "//https:/example.com",
                "//http://",
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


# --- without a scheme -------------------------------------------------------------------------

SECURE = Urls(has_public_suffix, default_scheme="https")


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/example.com/p", "https://example.com/p"),
        ("/example.com:443/p", "https://example.com:443/p"),
        ("/example.com:80/p", "http://example.com:80/p"),
        ("/example.com:8080/p", "https://example.com:8080/p"),
        ("///example.com/p", "https://example.com/p"),
        ("/http://example.com/p", "http://example.com/p"),
        ("/http:/example.com/p", "http://example.com/p"),
    ],
)
def test_the_default_scheme_turns_round_what_a_missing_one_means(path: str, url: str) -> None:
    assert SECURE.parse(path).url == url
