"""What Firefox does with the doctor's scenarios, and the category of its console's message beside
the cause that Chromium gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cors_anywhere.doctor.console import Recognised, recognise
from cors_anywhere.doctor.vocabulary import Diagnosis
from tests.doctor.scenarios import SCENARIOS
from tests.doctor.world import doctor, origins, question, said_by_doctor, script
from tests.support.firefox import FIREFOX, Message, Page, page
from tests.support.needs import needs

CATEGORIES = {
    "AllowOriginMismatch": "CORSAllowOriginNotMatchingOrigin",
    "CorsDisabledScheme": "CORSRequestNotHttp",
    "HeaderDisallowedByPreflightResponse": "CORSMissingAllowHeaderFromPreflight",
    "InvalidAllowCredentials": "CORSMissingAllowCredentials",
    "InvalidAllowHeadersPreflightResponse": "CORSInvalidAllowHeader",
    "InvalidAllowMethodsPreflightResponse": "CORSInvalidAllowMethod",
    "InvalidAllowOriginValue": "CORSAllowOriginNotMatchingOrigin",
    "MethodDisallowedByPreflightResponse": "CORSMethodNotFound",
    "MissingAllowOriginHeader": "CORSMissingAllowOrigin",
    "MultipleAllowOriginValues": "CORSMultipleAllowOriginNotAllowed",
    "PreflightDisallowedRedirect": "CORSExternalRedirectNotAllowed",
    "PreflightInvalidStatus": "CORSPreflightDidNotSucceed",
    "RedirectContainsCredentials": "CORSDidNotSucceed",
    "WildcardOriginNotAllowed": "CORSNotSupportingCredentials",
    "connection_refused": "CORSDidNotSucceed",
    "connection_terminated": "CORSDidNotSucceed",
}
"""Firefox's category for Chromium's cause, or for the failure of the network. It does not tell a
preflight's reply from the other."""
SPECIAL = {
    # It looks for a comma in no value: it compares.
    "two in one field": "CORSAllowOriginNotMatchingOrigin",
    "separated by a blank": "CORSAllowOriginNotMatchingOrigin",
    # It looks at the fields before it looks at the status.
    "preflight 302 with nothing": "CORSMissingAllowOrigin",
    # What is no matter of CORS, or is one in Firefox alone.
    "redirect, mode error": None,
    "redirect to data": "DATA_URI_BLOCKED",
    "redirect to no URL": "CORSDidNotSucceed",
    "redirect for ever": "CORSDidNotSucceed",
    "no-cors, CORP same-origin": "COEP",
    "a blocked port": None,
    "ftp": "CORSRequestNotHttp",
    "file": "SOP",
    "credentials in the URL": None,
}
"""By scenario, where that is not so."""
LESS = {
    "CORSAllowOriginNotMatchingOrigin": "AllowOriginMismatch",
    "CORSDidNotSucceed": "connection_terminated",
    "CORSMissingAllowOrigin": "MissingAllowOriginHeader",
    "CORSRequestNotHttp": "CorsDisabledScheme",
}
"""What a message of Firefox can be known for where it says less than Chromium's."""


class Told(NamedTuple):
    """What Firefox did and said of one row, beside the doctor."""

    succeeded: bool
    messages: list[Message]
    found: Diagnosis

    @property
    def category(self) -> str | None:
        """That of the first message; of what follows a preflight's failure it only says that it
        failed. The digits at its end are a count of rewordings."""
        return self.messages[0].category.rstrip("0123456789") if self.messages else None


async def _ask(firefox: Page) -> AsyncIterator[tuple[str, Told]]:
    async with origins() as where, doctor() as asker:
        await firefox.open(f"{where.page}/")
        for row in SCENARIOS:
            asked = question(row, where)
            await firefox.messages()
            succeeded = await firefox.evaluate(
                f"fetch({json.dumps(asked.url)}, {json.dumps(script(asked))})"
                ".then((reply) => reply.arrayBuffer()).then(() => true, () => false)"
            )
            told = await firefox.messages()
            yield row.name, Told(succeeded, told, await said_by_doctor(row, where, asker))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Told]]:
    needs(FIREFOX, "firefox")

    async def gather(profile: Path) -> dict[str, Told]:
        async with page("about:blank", profile) as firefox:
            return {name: row async for name, row in _ask(firefox)}

    yield asyncio.run(gather(tmp_path_factory.mktemp("console")))


NAMES = [row.name for row in SCENARIOS]


@pytest.mark.parametrize("name", NAMES)
def test_the_doctor_agrees_with_firefox_on_success(told: dict[str, Told], name: str) -> None:
    assert (told[name].found.fault is None) is told[name].succeeded


@pytest.mark.parametrize("name", NAMES)
def test_firefox_has_its_category_for_each_cause(told: dict[str, Told], name: str) -> None:
    fault = told[name].found.fault
    if fault is not None:
        assert told[name].category == SPECIAL.get(name, CATEGORIES.get(_plain(fault.cause)))


@pytest.mark.parametrize("name", NAMES)
def test_what_firefox_says_is_recognised(told: dict[str, Told], name: str) -> None:
    """With the doctor's cause, and its parameter, as far as the message tells."""
    row = told[name]
    if row.found.fault is None or row.category is None or not row.category.startswith("CORS"):
        return
    pasted = recognise("\n".join(message.text for message in row.messages))
    assert isinstance(pasted, Recognised)
    cause = _plain(row.found.fault.cause)
    assert (pasted.browser, pasted.cause) == ("Firefox", _known(row.category, cause))
    if pasted.cause == cause and pasted.parameter:
        assert pasted.parameter == row.found.fault.parameter


def _plain(cause: str) -> str:
    return cause if cause in CATEGORIES else cause.removeprefix("Preflight")


def _known(category: str, cause: str) -> str:
    return LESS.get(category, cause)
