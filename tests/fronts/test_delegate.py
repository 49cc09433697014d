"""`CorsProxy` served by Tornado's own `HTTPServer`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop

from cors_anywhere import CorsProxy, Settings
from tests.support.site import Site, reply, site
from tests.support.tornado_client import ask, assert_streams


@pytest.fixture
def app(io_loop: IOLoop) -> Iterator[CorsProxy]:
    proxy = CorsProxy(Settings(allow_networks=("127.0.0.0/8",)))
    yield proxy
    io_loop.run_sync(proxy.close)


@pytest.mark.gen_test
async def test_a_reply_comes_with_cors_fields(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    target.on("/a//b/../c?d=%20&e", reply(b"ok", "Set-Cookie: a=b"))
    got = await ask(http_client, f"{base_url}/{target.url}/a//b/../c?d=%20&e")
    assert (got.code, got.body) == (200, b"ok")
    assert got.headers["access-control-allow-origin"] == "*"
    assert got.headers["x-final-url"] == f"{target.url}/a//b/../c?d=%20&e"
    assert "set-cookie" not in got.headers


@pytest.mark.gen_test
async def test_the_proxys_own_replies_are_complete(
    http_client: AsyncHTTPClient, http_server: object, base_url: str
) -> None:
    for path, status in {"/": 200, "/favicon.ico": 404, "/iscorsneeded": 200}.items():
        got = await ask(http_client, base_url + path)
        assert got.code == status
        assert int(got.headers["content-length"]) == len(got.body) > 0


@pytest.mark.gen_test
@pytest.mark.parametrize("method", ["PROPFIND", "MKCALENDAR", "QUERY", "X-MINE"])
async def test_any_method_reaches_the_target(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site, method: str
) -> None:
    got = await ask(http_client, f"{base_url}/{target.url}/", method=method, body=b"<x/>")
    assert got.body == b"ok"
    assert (target.last.method, target.last.body) == (method, b"<x/>")


@pytest.mark.gen_test
async def test_a_head_request_gets_a_head(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    got = await ask(http_client, f"{base_url}/{target.url}/", method="HEAD")
    assert (got.code, got.body) == (200, b"")
    assert int(got.headers["content-length"]) > 0


@pytest.mark.gen_test
async def test_a_body_streams_through(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    await assert_streams(http_client, base_url, target)


@pytest.mark.gen_test
async def test_a_large_body_is_whole(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    body = bytes(range(32, 127)) * 20_000
    await ask(http_client, f"{base_url}/{target.url}/", method="PUT", body=body)
    assert target.last.body == body


@pytest.mark.gen_test
async def test_a_failure_is_told(
    http_client: AsyncHTTPClient, http_server: object, base_url: str
) -> None:
    with site() as gone:
        url = gone.url
    got = await ask(http_client, f"{base_url}/{url}/")
    assert got.code == 502
    assert "error=connection_refused" in got.headers["proxy-status"]


@pytest.mark.gen_test
async def test_settings_that_are_the_servers_are_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await CorsProxy(Settings(port=8081, max_connections=5, max_url_bytes=500)).close()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        "CorsProxy leaves these settings to the server that it is given to: port, max_connections."
        " cors_anywhere.serve() sees to them itself"
    )


@pytest.mark.gen_test
@pytest.mark.parametrize(("trusted", "named"), [((), True), (("10.0.0.0/8",), False)])
async def test_a_clients_share_holds_behind_a_trusted_proxy_only(
    caplog: pytest.LogCaptureFixture, trusted: tuple[str, ...], named: bool
) -> None:
    await CorsProxy(Settings(trusted_proxies=trusted, max_connections_per_client=9)).close()
    assert ("max_connections_per_client" in caplog.text) is named


@pytest.mark.gen_test
async def test_settings_that_hold_everywhere_are_not_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await CorsProxy(Settings(port=8080, max_url_bytes=500, head_timeout=1)).close()
    assert not caplog.records
