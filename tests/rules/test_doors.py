"""What is asked of the proxy itself, and which door a URL comes to."""

from __future__ import annotations

import pytest

from cors_anywhere.config.suffixes import has_public_suffix
from cors_anywhere.errors import BadRequest, InvalidHost, InvalidTarget, NotMounted
from cors_anywhere.rules.doors import Asked, Door, Doors
from cors_anywhere.rules.mounts import Mounts, parse_mount, parse_target
from tests.support.urls import parse_path

# --- the proxy's own doors --------------------------------------------------------------------

DOORS = Doors(has_public_suffix)


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/", Door.HELP),
        ("//example.com", Door.HELP),
        ("/iscorsneeded", Door.NOT_NEEDED),
        ("/iscorsneeded/x", Door.NOT_NEEDED),
        ("/iscorsneeded?x", Door.NOT_NEEDED),
        ("/iscorsneeded.com", Asked(parse_path("/iscorsneeded.com"))),
    ],
)
def test_what_is_asked_of_the_proxy_itself(path: str, door: Door | Asked) -> None:
    assert DOORS.find(path, "GET", {}) == door


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/wss://a.example/x", "https://a.example/x"),
        ("/ws://a.example/ws:x", "http://a.example/ws:x"),
        ("/WS:/a.com", "http://a.com/"),
        ("//wss://a.example/x", "https://a.example/x"),
        ("/wss%3A%2F%2Fa.example%2Fx", "https://a.example/x"),
        ("/?wss://a.example/x", "https://a.example/x"),
        ("/?url=wss%3A%2F%2Fa.example%2Fx", "https://a.example/x"),
        ("/?key=1&url=ws://a.example/?url=ws://b", "http://a.example/?url=ws://b"),
        ("/?url=https://a.example/?b&url=ws://b", "https://a.example/?b&url=ws://b"),
        ("/https://a.example/ws://b", "https://a.example/ws://b"),
        ("/ws.example.com/x", "http://ws.example.com/x"),
    ],
)
def test_a_websocket_may_be_asked_for_by_its_own_scheme(path: str, url: str) -> None:
    found = DOORS.find(path, "GET", {}, upgrade=True)
    assert isinstance(found, Asked)
    assert found.target.url == url


def test_without_a_handshake_that_scheme_is_none_of_ours() -> None:
    with pytest.raises(InvalidHost, match=r"^Invalid host: wss$"):
        DOORS.find("/wss://a.example/x", "GET", {})


@pytest.mark.parametrize(
    ("base", "mounted_at", "path", "left"),
    [
        ("/cors", "", "/cors/x", "/x"),
        ("/cors", "", "/cors//https://a.test", "//https://a.test"),
        ("/cors", "", "/cors", "/"),
        ("/cors", "", "/cors?x", "/?x"),
        ("/cors", "", "/corsx", "/corsx"),
        ("/cors", "/p", "/p/x", "/x"),
        ("", "", "/x", "/x"),
    ],
)
def test_the_base_path_is_taken_off(base: str, mounted_at: str, path: str, left: str) -> None:
    assert Doors(has_public_suffix, base_path=base).under_base(path, mounted_at) == left


@pytest.mark.parametrize(
    ("host", "url"),
    [("proxy.test", "https://proxy.test/cors"), (None, "/cors"), ("", "/cors")],
)
def test_the_proxys_own_url_is_a_path_where_its_host_is_not_known(
    host: str | None, url: str
) -> None:
    assert Doors(has_public_suffix, base_path="/cors").own_url("https", host) == url


# --- mounts -----------------------------------------------------------------------------------

API = Mounts([parse_mount("/api", "https://api.example.com/base")])
ALONE = Doors(has_public_suffix, mounts=API, open_proxy=False)
BESIDE = Doors(has_public_suffix, mounts=API, open_proxy=True)
ONE = Doors(has_public_suffix, mounts=Mounts([parse_target("https://a.example")]), open_proxy=False)


@pytest.mark.parametrize("doors", [ALONE, BESIDE])
def test_a_path_of_a_mount_means_nothing_else(doors: Doors) -> None:
    found = doors.find("/api/https://example.com/", "GET", {}, upgrade=True)
    assert isinstance(found, Asked)
    assert found.target.url == "https://api.example.com/base/https://example.com/"
    assert found.mount is not None
    assert found.mount.prefix == "/api"


