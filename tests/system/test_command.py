"""The environment variables that the command keeps, by a running command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_values_are_read_from_files_by_options_and_variables_alike(
    target: Site, tmp_path: Path
) -> None:
    (tmp_path / "origins").write_text("# ours\nhttps://a.test\n\nhttps://b.test\n")
    (tmp_path / "headers").write_text("X-List: a, b\n")
    (tmp_path / "networks").write_text("127.0.0.0/8\n")
    variables = {"CORSANYWHERE_ALLOW_ORIGIN": f"@{tmp_path}/origins,https://c.test"}
    options = ("--set-header", f"@{tmp_path}/headers", "--allow-network", f"@{tmp_path}/networks")
    with started(*options, variables=variables) as running:
        asking = [f"https://{name}.test" for name in "abcd"]
        assert statuses(running.port, target.url, *asking) == [200, 200, 200, 403]
    assert target.last.get("x-list") == "a, b"


def test_a_mistake_in_a_file_is_told_with_its_line_before_anything_listens(tmp_path: Path) -> None:
    (tmp_path / "origins").write_text("https://a.test\nb.test\n")
    (tmp_path / "port").write_text("80\n81\n")
    options = ("--allow-origin", f"@{tmp_path}/origins", "--port", f"@{tmp_path}/port")
    done = subprocess.run(
        [sys.executable, "-m", "cors_anywhere", *options, "--deny-target", f"@{tmp_path}/none"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    told = sorted(line.partition(": ")[0] for line in done.stderr.splitlines()[1:])
    assert told == [
        f"  --allow-origin @{tmp_path}/origins:2",
        f"  --deny-target @{tmp_path}/none",
        f"  --port @{tmp_path}/port:2",
    ]
