"""The programs of docs/embedding.md run, and do what is written there."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port

from cors_anywhere import OutboundProxy, RequestHead, Settings, Target
from tests.support.site import Site
from tests.support.tornado_client import ask

DOCUMENT = Path(__file__).parents[1] / "docs" / "embedding.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
LOOPBACK = ("127.0.0.0/8",)
HEAD = RequestHead("GET", "/http://example.com", (), 0, "192.0.2.1", "http", 80)


def ran(block: str) -> dict[str, Any]:
    """The names that a documented program defines."""
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(block, str(DOCUMENT), "exec"), names)
    return names


def test_the_documented_programs_pass_a_strict_type_check(tmp_path: Path) -> None:
    for number, block in enumerate(BLOCKS):
        (tmp_path / f"program{number}.py").write_text(block, "utf-8")
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = True\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *sorted(tmp_path.glob("*.py"))],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(DOCUMENT.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def example() -> dict[str, Any]:
    return ran(BLOCKS[2])


@pytest.fixture
def app(io_loop: IOLoop, example: dict[str, Any]) -> Iterator[Any]:
    application, proxy = example["make_app"](Settings(allow_networks=LOOPBACK))
    yield application
    io_loop.run_sync(proxy.close)


@pytest.mark.gen_test
async def test_the_documented_application_serves_both_its_parts(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    assert (await ask(http_client, f"{base_url}/")).body == b"The rest of the application"
    headers = {"X-API-Key": "k-123"}
    got = await ask(http_client, f"{base_url}/proxy/{target.url}/", headers=headers)
    assert (got.code, got.headers["access-control-allow-origin"]) == (200, "*")


@pytest.mark.gen_test
async def test_the_documented_subclass_serves_members(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    url = f"{base_url}/members/{target.url}/"
    got = await ask(http_client, url)
    assert (got.code, got.body, target.requests) == (401, b"Who are you?", [])
    headers = {"Authorization": "Bearer m-456", "X-API-Key": "k-123"}
    got = await ask(http_client, url, headers=headers)
    assert (got.code, got.body) == (200, b"ok")


@pytest.mark.gen_test
async def test_the_documented_first_look_wants_a_key(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    got = await ask(http_client, f"{base_url}/proxy/{target.url}/")
    assert (got.code, got.body) == (401, b"Send a valid X-API-Key.")
    assert target.requests == []


@pytest.mark.gen_test
async def test_the_documented_trial_ends(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    headers = {"X-API-Key": "k-123", "Origin": "https://trial.example.com"}
    url = f"{base_url}/proxy/{target.url}/"
    got = [await ask(http_client, url, headers=headers) for _ in range(3)]
    assert [one.code for one in got] == [200, 200, 429]
    assert got[2].body.decode() == (
        'The origin "https://trial.example.com" has sent too many requests.\nYour trial is over.'
    )


@pytest.mark.gen_test
async def test_the_documented_sum_of_what_origins_are_sent(
    http_client: AsyncHTTPClient,
    http_server: object,
    base_url: str,
    target: Site,
    example: dict[str, Any],
) -> None:
    headers = {"X-API-Key": "k-123"}
    for _ in range(2):
        await ask(http_client, f"{base_url}/proxy/{target.url}/", headers=headers)
    assert example["SENT"] == {"https://page.test": len(b"ok") * 2}


@pytest.mark.gen_test
async def test_the_documented_choice_of_a_proxy(example: dict[str, Any]) -> None:
    made = {
        host: await example["choose_proxy"](Target("http", host, 80, host, "/"), HEAD)
        for host in ("only-from-there.example.com", "example.com")
    }
    assert list(made.values()) == [OutboundProxy("proxy.example.com", 3128, None), None]


@pytest.mark.gen_test
async def test_the_documented_server_of_our_own_serves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = ran(BLOCKS[0].replace("port=8080", "port=0"))  # 8080 may be taken here
    running = asyncio.ensure_future(program["main"]())
    while not (urls := capsys.readouterr().out.split()):  # what it prints is its only sign
        await asyncio.sleep(0)
    got = await ask(AsyncHTTPClient(), f"{urls[0]}iscorsneeded")
    running.cancel()
    await asyncio.wait([running])
    assert got.body == b"no"


@pytest.mark.gen_test
async def test_the_documented_server_of_tornado_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    listening: list[tuple[int, str]] = []
    ready = asyncio.Event()
    sock, port = bind_unused_port(address="127.0.0.1")

    def listen(server: HTTPServer, *where: Any) -> None:
        listening.append(where)
        server.add_socket(sock)  # 8080 may be taken here
        ready.set()

    monkeypatch.setattr(HTTPServer, "listen", listen)
    running = asyncio.ensure_future(ran(BLOCKS[1])["main"]())
    await ready.wait()
    got = await ask(AsyncHTTPClient(), f"http://127.0.0.1:{port}/iscorsneeded")
    running.cancel()
    await asyncio.wait([running])
    assert (got.body, listening) == (b"no", [(8080, "127.0.0.1")])
