"""Credentials: whose pages may send them, and the cookies of mounts, on every front."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fronts import HERE, OPEN, ORIGIN, Front, Reply, front
from tests.support.site import Site, redirect, reply

EVIL = "https://evil.test"
CREDITS = "access-control-allow-credentials"


@pytest.fixture(scope="module")
def settings(_target: Site) -> dict[str, object]:
    return {
        **HERE,
        "allow_origins": (ORIGIN,),
        "allow_credentials": True,
        "mounts": (("/api", f"{_target.url}/base"),),
        "open_proxy": True,
        "trusted_proxies": ("127.0.0.0/8",),
    }


def is_credited(seen: Reply, origin: str = ORIGIN) -> bool:
    """Whether a page of the origin may read the reply to a request with credentials."""
    assert "*" not in seen.exposed
    assert "origin" in (seen.get("vary") or "").lower().split(", ")
    named = seen.cors["allow-origin"] == origin
    assert named == (seen.get(CREDITS) == "true"), "* and credentials never together"
    return named


# --- whose --------------------------------------------------------------------------------------


def test_a_page_that_is_allowed_reads_replies_with_credentials(proxy: Front, other: Site) -> None:
    assert is_credited(proxy.page(other.url))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("http://10.0.0.1/", 403),
        ("http://127.0.0.1:1/", 502),
        ("favicon.ico", 404),
        ("http://a.test:99999/", 400),
        ("", 200),
        (f"{ORIGIN}/x", 301),
    ],
)
def test_it_reads_what_the_proxy_itself_says_too(proxy: Front, path: str, status: int) -> None:
    seen = proxy.page(path)
    assert seen.status == status
    assert is_credited(seen)


def test_its_preflight_names_all_one_by_one(proxy: Front, other: Site) -> None:
    asked = ("Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a")
    seen = proxy.page(other.url, *asked, method="OPTIONS")
    assert is_credited(seen)
    assert (seen.cors["allow-methods"], seen.cors["allow-headers"]) == ("PUT", "x-a")


def test_another_page_reads_its_refusal_without_credentials(proxy: Front, other: Site) -> None:
    seen = proxy.ask(other.url, f"Origin: {EVIL}")
    assert (seen.status, seen.cors["allow-origin"]) == (403, "*")
    assert not is_credited(seen, EVIL)
    preflight = ("Access-Control-Request-Method: PUT", f"Origin: {EVIL}")
    assert not is_credited(proxy.ask(other.url, *preflight, method="OPTIONS"), EVIL)
    assert not other.requests


def test_cookies_are_still_dropped_where_there_is_no_mount(proxy: Front, other: Site) -> None:
    seen = proxy.page(other.on("/", reply(b"", "Set-Cookie: a=b")), "Cookie: c=d")
    assert (other.last.get("cookie"), seen.get("set-cookie")) == (None, None)


# --- cookies of a mount ---------------------------------------------------------------------------


def test_cookies_pass_both_ways_at_a_mount(proxy: Front, target: Site) -> None:
    set_cookies = ("Set-Cookie: a=b; Domain=x.test; HttpOnly", "Set-Cookie: c=d; Path=/base/x")
    target.on("/base/login", reply(b"", *set_cookies))
    seen = proxy.page("api/login", "Cookie: e=f", "Sec-Fetch-Site: same-site")
    assert target.last.get("cookie") == "e=f"
    at = f"{proxy.base}/api"
    assert [value for name, value in seen.fields if name == "set-cookie"] == [
        f"a=b; HttpOnly; Path={at}",
        f"c=d; Path={at}/x",
    ]
    assert (seen.get("cache-control"), is_credited(seen)) == ("private", True)
    assert "set-cookie" not in seen.exposed


def test_what_is_answered_to_a_cookie_is_no_shared_caches(proxy: Front, target: Site) -> None:
    assert proxy.page("api/", "Cookie: c=d").get("cache-control") == "private"
    assert proxy.page("api/").get("cache-control") is None


def test_a_page_of_another_site_gets_cookies_that_its_browser_keeps(
    proxy: Front, target: Site
) -> None:
    target.on("/base/", reply(b"", "Set-Cookie: a=b; SameSite=Lax"))
    seen = proxy.page("api/", "X-Forwarded-Proto: https", "Sec-Fetch-Site: cross-site")
    at = f"{proxy.base}/api"
    assert seen.get("set-cookie") == f"a=b; Path={at}; SameSite=None; Secure; Partitioned"


def test_a_redirect_within_the_mount_brings_its_cookies(proxy: Front, target: Site) -> None:
    moved = redirect("/base/home").replace(b"Location:", b"Set-Cookie: a=b\r\nLocation:")
    target.on("/base/login", moved)
    seen = proxy.page("api/login", "Cookie: c=d")
    assert (seen.status, len(target.requests)) == (302, 1)
    assert (seen.get("location") or "").endswith(f"{proxy.base}/api/home")
    assert (seen.get("set-cookie") or "").startswith("a=b; ")
    assert is_credited(seen)


def test_a_redirect_out_of_the_mount_takes_no_cookie_along_and_brings_none(
    proxy: Front, target: Site, other: Site
) -> None:
    other.on("/to", reply(b"", "Set-Cookie: a=b"))
    target.on("/base/out", redirect(f"{other.url}/to"))
    seen = proxy.page("api/out", "Cookie: c=d")
    assert (target.last.get("cookie"), other.last.get("cookie")) == ("c=d", None)
    assert seen.get("set-cookie") is None


def test_no_other_page_reaches_the_mount(proxy: Front, target: Site) -> None:
    for fields in ((f"Origin: {EVIL}",), ("Origin: null",), ("X-Requested-With: x",)):
        assert proxy.ask("api/", "Cookie: c=d", *fields).status == 403
    assert not target.requests


# --- without the option ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def showing(kind: str, _target: Site) -> Iterator[Front]:
    """Without credentials, and with cookies to be read."""
    mounts = (("/api", _target.url),)
    with front(kind, **OPEN, expose_set_cookie=True, mounts=mounts, open_proxy=True) as running:
        yield running


def test_without_credentials_no_mount_has_cookies(showing: Front, target: Site) -> None:
    seen = showing.page(f"api{_with_cookie(target)}", "Cookie: c=d")
    assert (target.last.get("cookie"), seen.get("set-cookie")) == (None, None)
    assert (seen.cors["allow-origin"], seen.get(CREDITS)) == ("*", None)


def test_a_page_may_read_cookies_by_option(showing: Front, target: Site) -> None:
    seen = showing.page(f"api{_with_cookie(target)}")
    assert seen.get("x-cors-set-cookie") == "a=b; Domain=x.test, c=d"
    assert "x-cors-set-cookie" in seen.exposed


def test_it_may_read_those_of_a_redirect_that_the_proxy_followed(
    showing: Front, other: Site
) -> None:
    moved = redirect("/home").replace(b"Location:", b"Set-Cookie: session=1\r\nLocation:")
    seen = showing.page(other.on("/login", moved))
    assert (seen.status, len(other.requests)) == (200, 2)
    assert seen.get("x-cors-set-cookie") == "session=1"
    assert other.last.get("cookie") is None


def test_a_target_cannot_forge_what_is_shown(proxy: Front, other: Site) -> None:
    seen = proxy.page(other.on("/", reply(b"", "X-Cors-Set-Cookie: a=b")))
    assert seen.get("x-cors-set-cookie") is None


def _with_cookie(target: Site) -> str:
    target.on("/c", reply(b"", "Set-Cookie: a=b; Domain=x.test", "Set-Cookie: c=d"))
    return "/c"
