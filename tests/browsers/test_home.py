"""The home page for everybody: by the rules of accessibility, by keyboard, on a phone, in the dark.

`make screenshots` also puts its pictures, as people see it, where the README shows them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tornado.web

from tests.browsers import MODULES
from tests.support.browser import CHROMIUM, PAGES, listening
from tests.support.devtools import Page, page
from tests.support.needs import needs
from tests.support.process import started
from tests.system.test_browser_pages import FILES
from tests.system.test_home_page import TRIED

DOCS = Path(__file__).parents[2] / "docs"
BODIES: dict[str, tuple[str, str | bytes]] = {
    "json": ("application/json", '{"name": "A film", "tags": ["new", "long"], "year": 2026}'),
    "image": FILES["dot.gif"],
    "audio": FILES["sound.wav"],
    "video": ("video/mp4", b"\0\0\0\x18ftypmp42"),
    "text": ("text/plain", "a line"),
    "octets": ("application/octet-stream", b"\x00\x01ABC"),
    "empty": ("text/plain", b""),
    "broken json": ("application/json", "{"),
    "font": ("font/ttf", (PAGES / "square.ttf").read_bytes()),
}
SHOWN = """
(() => {
  const place = document.getElementById("proxied");
  const found = (name) => place.querySelector(name) !== null;
  return {
    kinds: ["img", "audio", "video", "pre", "details"].filter(found),
    text: place.lastElementChild.textContent,
  };
})()
"""
SIZES = {"desk": (1000, 2000, False), "phone": (360, 740, True)}
SCHEMES = ("light", "dark")
ORDER = """
(() => {
  const one = document.activeElement;
  return one.id || one.textContent.slice(0, 40);
})()
"""


class Seen(NamedTuple):
    violations: dict[tuple[str, str], list[str]]
    wide: dict[str, bool]
    grounds: dict[str, str]
    kinds: dict[str, dict[str, Any]]
    tabbed: list[str]
    entered: str
    linked: dict[str, str]


class _Target(tornado.web.RequestHandler):
    """It sends bodies of every kind, and knows nothing of CORS."""

    def get(self, name: str) -> None:
        kind, body = BODIES[name.replace("-", " ")]
        self.set_header("Content-Type", kind)
        self.finish(body)


@asynccontextmanager
async def _home(profile: Path) -> AsyncIterator[tuple[Page, str, str]]:
    application = tornado.web.Application([(r"/(.*)", _Target)])
    with started("--allow-network", "127.0.0.0/8") as proxy:
        base = f"http://localhost:{proxy.port}"
        async with listening(application) as port, page(f"{base}/", profile) as chromium:
            yield chromium, base, f"http://127.0.0.1:{port}"


async def _see(profile: Path) -> Seen:
    async with _home(profile) as (chromium, base, target):
        kinds = {}
        for name in BODIES:
            await _try(chromium, f"{target}/{name.replace(' ', '-')}")
            kinds[name] = await chromium.evaluate(SHOWN)
        await _try(chromium, f"{target}/json")
        violations, wide, grounds = await _looks(chromium)
        entered = await _enter(chromium, f"{target}/text")
        tabbed = await _tab(chromium)
        await chromium.open("about:blank")
        await chromium.open(f"{base}/#url={target}/text&header=X-A%3A+1&origin=https://a.example")
        linked = await chromium.evaluate(
            "Object.fromEntries(['url', 'headers', 'origin'].map(id => [id,"
            " document.getElementById(id).value]))"
        )
        return Seen(violations, wide, grounds, kinds, tabbed, entered, linked)


async def _try(chromium: Page, url: str) -> None:
    await chromium.evaluate(TRIED.replace("URL_TO_TRY", json.dumps(url)))


async def _looks(
    chromium: Page,
) -> tuple[dict[tuple[str, str], list[str]], dict[str, bool], dict[str, str]]:
    """What axe-core finds in every size and scheme, with every part unfolded."""
    await chromium.evaluate((MODULES / "axe-core/axe.min.js").read_text("utf-8") + ";0")
    violations, wide, grounds = {}, {}, {}
    for size, (width, height, mobile) in SIZES.items():
        await chromium.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=mobile,
        )  # fmt: skip
        for scheme in SCHEMES:
            await chromium.call(
                "Emulation.setEmulatedMedia",
                features=[{"name": "prefers-color-scheme", "value": scheme}],
            )
            if size == "desk":
                await _picture(chromium, scheme)
            violations[size, scheme] = await _axe(chromium)
            grounds[scheme] = await chromium.evaluate(
                "getComputedStyle(document.body).backgroundColor"
            )
        wide[size] = await chromium.evaluate("document.documentElement.scrollWidth > innerWidth")
    return violations, wide, grounds


async def _axe(chromium: Page) -> list[str]:
    await _unfold(chromium, unfolded=True)
    found: list[str] = await chromium.evaluate(
        "axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) =>"
        " nodes.map(({ html }) => `${id}: ${html}`)))"
    )
    await _unfold(chromium, unfolded=False)
    return found


async def _unfold(chromium: Page, *, unfolded: bool) -> None:
    await chromium.evaluate(
        "document.querySelectorAll('details').forEach(one =>"
        f" {{ one.open = {json.dumps(unfolded)} || one.closest('.view') !== null; }})"
    )


async def _picture(chromium: Page, scheme: str) -> None:
    """Kept only where it is asked for: it would change with every run."""
    if os.environ.get("CORSANYWHERE_TEST_SCREENSHOTS") != "1":
        return
    came = await chromium.call("Page.captureScreenshot", format="png")
    (DOCS / f"home-{scheme}.png").write_bytes(base64.b64decode(came["data"]))


async def _press(chromium: Page, key: str, code: int, text: str = "") -> None:
    for kind in ("keyDown", "keyUp"):
        await chromium.call(
            "Input.dispatchKeyEvent", type=kind, key=key, code=key,
            windowsVirtualKeyCode=code, text=text if kind == "keyDown" else "",
        )  # fmt: skip


async def _enter(chromium: Page, url: str) -> str:
    """What the page's status says after a URL was typed, and Enter pressed."""
    await chromium.evaluate(
        "document.getElementById('url').focus(); document.getElementById('url').select()"
    )
    await chromium.call("Input.insertText", text=url)
    await _press(chromium, "Enter", 13, "\r")
    async with asyncio.timeout(60):
        while await chromium.evaluate("document.getElementById('status').textContent") != "Done.":
            await chromium.evaluate("new Promise(requestAnimationFrame)")
    text: str = await chromium.evaluate("document.getElementById('snippet').textContent")
    return text


