"""The listener for the operator alone: metrics, readiness, a page of what goes on.

Owns: its paths, and who is refused there. Must not know: what is counted, or how requests are
served. It is off the way of every request, so Tornado serves it.
"""

from __future__ import annotations

import html
import socket
from collections.abc import Callable, Iterator
from dataclasses import fields
from ipaddress import ip_address
from string import Template
from time import localtime, strftime
from typing import NamedTuple

from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError, RequestHandler

from cors_anywhere.config.settings import Settings
from cors_anywhere.form import form
from cors_anywhere.observe import metrics
from cors_anywhere.observe.exposition import CONTENT_TYPE, Exposition
from cors_anywhere.observe.ledger import Failure, Ledger
from cors_anywhere.observe.tally import Tally
from cors_anywhere.pages import home as pages
from cors_anywhere.tokens import split_port


class Watched(NamedTuple):
    """What the listener shows."""

    tally: Tally
    ledger: Ledger
    settings: Callable[[], Settings]
    ready: Callable[[], bool]
    version: str


class Admin:
    """The listener on bound sockets, from its first connection to its last."""

    def __init__(self, watched: Watched, sockets: list[socket.socket]) -> None:
        self._watched = watched
        self._build = {"version": watched.version, "form": form()}
        self._exposition = Exposition(watched.tally, self._build)
        address = watched.settings().admin or ""
        name = "" if address.startswith("unix:") else split_port(address)[0]
        routes = [
            (path, _Page, {"own_name": name, "make": make})
            for path, make in (
                ("/metrics", self._metrics),
                ("/healthz", lambda: Shown("text/plain", "ok\n")),
                ("/readyz", self._readiness),
                ("/status", self._status),
            )
        ]
        application = Application(
            routes,
            default_handler_class=_Page,
            default_handler_args={"own_name": name, "make": _nothing},
            log_function=_unlogged,
        )
        self._server = HTTPServer(application, max_body_size=0, idle_connection_timeout=60)
        for sock in sockets:
            sock.listen(64)
            sock.setblocking(False)
        self._server.add_sockets(sockets)

    async def close(self) -> None:
        """Ends it."""
        self._server.stop()
        await self._server.close_all_connections()

    # --- what is shown ----------------------------------------------------------------------------

    def _metrics(self) -> Shown:
        return Shown(CONTENT_TYPE, self._exposition.text().decode())

    def _readiness(self) -> Shown:
        ready = self._watched.ready()
        return Shown("text/plain", "ready\n" if ready else "not ready: draining\n", ready)

    def _status(self) -> Shown:
        page = Template(pages.read("status.html")).substitute(
            build=html.escape(" ".join(self._build.values())),
            state="Ready." if self._watched.ready() else "Draining: newcomers are not wanted.",
            figures=_table(self._figures()),
            failures=_table(_rows(self._watched.ledger.last())),
            settings=_table(_shown(self._watched.settings())),
        )
        return Shown("text/html; charset=utf-8", page)

    def _figures(self) -> Iterator[tuple[str, str]]:
        sums = self._watched.tally.sums()
        groups = len(metrics.CLASSES)
        for number, kind in enumerate(metrics.OUTCOMES):
            start = metrics.REQUESTS + number * groups
            yield f"requests, {kind}", f"{sum(sums[start : start + groups]):,.0f}"
        for name, value in zip(metrics.GAUGES[:-1], sums[metrics.GAUGE :], strict=False):
            yield name.replace("_", " "), f"{value:,.0f}"


class Shown(NamedTuple):
    """A reply."""

    kind: str
    text: str
    well: bool = True


class _Page(RequestHandler):
    """One path. No page of a browser may read it: by a name of its own that leads here, or as an
    origin that it does not know."""

    def initialize(self, own_name: str, make: Callable[[], Shown]) -> None:
        self._own_name = own_name
        self._make = make

    def prepare(self) -> None:
        if "Origin" in self.request.headers:
            raise HTTPError(403, reason="No page reads this")
        if not is_own_host(self.request.headers.get("Host", ""), self._own_name):
            raise HTTPError(403, reason="Not a name of this listener")

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

    def get(self) -> None:
        shown = self._make()
        self.set_status(200 if shown.well else 503)
        self.set_header("Content-Type", shown.kind)
        self.finish(shown.text)

    head = get

    def write_error(self, status_code: int, **_: object) -> None:
        self.set_header("Content-Type", "text/plain")
        self.finish(f"{self._reason}\n")


def _nothing() -> Shown:
    raise HTTPError(404)


def _unlogged(_: RequestHandler) -> None:
    """A scrape each few seconds is nobody's news, and a line of it would show a query."""


def is_own_host(host: str, own_name: str) -> bool:
    """Whether a `Host` is an address, localhost, or the name that the operator wrote: by any other
    name a stranger's page might have been led here (DNS rebinding). Over a Unix socket any is."""
    if not own_name:
        return True
    try:
        name = split_port(host)[0].strip("[]").lower()
    except ValueError:
        return False
    if name in ("localhost", own_name.strip("[]").lower()):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _rows(failures: list[Failure]) -> Iterator[tuple[str, ...]]:
    for at, *said in failures:
        yield strftime("%H:%M:%S", localtime(at)), *said


def _shown(settings: Settings) -> Iterator[tuple[str, str]]:
    """Those that may be shown: who may not see a setting's value is told by its repr."""
    for setting in fields(settings):
        if setting.repr and setting.name != "help_text":
            yield setting.name, str(getattr(settings, setting.name))[:500]


def _table(rows: Iterator[tuple[str, ...]]) -> str:
    return "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
