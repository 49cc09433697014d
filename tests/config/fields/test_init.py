"""The settings of all groups: complete, and each of one group only."""

from __future__ import annotations

from dataclasses import fields

from cors_anywhere.config.fields import CHECKS, LIST_CHECKS, Fields
from cors_anywhere.config.settings import Settings


def test_every_setting_is_checked() -> None:
    names = {item.name for item in fields(Fields)}
    assert {*CHECKS, *LIST_CHECKS, "all_proxy"} == names  # Settings checks that one
    assert not {*CHECKS} & {*LIST_CHECKS}


def test_no_setting_is_of_two_groups() -> None:
    named = [name for group in Fields.__bases__ for name in group.__annotations__]
    assert len(set(named)) == len(named)


def test_settings_have_no_room_for_anything_else() -> None:
    assert not hasattr(Settings(), "__dict__")


def test_settings_are_told_in_the_order_of_the_groups() -> None:
    assert repr(Settings()).startswith("Settings(hosts=('127.0.0.1',), port=8080,")
