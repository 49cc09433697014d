"""Beside what test_policy.py shows of replies as a whole."""

from __future__ import annotations

import pytest

from cors_anywhere.config.settings import Settings
from cors_anywhere.errors import UpgradeFailed
from cors_anywhere.messages import Fields, Plan, ReplyHead, RequestHead
from cors_anywhere.proxy import choices
from cors_anywhere.rules.delivery import Delivery
from cors_anywhere.rules.doors import Doors
from cors_anywhere.rules.mounts import Mounts
from cors_anywhere.rules.replies import Replies
from tests.support.urls import parse_path

TARGET = parse_path("/https://api.example/x")
PLAN = Plan(TARGET, "GET", (), False, TARGET, (), None)
HEAD = RequestHead(
    "GET", "/https://api.example/x", (("Host", "proxy.test"),), 0, "192.0.2.1", "http", 80
)


def delivered(status: int, *fields: tuple[str, str], plan: Plan = PLAN) -> Fields:
    delivery = Delivery(
        choices(Settings()),
        Doors(lambda name: True),
        Mounts(()),
        Replies("", by_origin=False, max_age=0),
    )
    return delivery.deliver(HEAD, plan, ReplyHead(status, "", fields, 0), None).fields


def test_what_names_a_place_leads_through_the_proxy() -> None:
    fields = delivered(201, ("Location", "/y"), ("Content-Location", "z"))
    assert ("location", "http://proxy.test/https://api.example/y") in fields
    assert ("content-location", "http://proxy.test/https://api.example/z") in fields


@pytest.mark.parametrize("upgrade", [(), (("Upgrade", "h2c"),), (("Upgrade", "websocket"),) * 2])
def test_a_target_switches_to_what_it_was_asked_for_only(upgrade: Fields) -> None:
    with pytest.raises(UpgradeFailed):
        delivered(101, *upgrade, plan=PLAN._replace(upgrade=True))


def test_a_switch_to_a_websocket_is_told_to_the_client() -> None:
    fields = delivered(101, ("Upgrade", "WebSocket"), plan=PLAN._replace(upgrade=True))
    assert ("upgrade", "websocket") in fields
