"""TLS sessions: handshakes that are saved, and certificates that are seen again in time."""

from __future__ import annotations

import ssl
from typing import cast

import pytest

from cors_anywhere.egress import sessions
from cors_anywhere.egress.sessions import VERIFIED_SECONDS, Sessions
from tests.support.loopback import in_loop
from tests.support.target import Do, target
from tests.support.tls import Tls
from tests.support.wire import fetch, proxied

CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
PLACE = ("a.test", 443)


class Connection:
    """What is read of a connection's TLS."""

    def __init__(self, session: str | None, *, reused: bool = False) -> None:
        self.session = session
        self.session_reused = reused


def found(known: Sessions, host: str = "") -> str | None:
    return cast("str | None", known.find((host, 443) if host else PLACE))


def keep(known: Sessions, session: str | None, *, reused: bool = False, host: str = "") -> None:
    place = (host, 443) if host else PLACE
    known.keep(place, cast(ssl.SSLObject, Connection(session, reused=reused)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says, at index 0."""
    now = [100.0]
    monkeypatch.setattr(sessions, "monotonic", lambda: now[0])
    return now


# --- what is kept ---------------------------------------------------------------------------------


def test_the_latest_session_is_resumed_as_often_as_one_likes() -> None:
    known = Sessions()
    keep(known, "one")
    keep(known, "two")
    assert [found(known), found(known)] == ["two", "two"]


def test_a_session_is_for_one_host_and_port() -> None:
    known = Sessions()
    keep(known, "one")
    assert known.find(("b.test", 443)) is known.find(("a.test", 444)) is None


def test_a_connection_without_a_session_changes_nothing() -> None:
    known = Sessions()
    keep(known, "one")
    keep(known, None)
    assert found(known) == "one"


def test_a_certificate_is_seen_again_in_time_however_often_the_session_was_renewed(
    clock: list[float],
) -> None:
    known = Sessions()
    keep(known, "one")
    clock[0] += VERIFIED_SECONDS
    keep(known, "two", reused=True)
    assert found(known) == "two"
    clock[0] += 1
    assert found(known) is None
    keep(known, "three", reused=True)  # of a connection from before
    assert found(known) is None
    keep(known, "four")
    assert found(known) == "four"


def test_of_many_targets_the_least_asked_are_forgotten() -> None:
    known = Sessions(most=2)
    for name in ("a", "b"):
        keep(known, name, host=name)
    known.find(("a", 443))
    keep(known, "c", host="c")
    assert [found(known, name) for name in "abc"] == ["a", None, "c"]
    assert len(known) == 2


# --- what is saved --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_of_twenty_connections_to_a_target_one_is_a_whole_handshake(
    tls: Tls, version: ssl.TLSVersion
) -> None:
    @in_loop
    async def run() -> None:
        context = tls.fresh()
        context.minimum_version = context.maximum_version = version
        async with target((Do.REQUEST, CLOSING), tls=context) as server:
            async with proxied(ca_file=tls.ca_file) as proxy:
                for _ in range(20):
                    assert (await fetch(proxy, server.url)).body == b"hello"
            assert server.connections == 20
            # What OpenSSL counts: handshakes that ended, and those of them that were resumed.
            stats = context.session_stats()
            assert (stats["accept_good"], stats["hits"]) == (20, 19)

    run()


def test_another_name_at_the_same_address_is_verified_by_its_own_certificate(tls: Tls) -> None:
    @in_loop
    async def run() -> None:
        async with (
            target((Do.REQUEST, CLOSING), tls=tls.fresh()) as server,
            proxied(ca_file=tls.ca_file, allow_private=("localhost",)) as proxy,
        ):
            assert (await fetch(proxy, server.url)).body == b"hello"
            # Its certificate is for 127.0.0.1, not for this name.
            seen = await fetch(proxy, f"https://localhost:{server.port}/")
            assert seen.error == "tls_certificate_error"

    run()
