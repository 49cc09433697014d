"""The Python interface: the documented program runs, and hooks do what they are documented to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port

from cors_anywhere import (
    Answer,
    CorsProxy,
    OutboundProxy,
    ProxyError,
    RequestHead,
    Settings,
    Target,
)
from cors_anywhere.errors import Refused
from tests.fronts.test_delegate import ask
from tests.support.forward_proxy import forward_proxy
from tests.support.site import Site

DOCUMENT = Path(__file__).parents[2] / "docs" / "embedding.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
LOOPBACK = ("127.0.0.0/8",)


def ran(block: str) -> dict[str, Any]:
    """The names that a documented program defines."""
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(block, str(DOCUMENT), "exec"), names)
    return names


# --- the document -----------------------------------------------------------------------------


@pytest.fixture
def example() -> dict[str, Any]:
    return ran(BLOCKS[1])


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
async def test_the_documented_choice_of_a_proxy(example: dict[str, Any]) -> None:
    made = {
        host: await example["choose_proxy"](Target("http", host, 80, host, "/"))
        for host in ("only-from-there.example.com", "example.com")
    }
    assert list(made.values()) == [OutboundProxy("proxy.example.com", 3128, None), None]


@pytest.mark.gen_test
async def test_the_documented_server_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    listening: list[tuple[int, str]] = []
    ready = asyncio.Event()
    sock, port = bind_unused_port(address="127.0.0.1")

    def listen(server: HTTPServer, *where: Any) -> None:
        listening.append(where)
        server.add_socket(sock)  # 8080 may be taken here
        ready.set()

    monkeypatch.setattr(HTTPServer, "listen", listen)
    running = asyncio.ensure_future(ran(BLOCKS[0])["main"]())
    await ready.wait()
    got = await ask(AsyncHTTPClient(), f"http://127.0.0.1:{port}/iscorsneeded")
    running.cancel()
    await asyncio.wait([running])
    assert (got.body, listening) == (b"no", [(8080, "127.0.0.1")])


# --- hooks ------------------------------------------------------------------------------------


async def once(url: str, settings: Settings | None = None, **hooks: Any) -> HTTPResponse:
    """One request to a proxy with these hooks."""
    proxy = CorsProxy(settings or Settings(allow_networks=LOOPBACK), **hooks)
    sock, port = bind_unused_port(address="127.0.0.1")
    server = HTTPServer(proxy)
    server.add_socket(sock)
    try:
        return await ask(AsyncHTTPClient(), f"http://127.0.0.1:{port}/{url}")
    finally:
        server.stop()
        await server.close_all_connections()
        await proxy.close()


FIRST = 'The origin "https://page.test" has sent too many requests.'
VERDICTS: dict[str, tuple[Any, int, str]] = {
    "None": (None, 200, ""),
    "True": (True, 200, ""),
    "empty": ("", 200, ""),
    "False": (False, 429, FIRST),
    "text": ("Come back later.", 429, f"{FIRST}\nCome back later."),
}


@pytest.mark.gen_test
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("verdict", "status", "text"), VERDICTS.values(), ids=VERDICTS)
async def test_check_rate_decides_without_a_rate_limit(
    target: Site, asynchronous: bool, verdict: Any, status: int, text: str
) -> None:
    origins: list[str] = []

    def check(origin: str) -> Any:
        origins.append(origin)
        return verdict

    async def check_later(origin: str) -> Any:
        await asyncio.sleep(0)
        return check(origin)

    got = await once(target.url, check_rate=check_later if asynchronous else check)
    assert got.code == status
    assert status == 200 or got.body.decode() == text
    assert origins == ["https://page.test"]


@pytest.mark.gen_test
async def test_check_rate_replaces_the_counting_of_a_rate_limit(target: Site) -> None:
    settings = Settings(allow_networks=LOOPBACK, rate_limit="0 1")
    assert (await once(target.url, settings)).code == 429
    assert (await once(target.url, settings, check_rate=lambda _: True)).code == 200
    got = await once(target.url, settings, check_rate=lambda _: False)
    assert got.body.decode() == f"{FIRST}\nThe number of requests is limited to 0 per minute."
    assert "retry-after" not in got.headers


@pytest.mark.gen_test
async def test_exempt_hosts_are_not_given_to_check_rate(target: Site) -> None:
    settings = Settings(allow_networks=LOOPBACK, rate_limit="0 1 page.test")
    assert (await once(target.url, settings, check_rate=lambda _: False)).code == 200


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("error", "status"), [(Refused("Not today."), 403), (RuntimeError("a secret"), 500)]
)
async def test_a_hook_that_raises_is_answered(target: Site, error: Exception, status: int) -> None:
    def first_look(head: RequestHead) -> Answer | None:
        raise error

    got = await once(target.url, first_look=first_look)
    assert got.code == status
    assert (b"Not today." in got.body) is isinstance(error, ProxyError)
    assert b"secret" not in got.body
    assert target.requests == []


@pytest.mark.gen_test
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_choose_proxy_decides_what_carries_a_request(
    target: Site, asynchronous: bool
) -> None:
    async with forward_proxy() as carrying:

        def choose(wanted: Target) -> OutboundProxy | None:
            return OutboundProxy("127.0.0.1", carrying.port, None)

        async def choose_later(wanted: Target) -> OutboundProxy | None:
            return choose(wanted)

        got = await once(target.url, choose_proxy=choose_later if asynchronous else choose)
    assert got.code == 200
    assert [head.split()[:2] for head in carrying.heads] == [["GET", f"{target.url}/"]]
