"""Limits of requests and octets, as a page sees them, on every front."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from tests.support import PATIENCE
from tests.support.fronts import OPEN, Front, front, only
from tests.support.process import command
from tests.support.redis import redis_server
from tests.support.site import Site, Wire, reply

SETTINGS = {**OPEN, "rate_limits": ("1000/hour", "900/hour by client")}
"""Much more than a test asks."""

POLICY = '"origin";q=1000;w=3600, "client";q=900;w=3600'
OURS = ["ratelimit-policy", "ratelimit"]


def statuses_until(served: Front, url: str, wanted: int) -> set[int | None]:
    """What else was answered before that; None for a connection that broke."""
    seen: set[int | None] = set()
    while True:
        try:
            status = served.page(url).status
        except (OSError, AssertionError):
            seen.add(None)
            continue
        if status == wanted:
            return seen
        seen.add(status)


# --- what counted replies say ---------------------------------------------------------------------


def test_a_counted_reply_says_what_is_left_and_a_page_can_read_it(
    proxy: Front, target: Site
) -> None:
    first, second = (proxy.page(target.url, "X: 1") for _ in range(2))
    assert first.get("ratelimit-policy") == POLICY
    left = [reading.get("ratelimit") or "" for reading in (first, second)]
    counts = [[part.partition(";")[0::2] for part in text.split(", ")] for text in left]
    assert [[name for name, _ in said] for said in counts] == [['"origin"', '"client"']] * 2
    rests = [[int(rest.split(";")[0].removeprefix("r=")) for _, rest in said] for said in counts]
    assert [before - after for before, after in zip(*rests, strict=True)] == [1, 1]
    assert set(OURS) <= set(first.exposed)


def test_a_failure_and_a_redirect_to_one_s_own_origin_were_counted_too(
    proxy: Front, target: Site
) -> None:
    refused = proxy.page("http://127.0.0.1:1/")
    assert (refused.status, refused.get("ratelimit-policy")) == (502, POLICY)
    assert set(OURS) <= set(refused.exposed)
    own = proxy.ask(target.url, f"Origin: {target.url}")
    assert (own.status, own.get("ratelimit-policy")) == (301, POLICY)


def test_what_is_not_counted_says_nothing_of_limits(proxy: Front) -> None:
    preflight = proxy.page("x", "Access-Control-Request-Method: GET", method="OPTIONS")
    assert preflight.get("ratelimit") is None
    assert proxy.page("").get("ratelimit") is None  # the help page


def test_a_target_s_own_fields_stay_beside_ours(proxy: Front, target: Site) -> None:
    own = 'RateLimit: "api";r=3;t=9\r\nRateLimit-Policy: "api";q=5;w=9'
    target.answers["/limited"] = reply(b"ok", own)
    got = proxy.page(f"{target.url}/limited")
    assert (got.get("ratelimit") or "").startswith('"api";r=3;t=9, "origin";r=')
    assert got.get("ratelimit-policy") == f'"api";q=5;w=9, {POLICY}'
    assert [name for name in got.exposed if name in OURS] == ["ratelimit", "ratelimit-policy"]


# --- of whom --------------------------------------------------------------------------------------


def test_by_client_counts_who_a_trusted_proxy_names(kind: str, target: Site) -> None:
    settings = {**OPEN, "trusted_proxies": ("127.0.0.0/8",)}
    with front(kind, **settings, rate_limits=("1/hour by client except 10.0.0.0/8",)) as limited:

        def ask(client: str) -> int:
            return limited.page(target.url, f"X-Forwarded-For: {client}").status

        assert [ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2")] == [200, 429, 200]
        assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8:0:1::")] == [200, 429, 200]
        assert [ask("10.0.0.1"), ask("10.0.0.1")] == [200, 200]


def test_by_target_counts_a_host_whoever_asks(kind: str, target: Site) -> None:
    with front(kind, **OPEN, rate_limits=("1/hour by target except localhost",)) as limited:
        assert limited.ask(target.url).status == 200
        over = limited.page(target.url)
        assert (over.status, over.text) == (
            429,
            'The target "127.0.0.1" has been asked for too often.\n'
            "The number of requests is limited to 1 per hour.",
        )
        assert int(over.get("retry-after") or 0) > 3500


# --- octets ---------------------------------------------------------------------------------------


@pytest.fixture
def metered(kind: str) -> Iterator[Front]:
    """A hundred octets an hour."""
    with front(kind, **OPEN, byte_limits=("100B/hour by client",)) as running:
        yield running


def test_octets_of_both_ways_are_limited_and_a_reply_under_way_is_not_cut(
    metered: Front, target: Site
) -> None:
    target.answers["/large"] = reply(b"x" * 60)
    with metered.connect() as connection:
        connection.ask(f"{target.url}/large", method="POST", body=b"y" * 90)
        whole = connection.reply()
        assert (whole.status, len(whole.body)) == (200, 60)
        assert whole.get("ratelimit-policy") == '"client-bytes";q=100;qu="content-bytes";w=3600'
        connection.ask(target.url)
        over = connection.reply()
    assert (over.status, over.text) == (
        429,
        'The client "127.0.0.1" has transferred too much.\n'
        "The amount of data is limited to 100 bytes per hour.",
    )
    assert over.get("retry-after") is not None


def test_what_a_head_is_not_sent_is_not_counted(metered: Front, target: Site) -> None:
    for _ in range(3):
        assert metered.page("http://10.0.0.1/", method="HEAD").status == 403
    assert metered.page(target.url).status == 200


# --- one target -----------------------------------------------------------------------------------


def test_beyond_the_share_of_a_target_a_page_is_told_to_come_back(kind: str, target: Site) -> None:
    def wait_for_more(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx")
        wire.reader.read(1)  # until the proxy goes

    target.answers["/slow"] = wait_for_more
    with front(kind, **OPEN, max_requests_per_target=1) as limited:
        with limited.connect() as held:
            held.ask(f"{target.url}/slow")
            assert held.head()[0] == 200
            over = limited.page(target.url)
            assert (over.status, over.get("retry-after")) == (503, "5")
            assert over.text.startswith("As many requests to 127.0.0.1 are under way")
        statuses = iter(
            lambda: limited.page(target.url).status, 200
        )  # until the place is given back
        assert set(statuses) <= {503}


# --- stores ---------------------------------------------------------------------------------------


def test_workers_count_exactly_together(target: Site) -> None:
    """Connections come to the workers by chance: all of them are shown to have counted."""
    with command("--workers", "3", "--rate-limit", "60/hour") as proxy:
        served = Front("command", proxy.port)
        with ThreadPoolExecutor(8) as crowd:
            got = list(crowd.map(lambda _: served.page(target.url), range(90)))
        assert sorted(reply.status for reply in got) == [200] * 60 + [429] * 30
        left = [reply.get("ratelimit") or "" for reply in got if reply.status == 200]
        assert len(set(left)) == 60  # nobody was told the same


def test_a_worker_that_is_killed_takes_no_count_with_it(target: Site) -> None:
    with command("--workers", "2", "--rate-limit", "20/hour") as proxy:
        served = Front("command", proxy.port)
        assert [served.page(target.url).status for _ in range(20)] == [200] * 20
        for pid in proxy.workers():
            os.kill(pid, signal.SIGKILL)
        assert statuses_until(served, target.url, 429) <= {None}


def test_two_proxies_with_one_redis_count_together(target: Site, tmp_path: Path) -> None:
    """A Redis that is held up by the machine's load is counted for, as is promised, and the log
    tells of it: then they are asked again."""
    with redis_server() as redis, (tmp_path / "log").open("w+") as log:
        options = ("--rate-limit", "20/hour", "--store", redis.url)
        with command(*options, log=log) as one, command(*options, log=log) as other:
            fronts = [Front("command", proxy.port) for proxy in (one, other)]
            end, got = time.monotonic() + PATIENCE, [0]
            while time.monotonic() < end:
                before = troubles(log)
                redis.ask("FLUSHALL")
                got = [each.page(target.url).status for _ in range(15) for each in fronts]
                if troubles(log) == before and before[0] == before[1]:
                    break
    assert (got.count(200), got.count(429)) == (20, 10)


def troubles(log: IO[str]) -> tuple[int, int]:
    """How often proxies lost their store and found it again."""
    log.seek(0)
    said = log.read()
    return said.count("does not count"), said.count("counts again")


@only("command")
@pytest.mark.parametrize("trouble", [signal.SIGKILL, signal.SIGSTOP])
def test_a_redis_that_is_gone_refuses_nobody(
    kind: str, target: Site, trouble: signal.Signals
) -> None:
    with redis_server() as redis:
        settings = {**OPEN, "rate_limits": ("20/hour",), "store": redis.url}
        with front(kind, **settings) as proxy:
            assert proxy.page(target.url).status == 200
            redis.signal(trouble)
            assert [proxy.page(target.url).status for _ in range(20)] == [200] * 19 + [429]


@only("command")
def test_by_key_counts_its_holder_wherever_he_asks_from(kind: str, target: Site) -> None:
    key = "0123456789abcdef"
    limits = {"rate_limits": ("1/hour by key",), "api_keys": (("reports", key),)}
    with front(kind, **OPEN, **limits, allow_origins=("https://page.test",)) as limited:
        keyed = [limited.ask(target.url, f"x-cors-anywhere-key: {key}") for _ in range(2)]
        assert [reply.status for reply in keyed] == [200, 429]
        assert keyed[1].text.startswith('The API key "reports" has sent too many requests.')
        assert [limited.page(target.url).status for _ in range(2)] == [200, 200]
