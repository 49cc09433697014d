"""The first of several addresses to accept."""

from __future__ import annotations

import asyncio
import resource
import socket

import pytest
from aiohappyeyeballs import AddrInfoType

from cors_anywhere.egress.race import connected
from cors_anywhere.errors import ConnectionRefused, Unavailable
from tests.support import PATIENCE
from tests.support.loopback import in_loop


def info(address: str, port: int) -> AddrInfoType:
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))


@in_loop
async def test_an_address_that_refuses_does_not_keep_the_next_waiting() -> None:
    with socket.create_server(("127.0.0.2", 0)) as listening:
        port = listening.getsockname()[1]
        async with asyncio.timeout(PATIENCE):
            made = await connected([info("127.0.0.1", port), info("127.0.0.2", port)])
        assert made.getpeername() == ("127.0.0.2", port)
        made.close()


@in_loop
async def test_the_failure_is_of_the_attempts_and_has_a_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for addresses in (["127.0.0.1"], ["255.255.255.255", "127.0.0.1"]):
        with pytest.raises(ConnectionRefused):
            await connected([info(address, port) for address in addresses])


@in_loop
async def test_without_a_descriptor_it_is_the_proxy_that_is_unavailable() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [socket.socket()]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0].fileno() + 1, hard))
    try:
        with pytest.raises(Unavailable):
            while True:
                held.append(await connected([info("127.0.0.1", 1), info("127.0.0.2", 1)]))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for sock in held:
            sock.close()
