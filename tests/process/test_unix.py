"""--unix: a socket in the file system."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from cors_anywhere import Settings, serve
from cors_anywhere.process.unix import bind_unix, names_of, remove
from tests.support import PATIENCE
from tests.support.target import Do, target
from tests.support.wire import Client, Seen, until

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


# --- the file -------------------------------------------------------------------------------------


def test_a_stale_socket_gives_way(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    bind_unix(path, 0o600).close()
    with bind_unix(path, 0o600) as sock:
        assert sock.getsockname() == path


def test_a_live_one_does_not(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with bind_unix(path, 0o600) as sock:
        sock.listen()
        with pytest.raises(OSError, match="is in use: stop the program") as raised:
            bind_unix(path, 0o600)
        assert raised.value.filename == path


STARTER = """
import sys
from cors_anywhere.process.unix import bind_unix
sys.stdin.readline()
try:
    sock = bind_unix(sys.argv[1], 0o600)
except OSError as error:
    print(error.strerror, flush=True)
else:
    print("listens", flush=True)
sys.stdin.readline()
"""


def test_of_those_who_start_at_once_one_listens(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    line = [sys.executable, "-c", STARTER, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        starters = [subprocess.Popen(line, **pipes) for _ in range(4)]  # type: ignore[call-overload]
        for starter in starters:
            starter.stdin.write("begin\n")
            starter.stdin.flush()
        said = sorted(starter.stdout.readline() for starter in starters)
        for starter in starters:
            starter.communicate("end\n", timeout=PATIENCE)
        in_use = "is in use: stop the program that listens there, or choose another path\n"
        assert said == [in_use] * 3 + ["listens\n"]
        path.unlink()


def test_a_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    file = tmp_path / "s"
    file.write_text("precious")
    with pytest.raises(OSError, match="is there and no socket"):
        bind_unix(str(file), 0o600)
    assert file.read_text() == "precious"


def test_one_where_too_many_wait_is_a_live_one(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waits:
        busy.bind(path)
        busy.listen(0)
        waits.connect(path)
        with pytest.raises(OSError, match="is in use: stop the program"):
            bind_unix(path, 0o600)


def test_a_path_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "none" / "s")
    with pytest.raises(OSError, match=r"cannot be listened on \(No such file") as raised:
        bind_unix(path, 0o600)
    assert raised.value.filename == path


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_the_mode_is_that_of_the_file_from_the_first(tmp_path: Path, mode: int) -> None:
    with bind_unix(str(tmp_path / "s"), mode):
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == mode


def test_the_file_of_another_process_is_not_removed(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    first = bind_unix(path, 0o600)
    names = names_of([first])
    first.close()
    with bind_unix(path, 0o600) as second:
        remove(names)
        assert os.path.exists(path)
        remove(names_of([second]))
    assert not os.path.exists(path)


# --- the command ----------------------------------------------------------------------------------


@contextmanager
def listening(path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command on a Unix socket, and the line that it says at first."""
    line = [sys.executable, "-m", "cors_anywhere", "--unix", str(path), "--no-require-header"]
    environment = {"PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [*line, "--allow-network", "127.0.0.0/8", *options],
        stdout=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def asked(path: Path, *fields: str) -> tuple[Seen, bytes]:
    """What a target of the test was asked for a request over the socket, and the reply."""
    async with target((Do.REQUEST, HELLO)) as server, connected(path) as connection:
        await connection.ask(server.url, fields=fields)
        seen = await connection.reply()
        return seen, (server.requests or [b""])[0]


def test_it_is_listened_on_alone_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listening(path) as (process, line):
        assert line.startswith(f"Listening on unix:{path} for")
        assert asyncio.run(asked(path))[0].body == b"hello"
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert not path.exists()


def test_beside_a_port_it_is_one_more(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listening(path, "--port", "0") as (_, line):
        found = re.search(r"http://127\.0\.0\.1:(\d+)/ and unix:", line)
        assert found is not None
        with socket.create_connection(("127.0.0.1", int(found[1]))):
            pass
        assert asyncio.run(asked(path))[0].body == b"hello"


def test_a_program_s_own_server_leaves_no_file(tmp_path: Path) -> None:
    async def serves() -> None:
        async with serve(Settings(unix=str(path), hosts=(), require_headers=())) as server:
            assert server.urls == (f"unix:{path}",)
            async with connected(path) as connection:
                await connection.ask("iscorsneeded")
                assert (await connection.reply()).body == b"no"

    path = tmp_path / "s"
    asyncio.run(serves())
    assert not path.exists()


def test_several_workers_serve_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listening(path, "--workers", "2") as (process, _):
        assert asyncio.run(asked(path))[0].body == b"hello"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert not path.exists()


def test_its_peers_are_one_client(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with (
            target((Do.REQUEST, Do.WAIT)) as server,
            connected(path) as first,
            connected(path) as second,
        ):
            for connection in (first, second):
                await connection.ask(server.url)
            assert await until(lambda: len(server.requests) == 2)
            async with connected(path) as third:
                await third.ask("iscorsneeded")
                assert (await third.reply()).status == 503

    path = tmp_path / "s"
    with listening(path, "--max-connections-per-client", "2"):
        asyncio.run(conversation())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), b"unknown"),
        (("--trusted-proxy", "unix"), b"192.0.2.7"),
        (("--trusted-hops", "1"), b"192.0.2.7"),
    ],
)
def test_what_its_peers_say_of_clients_is_believed_when_they_are_trusted(
    options: tuple[str, ...], told: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "s"
    with listening(path, "--forwarded-headers", *options):
        _, head = asyncio.run(asked(path, "X-Forwarded-For: 192.0.2.7"))
        assert b"X-Forwarded-For: " + told + b"\r\n" in head


def test_a_path_in_use_is_a_mistake_that_names_the_option(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listening(path):
        other = subprocess.run(
            [sys.executable, "-m", "cors_anywhere", "--unix", str(path)],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert other.returncode == 2
        assert f'--unix: "{path}" is in use' in other.stderr
        assert asyncio.run(asked(path))[0].body == b"hello"


def test_a_check_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listening(path, "--check") as (process, line):
        assert line == "The configuration is valid.\n"
        assert process.wait(PATIENCE) == 0
    assert not path.exists()
