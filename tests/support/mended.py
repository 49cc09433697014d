"""Servers that are mended by the lines of the doctor, and the browser that tries them.

Owns: each server's life with and without lines, and what is asked of it before and after. Must not
know: the lines.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import tornado.web

from cors_anywhere.doctor.asking import EgressAsker, diagnose, local_egress, local_plan
from cors_anywhere.doctor.fixes import target_lines
from cors_anywhere.doctor.vocabulary import Diagnosis, Question, Verdict
from tests.doctor.world import script
from tests.support.browser import listening
from tests.support.devtools import Page, page
from tests.support.front_servers import PATH

SECONDS: Final = 60.0
"""After which a server that does not listen has failed."""

ATTEMPTS: Final = 3
"""Chromium ends what is under way when it learns of the machine's networks, soon after its start;
what CORS forbids stays forbidden."""


class Server(NamedTuple):
    """A server. In its texts LINES, PORT, TARGET and HERE stand for the doctor's lines, the port to
    listen on, the port of an application without CORS, and a directory of the test's."""

    file: str
    text: str
    run: tuple[str, ...]


class Asked(NamedTuple):
    """What a page wants of a server."""

    path: str
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    credentials: bool = False


class Tried(NamedTuple):
    """What came of one wish, before and after."""

    before: Diagnosis
    succeeded_before: bool
    after: Diagnosis
    succeeded_after: bool


class _Application(tornado.web.RequestHandler):
    """It knows nothing of CORS, or the wrong thing."""

    SUPPORTED_METHODS = ("GET", "PATCH", "OPTIONS")

    def _reply(self) -> None:
        if self.request.path == "/elsewhere":
            self.set_header("Access-Control-Allow-Origin", "https://elsewhere.example")
        if self.request.path == "/missing":
            self.set_status(404)
        self.set_header("Vary", "Accept-Encoding")
        self.finish("{}")

    get = patch = options = _reply


class Trial:
    """A page, and those who ask on its behalf."""

    def __init__(self, origin: str, chromium: Page, asker: EgressAsker, target: int) -> None:
        self._origin = origin
        self._chromium = chromium
        self._asker = asker
        self._target = target

    async def mend(
        self, name: str, server: Server, wishes: Mapping[str, Asked], here: Path
    ) -> dict[str, Tried]:
        """Asks the server without any lines, then with those that the doctor gives."""
        with running(server, "", self._target, here) as port:
            before = {wish: await self._look(asked, port) for wish, asked in wishes.items()}
        by_lines: dict[str, list[str]] = {}
        for wish, (diagnosis, _) in before.items():
            by_lines.setdefault(target_lines(diagnosis)[name], []).append(wish)
        found = {}
        for lines, mended in by_lines.items():
            with running(server, lines, self._target, here) as port:
                for wish in mended:
                    found[wish] = Tried(*before[wish], *await self._look(wishes[wish], port))
        return found

    async def _look(self, asked: Asked, port: int) -> tuple[Diagnosis, bool]:
        diagnosis = await self._diagnosis(asked, port)
        return diagnosis, await self._succeeds(diagnosis.question)

    async def _diagnosis(self, asked: Asked, port: int) -> Diagnosis:
        url = f"http://127.0.0.1:{port}{asked.path}"
        question = Question(
            url, self._origin, asked.method, asked.fields, asked.credentials, send=True
        )
        return await diagnose(question, self._asker)

    async def _succeeds(self, question: Question) -> bool:
        fetching = f"fetch({json.dumps(question.url)}, {json.dumps(script(question))})"
        for _ in range(ATTEMPTS):
            if await self._chromium.evaluate(f"{fetching}.then(() => true, () => false)"):
                return True
        return False


@asynccontextmanager
async def trial(profile: Path) -> AsyncIterator[Trial]:
    """A page of an origin of its own, and an application without CORS."""
    application = tornado.web.Application([(r"/.*", _Application)])
    async with (
        listening(application) as port,
        listening(application) as target,
        page(f"http://127.0.0.1:{port}/", profile) as chromium,
        local_egress() as (egress, resolver),
    ):
        asker = EgressAsker(egress, local_plan, resolver)
        yield Trial(f"http://127.0.0.1:{port}", chromium, asker, target)


def try_all(
    servers: Mapping[str, Server], wishes: Mapping[str, Asked], directory: Path
) -> dict[tuple[str, str], Tried]:
    """What came of each wish at each server."""

    async def gather() -> dict[tuple[str, str], Tried]:
        found: dict[tuple[str, str], Tried] = {}
        async with trial(directory / "profile") as trying:
            for name, server in servers.items():
                here = directory / name
                here.mkdir()
                tried = await trying.mend(name, server, wishes, here)
                found.update({(name, wish): each for wish, each in tried.items()})
        return found

    return asyncio.run(gather())


def is_mended(tried: Tried) -> None:
    """The browser and the doctor agree that it did not work, and that it does."""
    assert not tried.succeeded_before
    assert tried.before.verdict is not Verdict.WORKS
    assert tried.succeeded_after, tried.after
    assert tried.after.verdict is Verdict.WORKS, tried.after


@contextmanager
def running(server: Server, lines: str, target: int, here: Path) -> Iterator[int]:
    """The server with these lines, and the port on which it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    values = {"LINES": lines, "PORT": str(port), "TARGET": str(target), "HERE": str(here)}
    (here / server.file).write_text(_filled(server.text, values))
    command = [_filled(part, values) for part in server.run]
    found = shutil.which(command[0], path=PATH)
    assert found is not None, f"there is no {command[0]}"
    with (here / "log").open("w") as log:
        process = subprocess.Popen([found, *command[1:]], cwd=here, stdout=log, stderr=log)
    with process:
        try:
            _await(process, port, here / "log")
            yield port
        finally:
            process.terminate()


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Returns once somebody listens there."""
    for _ in range(int(SECONDS / 0.05)):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        return
    raise AssertionError(log.read_text())


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text
