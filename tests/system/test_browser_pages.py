"""What a real browser makes of replies: no pages of the proxy's own origin, and all that pages
load."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
import tornado.web

from cors_anywhere import Outcome, Settings, serve
from tests.support.browser import BROWSER, NAME, PAGES, SECONDS, browser, listening
from tests.support.needs import needs

HOSTS = ("localhost", "proxy.test")
"""Of the proxy. To the second one no `Sec-Fetch-*` is sent: it is not trustworthy over HTTP."""

WAYS = ("form", "form-in-a-frame", "link", "window", "iframe", "embed", "object")
UNTOLD = [("proxy.test", "embed"), ("proxy.test", "object")] if NAME == "firefox" else []
"""Where the browser asks as it does for an image: Firefox sends nothing but `Accept: */*`."""
TOLD = [(name, way) for name in HOSTS for way in WAYS if (name, way) not in UNTOLD]
FLAGS = (
    "--host-resolver-rules=MAP proxy.test 127.0.0.1",
    "--disable-popup-blocking",
    "--disable-features=HttpsUpgrades",
)

POSTS_ITS_ORIGIN = "postMessage(self.origin)"
SILENCE = b"RIFF\x4c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00" + (
    b"\x40\x1f\x00\x00\x01\x00\x08\x00data\x28\x00\x00\x00" + b"\x80" * 40
)
FILES: Mapping[str, tuple[str, str | bytes]] = {
    "script.js": ("text/javascript", "self.ran = 'ran'"),
    "script.txt": ("text/plain", "self.ranAsText = 'ran'"),
    "module.js": ("text/javascript", "export const value = 'imported'"),
    "style.css": ("text/css", "body { --of-target: styled }"),
    "dot.gif": (
        "image/gif",
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
        b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;",
    ),
    "dot.svg": ("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" width="3" height="3"/>'),
    "sound.wav": ("audio/wav", SILENCE),
    "square.ttf": ("font/ttf", (PAGES / "square.ttf").read_bytes()),
    "empty.wasm": ("application/wasm", b"\0asm\1\0\0\0"),
    "worker/classic.js": ("text/javascript", POSTS_ITS_ORIGIN),
    "worker/module.js": ("text/javascript", POSTS_ITS_ORIGIN),
    "worker/service.js": ("text/javascript", ""),
    "worker/shared.js": (
        "text/javascript",
        "onconnect = ({ ports }) => ports[0].postMessage(self.origin)",
    ),
}
FIELDS: Mapping[str, Mapping[str, str]] = {
    "clears": {"Clear-Site-Data": '"*"'},
    "sets-cookie": {"Set-Cookie": "of=theirs; Path=/"},
    "challenges": {"WWW-Authenticate": 'Basic realm="x"'},
}
STRANGERS_PAGE = """<script>new Image().src = "{here}/ran/{name}"</script>
<img src="{here}/shown/{name}">"""


class Seen(NamedTuple):
    """What came of one browser's visit."""

    refused: Mapping[str, Outcome]  # by the path that was asked for
    asked: list[str]  # the paths that targets were asked for
    told: Mapping[str, Any]  # by the pages, by their names
    origin: str  # the proxy's


class Notes:
    """What has come so far, and who waits for more."""

    def __init__(self) -> None:
        self.refused: dict[str, Outcome] = {}
        self.asked: list[str] = []
        self.told: dict[str, Any] = {}
        self._more = asyncio.Condition()

    async def outcome(self, outcome: Outcome) -> None:
        if outcome.rule == "navigation" and outcome.target is not None:
            self.refused[outcome.target.split("/", 3)[3]] = outcome
        await self.changed()

    async def changed(self) -> None:
        async with self._more:
            self._more.notify_all()

    async def all_in(self, names: set[str]) -> None:
        """Waits for these: paths that were refused or asked for, and names of pages that told."""
        async with self._more:
            await self._more.wait_for(lambda: names <= {*self.refused, *self.asked, *self.told})


class Target(tornado.web.RequestHandler):
    """A stranger's site."""

    def initialize(self, notes: Notes) -> None:
        self.notes = notes

    async def prepare(self) -> None:
        self.notes.asked.append(self.request.path[1:])
        await self.notes.changed()

    def get(self, path: str) -> None:
        kind, body = FILES.get(path, ("text/html", self._page(path)))
        self.set_header("Content-Type", kind)
        for name, value in FIELDS.get(path, {}).items():
            self.set_header(name, value)
        self.set_status(401 if path == "challenges" else 200)
        self.write(body)

    def _page(self, name: str) -> str:
        """It would like to run its script here."""
        policy = "sandbox allow-scripts allow-same-origin allow-popups"
        self.set_header("Content-Security-Policy", policy)
        return STRANGERS_PAGE.format(here=f"http://{self.request.host}", name=name)

    async def post(self, path: str) -> None:
        if path.startswith("told/"):
            self.notes.told[path.removeprefix("told/")] = json.loads(self.request.body)
            await self.notes.changed()
            return
        self.get(path)


