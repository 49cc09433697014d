"""cors-anywhere healthcheck: 0 for a proxy that answers, else 1 and the reason."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cors_anywhere.config.given import Given
from cors_anywhere.process.command import main
from cors_anywhere.process.healthcheck import Place, arguments_of, healthcheck, places
from tests.support.process import started
from tests.support.tls import Tls


def check(*args: str, **environment: str) -> int:
    return main(["healthcheck", *args], environment)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, [("127.0.0.1", 8080)]),
        ({"hosts": ("0.0.0.0", "::"), "port": 9}, [("127.0.0.1", 9), ("::1", 9)]),
        ({"unix": "/s"}, ["/s"]),
        ({"unix": "/s", "port": 9}, ["/s", ("127.0.0.1", 9)]),
    ],
)
def test_it_asks_where_the_proxy_would_listen(values: dict[str, Any], found: list[Place]) -> None:
    assert list(places(Given(values))) == found


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--host", "0.0.0.0"),
        ("--base-path", "/proxy"),
        ("--target", "http://127.0.0.1:9/"),
        ("--require-header", "x-never"),
        ("--allow-origin", "https://only.test"),
    ],
    ids=lambda options: options[0] if options else "plain",
)
def test_a_proxy_is_well_whatever_its_paths_mean_and_whoever_may_ask(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with started(*options) as proxy:
        assert check(*options, "--port", str(proxy.port)) == 0
        assert check(PORT=str(proxy.port), HOST="0.0.0.0") == 0
    assert capsys.readouterr() == ("", "")


def test_over_tls_too(tls: Tls) -> None:
    files = ("--tls-cert", tls.cert, "--tls-key", tls.key)
    with started(*files) as proxy:
        assert check(*files, "--port", str(proxy.port)) == 0
        assert check("--port", str(proxy.port)) == 1


def test_over_a_unix_socket_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "s")
    with started("--unix", path) as proxy:  # PORT is set: it listens there, too
        assert check("--unix", path) == 0
        assert check("--unix", path, "--port", str(proxy.port)) == 0
    assert check("--unix", path) == 1
    assert f"{path}: No such file" in capsys.readouterr().err


def test_where_nobody_listens_it_is_ill(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert check("--port", str(port)) == 1
    assert f"127.0.0.1 port {port}: Connection refused" in capsys.readouterr().err


def test_who_is_stuck_is_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cors_anywhere.process.healthcheck.SECONDS", 0.2)
    with started() as proxy:
        os.kill(proxy.process.pid, signal.SIGSTOP)
        assert check("--port", str(proxy.port)) == 1
        os.kill(proxy.process.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (b"HTTP/1.1 503 Busy\r\nAccess-Control-Allow-Origin: *\r\n\r\n", 0),
        (b"HTTP/1.1 503 Busy\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1),
        (b"HTTP/1.0 200 OK\r\n\r\n", 1),
        (b"SSH-2.0\r\n", 1),
        (b"", 1),
    ],
)
def test_another_servers_answer_is_none(reply: bytes, status: int) -> None:
    def answer() -> None:
        sock, _ = listening.accept()
        with sock:
            sock.recv(1000)
            sock.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=answer)
        thread.start()
        assert check("--port", str(listening.getsockname()[1])) == status
        thread.join()


def test_a_mistake_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--port", "many") == 1
    assert '--port: "many" is not a whole number' in capsys.readouterr().err
    assert check("--prot", "8080") == 1
    assert "--prot" in capsys.readouterr().err
    assert check("--port", "0") == 1
    assert "give the port" in capsys.readouterr().err


LINES = {
    "script": (b"/opt/bin/python3\0/opt/bin/cors-anywhere\0--port\x009\0", ["--port", "9"]),
    "module": (b"python\0-m\0cors_anywhere\0--dev\0", ["--dev"]),
    "alone": (b"/usr/bin/cors-anywhere\0", []),
    "another": (b"/sbin/init\0splash\0", []),
}


@pytest.mark.parametrize(("line", "arguments"), LINES.values(), ids=LINES)
def test_what_the_command_of_a_container_was_given_is_known(
    line: bytes, arguments: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "cmdline"
    file.write_bytes(line)
    assert arguments_of(file) == arguments
    assert arguments_of(tmp_path / "none") == []


def test_without_arguments_it_takes_those_of_process_1(tmp_path: Path) -> None:
    file = tmp_path / "cmdline"
    with started() as proxy:
        file.write_text(f"python\0/bin/cors-anywhere\0--port\0{proxy.port}\0")
        assert healthcheck([], {"PORT": "1"}, file) == 0
        assert healthcheck(["--port", "1"], {}, file) == 1


def test_it_loads_no_server() -> None:
    code = (
        "import sys\n"
        "from cors_anywhere.process.command import main\n"
        "main(['healthcheck', '--port', '1'])\n"
        "print(*(m for m in ('tornado', 'aiodns', 'asyncio', 'httptools') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
