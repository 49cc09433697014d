"""Tornado's applications and delegates on the connections of this package, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from tornado import httputil
from tornado.routing import PathMatches, Rule, RuleRouter
from tornado.web import Application, RequestHandler, stream_request_body

from cors_anywhere import CorsProxy, CorsProxyHandler, Settings
from cors_anywhere.fronts.adapter import TornadoService
from tests.support.loopback import Peer, connected, in_loop, refused, serving
from tests.support.target import Do, Script, target

HOST = b"Host: proxy.test\r\n"
GET = b"GET /%s HTTP/1.1\r\n" + HOST + b"\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Page(RequestHandler):
    """An ordinary handler."""

    def get(self, name: str) -> None:
        self.set_header("X-Agent", self.request.headers.get("User-Agent", "none"))
        self.write({"name": name, "q": self.get_argument("q", "")})

    def post(self, name: str) -> None:
        self.write(f"{name} {self.get_body_argument('a')}")


class Slow(RequestHandler):
    """Flushes in pieces."""

    async def get(self) -> None:
        for piece in ("one", "two"):
            self.write(piece)
            await self.flush()


class Broken(RequestHandler):
    """Fails."""

    def get(self) -> None:
        raise RuntimeError("broken")

    def log_exception(self, *args: Any) -> None:
        pass


@stream_request_body
class Upload(RequestHandler):
    """Takes a body piece by piece, slowly."""

    async def prepare(self) -> None:
        self.total = 0
        await asyncio.sleep(0)

    async def data_received(self, chunk: bytes) -> None:
        await asyncio.sleep(0)
        self.total += len(chunk)

    def put(self) -> None:
        self.write(str(self.total))


def application() -> Application:
    """An application as anybody writes it."""
    pages = [(r"/page/(.*)", Page), (r"/slow", Slow), (r"/broken", Broken), (r"/upload", Upload)]
    return Application(pages, log_function=lambda handler: None)


async def asked(peer: Peer, octets: bytes) -> tuple[bytes, bytes]:
    """The head and body of one reply."""
    peer.writer.write(octets)
    head = await peer.until(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return head, await peer.reader.readexactly(int(length or 0))


@in_loop
async def test_an_application_answers_on_our_server() -> None:
    async with serving(TornadoService(application())) as server, connected(server.port) as peer:
        request = b"GET /page/a%20b?q=1 HTTP/1.1\r\n" + HOST + b"user-agent: me\r\n\r\n"
        head, body = await asked(peer, request)
        assert body == b'{"name": "a b", "q": "1"}'
        assert b"\r\nX-Agent: me\r\n" in head


@in_loop
async def test_an_application_gets_its_forms_and_errors_on_our_server() -> None:
    form = b"Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n"
    async with serving(TornadoService(application())) as server, connected(server.port) as peer:
        post = b"POST /page/x HTTP/1.1\r\n" + HOST + form + b"\r\n2\r\na=\r\n1\r\nb\r\n0\r\n\r\n"
        assert (await asked(peer, post))[1] == b"x b"
        assert (await asked(peer, GET % b"broken"))[0].startswith(b"HTTP/1.1 500")
        assert (await asked(peer, GET % b"nowhere"))[0].startswith(b"HTTP/1.1 404")


@in_loop
async def test_an_application_streams_on_our_server() -> None:
    async with serving(TornadoService(application())) as server, connected(server.port) as peer:
        peer.writer.write(GET % b"slow")
        assert b"transfer-encoding: chunked" in (await peer.until(b"\r\n\r\n")).lower()
        await peer.exactly(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
@in_loop
async def test_a_streaming_handler_takes_its_upload_on_our_server(expect: bytes) -> None:
    async with serving(TornadoService(application())) as server, connected(server.port) as peer:
        head = b"PUT /upload HTTP/1.1\r\n" + HOST + expect + b"Content-Length: 300000\r\n\r\n"
        peer.writer.write(head)
        if expect:
            await peer.exactly(CONTINUE)
        _, body = await asked(peer, b"x" * 300_000)
        assert body == b"300000"
        assert (await asked(peer, GET % b"page/again"))[1] == b'{"name": "again", "q": ""}'


@in_loop
async def test_what_tornado_refuses_in_a_head_is_refused_on_our_server() -> None:
    async with serving(TornadoService(application())) as server, connected(server.port) as peer:
        peer.writer.write(GET % (b"page/x?" + b"&".join([b"a=b"] * 1001)))
        assert (await refused(peer)).startswith(b"400")


# --- delegates that refuse ------------------------------------------------------------------------


class Refusing(httputil.HTTPServerConnectionDelegate, httputil.HTTPMessageDelegate):
    """Refuses a message with Tornado's own error, where its path says."""

    def start_request(self, server_conn: object, request_conn: object) -> Refusing:
        return self

    def headers_received(self, start_line: Any, headers: object) -> Awaitable[None] | None:
        self.path = start_line.path
        self.refuse_at("head")
        return self.later() if "later" in self.path else None

    async def later(self) -> None:
        await asyncio.sleep(0)
        self.refuse_at("later")

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self.refuse_at("data")
        return None

    def finish(self) -> None:
        self.refuse_at("finish")

    def refuse_at(self, place: str) -> None:
        if place in self.path:
            raise httputil.HTTPInputError("what is this")


