"""WebSockets through every way of serving the proxy: what passes, and what is refused."""

from __future__ import annotations

import asyncio
import os
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.support.fronts import Front
from tests.support.target import Do, target
from tests.support.tls import Tls
from tests.support.websocket import (
    DENIED,
    MIB,
    PAGE,
    SETTINGS,
    SWITCH,
    dial,
    hand,
    peer,
    refused,
)
from tests.support.wire import until


@pytest.fixture(scope="module")
def settings(tls: Tls) -> dict[str, Any]:
    return {**SETTINGS, "ca_file": tls.ca_file}


# --- what passes ------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["ws", "wss", "http", "https", "WS", ""])
def test_messages_pass_both_ways(scheme: str, proxy: Front, tls: Tls) -> None:
    async def talk() -> None:
        secure = tls if scheme in ("wss", "https") else None
        async with peer(tls=secure) as host:
            url = f"{scheme}://{host}/a/b?c=d" if scheme else f"{host}/a/b?c=d"
            async with dial(proxy.at, url) as socket:
                for message in ("text ✓", b"\x00\xff", "", b""):
                    await socket.send(message)
                    assert await socket.recv() == message

    asyncio.run(talk())


def test_big_and_many_messages_pass_whole(proxy: Front) -> None:
    async def talk() -> None:
        many = [os.urandom(2 * MIB), *(b"%d" % number for number in range(2000))]
        async with (
            peer() as host,
            dial(proxy.at, f"ws://{host}/", max_size=None, compression=None) as socket,
        ):
            sending = asyncio.ensure_future(send_all(socket, many))
            assert [await socket.recv() for _ in many] == many
            await sending

    asyncio.run(talk())


async def send_all(socket: ClientConnection | ServerConnection, messages: list[bytes]) -> None:
    for message in messages:
        await socket.send(message)


def test_pings_are_answered_by_the_other_end(proxy: Front) -> None:
    async def talk() -> None:
        pinged: list[float] = []

        async def ping(socket: ServerConnection) -> None:
            pinged.append(await (await socket.ping(b"from the target")))
            await socket.wait_closed()

        async with (
            peer(ping) as host,
            dial(proxy.at, f"ws://{host}/") as socket,
        ):
            assert await (await socket.ping(b"from the page")) > 0
            assert await until(lambda: pinged)

    asyncio.run(talk())


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (3001, "so it is"), (4999, "über")])
@pytest.mark.parametrize("by", ["page", "target"])
def test_the_code_and_reason_of_a_close_pass(by: str, code: int, reason: str, proxy: Front) -> None:
    async def talk() -> None:
        seen: list[tuple[int | None, str | None]] = []

        async def serving(socket: ServerConnection) -> None:
            if by == "target":
                await socket.close(code, reason)
            await socket.wait_closed()
            seen.append((socket.close_code, socket.close_reason))

        async with (
            peer(serving) as host,
            dial(proxy.at, f"ws://{host}/") as socket,
        ):
            if by == "page":
                await socket.close(code, reason)
            await socket.wait_closed()
            assert await until(lambda: seen)
            assert seen == [(code, reason)] == [(socket.close_code, socket.close_reason)]

    asyncio.run(talk())


def test_the_target_sees_the_handshake_of_the_page(proxy: Front) -> None:
    async def talk() -> None:
        heads: list[Request] = []

        async def serving(socket: ServerConnection) -> None:
            assert socket.request is not None
            heads.append(socket.request)

        async with peer(serving) as host:
            extra = {"Cookie": "a=b", "Authorization": "Bearer x"}
            url = f"ws://{host}/room%20?q=//"
            async with dial(proxy.at, url, subprotocols=["chat"], additional_headers=extra):
                pass
        fields = heads[0].headers
        assert heads[0].path == "/room%20?q=//"
        assert (fields["Host"], fields["Origin"]) == (host, PAGE)
        assert (fields["Sec-WebSocket-Protocol"], fields["Authorization"]) == ("chat", "Bearer x")
        assert "Cookie" not in fields

    asyncio.run(talk())


def test_a_handshake_that_is_redirected_is_followed(proxy: Front) -> None:
    def answer(socket: ServerConnection, request: Request) -> Response | None:
        if request.path == "/there":
            return None
        response = socket.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = "/there"
        return response

    async def talk() -> None:
        async with (
            peer(answer=answer) as host,
            dial(proxy.at, f"ws://{host}/here") as socket,
        ):
            await socket.send("hello")
            assert await socket.recv() == "hello"

    asyncio.run(talk())


# --- refusals ---------------------------------------------------------------------------------

REFUSALS: dict[str, tuple[str, str | None, int, str]] = {
    "no-origin": ("ws://{host}/", None, 400, "http_request_error"),
    "denied-origin": ("ws://{host}/", DENIED, 403, "http_request_denied"),
    "private-address": ("ws://10.0.0.1/", PAGE, 403, "destination_ip_prohibited"),
    "private-address-wss": ("wss://[::1]/", PAGE, 403, "destination_ip_prohibited"),
    "user": ("ws://a:b@{host}/", PAGE, 400, "http_request_error"),
    "not-listening": ("ws://127.0.0.1:1/", PAGE, 502, "connection_refused"),
    "other-scheme": ("ftp://{host}/", PAGE, 404, "http_request_error"),
    "no-tls": ("wss://{host}/", PAGE, 502, "connection_terminated"),
}


@pytest.mark.parametrize("row", REFUSALS)
def test_a_refusal_is_a_reply_like_any_other(row: str, proxy: Front) -> None:
    url, origin, status, error = REFUSALS[row]

    async def ask() -> Response:
        async with peer() as host:
            return await refused(dial(proxy.at, url.format(host=host), origin))

    response = asyncio.run(ask())
    assert response.status_code == status
    assert f"error={error}" in response.headers["Proxy-Status"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.body


@pytest.mark.parametrize("status", [200, 401, 403, 426, 503])
def test_the_answer_of_a_target_that_does_not_want_a_websocket_passes(
    status: int, proxy: Front
) -> None:
    def answer(socket: ServerConnection, _: Request) -> Response:
        return socket.respond(HTTPStatus(status), "not here")

    async def ask() -> Response:
        async with peer(answer=answer) as host:
            return await refused(dial(proxy.at, f"ws://{host}/"))

    response = asyncio.run(ask())
    assert (response.status_code, response.body) == (status, b"not here")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Upgrade" not in response.headers


UNASKED = {
    "to-a-plain-request": ((), SWITCH + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
    "to-another-protocol": (
        ("Connection: Upgrade", "Upgrade: websocket"),
        SWITCH + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ),
    "to-no-protocol": (("Connection: Upgrade", "Upgrade: websocket"), SWITCH + b"\r\n"),
    "asked-for-h2c": (
        ("Connection: Upgrade", "Upgrade: h2c"),
        SWITCH + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ),
}


@pytest.mark.parametrize("row", UNASKED)
def test_a_switch_of_protocols_that_was_not_asked_for_is_a_502(row: str, proxy: Front) -> None:
    asked, switch = UNASKED[row]

    async def ask() -> str:
        async with target((Do.REQUEST, switch)) as server:
            reader, writer = await hand(proxy.at, server.url, *asked)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 8)
            writer.transport.abort()
            return head.decode("latin-1")

    head = asyncio.run(ask())
    assert head.startswith("HTTP/1.1 502 ")
    assert "error=http_upgrade_failed" in head
