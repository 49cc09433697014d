"""Mounts and the one target, on every front."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fronts import OPEN, ORIGIN, Front, front
from tests.support.site import Site, Wire, redirect, reply
from tests.support.websocket import ACCEPT, HANDSHAKE, SWITCH


@pytest.fixture(scope="module")
def settings(_target: Site, _other: Site) -> dict[str, Any]:
    """Mounts alone. No network is allowed: these are written as addresses, and as localhost."""
    return {
        "mounts": {
            "/api": f"{_target.url}/base",
            "/api/named": f"http://localhost:{_other.port}",
        }
    }


@pytest.fixture(scope="module")
def alone(kind: str, _target: Site) -> Iterator[Front]:
    """A proxy of one target."""
    with front(kind, target=_target.url) as running:
        yield running


@pytest.fixture(scope="module")
def beside(kind: str, _target: Site) -> Iterator[Front]:
    """A mount, and the open proxy beside it."""
    mounts = {"/api": _target.url}
    with front(kind, **OPEN, mounts=mounts, open_proxy=True) as running:
        yield running


# --- what a path means ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("api", "/base"),
        ("api?x=/y", "/base?x=/y"),
        ("api/", "/base/"),
        (
            "api//x/./%2F%7e;y=z//?q=../%2e%2e&http://w",
            "/base//x/./%2F%7e;y=z//?q=../%2e%2e&http://w",
        ),
        ("api/https://example.com/", "/base/https://example.com/"),
    ],
)
def test_path_and_query_go_to_the_target_octet_for_octet(
    proxy: Front, target: Site, path: str, asked: str
) -> None:
    seen = proxy.page(path)
    assert (seen.status, seen.body, target.last.path) == (200, b"ok", asked)
    assert target.last.get("host") == f"127.0.0.1:{target.port}"
    assert seen.cors["allow-origin"] == "*"
    assert seen.get("x-request-url") == f"{target.url}{asked}"


def test_the_longest_prefix_wins_and_localhost_is_allowed_where_it_is_written(
    proxy: Front, target: Site, other: Site
) -> None:
    assert proxy.page("api/named/x?y").status == 200
    assert (other.last.path, target.requests) == ("/x?y", [])


@pytest.mark.parametrize(
    "path", ["api/../x", "api/x/%2e%2E/y", "api/..%2fx", "api/..;/x", "api/.."]
)
def test_nothing_leads_out_of_the_path_of_a_mount(proxy: Front, target: Site, path: str) -> None:
    seen = proxy.page(path)
    assert (seen.status, target.requests) == (400, [])
    assert "lead out of this mount" in seen.text
    assert seen.cors["allow-origin"] == "*"


@pytest.mark.parametrize(
    "path",
    [
        *("https://example.com/", "example.com", "?url=https://example.com", "favicon.ico"),
        *("apis", "API/x", "get?url=https://example.com", "raw?url=https://example.com"),
    ],
)
def test_any_other_url_is_not_found_and_the_option_is_named(
    proxy: Front, target: Site, path: str
) -> None:
    seen = proxy.page(path)
    assert (seen.status, seen.error, target.requests) == (404, "http_request_error", [])
    assert "mounts only" in seen.text
    assert "--open-proxy" in seen.text


def test_other_paths_are_the_proxys_own(proxy: Front) -> None:
    assert proxy.ask("iscorsneeded").body == b"no"
    seen = proxy.ask("")
    assert (seen.status, "Paths that belong to no mount fetch nothing" in seen.text) == (200, True)


def test_methods_and_bodies_pass(proxy: Front, target: Site) -> None:
    seen = proxy.page("api/x", "Content-Type: text/x", method="PROPPATCH", body=b"body")
    assert (seen.status, target.last.method, target.last.body) == (200, "PROPPATCH", b"body")


def test_a_preflight_is_answered_and_any_other_options_of_a_page_is_the_targets(
    proxy: Front, target: Site
) -> None:
    seen = proxy.page("api/x", "Access-Control-Request-Method: PUT", method="OPTIONS")
    assert (seen.status, seen.cors["allow-methods"], target.requests) == (200, "PUT", [])
    assert proxy.ask("api/x", method="OPTIONS").status == 200
    assert target.requests == []
    target.on("/base/x", reply(b"", "DAV: 1"))
    seen = proxy.page("api/x", method="OPTIONS")
    assert (seen.get("dav"), target.last.method) == ("1", "OPTIONS")


@pytest.mark.parametrize("form", ["{url}", "get?url={url}", "doctor?url={url}"])
def test_a_mounts_right_to_reach_its_target_is_nobody_elses(
    kind: str, target: Site, form: str
) -> None:
    """Its connection waits in the pool: only the mount may use it."""
    mounts = {"/api": target.url}
    with front(kind, mounts=mounts, open_proxy=True, require_headers=()) as proxy:
        assert proxy.page("api/x").status == 200
        target.clear()
        seen = proxy.page(form.format(url=f"{target.url}/x"))
        assert (target.requests, "loopback" in seen.text) == ([], True)
        assert proxy.page("api/x").status == 200


def test_a_websocket_passes(proxy: Front, target: Site) -> None:
    def talk(wire: Wire) -> None:
        wire.send(
            SWITCH + f"Connection: Upgrade\r\nUpgrade: websocket\r\n{ACCEPT}\r\n\r\n".encode()
        )
        wire.send(wire.sock.recv(4) * 2)
        wire.end()

    target.on("/base/ws", talk)
    with proxy.connect() as connection:
        connection.ask("api/ws", *HANDSHAKE, f"Origin: {ORIGIN}")
        assert connection.head()[0] == 101
        connection.send(b"ping")
        assert connection.file.read(8) == b"pingping"


# --- redirects --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("/base/y?z", "http://proxy.test{base}/api/y?z"),
        ("y", "http://proxy.test{base}/api/y"),
        ("http://localhost:{other}/y", "http://proxy.test{base}/api/named/y"),
        ("/elsewhere", "{target}/elsewhere"),
        ("https://www.example.org/x", "https://www.example.org/x"),
    ],
)
@pytest.mark.parametrize("status", ["302 Found", "307 Temporary", "201 Created"])
def test_what_a_mount_leads_to_stays_within_the_mounts(
    proxy: Front, target: Site, other: Site, place: str, where: str, status: str
) -> None:
    written = place.format(other=other.port)
    target.on("/base/x", reply(b"body", f"Location: {written}", status=status))
    seen = proxy.page("api/x")
    assert (seen.status, seen.body) == (int(status[:3]), b"body")
    assert seen.get("location") == where.format(base=proxy.base, target=target.url)
    assert [request.path for request in target.requests] == ["/base/x"]
    assert other.requests == []


def test_the_open_proxy_beside_a_mount_follows_what_leads_out_of_it(
    beside: Front, target: Site, other: Site
) -> None:
    target.on("/x", redirect(f"{other.url}/y"))
    seen = beside.page("api/x")
    assert (seen.status, seen.get("x-final-url")) == (200, f"{other.url}/y")
    assert beside.page(f"{other.url}/z").status == 200
    assert [request.path for request in other.requests] == ["/y", "/z"]


# --- one target -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["", "healthz", "get", "get?url=https://example.com/", "raw?url=x", "iscorsneeded", "x/y?z",
     "https://example.com/", "/x", "?url=https://example.com", "../x"],
)  # fmt: skip
def test_every_path_is_the_one_targets(alone: Front, target: Site, path: str) -> None:
    assert alone.page(path).status == 200
    assert target.last.path == f"/{path}"


def test_a_redirect_of_the_one_target_stays_here(alone: Front, target: Site) -> None:
    target.on("/a", redirect("/b"))
    assert alone.page("a").get("location") == f"http://proxy.test{alone.base}/b"


def test_a_page_of_our_own_origin_needs_no_header(alone: Front, target: Site) -> None:
    assert alone.ask("x", "Sec-Fetch-Site: same-origin").status == 200
    assert alone.ask("x").status == 400
    assert len(target.requests) == 1