@pytest.mark.parametrize("place", [b"head", b"later", b"data", b"finish"])
@in_loop
async def test_a_delegates_refusal_is_a_400_wherever_it_comes(place: bytes) -> None:
    async with serving(TornadoService(Refusing())) as server, connected(server.port) as peer:
        peer.writer.write(b"POST /" + place + b" HTTP/1.1\r\n" + HOST)
        peer.writer.write(b"Content-Length: 1\r\n\r\n1")
        assert await refused(peer) == b"400 what is this"


# --- the proxy among an application's pages -------------------------------------------------------

HELLO: Script = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def routed(proxy: CorsProxy) -> httputil.HTTPServerConnectionDelegate:
    return RuleRouter(
        [Rule(PathMatches("/page/.*"), application()), Rule(PathMatches("/.*"), proxy)]
    )


def mounted(proxy: CorsProxy) -> httputil.HTTPServerConnectionDelegate:
    return Application(
        [(r"/page/(.*)", Page), (r"/(.*)", CorsProxyHandler, {"proxy": proxy})],
        log_function=lambda handler: None,
    )


every_way = pytest.mark.parametrize("way", [routed, mounted])


def a_proxy() -> CorsProxy:
    return CorsProxy(Settings(allow_networks=("127.0.0.0/8",), require_headers=()))


@every_way
@in_loop
async def test_the_proxy_serves_beside_an_applications_pages(way: Any) -> None:
    proxy = a_proxy()
    service = TornadoService(way(proxy))
    async with (
        target(HELLO) as site,
        serving(service) as server,
        connected(server.port) as peer,
    ):
        head, body = await asked(peer, GET % site.url.encode())
        assert body == b"hello"
        assert b"\r\naccess-control-allow-origin: *\r\n" in head
        assert (await asked(peer, GET % b"page/a"))[1] == b'{"name": "a", "q": ""}'
    await proxy.close()


@every_way
@in_loop
async def test_a_client_that_leaves_ends_the_targets_side(way: Any) -> None:
    proxy = a_proxy()
    service = TornadoService(way(proxy))
    async with (
        target((Do.REQUEST, Do.WAIT)) as site,
        serving(service) as server,
        connected(server.port) as peer,
    ):
        peer.writer.write(GET % site.url.encode())
        while not site.requests:
            await asyncio.sleep(0)
        peer.writer.transport.abort()
        await site.ended.wait()
    await proxy.close()


@in_loop
async def test_the_proxy_refuses_a_connection_that_it_could_not_abort() -> None:
    proxy = a_proxy()
    with pytest.raises(TypeError, match="cannot serve a HTTPConnection"):
        proxy.start_request(None, httputil.HTTPConnection())
    await proxy.close()