def test_the_open_proxy_beside_mounts_is_asked_as_ever() -> None:
    assert BESIDE.find("/https://example.com/", "GET", {}) == Asked(
        parse_path("/https://example.com")
    )
    assert BESIDE.find("/", "GET", {}) is Door.HELP


@pytest.mark.parametrize(
    "path",
    [
        "/https://example.com/",
        "/example.com",
        "/?url=https://example.com",
        "/https%3A%2F%2Fexample.com",
        "/favicon.ico",
        "/apix",
        "/http://[",
        "/http://example.com:65536",
        "/api .example.com",
    ],
)
def test_without_the_open_proxy_a_url_is_not_found(path: str) -> None:
    with pytest.raises(NotMounted, match="serves the operator's mounts only") as caught:
        ALONE.find(path, "GET", {})
    assert (caught.value.status, "--open-proxy" in caught.value.hint) == (404, True)


@pytest.mark.parametrize(
    ("path", "door"),
    [("/", Door.HELP), ("/?x", Door.HELP), ("/iscorsneeded", Door.NOT_NEEDED)],
)
def test_other_paths_stay_the_proxys(path: str, door: Door) -> None:
    assert ALONE.find(path, "GET", {}) is door


@pytest.mark.parametrize("path", ["/", "/iscorsneeded", "/https://example.com/", "/get?url=x"])
def test_where_there_is_one_target_no_path_is_the_proxys(path: str) -> None:
    found = ONE.find(path, "GET", {})
    assert isinstance(found, Asked)
    assert found.target.url == "https://a.example" + path


PREFLIGHT = {"origin": "https://page.test", "access-control-request-method": "PUT"}


@pytest.mark.parametrize(
    ("path", "index", "forwarded"),
    [
        ("/api/x", {"origin": "https://page.test"}, True),
        ("/api/x", PREFLIGHT, False),
        ("/api/x", {}, False),
        ("/api/../x", {"origin": "https://page.test"}, False),
        ("/https://example.com/", {"origin": "https://page.test"}, False),
    ],
)
def test_an_options_of_a_mount_is_its_targets_unless_it_is_a_preflight(
    path: str, index: dict[str, str], *, forwarded: bool
) -> None:
    found = ALONE.find(path, "OPTIONS", index)
    assert isinstance(found, Asked) if forwarded else found is Door.PREFLIGHT


@pytest.mark.parametrize("path", ["/api/x y", "/api/x\x7f", "/api\x00"])
def test_a_mounts_path_is_fit_for_a_wire(path: str) -> None:
    with pytest.raises(InvalidTarget if path != "/api\x00" else NotMounted):
        ALONE.find(path, "GET", {})


# --- the doors of AllOrigins ------------------------------------------------------------------


@pytest.mark.parametrize(("door", "as_json"), [("get", True), ("raw", False)])
def test_a_form_asks_for_the_url_in_its_query(door: str, *, as_json: bool) -> None:
    found = DOORS.find(f"/{door}?url=https%3A%2F%2Fexample.com%2Fa%2520b%3Fc", "GET", {})
    assert found == Asked(parse_path("/https://example.com/a%20b?c"), as_json=as_json)


@pytest.mark.parametrize("door", ["get", "raw"])
@pytest.mark.parametrize("query", ["", "url=", "url=http:///x", "url=example.com"])
def test_a_form_that_names_no_url_is_a_mistake_and_no_help_page(door: str, query: str) -> None:
    with pytest.raises(BadRequest, match=f"A URL is needed here: /{door}"):
        DOORS.find(f"/{door}?{query}", "GET", {})


@pytest.mark.parametrize("path", ["/get", "/raw", "/get/x", "/getx?url=https://example.com"])
def test_without_a_query_those_names_are_no_hosts_as_ever(path: str) -> None:
    with pytest.raises(InvalidHost):
        DOORS.find(path, "GET", {})


def test_an_options_of_json_stays_here() -> None:
    index = {"origin": "https://page.test"}
    path = "?url=https://example.com"
    assert DOORS.find(f"/get{path}", "OPTIONS", index) is Door.PREFLIGHT
    assert isinstance(DOORS.find(f"/raw{path}", "OPTIONS", index), Asked)


@pytest.mark.parametrize("path", ["/get?url=https://a b.com", "/raw?url=https://example.com/\x7f"])
def test_a_forms_url_is_fit_for_a_wire(path: str) -> None:
    with pytest.raises(InvalidTarget, match="space or control character"):
        DOORS.find(path, "GET", {})
