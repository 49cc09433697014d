"""The operator's listener of the real command."""

from __future__ import annotations

import http.client
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cors_anywhere.process.admin import is_own_host
from tests.support.process import Command, free_ports, started
from tests.support.waiting import eventually


class Seen:
    def __init__(self, port: int, path: str, headers: Mapping[str, str] | None = None) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            self.status, self.headers = answer.status, dict(answer.getheaders())
            self.text = answer.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Command, int]]:
    (port,) = free_ports(1)
    with started("--admin", f"127.0.0.1:{port}", "--set-header", "X-Key: secret") as command:
        yield command, port


def test_requests_of_the_proxy_are_counted(watched: tuple[Command, int]) -> None:
    command, port = watched
    Seen(command.port, "/http://localhost:1/", {"Origin": "https://app.example"})
    counted = 'cors_anywhere_requests_total{outcome="refused",status="4xx"} 1.0'
    assert eventually(lambda: counted in Seen(port, "/metrics").text.splitlines())
    assert "\ncors_anywhere_build{" in Seen(port, "/metrics").text


def test_the_proxy_and_the_listener_say_that_they_are_well(watched: tuple[Command, int]) -> None:
    command, port = watched
    assert (Seen(command.port, "/healthz").status, Seen(port, "/healthz").text) == (200, "ok\n")
    assert Seen(port, "/readyz").status == 200


def test_the_status_page_escapes_what_strangers_sent_and_shows_no_secret(
    watched: tuple[Command, int],
) -> None:
    command, port = watched
    strange = {"Origin": "https://<script>alert(1)</script>"}
    Seen(command.port, "/http://localhost/<script>?token=hidden", strange)
    page = Seen(port, "/status")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<script>" not in page.text
    assert "hidden" not in page.text
    assert "secret" not in page.text
    assert "max_redirects" in page.text


@pytest.mark.parametrize("path", ["/metrics", "/status", "/readyz", "/healthz", "/"])
@pytest.mark.parametrize(
    "headers", [{"Origin": "https://app.example"}, {"Host": "evil.example"}, {"Host": ""}]
)
def test_no_page_of_a_browser_reads_it(
    watched: tuple[Command, int], path: str, headers: dict[str, str]
) -> None:
    assert Seen(watched[1], path, headers).status == 403


def test_another_path_is_not_found_as_strictly_as_the_others(watched: tuple[Command, int]) -> None:
    other = Seen(watched[1], "/other")
    assert (other.status, other.text) == (404, "Not Found\n")
    assert "Server" not in other.headers
    assert other.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_who_looks_is_not_logged(tmp_path: Path) -> None:
    (port,), path = free_ports(1), tmp_path / "log"
    with path.open("w") as file, started("--admin", f"127.0.0.1:{port}", log=file) as command:
        assert Seen(port, "/status?token=hidden").status == 200
        assert Seen(port, "/other?token=hidden").status == 404
        command.process.send_signal(signal.SIGTERM)
        assert command.process.wait(60) == 0
    log = path.read_text()
    assert "Draining" in log
    assert "token" not in log
    assert "/status" not in log


def test_it_listens_beside_a_unix_socket_of_the_proxy(tmp_path: Path) -> None:
    (port,), path = free_ports(1), str(tmp_path / "proxy.sock")
    unix = ("--unix", path, "--host", "127.0.0.1", "--trusted-proxy", "unix")
    with started("--admin", f"127.0.0.1:{port}", *unix):
        assert Seen(port, "/healthz").status == 200


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1:9090", True),
        ("[::1]:9090", True),
        ("10.1.2.3", True),
        ("LOCALHOST:1", True),
        ("metrics.internal:9090", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_its_names_are_addresses_localhost_and_what_was_written(host: str, own: bool) -> None:
    assert is_own_host(host, "metrics.internal") is own


def test_it_is_not_ready_while_newcomers_are_sent_elsewhere() -> None:
    (port,) = free_ports(1)
    with started("--admin", f"127.0.0.1:{port}", "--shutdown-delay", "60") as command:
        command.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: Seen(port, "/readyz").status == 503)
        assert Seen(command.port, "/healthz").status == 200
        command.process.send_signal(signal.SIGTERM)
        assert command.process.wait(60) == 0


def test_what_all_workers_counted_outlives_them() -> None:
    (port,) = free_ports(1)
    counted = 'cors_anywhere_requests_total{outcome="served",status="2xx"} 8.0'
    with started("--admin", f"127.0.0.1:{port}", "--workers", "2") as command:
        for _ in range(8):
            Seen(command.port, "/", {"Connection": "close"})
        assert eventually(lambda: counted in Seen(port, "/metrics").text)
        for pid in command.workers():
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: _answers(port) and counted in Seen(port, "/metrics").text)


def test_the_last_failures_are_those_of_all_workers() -> None:
    (port,) = free_ports(1)
    with started("--admin", f"127.0.0.1:{port}", "--workers", "2") as command:
        busy, idle = command.workers()
        for stopped, target in ((busy, "http://a.test:1/"), (idle, "http://b.test:1/")):
            os.kill(stopped, signal.SIGSTOP)  # so that the other one answers
            Seen(command.port, f"/{target}", {"Origin": "https://app.example"})
            os.kill(stopped, signal.SIGCONT)

        def are_shown() -> bool:
            shown = Seen(port, "/status").text
            return "http://a.test:1/" in shown and "http://b.test:1/" in shown

        assert eventually(are_shown)  # a reply comes before what is written down of it


def test_requests_are_under_way_until_they_are_answered() -> None:
    (port,) = free_ports(1)
    silent = socket.create_server(("127.0.0.1", 0))
    options = ("--admin", f"127.0.0.1:{port}", "--allow-network", "127.0.0.0/8")

    def under_way() -> bool:
        return "cors_anywhere_requests_under_way 1.0" in Seen(port, "/metrics").text

    with silent, started(*options) as command:
        with socket.create_connection(("127.0.0.1", command.port)) as client:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            origin = "Origin: https://app.example"
            client.sendall(f"GET /{url} HTTP/1.1\r\nHost: a\r\n{origin}\r\n\r\n".encode())
            assert eventually(under_way)
        assert eventually(lambda: not under_way())


def _answers(port: int) -> bool:
    try:
        Seen(port, "/healthz")
    except OSError:
        return False
    return True


def test_it_listens_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with started("--admin", f"unix:{path}"), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert sock.makefile("rb").read().endswith(b"ok\n")
    assert not path.exists()


def test_nobody_comes_to_the_listener_through_the_proxy() -> None:
    (port,) = free_ports(1)
    admin = ("--admin", f"127.0.0.1:{port}")
    with started(*admin, "--allow-network", "127.0.0.0/8", "--no-require-header") as command:
        seen = Seen(command.port, f"/http://127.0.0.1:{port}/status")
        assert (seen.status, "itself" in seen.text) == (403, True)
