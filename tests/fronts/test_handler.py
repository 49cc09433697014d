"""`CorsProxyHandler` among the other handlers of an application that protects itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop
from tornado.tcpclient import TCPClient
from tornado.web import Application, RequestHandler

from cors_anywhere import CorsProxy, CorsProxyHandler, Settings
from cors_anywhere.fronts.handler import CLIENT_LEFT
from tests.support.site import Site
from tests.support.target import Do
from tests.support.target import target as scripted
from tests.support.tornado_client import ask, assert_streams
from tests.support.wire import until


class Counting(CorsProxyHandler):
    """Counts what Tornado promises to call once."""

    finished = 0
    last: Counting

    def on_finish(self) -> None:
        type(self).finished += 1
        type(self).last = self

    @property
    def waits(self) -> bool:
        """Whether Tornado still waits for the rest of the request, which never comes."""
        return not self.request._body_future.done()


class Home(RequestHandler):
    """A neighbour."""

    def post(self) -> None:
        self.finish("home")


class App(Application):
    """Keeps its log in a list."""

    logged: list[int]

    def log_request(self, handler: RequestHandler) -> None:
        self.logged.append(handler.get_status())


@pytest.fixture
def app(io_loop: IOLoop) -> Iterator[App]:
    proxy = CorsProxy(Settings(allow_networks=("127.0.0.0/8",), require_headers=()))
    Counting.finished = 0
    application = App(
        [(r"/", Home), (r"/apps/proxy/(.*)", Counting, {"proxy": proxy})],
        xsrf_cookies=True,
        cross_origin_protection=True,
    )
    application.logged = []
    yield application
    io_loop.run_sync(proxy.close)


def mounted(base_url: str, url: str) -> str:
    return f"{base_url}/apps/proxy/{url}"


@pytest.mark.gen_test
async def test_path_and_query_arrive_octet_for_octet(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    for uri in ("/a//b/../%2e%2F%20?c=d/e&f=%20?&g", "/", "/%C3%BC", "/x?http://y/"):
        got = await ask(http_client, mounted(base_url, target.url + uri))
        assert (got.body, target.last.path) == (b"ok", uri)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "X-MINE", "OPTIONS"]
)
async def test_any_method_passes_the_applications_cross_site_checks(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site, method: str
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    got = await ask(http_client, mounted(base_url, target.url), method=method, headers=headers)
    assert (got.body, target.last.method) == (b"ok", method)


@pytest.mark.gen_test
async def test_a_post_needs_no_xsrf_cookie_where_that_is_the_only_check(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site, app: App
) -> None:
    app.settings["cross_origin_protection"] = False
    got = await ask(http_client, mounted(base_url, target.url), method="POST")
    assert (got.body, target.last.method) == (b"ok", "POST")
    assert (await ask(http_client, f"{base_url}/", method="POST")).code == 403


@pytest.mark.gen_test
async def test_the_other_handlers_keep_their_checks(
    http_client: AsyncHTTPClient, http_server: object, base_url: str
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert (await ask(http_client, f"{base_url}/", method="POST", headers=headers)).code == 403


@pytest.mark.gen_test
async def test_a_preflight_is_answered_below_the_mount(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    headers = {"Access-Control-Request-Method": "PUT"}
    url = mounted(base_url, target.url)
    got = await ask(http_client, url, method="OPTIONS", headers=headers)
    assert (got.code, got.headers["access-control-allow-methods"]) == (200, "PUT")
    assert target.requests == []


@pytest.mark.gen_test
async def test_the_mount_itself_is_the_help_page(
    http_client: AsyncHTTPClient, http_server: object, base_url: str
) -> None:
    got = await ask(http_client, mounted(base_url, ""))
    assert (got.code, got.headers["content-type"]) == (200, "text/plain; charset=utf-8")


@pytest.mark.gen_test
async def test_a_body_streams_through_the_handler(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site
) -> None:
    await assert_streams(http_client, f"{base_url}/apps/proxy", target)


@pytest.mark.gen_test
@pytest.mark.parametrize(("path", "status"), [("{target}", 200), ("favicon.ico", 404), ("", 200)])
async def test_a_request_is_finished_and_logged_once(
    http_client: AsyncHTTPClient,
    http_server: object,
    base_url: str,
    target: Site,
    app: Any,
    path: str,
    status: int,
) -> None:
    got = await ask(http_client, mounted(base_url, path.format(target=target.url)))
    assert got.code == status
    assert Counting.finished == 1
    assert app.logged == [status]


@pytest.mark.gen_test
@pytest.mark.parametrize("body", [b"", b"x"], ids=["complete", "within-its-body"])
async def test_a_client_that_leaves_is_finished_and_logged_once(
    http_server: object, http_port: int, app: Any, body: bytes
) -> None:
    async with scripted((Do.REQUEST, Do.WAIT)) as silent:
        stream = await TCPClient().connect("localhost", http_port)
        head = (
            f"POST /apps/proxy/{silent.url} HTTP/1.1\r\nHost: p\r\nContent-Length: {2 * len(body)}"
        )
        await stream.write(f"{head}\r\n\r\n".encode() + body)
        assert await until(lambda: silent.requests)
        stream.close()
        assert await until(lambda: app.logged)
        await silent.ended.wait()
    assert (Counting.finished, app.logged) == (1, [CLIENT_LEFT])
    assert not Counting.last.waits


class Closed(CorsProxyHandler):
    """Answers everything itself, as a handler may."""

    def prepare(self) -> None:
        self.set_status(401)
        self.finish("who are you?")


@pytest.mark.gen_test
@pytest.mark.parametrize("body", [None, b"x" * 100_000], ids=["bodiless", "with-a-body"])
async def test_a_handler_may_answer_before_the_proxy_does(
    http_client: AsyncHTTPClient,
    http_server: object,
    base_url: str,
    target: Site,
    app: App,
    body: bytes | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app.add_handlers(".*", [(r"/closed/(.*)", Closed, {"proxy": CorsProxy()})])
    got = await ask(http_client, f"{base_url}/closed/{target.url}", method="POST", body=body)
    assert (got.code, got.body) == (401, b"who are you?")
    assert not target.requests
    assert not [record for record in caplog.records if record.exc_info]


class Known(CorsProxyHandler):
    """Asks somebody else who may come in."""

    async def prepare(self) -> None:
        await asyncio.sleep(0)
        if self.request.headers.get("X-Key") == "k":
            super().prepare()
        else:
            self.set_status(401)
            self.finish("who are you?")


@pytest.mark.gen_test
@pytest.mark.parametrize("body", [None, b"x" * 100_000], ids=["bodiless", "with-a-body"])
async def test_prepare_may_be_an_async_function(
    http_client: AsyncHTTPClient,
    http_server: object,
    base_url: str,
    target: Site,
    app: App,
    body: bytes | None,
) -> None:
    proxy = CorsProxy(Settings(allow_networks=("127.0.0.0/8",)))
    app.add_handlers(".*", [(r"/known/(.*)", Known, {"proxy": proxy})])
    url = f"{base_url}/known/{target.url}"
    got = await ask(http_client, url, method="POST", body=body)
    assert (got.code, got.body, target.requests) == (401, b"who are you?", [])
    got = await ask(http_client, url, method="POST", body=body, headers={"X-Key": "k"})
    assert (got.code, got.body, target.last.body) == (200, b"ok", body or b"")
    await proxy.close()


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "route", [r"/there/(?P<url>.*)", r"/there(?:/(.*))?", r"/(?P<where>\w+)/(?P<url>.*)"]
)
async def test_the_last_group_is_the_target_whether_it_has_a_name_or_not(
    http_client: AsyncHTTPClient,
    http_server: object,
    base_url: str,
    target: Site,
    app: App,
    route: str,
) -> None:
    proxy = CorsProxy(Settings(allow_networks=("127.0.0.0/8",)))
    app.add_handlers(".*", [(route, CorsProxyHandler, {"proxy": proxy})])
    got = await ask(http_client, f"{base_url}/there/{target.url}/a?b=/c", method="POST")
    assert (got.body, target.last.path) == (b"ok", "/a?b=/c")
    got = await ask(http_client, f"{base_url}/there/")
    assert (got.code, got.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    await proxy.close()


@pytest.mark.gen_test
async def test_the_mount_without_a_slash_is_the_help_page_where_the_route_has_it(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, app: App
) -> None:
    proxy = CorsProxy()
    app.add_handlers(".*", [(r"/there(?:/(.*))?", CorsProxyHandler, {"proxy": proxy})])
    got = await ask(http_client, f"{base_url}/there")
    assert (got.code, got.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    await proxy.close()


@pytest.mark.gen_test
async def test_the_applications_own_pages_are_allowed_whatever_its_host_is_called(
    http_client: AsyncHTTPClient, http_server: object, base_url: str, target: Site, app: App
) -> None:
    settings = Settings(allow_networks=("127.0.0.0/8",), allow_origins=("https://other.test",))
    proxy = CorsProxy(settings)
    app.add_handlers(".*", [(r"/mine/(.*)", CorsProxyHandler, {"proxy": proxy})])
    url = f"{base_url}/mine/{target.url}"
    own = {"Host": "app.test", "Sec-Fetch-Site": "same-origin"}
    got = await http_client.fetch(url, headers=own, raise_error=False)
    assert (got.code, got.body) == (200, b"ok")
    others = {"Host": "app.test", "Sec-Fetch-Site": "cross-site", "Origin": "https://page.test"}
    got = await http_client.fetch(url, headers=others, raise_error=False)
    assert got.code == 403
    await proxy.close()
