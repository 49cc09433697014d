"""The operator's own HTTP proxy: which requests it carries."""

from __future__ import annotations

from base64 import b64decode

import pytest

from cors_anywhere.messages import Target
from cors_anywhere.rules.outbound import OutboundProxies, OutboundProxy, parse_proxy


def target(scheme: str, host: str, port: int = 0) -> Target:
    return Target(scheme, host, port or (443 if scheme == "https" else 80), host, "/")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://proxy.test:3128", "proxy.test", 3128),
        ("http://proxy.test:3128/", "proxy.test", 3128),
        ("http://proxy.test", "proxy.test", 80),
        ("HTTP://proxy.test", "proxy.test", 80),
        ("proxy.test:3128", "proxy.test", 3128),
        (" http://10.0.0.1:8080 ", "10.0.0.1", 8080),
        ("http://[::1]:3128", "::1", 3128),
    ],
)
def test_a_proxy_is_a_host_and_a_port(url: str, host: str, port: int) -> None:
    assert parse_proxy(url) == OutboundProxy(host, port, None)


@pytest.mark.parametrize(
    ("userinfo", "credentials"),
    [
        ("user:secret", b"user:secret"),
        ("user", b"user:"),
        ("us%40er:p%3Aw%2F", b"us@er:p:w/"),
        ("user:p:w", b"user:p:w"),
        ("%C3%BC:%FF", b"\xc3\xbc:\xff"),
    ],
)
def test_userinfo_becomes_basic_authentication(userinfo: str, credentials: bytes) -> None:
    scheme, _, value = (parse_proxy(f"http://{userinfo}@proxy.test").authorization or "").partition(
        " "
    )
    assert (scheme, b64decode(value)) == ("Basic", credentials)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://",
        "http://:3128",
        "https://user:secret@proxy.test",
        "socks5://user:secret@proxy.test:1080",
        "http://user:secret@proxy.test:x",
        "http://user:secret@proxy.test:65536",
        "http://user:secret@proxy.test:0",
        "http://user:secret@[::1",
        "http://user:secret@proxy.test/path",
        "http://user:secret@proxy.test?q",
        "http://user:sec#ret@proxy.test",
        "http://user:secret@proxy .test",
        "http://user:secret@proxy.test\r\nx",
    ],
)
def test_a_bad_proxy_is_explained_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="write http://host:port") as raised:
        parse_proxy(url)
    assert "secret" not in str(raised.value)


def choose(proxies: OutboundProxies, scheme: str) -> str | None:
    chosen = proxies.choose(target(scheme, "x.test"))
    return chosen.host if chosen else None


@pytest.mark.parametrize(
    ("http", "https", "common", "chosen"),
    [
        (None, None, None, (None, None)),
        ("http://h", None, None, ("h", None)),
        (None, "http://s", None, (None, "s")),
        (None, None, "http://a", ("a", "a")),
        ("http://h", None, "http://a", ("h", "a")),
        (None, "http://s", "http://a", ("a", "s")),
        ("http://h", "http://s", "http://a", ("h", "s")),
    ],
)
def test_the_scheme_of_the_target_chooses_and_all_proxy_fills_in(
    http: str | None, https: str | None, common: str | None, chosen: tuple[str | None, str | None]
) -> None:
    read = [parse_proxy(url) if url else None for url in (http, https, common)]
    proxies = OutboundProxies(read[0], read[1], read[2])
    assert (choose(proxies, "http"), choose(proxies, "https")) == chosen


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "direct"),
    [
        ("", "x.test", 80, False),
        (" , ", "x.test", 80, False),
        ("*", "x.test", 80, True),
        ("y.test, *", "x.test", 80, True),
        ("x.test", "x.test", 80, True),
        ("X.Test", "x.test", 80, True),
        ("x.test", "www.x.test", 80, False),
        ("x.test", "ax.test", 80, False),
        (".x.test", "www.x.test", 80, True),
        (".x.test", "a.b.x.test", 80, True),
        (".x.test", "x.test", 80, False),
        (".x.test", "ax.test", 80, False),
        ("*.x.test", "www.x.test", 80, True),
        ("*.x.test", "x.test", 80, False),
        ("*x.test", "x.test", 80, True),
        ("*x.test", "ax.test", 80, True),
        ("x.test:80", "x.test", 80, True),
        ("x.test:80", "x.test", 81, False),
        (".x.test:8080", "www.x.test", 8080, True),
        (".x.test:8080", "www.x.test", 80, False),
        ("*:8080", "x.test", 8080, True),
        ("*:8080", "x.test", 80, False),
        ("a.test,x.test", "x.test", 80, True),
        ("a.test x.test", "x.test", 80, True),
        ("10.0.0.1", "10.0.0.1", 80, True),
        ("10.0.0.0/8", "10.0.0.1", 80, False),
        ("[::1]", "::1", 80, True),
        ("::1", "::1", 80, True),
        ("[::1]:81", "::1", 81, True),
        ("[::1]:81", "::1", 80, False),
    ],
)
def test_no_proxy_names_what_is_connected_to_directly(
    no_proxy: str, host: str, port: int, direct: bool
) -> None:
    proxies = OutboundProxies(parse_proxy("http://proxy.test"), no_proxy=no_proxy)
    assert (proxies.choose(target("http", host, port)) is None) is direct
