"""compose.yaml, run as it says: two proxies that count in one Redis, behind Caddy."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from cors_anywhere import Settings
from tests.support import netns
from tests.support.browser import CHROMIUM
from tests.support.composed import ASKED, PIECES, TOGETHER, services
from tests.support.needs import needs


@pytest.fixture(scope="module")
def seen() -> Any:
    """What a page sees, and what it saw after one proxy went."""
    netns.require()
    needs(CHROMIUM, "chromium")
    for program in ("caddy", "redis-server"):
        needs(shutil.which(program), program)
    return netns.run("tests.support.composed", timeout=240)


def test_an_upload_streams_from_the_browser_to_the_target(seen: Any) -> None:
    assert seen["upload"] == [*(f"piece {number}" for number in range(PIECES)), "ok"]


def test_the_page_is_served_by_http_2(seen: Any) -> None:
    assert seen["protocols"] == ["h2"]


def test_more_requests_are_under_way_to_one_host_than_http_1_would_let(seen: Any) -> None:
    assert seen["together"] == [200] * TOGETHER


def test_both_proxies_serve(seen: Any) -> None:
    assert min(seen["served"]) > 0


def test_they_count_together(seen: Any) -> None:
    """Both in the one Redis, and the one client under one name for each of the two limits."""
    assert seen["asked"] == [200] * ASKED
    assert seen["counting"] == {"clients": 2, "names": 2}


def test_one_that_goes_is_not_missed(seen: Any) -> None:
    assert seen["one gone"] == [200] * ASKED


def test_what_is_under_way_is_finished_before_a_container_is_killed() -> None:
    grace = services()["proxy"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > Settings().drain_timeout
