"""The way to targets, put together: who carries a request, and how a target's TLS is verified."""

from __future__ import annotations

import ssl

import pytest

from cors_anywhere.egress import target_tls
from cors_anywhere.messages import RequestHead, Target
from cors_anywhere.rules.outbound import OutboundProxy
from tests.support.forward_proxy import forward_proxy
from tests.support.loopback import in_loop
from tests.support.target import Do, target
from tests.support.tls import Tls
from tests.support.wire import fetch, proxied

HELLO = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


@in_loop
async def test_a_hooks_choice_replaces_that_of_the_settings() -> None:
    async with target(HELLO) as server, forward_proxy() as chosen, forward_proxy() as configured:
        asked: list[str] = []

        async def choose(wanted: Target, head: RequestHead) -> OutboundProxy | None:
            asked.append(wanted.url)
            return OutboundProxy("127.0.0.1", chosen.port, None)

        async with proxied(http_proxy=f"http://127.0.0.1:{configured.port}") as proxy:
            proxy.cors.egress._choose_proxy = choose
            assert (await fetch(proxy, server.url)).body == b"hello"
        assert asked == [server.url]
        assert (len(chosen.heads), len(configured.heads)) == (1, 0)


@in_loop
async def test_without_a_choice_the_settings_proxies_carry_what_they_should() -> None:
    async with target(HELLO) as server, forward_proxy() as configured:
        by = f"http://127.0.0.1:{configured.port}"
        async with proxied(http_proxy=by) as proxy:
            assert (await fetch(proxy, server.url)).body == b"hello"
        async with proxied(http_proxy=by, no_proxy="127.0.0.1") as proxy:
            assert (await fetch(proxy, server.url)).body == b"hello"
        assert len(configured.heads) == 1


@in_loop
async def test_closing_ends_the_idle_connections() -> None:
    async with target(HELLO) as server, proxied() as proxy:
        await fetch(proxy, server.url)
        await proxy.cors.close()
        await server.ended.wait()


def test_targets_are_verified_unless_the_operator_says_otherwise(tls: Tls) -> None:
    strict, insecure = target_tls(tls.ca_file, insecure=False), target_tls(None, insecure=True)
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (insecure.verify_mode, insecure.check_hostname) == (ssl.CERT_NONE, False)
    assert len(strict.get_ca_certs()) >= 1


def test_a_ca_file_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        target_tls("missing.pem", insecure=False)
