"""Three origins: a page, its targets, and the real command between them.

Owns: their life, and running the cases that a page's script holds. Must not know: the cases.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import tornado.web

from tests.browsers import MODULES
from tests.browsers.engines import ENGINES, Page
from tests.browsers.targets import application
from tests.support.browser import listening
from tests.support.process import started

HERE = Path(__file__).parent
ONE = """
Promise.race([
  new Promise((_, late) => setTimeout(late, 30000, new Error("it hangs"))),
  Promise.resolve().then(() => cases[NAME](THROUGH, WHERE)),
]).then((value) => ({ value }), (error) => ({ error: String(error?.stack ?? error) }))
"""


class Came(NamedTuple):
    """What came of the cases, by name, and the ranges of files that were asked for meanwhile."""

    results: dict[str, Any]
    ranges: dict[str, list[str]]


class _Home(tornado.web.RequestHandler):
    """The page, on an origin of its own."""

    def get(self) -> None:
        self.finish('<!doctype html><title>A page</title><script src="/made/cases.js"></script>')


class _Demanding(tornado.web.RequestHandler):
    """A page that uses only what says that it may be used, and tells whether an image may."""

    def get(self) -> None:
        self.set_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.finish(
            "<!doctype html><title>A page</title><img><script>const tell = (said) =>"
            " parent.postMessage(said, '*'); const image = document.querySelector('img');"
            " image.onload = () => tell('loaded'); image.onerror = () => tell('blocked');"
            " image.src = decodeURIComponent(location.search.slice(1));</script>"
        )


def bundle(script: Path, made: Path) -> None:
    """Makes one file of a script and what it imports."""
    esbuild = MODULES / ".bin" / "esbuild"
    command = [str(esbuild), str(script), "--bundle", f"--outfile={made / 'cases.js'}"]
    flags = ["--format=iife", "--log-level=error", "--define:global=globalThis"]
    environment = {"NODE_PATH": str(MODULES), "PATH": "/usr/bin:/bin"}
    subprocess.run([*command, *flags], check=True, env=environment)


@asynccontextmanager
async def _running(
    engine: str, script: Path, directory: Path, ranges: dict[str, list[str]]
) -> AsyncIterator[tuple[Page, dict[str, str]]]:
    made = directory / "made"
    made.mkdir()
    bundle(script, made)
    pages = tornado.web.Application(
        [
            (r"/made/(.*)", tornado.web.StaticFileHandler, {"path": str(made)}),
            (r"/modules/(.*)", tornado.web.StaticFileHandler, {"path": str(MODULES)}),
            (r"/demanding", _Demanding),
            (r"/", _Home),
        ]
    )
    async with (
        listening(pages) as port,
        listening(application(directory, ranges)) as target_port,
    ):
        target = f"http://127.0.0.1:{target_port}"
        allowed = ("--allow-network", "127.0.0.0/8", "--no-require-header")
        here = f"http://localhost:{port}"
        consent = ("--allow-origin", here, "--allow-credentials")
        with (
            started(*allowed) as proxy,
            started(*allowed, "--mount", f"/on={target}") as mounted,
            started(*allowed, *consent) as consenting,
        ):
            where = {
                "page": here,
                "target": target,
                "proxy": f"http://127.0.0.1:{proxy.port}",
                "mount": f"http://127.0.0.1:{mounted.port}/on",
                "consenting": f"http://127.0.0.1:{consenting.port}",
            }
            async with ENGINES[engine].page(f"{here}/", directory / "profile") as opened:
                yield opened, where


async def from_file(engine: str, directory: Path) -> Any:
    """What a page that was opened as a file reads of a target, through the proxy as it is by
    default but for the target's network."""
    saved = directory / "page.html"
    saved.write_text("<!doctype html><title>A file</title>")
    async with listening(application(directory, {})) as port:
        with started("--allow-network", "127.0.0.0/8") as proxy:
            url = f"http://127.0.0.1:{proxy.port}/http://127.0.0.1:{port}"
            async with ENGINES[engine].page(saved.as_uri(), directory / "profile") as opened:
                return await opened.evaluate(
                    f'fetch("{url}/plain").then(async (reply) => [origin, await reply.text()])'
                )


async def run(engine: str, script: str, directory: Path) -> Came:
    """Runs every case of a script, one after the other; one that fails gives its error."""
    ranges: dict[str, list[str]] = {}
    async with _running(engine, HERE / script, directory, ranges) as (opened, where):
        results = {}
        through = f"{where['proxy']}/{where['target']}"
        for name in await opened.evaluate("Object.keys(cases)"):
            values = {"NAME": name, "THROUGH": through, "WHERE": where}
            asked = ONE
            for place, value in values.items():
                asked = asked.replace(place, json.dumps(value))
            came = await opened.evaluate(asked)
            results[name] = came.get("value", came.get("error"))
        return Came(results, ranges)
