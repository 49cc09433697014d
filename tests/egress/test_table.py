"""Where the command connects to, proven by connections (the promises' part A).

Each scenario plays in a network namespace whose every address is this machine's own
(tests/support/egress.py) and reports what happened; here stands what should have.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import netns
from tests.support.egress import HANGING, PRIVATE, PUBLIC, QUICK, host
from tests.support.rows import ROWS, Row, refusing, samples

Play = Callable[[str], Any]


@pytest.fixture(scope="module")
def play() -> Play:
    """Plays a scenario once, whoever asks for its report."""
    netns.require()
    return functools.cache(
        lambda scenario: netns.run("tests.support.egress", scenario, timeout=240)
    )


def wrong(seen: dict[str, Any]) -> str:
    """What is wrong with the treatment of an address; empty when nothing is."""
    address, body = seen["address"], seen["body"]
    row = refusing(address)
    if row is None:
        good = seen["connections"] == [address] and (seen["status"], body) == (200, address)
        return "" if good else "allowed, but not reached"
    if seen["connections"]:
        return f"forbidden by {row.cidr}, but connected to"
    if (seen["status"], seen["error"]) != (403, "destination_ip_prohibited"):
        return "refused by another rule"
    if f"({row.verdict})" not in body:
        return f"refused, but not as {row.verdict}"
    if seen["form"] == "name":
        return "the reply shows the address" if address in body else ""
    wanted = [f"--allow-private {host(address)}:{seen['port']}"]
    if row.named:
        wanted.append("--dev" if row.verdict == "loopback" else f"--allow-network {row.cidr}")
    missing = [option for option in wanted if option not in body]
    return f"the reply does not say {' and '.join(missing)}" if missing else ""


@pytest.mark.parametrize("row", ROWS, ids=[row.cidr for row in ROWS])
def test_a_row_is_refused_and_its_public_neighbours_are_reached(play: Play, row: Row) -> None:
    addresses = samples(row)
    seen = [treatment for treatment in play("table") if treatment["address"] in addresses]
    assert len(seen) == 4 * len(addresses)  # as a literal and as a name, on two ports
    assert [(wrong(treatment), treatment) for treatment in seen if wrong(treatment)] == []


@pytest.mark.parametrize("row", ROWS, ids=[row.cidr for row in ROWS])
def test_a_row_holds_though_an_outbound_proxy_carries_the_request(play: Play, row: Row) -> None:
    addresses = samples(row)
    seen = [treatment for treatment in play("carried") if treatment["address"] in addresses]
    assert len(seen) == 2 * len(addresses)
    assert [(wrong(treatment), treatment) for treatment in seen if wrong(treatment)] == []
    assert [one["carried"] for one in seen] == [int(one["status"] == 200) for one in seen]


def test_a_name_that_flips_never_leads_to_its_private_address(play: Play) -> None:
    seen = play("flip")
    assert set(seen["connections"]) == {PUBLIC}
    assert set(seen["statuses"]) == {"200", "403"}
    assert sum(seen["statuses"].values()) == 10_000
    assert seen["connections"][PUBLIC] < seen["statuses"]["200"]  # some were pooled
    assert seen["shown"] == 0


@pytest.mark.parametrize("name", ["private-first", "public-first", "two-families"])
def test_of_mixed_answers_the_public_address_is_used(play: Play, name: str) -> None:
    (seen,) = [seen for seen in play("mixed") if seen["name"] == f"{name}.example"]
    assert (seen["status"], seen["connections"]) == (200, [PUBLIC])


def test_a_name_without_a_public_address_is_refused_and_its_addresses_not_shown(play: Play) -> None:
    (seen,) = [seen for seen in play("mixed") if seen["name"] == "all-private.example"]
    assert (seen["status"], seen["error"]) == (403, "destination_ip_prohibited")
    assert seen["connections"] == []
    assert PRIVATE not in seen["body"]
    assert "::1" not in seen["body"]


def test_a_redirect_to_a_forbidden_target_is_refused_without_a_connection(play: Play) -> None:
    refused = play("redirects")["refused"]
    assert len(refused) == len(ROWS) + 3
    assert [
        seen
        for seen in refused
        if (seen["status"], seen["error"]) != (403, "destination_ip_prohibited")
        or seen["connections"] != [PUBLIC]
    ] == []


def test_five_redirects_are_followed(play: Play) -> None:
    assert play("redirects")["hops"] == 1 + 5


def test_a_redirect_to_another_origin_takes_no_secrets_along(play: Play) -> None:
    first, second = ("\n".join(head).lower() for head in play("redirects")["heads"])
    assert "authorization: basic" in first
    assert "authorization" not in second
    assert "cookie" not in first + second


@pytest.mark.parametrize("said", ["127.0.0.1", "127.9.9.9", "0.0.0.0", PRIVATE, PUBLIC])
def test_the_proxys_own_address_is_refused_whatever_is_allowed(play: Play, said: str) -> None:
    (seen,) = [seen for seen in play("loops")["direct"] if seen["host"] == said]
    assert (seen["status"], seen["error"]) == (403, "destination_ip_prohibited")
    assert "asked to fetch itself" in seen["body"]
    assert "(own-address)" in seen["body"]


def test_a_nesting_of_20_by_a_way_around_ends_after_one_hop(play: Play) -> None:
    seen = play("loops")["around"]
    assert (seen["status"], "passed through this proxy before" in seen["body"]) == (508, True)
    assert seen["hops"] == 1
    assert seen["connections"] == []


def test_hanging_look_ups_delay_nobody_else(play: Play) -> None:
    seen = play("slow")
    print(f"p50 {seen['p50'] * 1000:.1f} ms, p99 {seen['p99'] * 1000:.1f} ms")
    assert seen["statuses"] == {"200": QUICK}
    assert seen["hanging"] == HANGING  # after all of those
    assert set(seen["given up"]) <= {504}
