"""`--dev`, by a running command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fronts import Front
from tests.support.process import started
from tests.support.site import Site


@pytest.fixture(scope="module")
def dev() -> Iterator[Front]:
    with started("--dev") as running:
        yield Front("command", running.port)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_served_on_this_machine_can_be_read(dev: Front, target: Site, host: str) -> None:
    url = f"http://{host}:{target.port}/a"
    assert dev.ask(url, "Origin: http://localhost:3000").status == 200


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://169.254.169.254/", "http://[fe80::1]/", "http://0.0.0.0/"]
)
def test_what_is_near_it_cannot(dev: Front, url: str) -> None:
    assert dev.ask(url, "Origin: http://localhost:3000").status == 403


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["Origin: http://localhost:3000"], 200),
        (["Origin: https://127.0.0.1:8443"], 200),
        (["Origin: http://[::1]:5173"], 200),
        (["Origin: https://page.test"], 403),
        (["Origin: http://localhost.page.test"], 403),
        (["Origin: null"], 403),
        (["X-Requested-With: XMLHttpRequest"], 403),
    ],
)
def test_pages_of_other_sites_cannot_read_it(
    dev: Front, target: Site, fields: list[str], status: int
) -> None:
    assert dev.ask(target.url, *fields).status == status
    assert len(target.requests) == (1 if status == 200 else 0)


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("rebound.test", 403)])
def test_a_page_of_the_proxy_itself_can_read_it_unless_its_name_can_be_another_s(
    dev: Front, target: Site, host: str, status: int
) -> None:
    head = f"GET /{target.url} HTTP/1.1\r\nHost: {host}:{dev.port}\r\nSec-Fetch-Site: same-origin"
    with dev.connect() as connection:
        connection.send(f"{head}\r\n\r\n".encode())
        assert connection.reply().status == status


def test_every_request_is_logged_once_with_what_became_of_it(target: Site, tmp_path: Path) -> None:
    page = "http://localhost:3000"
    with (tmp_path / "log").open("w") as log, started("--dev", log=log) as running:
        dev = Front("command", running.port)
        dev.ask(f"{target.url}?secret", f"Origin: {page}")
        dev.ask("http://10.0.0.1/", f"Origin: {page}")
        dev.ask(target.url, "Origin: https://page.test")
        dev.ask("http://127.0.0.1:1/", f"Origin: {page}")  # nobody listens
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if "GET" in line]
    assert [line.split(", ")[0].split(" ", 1)[1] for line in lines] == [
        f"200 GET {target.url}/",
        "403 GET http://10.0.0.1/",
        f"403 GET {target.url}/",
        "502 GET http://127.0.0.1:1/",
    ]
    assert all(f"from {page}" in line for line in lines[:2])
    assert "secret" not in "".join(lines)


def test_nothing_is_logged_of_a_good_request_without_it(target: Site, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        options = ("--allow-network", "127.0.0.0/8")
        with started(*options, log=log) as running:
            Front("command", running.port).page(target.url)
    assert "GET" not in (tmp_path / "log").read_text()
