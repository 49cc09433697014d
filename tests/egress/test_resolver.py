"""cors_anywhere.egress.resolver against a real name server on loopback."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cors_anywhere import errors
from cors_anywhere.egress.resolver import CachingResolver, spread
from tests.support import PATIENCE
from tests.support.dns import NXDOMAIN, SERVFAIL, SILENT, Reply, StubDns, alternating, by_type

V4, V6 = "192.0.2.7", "2001:db8::7"
BOTH = Reply((V4, V6), ttl=3600)
A = Reply((V4,), ttl=3600)
AAAA = Reply((V6,), ttl=3600)


@pytest.fixture
def dns() -> Iterator[StubDns]:
    with StubDns({"name.example": BOTH, "silent.example": SILENT}) as server:
        yield server


@asynccontextmanager
async def resolving(dns: StubDns, **options: Any) -> AsyncIterator[CachingResolver]:
    resolver = CachingResolver(servers=[dns.server], **options)
    try:
        yield resolver
    finally:
        await resolver.close()


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, PATIENCE))


async def ended(resolver: CachingResolver, host: str) -> str:
    try:
        return ",".join(sorted(await resolver.resolve(host)))
    except errors.ProxyError as error:
        return type(error).__name__


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (BOTH, f"{V4},{V6}"),
        (A, V4),
        (AAAA, V6),
        (by_type(a=A, aaaa=SERVFAIL), V4),
        (by_type(a=A, aaaa=NXDOMAIN), V4),
        (by_type(a=A, aaaa=SILENT), V4),
        (by_type(a=SERVFAIL, aaaa=AAAA), V6),
        (alternating(SILENT, A), V4),
        (Reply((V4,), delay=0.1), V4),
        (NXDOMAIN, "DnsError"),
        (SERVFAIL, "DnsError"),
        (Reply(), "DnsError"),
    ],
    ids=[
        *("both", "a", "aaaa", "aaaa-servfail", "aaaa-nxdomain", "aaaa-silent", "a-servfail"),
        *("lost-once", "slow", "nxdomain", "servfail", "nodata"),
    ],
)
def test_what_the_name_server_says_is_what_is_heard(dns: StubDns, said: Any, heard: str) -> None:
    dns.zone["it.example"] = said

    async def main() -> None:
        async with resolving(dns, timeout=4.0) as resolver:
            assert await ended(resolver, "it.example") == heard

    run(main())


def test_the_hosts_file_is_respected(dns: StubDns) -> None:
    async def main() -> None:
        async with resolving(dns) as resolver:
            assert "127.0.0.1" in await resolver.resolve("localhost")
        assert not dns.asked

    run(main())


def test_silence_is_a_timeout_of_the_given_length(dns: StubDns) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with resolving(dns, timeout=0.3) as resolver:
            began = loop.time()
            assert await ended(resolver, "silent.example") == "DnsTimeout"
            assert loop.time() - began >= 0.25

    run(main())


def test_a_name_server_that_is_not_there_is_a_dns_error() -> None:
    with StubDns({}) as gone:
        server = gone.server

    async def main() -> None:
        resolver = CachingResolver(servers=[server])
        assert await ended(resolver, "name.example") == "DnsError"
        await resolver.close()

    run(main())


def test_an_answer_is_asked_for_once(dns: StubDns) -> None:
    async def main() -> None:
        async with resolving(dns) as resolver:
            for _ in range(10):
                await resolver.resolve("name.example")
        assert dns.asked["name.example", "A"] == 1

    run(main())


def test_an_answer_with_ttl_0_is_asked_for_each_time(dns: StubDns) -> None:
    dns.zone["flip.example"] = alternating(Reply(("192.0.2.1",), 0), Reply(("192.0.2.2",), 0))

    async def main() -> None:
        async with resolving(dns) as resolver:
            heard = [await ended(resolver, "flip.example") for _ in range(4)]
        assert heard == ["192.0.2.1", "192.0.2.2"] * 2

    run(main())


@pytest.mark.parametrize(
    ("name", "said", "limits", "expected"),
    [
        ("long.example", BOTH, {"positive": 0.6, "negative": 0.4}, 0.6),
        ("short.example", Reply((V4,), ttl=1), {}, 1.0),
        ("nxdomain.example", NXDOMAIN, {"negative": 0.4}, 0.4),
        ("nodata.example", Reply(), {"negative": 0.4}, 0.4),
        ("servfail.example", SERVFAIL, {"negative": 0.4}, 0.4),
    ],
    ids=["positive cap", "ttl", "nxdomain", "nodata", "servfail"],
)
def test_an_answer_is_forgotten_in_time(
    dns: StubDns, name: str, said: Reply, limits: dict[str, float], expected: float
) -> None:
    dns.zone[name] = said

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with resolving(dns, **limits) as resolver:
            began = loop.time()
            await ended(resolver, name)
            asked = dns.asked[name, "A"]
            while dns.asked[name, "A"] == asked:
                await ended(resolver, name)
                await asyncio.sleep(0.01)
            # c-ares counts whole seconds, so an answer may go up to one early; never late, but for
            # what a busy machine adds.
            assert expected / 3 < loop.time() - began < expected + PATIENCE / 2

    run(main())


def test_the_cache_is_bounded(dns: StubDns) -> None:
    for n in range(4):
        dns.zone[f"{n}.example"] = Reply((V4,), ttl=0 if n == 0 else 60)

    async def main() -> None:
        async with resolving(dns, max_names=2) as resolver:
            for n in range(4):
                await resolver.resolve(f"{n}.example")
            assert list(resolver._answers) == ["2.example", "3.example"]

    run(main())


def test_those_who_ask_at_once_share_one_query(dns: StubDns) -> None:
    dns.zone["slow.example"] = Reply((V4,), ttl=0, delay=0.1)

    async def main() -> None:
        async with resolving(dns) as resolver:
            heard = await asyncio.gather(*(ended(resolver, "slow.example") for _ in range(50)))
        assert heard == [V4] * 50
        assert dns.asked["slow.example", "A"] == 1

    run(main())


def test_one_askers_cancellation_harms_no_other(dns: StubDns) -> None:
    dns.zone["slow.example"] = Reply((V4,), delay=0.1)

    async def main() -> None:
        async with resolving(dns) as resolver:
            first, second = (asyncio.create_task(ended(resolver, "slow.example")) for _ in "12")
            await asyncio.sleep(0)
            first.cancel()
            assert await second == V4
            assert first.cancelled()

    run(main())


def test_too_many_queries_are_refused_at_once_and_room_is_made_again(dns: StubDns) -> None:
    dns.zone.update({f"{n}.example": Reply((V4,), delay=0.1) for n in range(3)})

    async def main() -> None:
        async with resolving(dns, max_pending=2) as resolver:
            names = [f"{n}.example" for n in range(3)]
            heard = await asyncio.gather(*(ended(resolver, name) for name in names))
            assert heard == [V4, V4, "Unavailable"]
            assert await ended(resolver, "2.example") == V4

    run(main())


def test_a_look_up_that_nobody_waits_for_takes_no_place(dns: StubDns) -> None:
    dns.zone.update({f"{n}.example": SILENT for n in range(8)})

    async def main() -> None:
        async with resolving(dns, max_pending=2) as resolver:
            for n in range(8):
                asking = asyncio.create_task(ended(resolver, f"{n}.example"))
                await asyncio.sleep(0)
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            assert await ended(resolver, "name.example") == f"{V4},{V6}"

    run(main())


def test_a_place_is_held_until_the_last_asker_has_gone(dns: StubDns) -> None:
    async def main() -> None:
        async with resolving(dns, max_pending=1) as resolver:
            asking = [asyncio.create_task(ended(resolver, "silent.example")) for _ in "123"]
            await asyncio.sleep(0)
            for leaving in asking:
                assert await ended(resolver, "name.example") == "Unavailable"
                leaving.cancel()
                await asyncio.gather(leaving, return_exceptions=True)
            assert await ended(resolver, "name.example") == f"{V4},{V6}"

    run(main())


def test_whoever_asks_again_joins_the_look_up_that_was_left(dns: StubDns) -> None:
    dns.zone["slow.example"] = Reply((V4,), delay=0.2)

    async def main() -> None:
        async with resolving(dns) as resolver:
            leaving = asyncio.create_task(ended(resolver, "slow.example"))
            await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            assert await ended(resolver, "slow.example") == V4
        assert dns.asked["slow.example", "A"] == 1

    run(main())


def test_the_look_ups_that_were_left_are_bounded_too(dns: StubDns) -> None:
    dns.zone.update({f"{n}.example": SILENT for n in range(9)})

    async def main() -> None:
        async with resolving(dns, max_pending=1) as resolver:
            for n in range(8):
                asking = asyncio.create_task(ended(resolver, f"{n}.example"))
                await asyncio.sleep(0)
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            assert await ended(resolver, "8.example") == "Unavailable"

    run(main())


def test_of_a_name_with_thousands_of_addresses_few_are_looked_at_and_fewer_kept(
    dns: StubDns,
) -> None:
    addresses = tuple(f"10.0.{n >> 8}.{n & 255}" for n in range(4000))
    dns.zone["many.example"] = Reply(addresses)

    async def main() -> None:
        async with resolving(dns) as resolver:
            kept = await resolver.resolve("many.example")
            assert len(kept) == 16
            assert set(kept) <= set(addresses)
            assert resolver._answers["many.example"].addresses == kept

    run(main())


@pytest.mark.parametrize(
    ("addresses", "count", "kept"),
    [
        ("a b c", 4, "a b c"),
        ("a b c d e", 4, "a b c d"),
        (": a b c d", 4, ": a b c"),
        ("a b c d :: :", 4, "a b :: :"),
        ("a b c d e : :: :a", 4, "a b : ::"),
        ("a b : ::", 3, "a b :"),
    ],
)
def test_what_is_chosen_of_many_addresses_holds_both_families(
    addresses: str, count: int, kept: str
) -> None:
    assert list(spread(addresses.split(), count)) == kept.split()


def test_emptying_the_cache_of_c_ares_keeps_the_queries_under_way(dns: StubDns) -> None:
    dns.zone["slow.example"] = Reply((V4,), delay=0.2)

    async def main() -> None:
        async with resolving(dns, negative=0.1) as resolver:
            assert await ended(resolver, "slow.example") == V4
        assert dns.asked["slow.example", "A"] == 1

    run(main())


def test_a_name_is_not_completed_from_the_search_list(
    dns: StubDns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALDOMAIN", "corp.example")
    dns.zone["intranet.corp.example"] = A

    async def main() -> None:
        async with resolving(dns) as resolver:
            assert await ended(resolver, "intranet") == "DnsError"
        assert {name for name, _ in dns.asked} == {"intranet"}

    run(main())


def test_closing_answers_whoever_waits_and_leaves_nothing_behind(dns: StubDns) -> None:
    async def main() -> None:
        before = threading.active_count()
        resolver = CachingResolver(servers=[dns.server])
        asking = [asyncio.create_task(ended(resolver, f"{n}.silent")) for n in range(20)]
        dns.zone.update({f"{n}.silent": SILENT for n in range(20)})
        await asyncio.sleep(0)
        await resolver.close()
        assert await asyncio.gather(*asking) == ["DnsError"] * 20
        assert await ended(resolver, "name.example") == "Unavailable"
        assert threading.active_count() <= before + 1  # pycares keeps one thread for closing

    run(main())
    gc.collect()


def test_closing_what_was_never_used_is_nothing() -> None:
    asyncio.run(CachingResolver().close())
