"""The environment variables that the command keeps, by a running command."""

from __future__ import annotations

import pytest

from tests.support.fronts import Front
from tests.support.process import started
from tests.support.site import Site, redirect, site
from tests.support.tls import Tls

LOOPBACK = ("--allow-network", "127.0.0.0/8")


def statuses(port: int, url: str, *origins: str) -> list[int]:
    proxy = Front("command", port)
    return [proxy.ask(url, f"Origin: {origin}").status for origin in origins]


def test_host_and_port_are_read(target: Site) -> None:
    with site() as taken:
        free = taken.port
    with started(*LOOPBACK, variables={"HOST": "127.0.0.1", "PORT": str(free)}) as running:
        assert running.port == free
        assert statuses(running.port, target.url, "https://a.test") == [200]


def test_the_whitelist_is_read(target: Site) -> None:
    listed = "https://a.test , http://b.test:8080"
    with started(*LOOPBACK, variables={"CORSANYWHERE_WHITELIST": listed}) as running:
        origins = ("https://a.test", "http://b.test:8080", "http://a.test", "http://b.test")
        assert statuses(running.port, target.url, *origins) == [200, 200, 403, 403]


def test_the_blacklist_is_read(target: Site) -> None:
    with started(
        *LOOPBACK, variables={"CORSANYWHERE_BLACKLIST": "https://a.test,https://b.test"}
    ) as running:
        origins = ("https://a.test", "https://b.test", "https://c.test")
        assert statuses(running.port, target.url, *origins) == [403, 403, 200]


def test_the_rate_limit_is_read(target: Site) -> None:
    variables = {"CORSANYWHERE_RATELIMIT": r"1 1 free.test /.*\.free\.test/"}
    with started(*LOOPBACK, variables=variables) as running:
        counted = statuses(running.port, target.url, *["https://a.test"] * 2)
        free = statuses(running.port, target.url, *["https://free.test", "http://x.free.test"] * 2)
        text = Front("command", running.port).ask(target.url, "Origin: https://a.test").text
    assert (counted, free) == ([200, 429], [200] * 4)
    assert text.endswith("\nThe number of requests is limited to 1 per minute.")


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_http_targets_are_reached_through_the_outbound_proxy(name: str, forwarder: Site) -> None:
    by = f"http://user:pass@127.0.0.1:{forwarder.port}"
    with started(variables={name: by}) as running:
        seen = Front("command", running.port).page("http://api.example.com/a//b?c")
    assert seen.body == b"ok"
    asked = forwarder.last
    assert (asked.method, asked.path) == ("GET", "http://api.example.com/a//b?c")
    assert asked.get("host") == "api.example.com"
    assert asked.get("proxy-authorization") == "Basic dXNlcjpwYXNz"


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_https_targets_are_reached_by_connect(name: str, forwarder: Site, tls: Tls) -> None:
    by = f"http://user:pass@127.0.0.1:{forwarder.port}"
    with started("--ca-file", tls.ca_file, variables={name: by}) as running:
        seen = Front("command", running.port).page("https://api.example.com/p")
    assert seen.body == b"ok"
    tunnel, asked = forwarder.requests
    assert (tunnel.method, tunnel.path) == ("CONNECT", "api.example.com:443")
    assert tunnel.get("proxy-authorization") == "Basic dXNlcjpwYXNz"
    assert (asked.method, asked.path) == ("GET", "/p")
    assert "proxy-authorization" not in asked.names


@pytest.mark.parametrize(
    ("exclusions", "direct"),
    [
        ("*", True),
        ("127.0.0.1", True),
        ("127.0.0.1:{port}", True),
        ("*.0.0.1", True),
        (".0.0.1", True),
        ("127.0.0.1:1", False),
        ("other.test", False),
        ("", False),
    ],
)
def test_no_proxy_names_targets_that_are_reached_directly(
    exclusions: str, direct: bool, target: Site, forwarder: Site
) -> None:
    variables = {
        "http_proxy": f"http://127.0.0.1:{forwarder.port}",
        "no_proxy": exclusions.format(port=target.port),
    }
    with started(*LOOPBACK, variables=variables) as running:
        assert statuses(running.port, target.url, "https://a.test") == [200]
    assert (len(target.requests), len(forwarder.requests)) == ((1, 0) if direct else (0, 1))


def test_a_base_path_is_part_of_the_base_url(target: Site) -> None:
    url = target.on("/a", redirect("/a"))
    with started(*LOOPBACK, "--base-path", "/cors") as running:
        for base in ("/cors", ""):  # a front server may have removed it
            seen = Front("command", running.port, base).page(url)
            assert (seen.status, seen.get("location")) == (302, f"http://proxy.test/cors/{url}")
