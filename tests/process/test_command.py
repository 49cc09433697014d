"""The command: what is printed where, and its exit status."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cors_anywhere.config.options import OPTIONS
from cors_anywhere.config.settings import Settings
from cors_anywhere.config.startup import Again
from cors_anywhere.process.command import main
from tests.support import PATIENCE


class FakeServer:
    """Takes ports as the real one does, and ends as soon as it listens."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.bound: list[socket.socket] = []

    def bind(self, settings: Settings) -> list[socket.socket]:
        opened = socket.socket()
        self.bound.append(opened)
        try:
            opened.bind((settings.hosts[0], settings.port))
        except OSError:
            opened.close()
            raise
        return [opened]

    def bind_admin(self, settings: Settings) -> list[socket.socket]:
        return []

    def run(
        self,
        settings: Settings,
        sockets: list[socket.socket],
        *,
        admin: Sequence[socket.socket] = (),
        again: Again,
        on_listening: Callable[[], object] | None = None,
    ) -> int:
        self.settings = settings
        self.again = again
        if on_listening:
            on_listening()
        for opened in sockets:
            opened.close()
        return 7


def test_the_proxy_is_served_and_its_status_returned(capsys: pytest.CaptureFixture[str]) -> None:
    server = FakeServer()
    assert main(["--port", "0", "--allow-origin", "https://a.test"], {}, server) == 7
    assert server.settings == Settings(port=0, allow_origins=("https://a.test",))
    printed = capsys.readouterr()
    assert printed.out.startswith("Listening on http://127.0.0.1:")
    assert printed.out.count("\n") == 1
    assert printed.err == ""


def test_nothing_is_printed_before_it_listens(capsys: pytest.CaptureFixture[str]) -> None:
    class Silent(FakeServer):
        def run(self, settings: Settings, sockets: list[socket.socket], **_: object) -> int:
            return super().run(settings, sockets, again=lambda **_: settings)

    main(["--port", "0"], {}, Silent())
    assert capsys.readouterr() == ("", "")


def test_the_environment_is_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORSANYWHERE_MAX_REDIRECTS", "3")
    explicit, implicit = FakeServer(), FakeServer()
    main(["--port", "0"], {"CORSANYWHERE_MAX_REDIRECTS": "2"}, explicit)
    main(["--port", "0"], server=implicit)
    assert explicit.settings
    assert implicit.settings
    assert (explicit.settings.max_redirects, implicit.settings.max_redirects) == (2, 3)


def test_every_option_is_understood() -> None:
    args = []
    values = {"--set-header": "A: b", "--rate-limit": "50 3", "--base-path": "/x"}
    skipped = {"--help-file", "--ca-file", "--tls-cert", "--tls-key", "--no-require-header"}
    values |= {"--admin": "127.0.0.1:0"}
    values |= {"--host": "127.0.0.1", "--port": "0", "--default-scheme": "https"}
    values |= {"--mount": "/api=https://c.test", "--set-response-header": "A: b"}
    values |= {"--target-header": "a.test: A: b", "--allow-content-type": "image/*"}
    values |= {"--allow-method": "GET", "--deny-method": "PUT", "--api-key": "a: 0123456789abcdef"}
    skipped |= {"--target"}  # a mount alone, and here are others
    values |= {"--allow-origin": "https://a.test"}
    values |= {"--deny-origin": "https://b.test", "--deny-target": "b.test"}
    values |= {"--event-loop": "uvloop"}
    values |= {"--workers": "2", "--trusted-hops": "0", "--unix-mode": "600"}
    values |= {"--store": "memory", "--byte-limit": "1GB/hour"}
    values |= {"--access-log": "json", "--log-level": "debug", "--log-file": "/dev/null"}
    for option in OPTIONS:
        example = {"CIDR": "10.0.0.0/8", "PATTERN": "null", "NAME": "X-A"}.get(
            option.metavar, "2000"
        )
        if option.name in ("allow-target", "allow-private"):
            example = "a.test"
        if option.name == "max-redirects":
            example = "9"
        if option.flag not in skipped:
            args += [option.flag] + (
                [] if option.kind == "flag" else [values.get(option.flag, example)]
            )
    server = FakeServer()
    assert main(args, {}, server) == 7
    assert server.settings
    assert server.settings.set_headers == (("A", "b"),)
    assert server.settings.max_connections == 2000
    assert server.settings.nat64 is True


def test_a_flag_can_be_turned_off() -> None:
    server = FakeServer()
    main(["--port", "0", "--no-redirect-same-origin"], {}, server)
    assert server.settings
    assert server.settings.redirect_same_origin is False