class Page(tornado.web.RequestHandler):
    """Another site's pages. Where they are isolated, they may embed only what says that it may be
    embedded."""

    def get(self, name: str) -> None:
        if name == "loads.html":
            self.set_header("Cross-Origin-Opener-Policy", "same-origin")
            self.set_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.write((PAGES / name).read_text())


async def visit(profile: Path) -> Seen:
    notes = Notes()
    targets = tornado.web.Application([(r"/(.*)", Target, {"notes": notes})])
    pages = tornado.web.Application([(r"/(.*)", Page)])
    settings = partial(Settings, port=0, allow_networks=("127.0.0.0/8",), require_headers=())
    closed = settings(help_text=(PAGES / "own.html").read_text(), help_type="text/html")
    opened = settings(allow_navigation=True)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        target = f"http://127.0.0.1:{await enter(listening(targets))}"
        site = f"http://127.0.0.1:{await enter(listening(pages))}"
        proxy = (await enter(serve(closed, on_outcome=notes.outcome))).port
        shows = (await enter(serve(opened))).port
        own = f"http://localhost:{proxy}"
        leads = [f"http://{name}:{proxy}/{target}/{name}/" for name in HOSTS]
        leads.append(f"http://localhost:{shows}/{target}/allowed/")
        others = (
            f"{site}/leads.html#{quote(json.dumps(leads))}",
            f"{own}/#{target}",
        )
        expected = {f"{name}/{way}" for name in HOSTS for way in WAYS}
        expected |= {f"shown/{name}/{way}" for name, way in UNTOLD}
        expected |= {f"shown/allowed/{way}" for way in WAYS} | {"own", "loads"}
        start = f"{site}/loads.html#{quote(json.dumps([own, target, *others]))}"
        async with browser(start, profile, *FLAGS):
            try:
                async with asyncio.timeout(SECONDS):
                    await notes.all_in(expected)
            except TimeoutError:
                missing = expected - {*notes.refused, *notes.asked, *notes.told}
                raise AssertionError(f"never came: {sorted(missing)}") from None
        return Seen(notes.refused, notes.asked, notes.told, own)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """One browser for all."""
    needs(BROWSER, NAME)
    yield asyncio.run(visit(tmp_path_factory.mktemp("profile")))


@pytest.mark.parametrize(("name", "way"), TOLD)
def test_no_way_leads_to_a_strangers_page_of_the_proxys_origin(
    seen: Seen, name: str, way: str
) -> None:
    assert seen.refused[f"{name}/{way}"].status == 403
    assert f"{name}/{way}" not in seen.asked


def test_a_page_that_is_not_told_from_an_image_runs_no_script(seen: Seen) -> None:
    ways = [(name, way) for name in HOSTS for way in WAYS]
    assert [one for one in ways if f"shown/{'/'.join(one)}" in seen.asked] == UNTOLD
    assert [one for one in ways if f"ran/{'/'.join(one)}" in seen.asked] == []


@pytest.mark.parametrize("way", WAYS)
def test_a_page_that_is_allowed_is_shown_and_runs_no_script_whatever_it_says(
    seen: Seen, way: str
) -> None:
    assert f"allowed/{way}" in seen.asked
    assert f"shown/allowed/{way}" in seen.asked
    assert f"ran/allowed/{way}" not in seen.asked


def test_no_target_does_anything_to_the_proxys_origin(seen: Seen) -> None:
    told = seen.told["own"]
    assert told["clearSiteData"] == ["of=ours", "ours"]
    assert told["setCookie"] == "of=ours"
    assert told["challenge"] == [401, None]


def test_no_service_worker_is_registered_and_its_script_is_not_asked_for(seen: Seen) -> None:
    assert seen.told["own"]["serviceWorker"][1] == 0
    assert "worker/service.js" not in seen.asked


@pytest.mark.parametrize("kind", ["sharedWorker", "worker", "moduleWorker"])
def test_a_worker_of_our_own_page_has_its_origin(seen: Seen, kind: str) -> None:
    assert seen.told["own"][kind] == seen.origin


def test_who_followed_a_link_sees_where_it_was_meant_to_lead(seen: Seen) -> None:
    title, link, rel, scripts = seen.told["own"]["refusedPage"]
    assert (title, rel, scripts) == ("This is a CORS proxy", "noreferrer", 0)
    assert link.endswith("/page?%3Cb%3E")


def test_whatever_a_page_loads_it_loads_through_the_proxy(seen: Seen) -> None:
    assert seen.told["loads"] == {
        "isolated": True,
        "script": "ran",
        "scriptOfWrongType": "ran",
        "moduleScript": "imported",
        "style": "styled",
        "image": 1,
        "imageSvg": 3,
        "video": 0.005,
        "font": "loaded",
        "wasm": 0,
        "moduleWorker": "imported",
        "classicWorker": "ran",
        "sizes": [NAME == "chromium", True],  # to Firefox an image's octets are CORS's affair
    }
