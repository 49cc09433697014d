"""Exchanges with targets through a running proxy: whose connection is used, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from cors_anywhere.egress.exchange import PooledExchange
from cors_anywhere.errors import ProxyError
from cors_anywhere.messages import Answer, Deliver, Fetch, Length, Plan, RequestHead, Target
from tests.support import PATIENCE
from tests.support.forward_proxy import forward_proxy
from tests.support.listening import stop_listening
from tests.support.loopback import in_loop
from tests.support.target import Do, Take, target
from tests.support.tls import Tls
from tests.support.websocket import peer
from tests.support.wire import Client, Proxy, Seen, client, fetch, proxied

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Ignorant:
    """A target that takes no notice of a body's length on /ignore: it reads on right behind the
    head (CL.0). Every reply's body is the request line that it answers, and what was authorised;
    a HEAD's comes late, before the next reply."""

    def __init__(self) -> None:
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        late = b""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                writer.write(late)
                line, _, fields = head.partition("\r\n")
                values = [f.partition(": ")[2] for f in fields.split("\r\n")]
                names = [f.partition(": ")[0].lower() for f in fields.split("\r\n")]
                seen = dict(zip(names, values, strict=True))
                if "/ignore" not in line:
                    await reader.readexactly(int(seen.get("content-length", "0")))
                body = f"{line} {seen.get('authorization', '')}".encode()
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
                now, late = (b"", body) if line.startswith("HEAD") else (body, b"")
                writer.write(answer + now)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


@asynccontextmanager
async def ignorant() -> AsyncIterator[tuple[Ignorant, str]]:
    serving = Ignorant()
    tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks[task] = writer
        await serving.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield serving, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await stop_listening(server)
        for writer in tasks.values():
            writer.transport.abort()
        await asyncio.gather(*tasks)


async def asked(proxy: Proxy, origin: str, text: str) -> Seen:
    """The reply to a request of a page of this origin, on a connection of its own."""
    async with client(proxy) as connection:
        line, _, rest = text.partition("\r\n")
        connection.writer.write(
            f"{line}\r\nHost: proxy.test\r\nOrigin: {origin}\r\n{rest}".encode()
        )
        return await connection.reply()


SMUGGLED = "GET /evil HTTP/1.1\r\nHost: a\r\nX: "


@in_loop
async def test_a_body_that_its_target_takes_for_a_request_reaches_nobody_else() -> None:
    """One page attacks, another is served, in turn: each gets its own replies."""
    async with proxied() as proxy, ignorant() as (serving, base):
        for _ in range(20):
            attack = f"POST /{base}/ignore HTTP/1.1\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n"
            await asked(proxy, "https://evil.test", attack + SMUGGLED)
            request = f"GET /{base}/mine HTTP/1.1\r\nAuthorization: secret\r\n\r\n"
            seen = await asked(proxy, "https://good.test", request)
            assert seen.body == b"GET /mine HTTP/1.1 secret"
        assert serving.connections > 1


@in_loop
async def test_the_same_page_uses_its_connection_again_after_a_body() -> None:
    async with proxied() as proxy, ignorant() as (serving, base):
        for origin in ("https://one.test", "https://two.test") * 3:
            request = f"POST /{base}/ HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"
            assert (await asked(proxy, origin, request)).status == 200
        assert serving.connections == 2


@in_loop
async def test_a_body_in_reply_to_a_head_reaches_nobody_else() -> None:
    async with proxied() as proxy, ignorant() as (serving, base):
        for _ in range(3):
            async with client(proxy) as page:
                page.writer.write(f"HEAD /{base}/evil HTTP/1.1\r\nHost: p\r\n\r\n".encode())
                assert (await page.reply("HEAD")).status == 200
            seen = await asked(proxy, "https://good.test", f"GET /{base}/mine HTTP/1.1\r\n\r\n")
            assert seen.body == b"GET /mine HTTP/1.1 "
        assert serving.connections > 1


@in_loop
async def test_requests_without_a_body_share_connections() -> None:
    async with proxied() as proxy, ignorant() as (serving, base):
        for origin in ("https://one.test", "https://two.test") * 3:
            assert (await asked(proxy, origin, f"GET /{base}/ HTTP/1.1\r\n\r\n")).status == 200
        assert serving.connections == 1


