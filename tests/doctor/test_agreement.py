"""The doctor says what a real browser says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cors_anywhere.doctor.console import browser_message
from cors_anywhere.doctor.vocabulary import Diagnosis
from tests.doctor.scenarios import SCENARIOS
from tests.doctor.world import doctor, origins, question, said_by_doctor, script
from tests.support.browser import CHROMIUM
from tests.support.devtools import Page, page
from tests.support.needs import needs

_NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
"""So end requests that are under way while Chromium learns, at its start, of the networks."""


class Told(NamedTuple):
    """What Chromium said of one row."""

    succeeded: bool
    cause: str | None  # None where it was no matter of CORS
    parameter: str | None
    message: str | None


async def _ask(chromium: Page, url: str, options: dict[str, Any]) -> Told:
    chromium.events.clear()
    succeeded = await chromium.evaluate(
        f"fetch({json.dumps(url)}, {json.dumps(options)})"
        ".then(reply => reply.arrayBuffer()).then(() => true, () => false)"
    )
    if succeeded:
        return Told(True, None, None, None)
    await _until_told(chromium)
    if any(params.get("errorText") == _NETWORK_CHANGED for _, params in chromium.events):
        return await _ask(chromium, url, options)
    failed = [params for name, params in chromium.events if name == "Network.loadingFailed"]
    blocked = [params["corsErrorStatus"] for params in failed if "corsErrorStatus" in params]
    lines = [e["entry"]["text"] for name, e in chromium.events if name == "Log.entryAdded"]
    message = next((line for line in lines if "blocked by CORS policy" in line), None)
    if not blocked:
        return Told(False, None, None, message)
    return Told(False, blocked[-1]["corsError"], blocked[-1]["failedParameter"], message)


async def _until_told(chromium: Page) -> None:
    """The protocol's events of a failure come in no order with the script's end: a request of the
    page's own origin that is seen to finish comes after them."""
    await chromium.evaluate("fetch('/home', {cache: 'no-store'}).then(reply => reply.text())")
    async with asyncio.timeout(60):
        while not any(name == "Network.loadingFinished" for name, _ in chromium.events):
            await chromium.call("Runtime.evaluate", expression="0")


async def _compare(tmp_path: Path) -> AsyncIterator[tuple[str, Told, Diagnosis]]:
    async with (
        origins() as where,
        doctor() as asker,
        page(f"{where.page}/", tmp_path / "profile") as chromium,
    ):
        await chromium.call("Network.enable")
        await chromium.call("Log.enable")
        for row in SCENARIOS:
            asked = question(row, where)
            told = await _ask(chromium, asked.url, script(asked))
            yield row.name, told, await said_by_doctor(row, where, asker)


@pytest.fixture(scope="module")
def compared(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[Told, Diagnosis]]]:
    needs(CHROMIUM, "chromium")

    async def gather() -> dict[str, tuple[Told, Diagnosis]]:
        folder = tmp_path_factory.mktemp("agreement")
        return {name: (told, found) async for name, told, found in _compare(folder)}

    yield asyncio.run(gather())


@pytest.mark.parametrize("name", [row.name for row in SCENARIOS])
def test_the_doctor_agrees_with_chromium(
    compared: dict[str, tuple[Told, Diagnosis]], name: str
) -> None:
    """On success, or on the cause, its parameter and the console's sentence."""
    told, found = compared[name]
    assert (found.fault is None) is told.succeeded
    if found.fault is None:
        return
    by_cors = found.fault.cause if found.fault.cause[:1].isupper() else None
    assert by_cors == told.cause
    if told.cause is not None:
        assert found.fault.parameter == told.parameter
        assert browser_message(found.question, found.fault, found.final) == told.message


def test_there_are_enough_scenarios_of_either_kind(
    compared: dict[str, tuple[Told, Diagnosis]],
) -> None:
    assert len(compared) >= 60
    assert sum(told.succeeded for told, _ in compared.values()) >= 20
    assert len({told.cause for told, _ in compared.values()}) >= 18