def test_all_mistakes_are_told_at_once_and_nothing_is_served(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        server = FakeServer()
        args = ["--port", str(port), "--allow-origin", "https://a.test/", "--help-file", "/no/such"]
        args += ["--deny-network", "10.0.0.1/8", "--connect-timeout", "soon"]
        assert main(args, {"CORSANYWHERE_RATELIMIT": "50"}, server) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert lines[0] == "cors-anywhere: 6 mistakes to correct:"
    assert {line.partition(":")[0].strip() for line in lines[1:]} == {
        "--port",
        "--allow-origin",
        "--help-file",
        "--deny-network",
        "--connect-timeout",
        "CORSANYWHERE_RATELIMIT",
    }
    assert server.settings is None


def test_a_value_that_cannot_be_read_is_not_replaced_by_the_default() -> None:
    server = FakeServer()
    assert main(["--port", "0", "--max-redirects", "x"], {}, server) == 2
    assert server.settings is None


def test_a_port_that_was_taken_for_nothing_is_given_back() -> None:
    server = FakeServer()
    assert main(["--port", "0", "--max-redirects", "-1"], {}, server) == 2
    assert [opened.fileno() for opened in server.bound] == [-1]


def test_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    variables = {
        "NODE_TLS_REJECT_UNAUTHORIZED": "0",
        "CORSANYWHERE_ALOW_ORIGIN": "x",
        "HOST": "0.0.0.0",
    }
    assert main(["--port", "0"], variables, FakeServer()) == 7
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert [line.split()[0] for line in printed.err.splitlines()] == ["Warning:"] * 3
    assert "open to everyone" in printed.err
    assert "NODE_TLS_REJECT_UNAUTHORIZED: the certificates" in printed.err
    assert "CORSANYWHERE_ALLOW_ORIGIN" in printed.err


def command(*args: str) -> subprocess.Popen[str]:
    """The real command as a child process."""
    variables = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "cors_anywhere", *args],
        env=variables,
        cwd=Path(__file__).parents[2],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_command_listens_where_it_says_and_ends_when_told() -> None:
    with command("--port", "0") as process:
        assert process.stdout
        port = re.search(
            r"http://127\.0\.0\.1:([0-9]+)/ for every origin", process.stdout.readline()
        )
        assert port
        with socket.create_connection(("127.0.0.1", int(port[1]))) as client:
            client.sendall(b"GET /iscorsneeded HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"\r\n\r\nno")
        process.terminate()
        rest, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, rest) == (0, "")
    assert "Traceback" not in errors and "WARNING" not in errors


def test_the_command_reports_a_port_in_use_with_the_other_mistakes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with command("--port", str(port), "--allow-origin", "https://a.test/") as process:
            output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (2, "")
    assert "2 mistakes" in errors
    assert f"  --port: {port} is in use on 127.0.0.1" in errors
    assert "  --allow-origin: " in errors


def test_a_valid_configuration_can_be_checked_without_serving_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = FakeServer()
    assert main(["--check", "--port", "0"], {}, server) == 0
    assert capsys.readouterr() == ("The configuration is valid.\n", "")
    assert server.settings is None
    assert [opened.fileno() for opened in server.bound] == [-1]


def test_a_check_tells_the_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--port", "x"], {}, FakeServer()) == 2
    assert "  --port: " in capsys.readouterr().err


def test_a_check_tells_what_is_doubtful_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--port", "1", "--port", "0"], {}, FakeServer()) == 0
    printed = capsys.readouterr()
    assert printed.out == "The configuration is valid.\n"
    assert printed.err == "Warning: --port: was given 2 times: the last one counts\n"


@pytest.mark.parametrize("asked", ["--help", "--version"])
def test_help_and_version_load_no_server(asked: str) -> None:
    code = (
        "import sys; from cors_anywhere.process.command import main; main([sys.argv[1]]);"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, asked], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "cors_anywhere" in loaded
    assert loaded & {"tornado", "aiodns", "pycares", "asyncio", "httptools", "limits"} == set()


def test_a_proxy_that_was_taken_over_is_told_at_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0"], {"HTTP_PROXY": "http://u:pw@p.test:3128"}, FakeServer()) == 7
    _, second = capsys.readouterr().out.splitlines()
    assert second.endswith("leave through the proxy p.test:3128, as HTTP_PROXY says")


def test_unknown_options_are_told_with_the_other_mistakes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--port", "x", "--allow-orgin", "https://a.test"], {}, FakeServer()) == 2
    assert capsys.readouterr().err.splitlines() == [
        "cors-anywhere: 2 mistakes to correct:",
        "  --allow-orgin: is no option: is --allow-origin meant?",
        '  --port: "x" is not a whole number: write digits only',
    ]


@pytest.mark.parametrize(
    ("args", "variables", "named"),
    [
        (["--allow-origin", ""], {}, "--allow-origin"),
        (["--allow-target", ""], {}, "--allow-target"),
        (["--require-header", ""], {}, "--require-header"),
        (["--deny-target", "a.test,b.test"], {}, "--deny-target"),
        ([], {"CORSANYWHERE_ALLOW_ORIGIN": " , ,"}, "CORSANYWHERE_ALLOW_ORIGIN"),
        (["--rate-limit", "0/minute"], {}, "--rate-limit"),
        (["--allow-origin", "https://*.com"], {}, "--allow-origin"),
        (["--dev"], {"HOST": "0.0.0.0"}, "HOST"),
    ],
)
def test_what_would_restrict_nothing_or_everything_is_not_served(
    capsys: pytest.CaptureFixture[str], args: list[str], variables: dict[str, str], named: str
) -> None:
    server = FakeServer()
    assert main(["--port", "0", *args], variables, server) == 2
    assert server.settings is None
    assert f"  {named}: " in capsys.readouterr().err


def test_contradictions_that_can_be_served_are_warned_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = ["--port", "0", "--remove-header", "X-A", "--set-header", "X-A: 1"]
    variables = {"CORSANYWHERE_RATELIMIT": "50 3 a.org,b.org"}
    assert main(args, variables, FakeServer()) == 7
    assert [
        line.partition(": ")[2].partition(" ")[0] for line in capsys.readouterr().err.splitlines()
    ] == [
        "--remove-header:",
        "CORSANYWHERE_RATELIMIT:",
    ]