async def _tab(chromium: Page) -> list[str]:
    """What has the focus after each press of Tab, from the box for the URL to that for a
    message."""
    await chromium.evaluate("document.getElementById('url').focus()")
    reached = ["url"]
    while reached[-1] != "message" and len(reached) < 60:
        await _press(chromium, "Tab", 9)
        reached.append(await chromium.evaluate(ORDER))
    return reached


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    needs(CHROMIUM, "chromium")
    yield asyncio.run(_see(tmp_path_factory.mktemp("home")))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing(seen: Seen, size: str, scheme: str) -> None:
    assert seen.violations[size, scheme] == []


def test_the_results_fit_the_window(seen: Seen) -> None:
    assert seen.wide == dict.fromkeys(SIZES, False)


def test_the_page_is_dark_where_the_person_wants_it_so(seen: Seen) -> None:
    assert seen.grounds["light"] != seen.grounds["dark"]


@pytest.mark.parametrize(
    ("body", "kinds", "text"),
    [
        ("json", ["details"], 'name: "A film"'),
        ("image", ["img"], ""),
        ("audio", ["audio"], ""),
        ("video", ["video"], ""),
        ("text", ["pre"], "a line"),
        ("octets", ["pre"], "0000  00 01 41 42 43"),
        ("empty", [], "The body is empty."),
        ("broken json", ["pre"], "{"),
        ("font", ["pre"], "0000  00 01 00 00"),
    ],
)
def test_a_body_is_shown_as_what_it_is(seen: Seen, body: str, kinds: list[str], text: str) -> None:
    assert seen.kinds[body]["kinds"] == kinds
    assert text in seen.kinds[body]["text"]


def test_a_url_is_tried_without_a_mouse(seen: Seen) -> None:
    assert "/text" in seen.entered


def test_everything_is_reached_by_keyboard_in_its_order(seen: Seen) -> None:
    known = ["url", "method", "origin", "try", "kind", "copy", "message"]
    assert [name for name in seen.tabbed if name in known] == known


def test_a_link_holds_the_whole_question(seen: Seen) -> None:
    assert seen.linked["url"].endswith("/text")
    assert seen.linked["headers"] == "X-A: 1"
    assert seen.linked["origin"] == "https://a.example"