MOVED = b"HTTP/1.1 302 Found\r\nLocation: /next\r\n"
REDIRECTS = {
    "length": MOVED + b"Content-Length: 9\r\n\r\nIt moved.",
    "chunked": MOVED + b"Transfer-Encoding: chunked\r\n\r\n9\r\nIt moved.\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("redirect", REDIRECTS.values(), ids=REDIRECTS)
@in_loop
async def test_a_redirect_with_a_small_body_costs_no_connection(redirect: bytes) -> None:
    async with proxied() as proxy, target((Do.REQUEST, redirect, Do.REQUEST, HELLO)) as server:
        seen = await fetch(proxy, server.url)
        assert (seen.status, seen.body) == (200, b"hello")
        assert server.connections == 1


@in_loop
async def test_a_redirect_whose_body_does_not_come_is_not_waited_for() -> None:
    never = MOVED + b"Content-Length: 9\r\n\r\n"
    async with proxied() as proxy, target((Do.REQUEST, never), (Do.REQUEST, HELLO)) as server:
        seen = await fetch(proxy, server.url)
        assert (seen.status, seen.body) == (200, b"hello")
        assert server.connections == 2


@in_loop
async def test_a_failure_of_the_reply_names_the_target() -> None:
    async with proxied() as proxy, target((Do.REQUEST, b"SSH-2.0-x\r\n")) as server:
        seen = await fetch(proxy, server.url)
    said = f"The target 127.0.0.1:{server.port} sent a reply that is not valid HTTP."
    assert seen.body.decode().startswith(said)


@in_loop
async def test_a_reply_that_nobody_asked_for_is_no_reply() -> None:
    async with proxied() as proxy, target((HELLO, Do.WAIT)) as server:
        seen = await fetch(proxy, server.url)
    assert (seen.status, seen.error) == (502, "http_protocol_error")


class Liar:
    """A client of whose body more or less comes than its head says, as a front that decompresses
    makes of an honest one."""

    taken_up = False
    fault: ProxyError | None = None

    def __init__(self, url: str, length: int, *pieces: bytes) -> None:
        fields = (("Host", "proxy.test"), ("Origin", "https://page.test"))
        self.head = RequestHead("POST", f"/{url}", fields, length, "192.0.2.1", "http", 80)
        self.begun = False
        self.answers: list[Answer] = []
        self.aborted = False
        self._pieces = list(pieces)

    async def read(self) -> bytes:
        await asyncio.sleep(0)
        return self._pieces.pop(0) if self._pieces else b""

    def answer(self, answer: Answer) -> None:
        self.answers.append(answer)

    def begin(self, deliver: Deliver, length: Length) -> None:
        self.begun = True

    async def send(self, chunk: bytes) -> None: ...

    def finish(self) -> None: ...

    def abort(self) -> None:
        self.aborted = True

    def when_draining(self, callback: Callable[[], None]) -> None: ...


@pytest.mark.parametrize(
    "pieces",
    [(b"hello", b"GET /evil HTTP/1.1\r\n\r\n"), (b"helloGET /evil HTTP/1.1\r\n\r\n",), (b"hell",)],
    ids=["behind-it", "in-it", "too-little"],
)
@in_loop
async def test_a_body_that_is_not_as_long_as_announced_fails_and_smuggles_nothing(
    pieces: tuple[bytes, ...],
) -> None:
    script = (Do.REQUEST, Take(5), Do.REQUEST, HELLO)
    async with proxied() as proxy, target(script, (Do.REQUEST, HELLO)) as server:
        lying = Liar(server.url, 5, *pieces)
        await proxy.cors.serve(lying)
        (answer,) = lying.answers
        assert (answer.status, answer.reason) == (400, "Bad Request")
        assert b"than its head announced" in answer.body
        await server.ended.wait()
        assert len(server.requests) == 1
        assert (await fetch(proxy, server.url)).body == b"hello"  # on a connection of its own
        assert server.connections == 2


# --- the operator's own proxy ---------------------------------------------------------------------


@in_loop
async def test_a_websocket_goes_through_the_outbound_proxy_by_connect() -> None:
    async with peer() as host, forward_proxy() as carrying:
        address = f"http://user:pw@127.0.0.1:{carrying.port}"
        async with proxied(http_proxy=address) as proxy, client(proxy) as page:
            await shake_hands(page, f"ws://{host}/chat")
            assert b" 101 " in await page.reader.readuntil(b"\r\n\r\n")
        (head,) = carrying.heads
        assert head.startswith(f"CONNECT {host} HTTP/1.1\r\n")
        assert "chat" not in head


@in_loop
async def test_a_tunnel_is_not_taken_for_a_connection_to_the_outbound_proxy() -> None:
    refusal = b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"
    script = (Do.REQUEST, refusal, Do.REQUEST, HELLO)
    async with target(script, (Do.REQUEST, HELLO)) as server, forward_proxy() as carrying:
        async with proxied(http_proxy=f"http://127.0.0.1:{carrying.port}") as proxy:
            async with client(proxy) as page:
                await shake_hands(page, server.url.replace("http", "ws"))
                assert (await page.reply()).status == 400
            assert (await fetch(proxy, server.url)).body == b"hello"
        assert [head.split(" ")[0] for head in carrying.heads] == ["CONNECT", "GET"]


@in_loop
async def test_an_outbound_proxy_that_wants_other_credentials_is_what_failed() -> None:
    demand = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
    async with target((Do.REQUEST, demand)) as carrying, proxied(http_proxy=carrying.url) as proxy:
        seen = await fetch(proxy, "http://example.com/")
    assert seen.status == 502
    assert seen.body.startswith(b"The outbound proxy demands other credentials.")


async def shake_hands(page: Client, url: str) -> None:
    await page.ask(
        url,
        fields=(
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
    )


# --- what it took ---------------------------------------------------------------------------------


async def opened(proxy: Proxy, port: int) -> PooledExchange:
    """An exchange with a target, its reply read."""
    wanted = Target("http", "127.0.0.1", port, f"127.0.0.1:{port}", "/")
    head = RequestHead("GET", "/", (), 0, "192.0.2.1", "http", 80)
    plan = Plan(wanted, "GET", (), False, wanted, (), None)
    egress = proxy.cors.egress
    exchange = await egress.open(Fetch(plan, [("Host", wanted.authority)], 0, head))
    await exchange.reply()
    while await exchange.read():
        pass
    exchange.release()
    return exchange


@in_loop
async def test_an_exchange_tells_whether_its_connection_was_new_and_what_that_took() -> None:
    async with (
        asyncio.timeout(PATIENCE),
        proxied() as proxy,
        target((Do.REQUEST, HELLO, Do.REQUEST, Do.FIN), (Do.REQUEST, HELLO)) as server,
    ):
        new = await opened(proxy, server.port)
        assert (new.reused, new.connect > 0, new.look_up >= 0) == (False, True, True)
        retried = await opened(proxy, server.port)  # the pool's had died
        assert (retried.reused, retried.connect > 0) == (False, True)
    async with proxied() as proxy, target((Do.REQUEST, HELLO, Do.REQUEST, HELLO)) as server:
        await opened(proxy, server.port)
        again = await opened(proxy, server.port)
        assert (again.reused, again.connect, again.look_up) == (True, 0.0, 0.0)


# --- the end of a tunnel --------------------------------------------------------------------------


def test_a_tls_target_may_end_a_tunnel_without_a_close_notify(tls: Tls) -> None:
    switch = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )
    close = b"\x88\x02\x03\xe8"

    @in_loop
    async def run() -> None:
        async with (
            target((Do.REQUEST, switch + close, Do.FIN), tls=tls.context) as server,
            proxied(ca_file=tls.ca_file) as proxy,
            client(proxy) as page,
        ):
            await shake_hands(page, server.url.replace("https", "wss"))
            await page.reader.readuntil(b"\r\n\r\n")
            assert await page.reader.readexactly(len(close)) == close
            assert await page.closed() == "fin"

    run()


# --- host rules hold whoever carries the request --------------------------------------------------

FORBIDDEN = ("http://metadata.google.internal/", "http://localhost:9000/", "https://db.internal/")


@pytest.mark.parametrize("url", [*FORBIDDEN, "http://10.0.0.1/"])
@in_loop
async def test_no_forbidden_request_leaves_through_the_outbound_proxy(url: str) -> None:
    async with forward_proxy() as carrying:
        address = f"http://127.0.0.1:{carrying.port}"
        async with proxied(http_proxy=address, https_proxy=address) as proxy:
            seen = await fetch(proxy, url)
        assert (seen.status, seen.error) == (403, "destination_ip_prohibited")
        assert b"--allow-private" in seen.body
        assert carrying.heads == []


@in_loop
async def test_no_forbidden_websocket_leaves_through_the_outbound_proxy() -> None:
    async with forward_proxy() as carrying:
        address = f"http://127.0.0.1:{carrying.port}"
        async with proxied(http_proxy=address) as proxy, client(proxy) as page:
            await shake_hands(page, "ws://db.internal:443/")
            assert (await page.reply()).status == 403
        assert carrying.heads == []


@in_loop
async def test_a_named_target_leaves_through_the_outbound_proxy() -> None:
    async with target((Do.REQUEST, HELLO)) as server, forward_proxy() as carrying:
        address = f"http://127.0.0.1:{carrying.port}"
        async with proxied(http_proxy=address, allow_private=("localhost",)) as proxy:
            seen = await fetch(proxy, f"http://localhost:{server.port}/")
        assert (seen.status, seen.body) == (200, b"hello")
