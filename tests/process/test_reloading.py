"""SIGHUP: new settings for new requests, and no connection lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import pytest

from cors_anywhere.config.problems import Problem, SettingsError
from cors_anywhere.config.settings import Settings
from cors_anywhere.process.command import main
from cors_anywhere.process.reloading import FIXED, carried_out, renewed
from tests.support import PATIENCE
from tests.support.process import Command, command
from tests.support.target import Do, Until, target
from tests.support.tls import make_tls
from tests.support.wire import Client, client, until

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Running:
    """A command and its log."""

    def __init__(self, proxy: Command, log: IO[str]) -> None:
        self.proxy = proxy
        self.port = proxy.port
        self._log = log

    def logged(self) -> str:
        """What the log says so far."""
        return os.pread(self._log.fileno(), 2**20, 0).decode()

    async def reload(self, says: str = "Reloaded") -> None:
        """Sends SIGHUP; returns when the log says once more what it is to say."""
        known = self.logged().count(says)
        self.proxy.process.send_signal(signal.SIGHUP)
        assert await until(lambda: self.logged().count(says) > known), self.logged()


@contextmanager
def running(tmp_path: Path, *options: str) -> Iterator[Running]:
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "log").open("w+"))
        yield Running(stack.enter_context(command(*options, log=log)), log)


def played(
    conversation: Callable[[Running], Awaitable[None]], tmp_path: Path, *options: str
) -> None:
    with running(tmp_path, *options) as proxy:
        asyncio.run(_whole(conversation(proxy)))


async def _whole(conversation: Awaitable[None]) -> None:
    await conversation


async def page(connection: Client) -> str:
    await connection.ask("")
    return (await connection.reply()).body.decode()


# --- the whole command ----------------------------------------------------------------------------


def test_a_connection_stays_and_has_the_new_help_page(tmp_path: Path) -> None:
    file = tmp_path / "help.txt"
    file.write_text("old")

    async def conversation(proxy: Running) -> None:
        async with client(proxy) as connection:
            assert await page(connection) == "old"
            file.write_text("new")
            await proxy.reload()
            assert await page(connection) == "new"

    played(conversation, tmp_path, "--help-file", str(file))


def test_a_mistake_changes_nothing_and_is_told(tmp_path: Path) -> None:
    file, origins = tmp_path / "help.txt", tmp_path / "origins"
    file.write_text("old")
    origins.write_text("https://page.test\n")

    async def conversation(proxy: Running) -> None:
        async with client(proxy) as connection:
            file.write_text("new")
            origins.write_text("page.test/x\n")
            await proxy.reload("Not reloaded")
            assert "origins:1: " in proxy.logged()
            assert await page(connection) == "old"

    played(conversation, tmp_path, "--help-file", str(file), "--allow-origin", f"@{origins}")


def test_a_list_in_a_file_is_read_anew(tmp_path: Path) -> None:
    origins = tmp_path / "origins"
    origins.write_text("https://other.test\n")

    async def conversation(proxy: Running) -> None:
        async with target((Do.REQUEST, HELLO)) as server, client(proxy) as connection:
            await connection.ask(server.url)
            assert (await connection.reply()).status == 403
            origins.write_text("https://other.test\nhttps://page.test\n")
            await proxy.reload()
            await connection.ask(server.url)
            assert (await connection.reply()).body == b"hello"

    played(conversation, tmp_path, "--allow-origin", f"@{origins}")


def test_a_request_under_way_keeps_the_rules_that_it_began_with(tmp_path: Path) -> None:
    denied = tmp_path / "denied"
    denied.write_text("a.test\n")
    goes_on = asyncio.Event()

    async def conversation(proxy: Running) -> None:
        async with target((Do.REQUEST, HELLO)) as end:
            there = f"http://127.0.0.1:{end.port}/"
            away = f"HTTP/1.1 302 Found\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n".encode()
            script = (Do.REQUEST, Until(goes_on), away)
            async with target(script) as begin, client(proxy) as connection:
                await connection.ask(begin.url)
                assert await until(lambda: begin.requests)
                denied.write_text("127.0.0.1\n")
                await proxy.reload()
                goes_on.set()
                assert (await connection.reply()).body == b"hello"
                await connection.ask(there)
                assert (await connection.reply()).status == 403

    played(conversation, tmp_path, "--deny-target", f"@{denied}")


def test_a_reload_gives_nobody_new_requests(tmp_path: Path) -> None:
    async def conversation(proxy: Running) -> None:
        async with target((Do.REQUEST, HELLO)) as server, client(proxy) as connection:
            await connection.ask(server.url)
            assert (await connection.reply()).status == 200
            await proxy.reload()
            await connection.ask(server.url)
            assert (await connection.reply()).status == 429

    played(conversation, tmp_path, "--rate-limit", "1/hour")


def test_new_connections_have_the_new_certificate(tmp_path: Path) -> None:
    def certify(name: str) -> ssl.SSLContext:
        (tmp_path / name).mkdir()
        made = make_tls(tmp_path / name, "127.0.0.1")
        shutil.copy(made.cert, tmp_path / "cert")
        shutil.copy(made.key, tmp_path / "key")
        return made.trust

    async def ask(port: int, trusting: ssl.SSLContext) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        return Client(reader, writer)

    first = certify("first")

    async def conversation(proxy: Running) -> None:
        old = await ask(proxy.port, first)
        second = certify("second")
        await proxy.reload()
        assert "how" in (await page(old)).lower()
        new = await ask(proxy.port, second)
        assert "how" in (await page(new)).lower()
        for connection in (old, new):
            connection.leave()

    files = ("--tls-cert", str(tmp_path / "cert"), "--tls-key", str(tmp_path / "key"))
    played(conversation, tmp_path, *files)


def test_what_cannot_change_is_named(tmp_path: Path) -> None:
    number = tmp_path / "number"
    number.write_text("100\n")

    async def conversation(proxy: Running) -> None:
        number.write_text("200\n")
        await proxy.reload("Restart the proxy to change what was given as max_connections")

    played(conversation, tmp_path, "--max-connections", f"@{number}")


def test_all_workers_reload_and_a_mistake_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "help.txt"
    file.write_text("old")

    async def conversation(proxy: Running) -> None:
        file.write_text("new")
        await proxy.reload()

        async def is_new() -> bool:
            async with client(proxy) as connection:
                return await page(connection) == "new"

        in_turn = 0
        async with asyncio.timeout(PATIENCE):
            while in_turn < 20:  # the odds that one of two is never asked: a million to one
                in_turn = in_turn + 1 if await is_new() else 0
        file.unlink()
        await proxy.reload("Not reloaded")
        assert proxy.logged().count("Not reloaded") == 1
        for pid in proxy.proxy.workers():
            os.kill(pid, signal.SIGKILL)
        async with client(proxy) as connection:
            assert await page(connection) == "new"

    played(conversation, tmp_path, "--help-file", str(file), "--workers", "2")


def test_what_a_reload_would_find_can_be_checked_beside_the_running_proxy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    origins = tmp_path / "origins"
    origins.write_text("https://page.test\n")
    with running(tmp_path, "--allow-origin", f"@{origins}") as proxy:
        line = ["--check", "--port", str(proxy.port), "--allow-origin", f"@{origins}"]
        assert main(line, {}) == 0
        assert "A proxy that runs already may reload with this" in capsys.readouterr().err
        origins.write_text("page.test/x\n")
        assert main(line, {}) == 2
        assert "origins:1: " in capsys.readouterr().err


# --- the rule -------------------------------------------------------------------------------------


def said(settings: Settings) -> Callable[..., Settings]:
    return lambda *, quiet=False: settings


@pytest.mark.parametrize("name", FIXED)
def test_what_was_taken_at_start_stays(name: str) -> None:
    values = {
        "hosts": ("127.0.0.2",), "port": 1, "unix": "/s", "unix_mode": "600",
        "workers": 2, "admin": "127.0.0.1:9090", "max_connections": 5,
        "max_connections_per_client": 9, "connect_timeout": 9.0,
        "access_log": "json", "log_level": "debug", "log_file": "log",
        "store": "shared",
    }  # fmt: skip
    found = renewed(Settings(), said(Settings(**{name: values[name]})))  # type: ignore[arg-type]
    assert found == Settings()


def test_the_rest_is_new() -> None:
    settings = Settings(max_redirects=1, allow_origins=("https://a.test",), drain_timeout=1.0)
    assert renewed(Settings(), said(settings)) == settings


def test_mistakes_are_told_together(caplog: pytest.LogCaptureFixture) -> None:
    def again(*, quiet: bool = False) -> Settings:
        raise SettingsError((Problem("--a", "is wrong"), Problem("--b", "is too")))

    assert renewed(Settings(), again) is None
    assert "--a: is wrong; --b: is too" in caplog.text


def test_a_file_that_cannot_be_used_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def change() -> None:
        raise ssl.SSLError("no certificate")

    assert not carried_out(change)
    assert "no certificate" in caplog.text
