"""The servers that the scenarios' replies come from, and the two who look at them.

Owns: a page's origin and two targets on loopback, and what is asked of them for each row. Must
not know: what should come of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import tornado.web
from tornado.testing import bind_unused_port

from cors_anywhere.doctor.asking import EgressAsker, diagnose, local_egress, local_plan
from cors_anywhere.doctor.vocabulary import Diagnosis, Question
from tests.doctor.scenarios import SCENARIOS, Reply, Scenario
from tests.support.browser import listening

BY_PATH = {f"s{number}": row for number, row in enumerate(SCENARIOS)}
PATHS = {row.name: path for path, row in BY_PATH.items()}


class Origins(NamedTuple):
    """Where the page and the two targets are."""

    page: str
    a: str
    b: str
    nobody: str

    def fill(self, text: str, path: str) -> str:
        for name, value in zip(self._fields, self, strict=True):
            text = text.replace(f"{{{name}}}", value)
            text = text.replace(f"{{{name}_host}}", value.partition("//")[2])
            text = text.replace(f"{{{name}_port}}", value.rpartition(":")[2])
        return text.replace("{path}", path)


class _Handler(tornado.web.RequestHandler):
    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "patch")
    origins: Origins

    def initialize(self, origins: list[Origins]) -> None:
        self.origins = origins[0]

    def prepare(self) -> None:
        *before, path = self.request.path.strip("/").split("/")
        if path in ("", "home", "favicon.ico"):
            self.finish("<!doctype html><title>A page</title>")
            return
        self._reply(path, self._row(BY_PATH[path], then=before == ["then"]))

    def _row(self, row: Scenario, *, then: bool) -> Reply:
        if self.request.method == "OPTIONS":
            return row.then_preflight if then else row.preflight
        return row.then if then else row.reply

    def _reply(self, path: str, reply: Reply) -> None:
        if reply.drop:
            self.request.connection.stream.close()  # type: ignore[union-attr]
            self._finished = True
            return
        self.set_status(reply.status, "")
        for name, value in reply.fields:
            self.add_header(name, self.origins.fill(value, path))
        self.finish()


@asynccontextmanager
async def origins() -> AsyncIterator[Origins]:
    """The three servers, as long as the block runs."""
    known: list[Origins] = []
    async with AsyncExitStack() as stack:
        ports = [
            await stack.enter_async_context(
                listening(tornado.web.Application([(r"/.*", _Handler, {"origins": known})]))
            )
            for _ in range(3)
        ]
        sock, port = bind_unused_port()
        sock.close()
        ports.append(port)
        known.append(Origins(*(f"http://127.0.0.1:{port}" for port in ports)))
        yield known[0]


def question(row: Scenario, where: Origins) -> Question:
    path = PATHS[row.name]
    return Question(
        where.fill(row.url, path),
        where.page,
        row.method,
        row.headers,
        row.credentials,
        row.redirect,
        row.no_cors,
        send=True,
    )


def script(asked: Question) -> dict[str, Any]:
    """The arguments of `fetch()` for a question."""
    return {
        "method": asked.method,
        "headers": dict(asked.fields),
        "credentials": "include" if asked.credentials else "omit",
        "redirect": asked.redirect,
        "mode": "no-cors" if asked.no_cors else "cors",
        "cache": "no-store",
    }


@asynccontextmanager
async def doctor() -> AsyncIterator[EgressAsker]:
    async with local_egress() as (egress, resolver):
        yield EgressAsker(egress, local_plan, resolver)


async def said_by_doctor(row: Scenario, where: Origins, asker: EgressAsker) -> Diagnosis:
    return await diagnose(question(row, where), asker)
