"""Counting for the relay: of whom, what the page sees, and the octets of what is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from cors_anywhere.errors import ProxyError
from cors_anywhere.limits import meters
from cors_anywhere.limits.meters import LimitMeter
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.limits.table import Table, TableStore
from cors_anywhere.limits.windows import Ask, Quota
from cors_anywhere.messages import Counted, Exceeded, Metered, RequestHead, Target
from tests.support.loopback import in_loop

PAGE = "https://page.test"
API = Target("https", "api.test", 443, "api.test", "/")


class Store:
    """Answers every request with the same quotas, one for each limit."""

    troubles = 0

    def __init__(self, *quotas: Quota) -> None:
        self._quotas = quotas
        self.asked: list[Sequence[Ask]] = []
        self.charged: list[Ask] = []
        self.charging = asyncio.Event()

    async def take(self, asks: Sequence[Ask]) -> Sequence[Quota]:
        self.asked.append(asks)
        return self._quotas or [Quota(True, 8, 30.2)] * len(asks)

    def charge(self, asks: Sequence[Ask]) -> None:
        self.charged += asks
        self.charging.set()

    async def close(self) -> None:
        pass


class Transfer:
    """A request under way."""

    received = 0
    sent = 0


def limits(*specs: str) -> list[RateLimit]:
    return [(RateLimit.parse_octets if "B/" in spec else RateLimit.parse)(spec) for spec in specs]


def request(peer: str = "192.0.2.1") -> RequestHead:
    return RequestHead("GET", "/", (), 0, peer, "http", 80)


def metered(origin: str | None = PAGE, key: str | None = None, target: Target = API) -> Metered:
    return Metered(origin, ProxyError(), target, key)


async def count(
    meter: LimitMeter, peer: str = "192.0.2.1", asked: Metered | None = None
) -> Counted:
    return await meter.count(request(peer), asked or metered(), Transfer())


async def subjects(spec: str, *requests: tuple[str, Metered]) -> list[str]:
    """Of whom a limit counts these."""
    store = Store()
    meter = LimitMeter(limits(spec), store)
    for peer, asked in requests:
        await count(meter, peer, asked)
    return [ask.key.partition(" ")[2].partition(" ")[2] for asks in store.asked for ask in asks]


# --- of whom --------------------------------------------------------------------------------------


@in_loop
async def test_by_origin_counts_the_origin_and_those_without_one_together() -> None:
    asked = (("192.0.2.1", metered()), ("192.0.2.2", metered(None)))
    assert await subjects("9/minute", *asked) == [PAGE, ""]


@in_loop
async def test_by_client_counts_an_ipv4_address_or_an_ipv6_network() -> None:
    peers = ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")
    assert await subjects("9/minute by client", *((peer, metered()) for peer in peers)) == [
        "192.0.2.1",
        "192.0.2.1",
        "2001:db8::/64",
        "2001:db8::/64",
        "2001:db8:0:1::/64",
    ]


@in_loop
async def test_by_target_counts_its_host_whatever_the_port() -> None:
    other = metered(target=API._replace(port=8443, authority="api.test:8443"))
    assert await subjects("9/minute by target", ("a", metered()), ("b", other)) == ["api.test"] * 2


@in_loop
async def test_by_key_counts_the_key_and_nobody_without_one() -> None:
    asked = (("a", metered()), ("a", metered(key="reports")))
    assert await subjects("9/minute by key", *asked) == ["reports"]


@in_loop
async def test_who_is_exempt_from_one_limit_is_counted_by_the_others() -> None:
    store = Store()
    meter = LimitMeter(limits("9/minute except 192.0.2.0/24", "9/minute by target"), store)
    await count(meter)
    await count(meter, "203.0.113.1")
    assert [len(asks) for asks in store.asked] == [1, 2]


@in_loop
async def test_who_is_exempt_from_all_is_not_counted_and_told_nothing() -> None:
    store = Store()
    meter = LimitMeter(limits("7 3 page.test", "9/minute by key"), store)
    assert await count(meter) == Counted()
    assert store.asked == []


@in_loop
async def test_limits_have_keys_of_their_own_also_those_that_are_alike() -> None:
    store = Store()
    specs = ("9/minute", "9/minute except a.test", "9/hour", "9B/minute", "9/minute by target")
    await count(LimitMeter(limits(*specs), store))
    assert len({ask.key for ask in store.asked[0]}) == len(specs)


# --- what the page sees ---------------------------------------------------------------------------


@in_loop
async def test_what_is_left_is_told_of_every_limit_under_a_name_of_its_own() -> None:
    specs = ("9/minute by client", "99/hour by client", "5/second by target", "1kB/day by client")
    counted = await count(LimitMeter(limits(*specs), Store()))
    assert counted == Counted(
        (
            (
                "ratelimit-policy",
                '"client";q=9;w=60, "client-2";q=99;w=3600, "target";q=5;w=1,'
                ' "client-bytes";q=1000;qu="content-bytes";w=86400',
            ),
            (
                "ratelimit",
                '"client";r=8;t=31, "client-2";r=8;t=31, "target";r=8;t=31,'
                ' "client-bytes";r=8;t=31',
            ),
        )
    )


@in_loop
async def test_an_excess_tells_the_limit_and_when_to_come_back() -> None:
    counted = await count(LimitMeter(limits("7 3"), Store(Quota(False, 0, 61.2))))
    assert counted.exceeded == Exceeded(
        f'The origin "{PAGE}" has sent too many requests.\n'
        "The number of requests is limited to 7 per 3 minutes.",
        (("retry-after", "62"),),
        "rate-limit",
    )
    assert counted.fields == (
        ("ratelimit-policy", '"origin";q=7;w=180'),
        ("ratelimit", '"origin";r=0;t=62'),
    )


@in_loop
async def test_of_several_that_are_exceeded_the_one_that_lasts_longest_is_told() -> None:
    quotas = (Quota(False, 0, 5), Quota(False, 0, 50), Quota(True, 3, 500))
    meter = LimitMeter(limits("1/minute", "1/minute by target", "1/day by client"), Store(*quotas))
    exceeded = (await count(meter)).exceeded
    assert exceeded is not None
    assert exceeded.text.startswith('The target "api.test" has been asked for too often.')
    assert exceeded.fields == (("retry-after", "50"),)


@in_loop
async def test_an_excess_of_octets_is_a_rule_of_its_own() -> None:
    meter = LimitMeter(limits("1kB/hour by client"), Store(Quota(False, 0, 5)))
    exceeded = (await count(meter, "2001:db8::1")).exceeded
    assert exceeded is not None
    assert exceeded.text == (
        'The client "2001:db8::/64" has transferred too much.\n'
        "The amount of data is limited to 1 kB per hour."
    )
    assert exceeded.rule == "byte-limit"


# --- octets ---------------------------------------------------------------------------------------


@in_loop
async def test_octets_of_both_ways_count_when_a_request_is_over() -> None:
    store = TableStore(Table())
    meter = LimitMeter(limits("100B/hour by client", "9/minute"), store)
    transfer = Transfer()
    assert (await meter.count(request(), metered(), transfer)).exceeded is None
    transfer.received, transfer.sent = 60, 40
    assert (await count(meter)).exceeded is None  # it is under way
    meter.ended(transfer)
    assert (await count(meter)).exceeded is not None


@in_loop
async def test_a_request_that_is_refused_owes_nothing() -> None:
    store = Store(Quota(False, 0, 5))
    meter = LimitMeter(limits("100B/hour"), store)
    transfer = Transfer()
    await meter.count(request(), metered(), transfer)
    transfer.sent = 70
    meter.ended(transfer)
    assert store.charged == []


@in_loop
async def test_a_transfer_that_does_not_end_is_counted_as_it_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meters, "TICK", 0.001)
    store = Store()
    meter = LimitMeter(limits("100B/hour"), store)
    transfer = Transfer()
    await meter.count(request(), metered(), transfer)
    transfer.sent = 70
    await store.charging.wait()
    transfer.sent = 75
    meter.ended(transfer)
    meter.ended(transfer)
    assert [ask.add for ask in store.charged] == [70, 5]


@in_loop
async def test_where_requests_alone_are_limited_no_transfer_is_followed() -> None:
    store = Store()
    meter = LimitMeter(limits("9/minute"), store)
    transfer = Transfer()
    await meter.count(request(), metered(), transfer)
    transfer.sent = 70
    meter.ended(transfer)
    assert store.charged == []
