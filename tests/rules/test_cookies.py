"""How a target's cookies read at a mount, and where a page may read them."""

from __future__ import annotations

import pytest

from cors_anywhere.messages import Fields, Plan, ReplyHead
from cors_anywhere.rules.cookies import Cookies, Way, at_mount, remembering
from cors_anywhere.rules.headers import Sorted
from cors_anywhere.rules.mounts import parse_mount
from tests.support.urls import parse_path

PLAIN = Way("", secure=False, cross_site=False)
PLAIN_CROSS = Way("", secure=False, cross_site=True)
SECURE = Way("", secure=True, cross_site=False)
CROSS = Way("", secure=True, cross_site=True)


def read(
    value: str,
    way: Way = SECURE,
    *,
    prefix: str = "/api",
    url: str = "https://a.test",
    path: str = "/",
) -> str | None:
    """What the browser is told."""
    return at_mount(value, parse_mount(prefix, url) if prefix else MOUNT_OF_ALL, path, way)


MOUNT_OF_ALL = parse_mount("/x", "https://a.test")._replace(prefix="")

# --- what is said besides ---


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("a=b", "a=b; Path=/api"),
        ("a=b; Domain=a.test", "a=b; Path=/api"),
        ("a=b;DOMAIN = .a.test ;HttpOnly", "a=b; HttpOnly; Path=/api"),
        ("a=", "a=; Path=/api"),
        ("=b", "=b; Path=/api"),
        ("b", "b; Path=/api"),
        ('a="x y", z=\xe9', 'a="x y", z=\xe9; Path=/api'),
        (
            "a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=5; Priority=High; X",
            "a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=5; Priority=High; X; Path=/api",
        ),
        ("a=b;;  ; Path=/", "a=b; Path=/api"),
    ],
)
def test_the_rest_of_a_cookie_passes_as_it_came(value: str, told: str) -> None:
    assert read(value) == told


# --- Path ---


@pytest.mark.parametrize(
    ("base", "said", "path"),
    [
        # (the mount's own path at the target, the cookie's Path, its Path at /api)
        ("", "/", "/api"),
        ("", "/x", "/api/x"),
        ("", "/x/", "/api/x/"),
        ("/base", "/", "/api"),
        ("/base", "/base", "/api"),
        ("/base", "/base/", "/api/"),
        ("/base", "/base/x", "/api/x"),
        ("/base/deep", "/base", "/api"),
        ("/base/deep", "/base/", "/api"),
    ],
)
def test_a_path_is_put_under_the_mount(base: str, said: str, path: str) -> None:
    assert read(f"a=b; Path={said}", url=f"https://a.test{base}") == f"a=b; Path={path}"


@pytest.mark.parametrize("said", ["/other", "/ba", "/basement", "/base2/x"])
def test_a_cookie_for_what_the_mount_does_not_lead_to_does_not_pass(said: str) -> None:
    assert read(f"a=b; Path={said}", url="https://a.test/base") is None


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/", "/api"),
        ("/login", "/api"),
        ("/login?next=/a/b", "/api"),
        ("/v1/login", "/api/v1"),
        ("/v1/", "/api/v1"),
        ("?x", "/api"),
    ],
)
@pytest.mark.parametrize("said", ["", "; Path", "; Path=", "; Path=x", "; Path=/y; Path=x"])
def test_a_cookie_that_says_no_path_is_for_what_is_beside_the_page_that_set_it(
    asked: str, path: str, said: str
) -> None:
    assert read(f"a=b{said}", path=asked) == f"a=b; Path={path}"


@pytest.mark.parametrize(
    ("way", "prefix", "path"),
    [
        (SECURE._replace(base="/proxy"), "/api", "/proxy/api/x"),
        (SECURE._replace(base="/proxy"), "", "/proxy/x"),
        (SECURE, "", "/x"),
    ],
)
def test_the_path_begins_where_the_proxy_is(way: Way, prefix: str, path: str) -> None:
    assert read("a=b; Path=/x", way, prefix=prefix) == f"a=b; Path={path}"


def test_the_whole_of_a_target_without_a_prefix_is_the_root() -> None:
    assert read("a=b; Path=/", prefix="") == "a=b; Path=/"


@pytest.mark.parametrize("name", ["__Host-a", "__host-a", "__HOST-a"])
def test_a_cookie_of_the_whole_host_keeps_its_path(name: str) -> None:
    assert read(f"{name}=b; Secure; Path=/") == f"{name}=b; Path=/; Secure"


