"""What the operator and the page make of header fields, on every front."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fronts import OPEN, ORIGIN, Front, front
from tests.support.process import started
from tests.support.site import Site, redirect, reply

KEY = "s3cret"


@pytest.fixture(scope="module")
def choosy(kind: str, _target: Site) -> Iterator[Front]:
    """Where pages may set some headers, and one target has a key."""
    with front(
        kind,
        **OPEN,
        allow_origins=(ORIGIN,),
        allow_targets=("127.0.0.1",),
        allow_header_overrides=("referer", "cookie", "origin", "user-agent", "x-key"),
        target_headers=((_target.url, "X-Key", KEY), (_target.url, "Authorization", "a, b")),
        set_response_headers=(("Cache-Control", "no-store"), ("X-Added", "1")),
        remove_response_headers=("X-Powered-By",),
    ) as running:
        yield running


def overrides(**headers: str | None) -> str:
    return f"x-cors-headers: {json.dumps({n.replace('_', '-'): v for n, v in headers.items()})}"


# --- x-cors-headers -------------------------------------------------------------------------------


def test_a_page_sets_what_its_browser_would_not(choosy: Front, other: Site) -> None:
    asked = overrides(origin="https://a.test", referer="https://a.test/", cookie="a=b")
    assert choosy.page(other.url, asked, "User-Agent: x").status == 200
    seen = other.last
    assert [seen.get(name) for name in ("origin", "referer", "cookie", "user-agent")] == [
        "https://a.test",
        "https://a.test/",
        "a=b",
        "x",
    ]
    assert "x-cors-headers" not in seen.names


def test_a_page_removes_what_its_browser_sends(choosy: Front, other: Site) -> None:
    choosy.page(other.url, overrides(origin=None), "User-Agent: x")
    assert "origin" not in other.last.names


def test_what_a_page_sets_decides_nothing_about_itself(choosy: Front, other: Site) -> None:
    seen = choosy.ask(other.url, "Origin: https://evil.test", overrides(origin=ORIGIN))
    assert (seen.status, other.requests) == (403, [])


def test_a_cookie_that_a_page_sets_does_not_follow_a_redirect_elsewhere(
    choosy: Front, target: Site, other: Site
) -> None:
    url = other.on("/from", redirect(f"{target.url}/to"))
    choosy.page(url, overrides(cookie="a=b"))
    assert (other.last.get("cookie"), target.last.get("cookie")) == ("a=b", None)


def test_what_is_not_listed_is_refused_before_the_target_is_asked(
    choosy: Front, other: Site
) -> None:
    seen = choosy.page(other.url, overrides(x_other="1"))
    assert (seen.status, seen.error) == (403, "http_request_denied")
    assert "--allow-header-override x-other" in seen.text
    assert not other.requests


def test_what_cannot_be_read_is_told_with_its_place(choosy: Front, other: Site) -> None:
    seen = choosy.page(other.url, 'x-cors-headers: {"referer": 1')
    assert (seen.status, seen.error) == (400, "http_request_error")
    assert "x-cors-headers" in seen.text
    assert "character 14" in seen.text
    assert not other.requests


def test_it_is_off_by_default(proxy: Front, other: Site) -> None:
    seen = proxy.page(other.url, overrides(referer="x"))
    assert (seen.status, seen.error) == (403, "http_request_denied")
    assert "--allow-header-override" in seen.text
    assert not other.requests


# --- for one target -------------------------------------------------------------------------------


def test_a_target_gets_its_key_and_a_page_never_sees_it(choosy: Front, target: Site) -> None:
    seen = choosy.page(target.url, "X-Key: page", "Authorization: page", overrides(x_key="page"))
    assert (target.last.get("x-key"), target.last.get("authorization")) == (KEY, "a, b")
    assert KEY not in f"{seen.fields} {seen.text}"


def test_another_target_does_not(choosy: Front, other: Site) -> None:
    choosy.page(other.url, "X-Key: page")
    assert other.last.get("x-key") == "page"


def test_a_redirect_within_the_target_is_followed_with_the_key(choosy: Front, target: Site) -> None:
    choosy.page(target.on("/from", redirect("/to")))
    assert [hop.get("x-key") for hop in target.requests] == [KEY, KEY]


def test_a_redirect_elsewhere_is_the_pages_to_follow(
    choosy: Front, target: Site, other: Site
) -> None:
    seen = choosy.page(target.on("/from", redirect(f"{other.url}/to")))
    assert seen.status == 302
    assert seen.get("location") == f"http://proxy.test{choosy.base}/{other.url}/to"
    assert not other.requests


def test_who_is_not_allowed_does_not_reach_the_target(choosy: Front, target: Site) -> None:
    assert choosy.ask(target.url, "Origin: https://evil.test").status == 403
    assert choosy.ask(target.url, "X-Requested-With: x").status == 403
    assert not target.requests


def test_a_key_stays_out_of_the_process_list_and_the_log(target: Site, tmp_path: Path) -> None:
    kept = tmp_path / "keys"
    kept.write_text(f"# of the tests\n{target.url}: X-Key: {KEY}, with a comma\n")
    target.on("/cut", reply(b"x").replace(b"Content-Length: 1", b"Content-Length: x"))
    options = ("--allow-origin", ORIGIN, "--target-header", f"@{kept}", "--dev")
    with (tmp_path / "log").open("w+") as log:
        with started(*options, "--allow-target", "127.0.0.1", log=log) as running:
            arguments = Path(f"/proc/{running.process.pid}/cmdline").read_bytes().decode()
            proxy = Front("command", running.port)
            told = [proxy.page(f"{target.url}{path}") for path in ("/", "/cut")]
        log.seek(0)
        logged = log.read()
    assert [seen.status for seen in told] == [200, 502]
    assert [sent.get("x-key") for sent in target.requests] == [f"{KEY}, with a comma"] * 2
    assert "/cut" in logged
    assert KEY not in f"{arguments} {logged} {told}"


# --- replies --------------------------------------------------------------------------------------


def test_the_operators_fields_take_the_place_of_the_targets(choosy: Front, other: Site) -> None:
    fields = ("Cache-Control: public", "X-Powered-By: x", "X-Kept: 1")
    seen = choosy.page(other.on("/", reply(b"", *fields)))
    assert [value for name, value in seen.fields if name == "cache-control"] == ["no-store"]
    assert (seen.get("x-added"), seen.get("x-kept"), seen.get("x-powered-by")) == ("1", "1", None)
    assert {"cache-control", "x-added", "x-kept"} <= set(seen.exposed)
    assert "x-powered-by" not in seen.exposed
