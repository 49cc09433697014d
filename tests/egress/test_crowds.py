"""At most so many requests at a time to one target."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cors_anywhere.egress.crowds import CappedEgress
from cors_anywhere.errors import ConnectionRefused, Unavailable
from cors_anywhere.held import Held
from cors_anywhere.messages import Fetch, Plan, ReplyHead, RequestHead, Target
from cors_anywhere.sides import Exchange
from tests.support.loopback import in_loop

HEAD = RequestHead("GET", "/", (), 0, "192.0.2.1", "http", 80)


class Inner:
    """An exchange that tells what it was asked."""

    look_up, connect, reused = 0.5, 0.25, True

    def __init__(self) -> None:
        self.calls: list[Any] = []

    async def send(self, chunk: bytes) -> None:
        self.calls.append(chunk)

    def end_request(self) -> None:
        self.calls.append("end")

    def fail(self, failure: Any) -> None:
        self.calls.append(failure)

    async def reply(self) -> ReplyHead:
        return ReplyHead(200, "OK", (), 0)

    async def read(self) -> bytes:
        return b"x"

    def release(self) -> None:
        self.calls.append("release")


class Egress:
    """Opens whatever it is asked for, but for what is refused."""

    async def open(self, fetch: Fetch) -> Exchange:
        if fetch.plan.target.host == "down.test":
            raise ConnectionRefused
        return Inner()


def fetch(host: str = "api.test", port: int = 443) -> Fetch:
    target = Target("https", host, port, f"{host}:{port}", "/")
    return Fetch(Plan(target, "GET", (), False, target, (), None), (), 0, HEAD)


@in_loop
async def test_beyond_the_share_a_target_is_not_asked() -> None:
    egress = CappedEgress(Egress(), 2, Held())
    first = await egress.open(fetch())
    await egress.open(fetch())
    with pytest.raises(Unavailable, match=r"^As many requests to api\.test") as raised:
        await egress.open(fetch())
    assert "--max-requests-per-target" in raised.value.hint
    assert raised.value.rule == "target-share"
    assert ("retry-after", "5") in raised.value.fields
    first.release()
    await egress.open(fetch())


@in_loop
async def test_targets_and_their_ports_are_counted_apart() -> None:
    egress = CappedEgress(Egress(), 1, Held())
    for one in (fetch(), fetch(port=8443), fetch("other.test")):
        await egress.open(one)


@in_loop
async def test_one_that_cannot_be_reached_takes_no_place() -> None:
    egress = CappedEgress(Egress(), 1, Held())
    for _ in range(2):
        with pytest.raises(ConnectionRefused):
            await egress.open(fetch("down.test"))
    assert not len(egress._under_way)


@in_loop
async def test_a_place_is_given_back_once() -> None:
    egress = CappedEgress(Egress(), 2, Held())
    first = await egress.open(fetch())
    second = await egress.open(fetch())
    first.release()
    first.release()
    assert egress._under_way.by("api.test:443") == 1
    second.release()
    assert not len(egress._under_way)


@in_loop
async def test_the_exchange_is_the_one_that_was_opened() -> None:
    exchange = await CappedEgress(Egress(), 2, Held()).open(fetch())
    inner = cast("Inner", cast("Any", exchange)._exchange)
    failure = ConnectionRefused()
    await exchange.send(b"a")
    exchange.end_request()
    exchange.fail(failure)
    exchange.release()
    assert inner.calls == [b"a", "end", failure, "release"]
    assert (await exchange.reply()).status == 200
    assert await exchange.read() == b"x"
    assert (exchange.look_up, exchange.connect, exchange.reused) == (0.5, 0.25, True)
