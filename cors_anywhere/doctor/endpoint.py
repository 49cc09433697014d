"""`/doctor?url=…`: the doctor, asked by a page through the proxy.

Owns: how the question is written in a query, and what one question may cost. Must not know: who may
ask, or which targets may be asked: it is given a way that knows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import ada_url

from cors_anywhere.doctor.asking import EgressAsker, PlanFor, diagnose
from cors_anywhere.doctor.console import recognise
from cors_anywhere.doctor.report import as_json
from cors_anywhere.doctor.vocabulary import (
    ERROR,
    FOLLOW,
    MANUAL,
    Ask,
    Broken,
    Question,
    Seen,
)
from cors_anywhere.errors import BadRequest, GatewayTimeout
from cors_anywhere.messages import Answer, Consult, Fields
from cors_anywhere.rules.queries import MOST_PARAMETERS
from cors_anywhere.rules.replies import own_fields
from cors_anywhere.sides import Egress
from cors_anywhere.tokens import MAX_ORIGIN, is_field_value, is_token

MOST_EXCHANGES: Final = 8
"""For one question: it costs the targets little more than the requests it stands for."""

SECONDS: Final = 30.0

_ONCE: Final = ("url", "origin", "method", "credentials", "redirect", "no-cors", "explain")


class Endpoint:
    """Answers questions over `egress`; `passing` says what is sent of the fields that a browser
    would send."""

    def __init__(
        self,
        egress: Egress,
        plan_for: PlanFor,
        passing: Callable[[Consult, Fields], Fields],
    ) -> None:
        self._egress = egress
        self._plan_for = plan_for
        self._passing = passing

    async def __call__(self, consult: Consult) -> Answer:
        """The diagnosis as JSON. Raises BadRequest for a question that cannot be asked."""
        asked = _read(consult.query)
        if "explain" in asked:
            found = recognise(str(asked["explain"]))
            if found is None:
                raise BadRequest(
                    "This is no message of CORS that Chromium, Firefox or Safari prints.",
                    hint="Paste the whole line, from its first word.",
                )
            return _json(found._asdict(), consult)
        question = _question(asked)
        passing = partial(self._passing, consult)
        ask = _Bounded(EgressAsker(self._egress, self._plan_for, passing=passing))
        try:
            async with asyncio.timeout(SECONDS):
                diagnosis = await diagnose(question, ask)
        except TimeoutError as error:
            raise GatewayTimeout from error
        return _json(as_json(diagnosis, consult.own_url), consult)


class _Bounded:
    """So many exchanges, and no more."""

    def __init__(self, ask: EgressAsker) -> None:
        self._ask = ask
        self._left = MOST_EXCHANGES

    async def __call__(self, ask: Ask) -> Seen | Broken:
        if not self._left:
            said = f"The doctor of a proxy makes {MOST_EXCHANGES} requests for a question, no more."
            return Broken("http_request_denied", said)
        self._left -= 1
        return await self._ask(ask)


def _read(query: str) -> dict[str, str | list[str]]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError as error:
        raise BadRequest(f"More than {MOST_PARAMETERS} parameters are too many.") from error
    read: dict[str, str | list[str]] = {"header": [v for name, v in pairs if name == "header"]}
    for name, value in pairs:
        if name in _ONCE and name in read:
            raise BadRequest(f'The parameter "{name}" was given twice.')
        if name in _ONCE:
            read[name] = value
        elif name != "header":
            raise BadRequest(f'There is no parameter "{name[:40]}": {", ".join(_ONCE)}, header.')
    return read


def _question(asked: dict[str, Any]) -> Question:
    url, method = asked.get("url", ""), asked.get("method", "GET")
    if not url:
        raise BadRequest("The parameter url is missing: /doctor?url=https%3A%2F%2Fapi.example%2F")
    if not is_token(method):
        raise BadRequest("The parameter method is no method.")
    redirect = asked.get("redirect", FOLLOW)
    if redirect not in (FOLLOW, ERROR, MANUAL):
        raise BadRequest("The parameter redirect is one of follow, error and manual.")
    return Question(
        url,
        _origin(asked.get("origin", "https://app.example")),
        method,
        [_field(text) for text in asked["header"]],
        credentials=asked.get("credentials", "") in ("1", "true", "include"),
        redirect=redirect,
        no_cors=asked.get("no-cors", "") in ("1", "true"),
    )


def _origin(text: str) -> str:
    if text == "null":
        return text
    try:
        url = ada_url.URL(text)
    except ValueError:
        url = None
    if url is None or len(text) > MAX_ORIGIN or url.protocol not in ("http:", "https:"):
        raise BadRequest("The parameter origin is no origin: write https://app.example")
    return str(url.origin)


def _field(text: str) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not is_token(name) or not is_field_value(value):
        raise BadRequest('A parameter header is no field: write "Name: value".')
    return name, value


def _json(value: Any, consult: Consult) -> Answer:
    body = json.dumps(value, ensure_ascii=True).encode()
    fields: list[tuple[str, str]] = [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
    ]
    return Answer(200, "OK", own_fields(fields, consult.credited), body)
