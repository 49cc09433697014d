"""Behind nginx, Caddy and HAProxy, set up as the documents say: nothing is lost or held back."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import trustme
from tornado.web import Application, RequestHandler
from websockets.asyncio.client import connect

from cors_anywhere import Settings
from tests.support import PATIENCE
from tests.support.browser import CHROMIUM, listening
from tests.support.devtools import page
from tests.support.front_servers import HOST, SERVERS, block, front_server, installed
from tests.support.fronts import ORIGIN, Connection, Reply
from tests.support.needs import needs
from tests.support.process import started
from tests.support.site import Site, Wire, read_chunk, redirect, reply
from tests.support.websocket import peer

CLIENT = "127.0.0.2"  # the front server itself is 127.0.0.1
MIB = 2**20
LONGEST = Settings().max_url_bytes


class Through(Connection):
    """A client's connection to a front server."""

    host = HOST

    def __init__(self, port: int, authority: trustme.CA) -> None:
        self._base = ""
        self.sock = secured(port, authority)
        self.file = self.sock.makefile("rb")


def tls_of(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def plain(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(CLIENT, 0))


def secured(port: int, authority: trustme.CA) -> ssl.SSLSocket:
    return tls_of(authority).wrap_socket(plain(port), server_hostname=HOST)


class Served:
    """The real command behind a front server."""

    def __init__(self, port: int, authority: trustme.CA) -> None:
        self.port = port
        self.authority = authority

    def connect(self) -> closing[Through]:
        return closing(Through(self.port, self.authority))

    def page(self, url: str, *fields: str, method: str = "GET", body: bytes | None = None) -> Reply:
        with self.connect() as connection:
            connection.ask(url, f"Origin: {ORIGIN}", *fields, method=method, body=body)
            return connection.reply(method)


@pytest.fixture(scope="module", params=sorted(SERVERS))
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    name: str = request.param
    needs(installed(name), name)
    authority = trustme.CA()
    options = ("--allow-network", "127.0.0.0/8", "--trusted-proxy", "127.0.0.1/32")
    here = tmp_path_factory.mktemp(name)
    with (
        started(*options, "--forwarded-headers") as proxy,
        front_server(name, proxy.port, authority, here) as port,
    ):
        yield Served(port, authority)


def long_url(target: Site, start: str = "/") -> str:
    """As long a URL as the proxy takes, its own slash included."""
    return (target.url + start).ljust(LONGEST - 1, "u")


# --- what passes ----------------------------------------------------------------------------------


def test_a_reply_passes_with_its_fields(served: Served, target: Site) -> None:
    fields = ("Date: Sun, 06 Nov 1994 08:49:37 GMT", "Server: of the target", "X-Mine: yes")
    url = target.on("/", reply(b"hello", *fields))
    seen = served.page(url)
    assert (seen.status, seen.body, seen.get("x-mine")) == (200, b"hello", "yes")
    assert seen.cors["allow-origin"] == "*"
    assert seen.get("date") == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert (seen.get("server") or "").endswith("of the target")  # Caddy puts its own before it


@pytest.mark.parametrize("path", ["/a//b/../c?d=//e", "/%2f%41?%20=|^", "/x?u=https://y/"])
def test_a_url_passes_as_it_came(path: str, served: Served, target: Site) -> None:
    assert served.page(target.url + path).status == 200
    assert target.last.path == path


def test_the_longest_url_passes_and_comes_back(served: Served, target: Site) -> None:
    url = long_url(target)
    seen = served.page(url)
    assert (seen.status, seen.body) == (200, b"ok")
    assert (seen.get("x-request-url"), seen.get("x-final-url")) == (url, url)


def test_a_redirect_between_the_longest_urls_comes_back(served: Served, target: Site) -> None:
    there = long_url(target, "/there/")
    here = target.on(long_url(target, "/here/").removeprefix(target.url), redirect(there))
    seen = served.page(here)
    assert (seen.status, seen.body) == (200, b"ok")
    assert seen.get("x-final-url") == there


def test_many_fields_pass_both_ways(served: Served, target: Site) -> None:
    many = [f"X-Mine-{number}: {number}" for number in range(150)]
    seen = served.page(target.on("/", reply(b"", *many)), *many)
    assert (seen.get("x-mine-149"), target.last.get("x-mine-149")) == ("149", "149")


def test_a_body_of_some_mebibytes_passes_both_ways(served: Served, target: Site) -> None:
    sent, answer = os.urandom(5 * MIB), os.urandom(5 * MIB)
    seen = served.page(target.on("/", reply(answer)), method="PUT", body=sent)
    assert seen.body == answer
    assert target.last.body == sent


# --- nothing is held back -------------------------------------------------------------------------


def test_events_arrive_one_by_one(served: Served, target: Site) -> None:
    arrived = threading.Semaphore(0)

    def events(wire: Wire) -> None:
        head = "HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"
        wire.send("\r\n".join([*head, "", ""]).encode())
        for number in range(5):
            wire.send(b"9\r\ndata: %d\n\n\r\n" % number)
            assert arrived.acquire(timeout=PATIENCE)
        wire.send(b"0\r\n\r\n")

    with served.connect() as connection:
        connection.ask(target.on("/", events), f"Origin: {ORIGIN}")
        assert connection.head()[0] == 200
        for number in range(5):
            assert connection.chunk() == b"data: %d\n\n" % number
            arrived.release()
        assert connection.chunk() == b""


def test_a_body_reaches_the_target_while_it_is_sent(served: Served, target: Site) -> None:
    arrived = threading.Semaphore(0)

    def take(wire: Wire) -> None:
        for _ in range(5):
            assert read_chunk(wire.reader) == b"piece"
            arrived.release()
        assert read_chunk(wire.reader) == b""
        wire.send(reply(b"taken"))

    with served.connect() as connection:
        chunked = "Transfer-Encoding: chunked"
        connection.ask(target.on("/", take), f"Origin: {ORIGIN}", chunked, method="POST")
        for _ in range(5):
            connection.send(b"5\r\npiece\r\n")
            assert arrived.acquire(timeout=PATIENCE)
        connection.send(b"0\r\n\r\n")
        assert connection.reply().body == b"taken"


def test_a_page_streams_an_upload_over_http_2(served: Served, target: Site, tmp_path: Path) -> None:
    needs(CHROMIUM, "chromium")
    pieces: SimpleQueue[bytes] = SimpleQueue()

    def take(wire: Wire) -> None:
        while piece := read_chunk(wire.reader):
            pieces.put(piece)
        wire.send(reply(b"taken"))

    url = f"https://{HOST}:{served.port}/{target.on('/', take)}"
    assert asyncio.run(upload(url, pieces, tmp_path)) == ["0", "1", "2", "taken", "h2"]


async def upload(url: str, pieces: SimpleQueue[bytes], profile: Path) -> list[str]:
    """Sends piece after piece, each when the one before has reached the target: what arrived, what
    the page read in the end, and by which protocol."""
    flags = f"--host-resolver-rules=MAP {HOST} 127.0.0.1", "--ignore-certificate-errors"
    async with (
        listening(Application([("/", RequestHandler)])) as port,
        page(f"http://localhost:{port}/", profile, *flags) as seen,
    ):
        await seen.evaluate(
            "window.body = new ReadableStream({start(c) {window.sink = c}});"
            f"window.reply = fetch('{url}', {{method: 'POST', body, duplex: 'half'}}); 0"
        )
        arrived = []
        for number in range(3):
            await seen.evaluate(f"sink.enqueue(new TextEncoder().encode('{number}')); 0")
            arrived.append((await asyncio.to_thread(pieces.get, timeout=PATIENCE)).decode())
        await seen.evaluate("sink.close(); 0")
        arrived.append(await seen.evaluate("reply.then(r => r.text())"))
        name = f"performance.getEntriesByName('{url}').pop().nextHopProtocol"
        return [*arrived, await seen.evaluate(name)]


def test_the_target_is_left_when_the_page_leaves(served: Served, target: Site) -> None:
    left = threading.Event()

    def without_end(wire: Wire) -> None:
        head = "HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"
        wire.send("\r\n".join([*head, "", ""]).encode() + b"1\r\n.\r\n")
        if wire.reader.read(1) == b"":
            left.set()

    with served.connect() as connection:
        connection.ask(target.on("/", without_end), f"Origin: {ORIGIN}")
        assert connection.head()[0] == 200
        assert connection.chunk() == b"."
    assert left.wait(PATIENCE)


def broken(head: bytes) -> Callable[[Wire], None]:
    def answer(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\n" + head)
        wire.end()

    return answer


def test_a_reply_that_breaks_off_is_not_whole(served: Served, target: Site) -> None:
    url = target.on("/", broken(b"Content-Length: 5\r\n\r\nhalf"))
    assert not served.page(url).whole


@pytest.mark.parametrize("served", ["haproxy", "nginx"], indirect=True)
def test_nor_is_one_of_unknown_length(served: Served, target: Site) -> None:
    """docs/deploy.md says that Caddy 2.6, which is Debian's, does not keep to this."""
    url = target.on("/", broken(b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"))
    assert not served.page(url).whole


def test_a_websocket_passes(served: Served) -> None:
    async def talk() -> None:
        context, sock = tls_of(served.authority), plain(served.port)
        settings: dict[str, Any] = {"sock": sock, "ssl": context, "origin": ORIGIN}
        async with (
            peer() as host,
            connect(f"wss://{HOST}/ws://{host}", server_hostname=HOST, **settings) as page,
        ):
            for message in ("text", os.urandom(MIB // 2)):
                await page.send(message)
                assert await page.recv() == message

    asyncio.run(talk())


# --- who asks -------------------------------------------------------------------------------------


def test_the_client_is_the_one_that_the_front_server_names(served: Served, target: Site) -> None:
    served.page(target.url + "/", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http")
    said = [value.strip() for value in (target.last.get("x-forwarded-for") or "").split(",")]
    assert [address for address in said if address != "127.0.0.1"][-1] == CLIENT
    assert set((target.last.get("x-forwarded-proto") or "").split(",")) == {"https"}


def test_no_target_commands_the_front_server(served: Served, target: Site) -> None:
    inside = target.on("/", reply(b"of the target", "X-Accel-Redirect: /iscorsneeded"))
    assert served.page(inside).body == b"of the target"


# --- what the blocks say --------------------------------------------------------------------------

PATIENT = {
    "nginx": (r"proxy_read_timeout (\d+)s", r"(?:client_body|proxy_send)_timeout (\d+)s"),
    "haproxy": (r"timeout (?:client|server) (\d+)s", r"timeout (?:client|server) (\d+)s"),
}
"""Where a block says how long to wait for the proxy, and for a body; Caddy waits without end."""


@pytest.mark.parametrize("name", PATIENT)
def test_a_front_server_waits_longer_than_the_proxy(name: str) -> None:
    settings = Settings()
    for_proxy, for_body = ([int(n) for n in re.findall(p, block(name))] for p in PATIENT[name])
    assert min(for_proxy) > settings.connect_timeout + settings.head_timeout
    assert min(for_proxy) > settings.tunnel_timeout
    assert min(for_body) > settings.idle_timeout
