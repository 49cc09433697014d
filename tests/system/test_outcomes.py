"""Whatever a client sends, there is one outcome for it: through a running proxy."""

from __future__ import annotations

import asyncio

import pytest

from cors_anywhere import Settings, serve
from cors_anywhere.outcome import End, Outcome
from tests.support.loopback import connected, in_loop
from tests.support.target import Do, target

HEAD = b"Host: p.test\r\nOrigin: https://page.test\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

SENT = {
    # what follows the target's URL, and what the outcome says: status, end, error
    "served": (b"GET /%s HTTP/1.1\r\n" + HEAD + b"\r\n", (200, End.COMPLETE, None)),
    "json": (b"GET /get?url=%s HTTP/1.1\r\n" + HEAD + b"\r\n", (200, End.COMPLETE, None)),
    "no-request": (
        b"GET /%s HTTP/1.1\r\nHost : x\r\n\r\n",
        (400, End.COMPLETE, "http_request_error"),
    ),
    "refused": (
        b"GET /http://10.0.0.1/ HTTP/1.1\r\n" + HEAD + b"\r\n",
        (403, End.COMPLETE, "destination_ip_prohibited"),
    ),
    "bad-chunk": (
        b"POST /%s HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n",
        (400, End.COMPLETE, "http_request_error"),
    ),
}


@pytest.mark.parametrize(("octets", "said"), SENT.values(), ids=SENT)
@in_loop
async def test_each_message_has_one_outcome_with_what_it_was_answered(
    octets: bytes, said: tuple[int, End, str | None]
) -> None:
    told: asyncio.Queue[Outcome] = asyncio.Queue()
    settings = Settings(hosts=("127.0.0.1",), port=0, allow_networks=("127.0.0.0/8",))
    async with (
        target((Do.REQUEST, OK)) as server,
        serve(settings, on_outcome=told.put_nowait) as proxy,
        connected(proxy.port) as peer,
    ):
        peer.writer.write(octets.replace(b"%s", server.url.encode()))
        outcome = await told.get()
        assert (await peer.reader.readline()).split(b" ")[1] == str(said[0]).encode()
    assert (outcome.status, outcome.end, outcome.error) == said
    assert outcome.client == "127.0.0.1"
    assert told.empty()
