from __future__ import annotations

import asyncio

from cors_anywhere.doctor.vocabulary import Ask, Broken, Seen
from tests.doctor.world import doctor, origins


def asked(path: str) -> Seen | Broken:
    async def ask() -> Seen | Broken:
        async with origins() as where, doctor() as asker:
            url = where.fill(path, "")
            return await asker(Ask(url, "GET", [("Origin", where.page)], preflight=False))

    return asyncio.run(ask())


def test_the_way_to_a_target_is_told() -> None:
    seen = asked("{a}/home")
    assert isinstance(seen, Seen)
    assert (seen.status, seen.public) == (200, False)
    assert [step.step for step in seen.way] == ["address", "connection"]
    assert "loopback" in seen.way[0].reason
    assert seen.start.startswith(b"<!doctype html>")


def test_a_name_and_its_addresses_are_told() -> None:
    seen = asked("http://localhost:{a_port}/home")
    assert [step.step for step in seen.way][:1] == ["name"]


def test_a_failure_has_its_registered_type() -> None:
    broken = asked("{nobody}/")
    assert isinstance(broken, Broken)
    assert broken.error == "connection_refused"