def test_a_secure_prefix_alone_keeps_no_path() -> None:
    assert read("__Secure-a=b; Secure; Path=/") == "__Secure-a=b; Path=/api; Secure"


# --- SameSite, Secure, Partitioned ---


@pytest.mark.parametrize(
    ("said", "way", "told"),
    [
        ("", PLAIN, ""),
        ("", SECURE, ""),
        ("", CROSS, "; SameSite=None; Secure; Partitioned"),
        ("; Secure", PLAIN, ""),
        ("; Secure", SECURE, "; Secure"),
        ("; secure; samesite=none", PLAIN, ""),
        ("; SECURE; SameSite=None", PLAIN_CROSS, ""),
        ("; Secure; SameSite=None", SECURE, "; SameSite=None; Secure"),
        ("; Secure; SameSite=None; Partitioned", SECURE, "; SameSite=None; Secure; Partitioned"),
        ("; Secure; SameSite=None; Partitioned", PLAIN, ""),
        ("; SameSite=Lax", PLAIN, "; SameSite=Lax"),
        ("; SameSite=Strict", SECURE, "; SameSite=Strict"),
        ("; SameSite=Strict", CROSS, "; SameSite=None; Secure; Partitioned"),
        ("; SameSite=Lax; SameSite=None", PLAIN, ""),
    ],
)
def test_a_cookie_says_what_the_way_to_the_proxy_demands(said: str, way: Way, told: str) -> None:
    assert read(f"a=b{said}", way) == f"a=b; Path=/api{told}"


# --- which pass, and which are shown ---


def plan(url: str, *, mounted: bool = True) -> Plan:
    target = parse_path(f"/{url}")
    mount = parse_mount("/api", "https://a.test/base") if mounted else None
    return Plan(target, "GET", (), False, target, (), None, mount=mount)


HERE = plan("https://a.test/base/x")


def restated(what: Plan, *fields: tuple[str, str], pass_on: bool, expose: bool) -> Sorted:
    names = [name for name, _ in fields]
    received = Sorted(list(fields), names, {"set-cookie": ["a=b", "c=d; Path=/no"]})
    return Cookies(pass_on=pass_on, expose=expose).restated(received, what, PLAIN)


def test_cookies_of_a_mount_pass_and_make_the_reply_private() -> None:
    got = restated(HERE, ("x-a", "1"), pass_on=True, expose=False)
    told: Fields = [("x-a", "1"), ("set-cookie", "a=b; Path=/api"), ("cache-control", "private")]
    assert (got.fields, got.names) == (told, ["x-a", "cache-control"])


def test_what_the_target_says_of_caches_stays() -> None:
    got = restated(HERE, ("cache-control", "no-store"), pass_on=True, expose=False)
    assert [value for name, value in got.fields if name == "cache-control"] == ["no-store"]


@pytest.mark.parametrize(
    "elsewhere",
    [
        plan("https://a.test/base/x", mounted=False),
        plan("https://a.test/other"),
        plan("https://b.test/base/x"),
        plan("http://a.test/base/x"),
    ],
)
def test_no_other_cookie_passes(elsewhere: Plan) -> None:
    got = restated(elsewhere, pass_on=True, expose=False)
    assert (got.fields, got.names) == ([], [])


@pytest.mark.parametrize("what", [HERE, plan("https://b.test/", mounted=False)])
def test_a_page_reads_all_of_them_as_they_came(what: Plan) -> None:
    got = restated(what, pass_on=False, expose=True)
    shown = [("x-cors-set-cookie", "a=b"), ("x-cors-set-cookie", "c=d; Path=/no")]
    assert (got.fields, got.names) == (shown, ["x-cors-set-cookie"])


def test_it_reads_those_of_the_redirects_before_and_no_mount_gets_them() -> None:
    moved = ReplyHead(302, "", (("Set-Cookie", "x=1"), ("Location", "/"), ("set-cookie", "y=2")), 0)
    what = remembering(HERE, moved)
    got = restated(what, pass_on=True, expose=True)
    shown = [value for name, value in got.fields if name == "x-cors-set-cookie"]
    assert shown == ["x=1", "y=2", "a=b", "c=d; Path=/no"]
    assert [value for name, value in got.fields if name == "set-cookie"] == ["a=b; Path=/api"]
    assert remembering(HERE, moved._replace(fields=())) is HERE
