"""What compose.yaml describes, as processes in a network namespace (netns.py), and a browser.

Owns: starting each service as the file says, and what a page in Chromium sees of it. Must not
know: what is right. Without a container engine images are this machine's programs and networks are
addresses; command lines, environments and mounted files are the file's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import tornado.web
from ruamel.yaml import YAML

from tests.support import PATIENCE
from tests.support.browser import listening
from tests.support.devtools import Page, page
from tests.support.dns import Reply, StubDns
from tests.support.listening import stop_listening
from tests.support.process import started

ROOT: Final = Path(__file__).parents[2]
PROXIES: Final = ("10.231.0.11", "10.231.0.12")
REDIS: Final = "10.231.1.9"
TARGET: Final = ("93.184.216.34", 8000)
URL: Final = f"https://localhost/http://{TARGET[0]}:{TARGET[1]}"
VARIABLES: Final = {"CORS_HOST": "localhost", "CORS_ORIGINS": "http://localhost:*"}
PIECES: Final = 5
ASKED: Final = 30
COUNTING: Final = {"clients": len(PROXIES), "names": 2}  # one for each of the two limits
TOGETHER: Final = 12
"""Requests of which none is answered before all have come: twice what a browser has under way over
HTTP/1.1."""


def services() -> dict[str, Any]:
    """The services of compose.yaml, with an operator's variables in their places."""
    text = (ROOT / "compose.yaml").read_text("utf-8")
    text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: VARIABLES[found[1]], text)
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)["services"]
    return found


# --- the services ---------------------------------------------------------------------------------


@contextmanager
def redis() -> Iterator[None]:
    words = map(str, services()["redis"]["command"])
    with _running([*words, "--bind", REDIS], {}, REDIS, 6379):
        yield


@contextmanager
def proxy(address: str, log: Path) -> Iterator[None]:
    """One replica, with the image's own variables too."""
    variables = {"HOST": address, "PORT": "8080", **services()["proxy"]["environment"]}
    with log.open("w") as file, started(variables=variables, log=file):
        yield


@contextmanager
def caddy(here: Path) -> Iterator[None]:
    file = services()["caddy"]["volumes"][0].split(":")[0]
    words = ["caddy", "run", "--adapter", "caddyfile", "--config", str(ROOT / file)]
    home = {"HOME": str(here), "XDG_DATA_HOME": str(here), "XDG_CONFIG_HOME": str(here)}
    with _running(words, {**services()["caddy"]["environment"], **home}, "127.0.0.1", 443):
        yield


@contextmanager
def _running(
    words: list[str], variables: Mapping[str, str], host: str, port: int
) -> Iterator[None]:
    environment = {**os.environ, **variables}
    with subprocess.Popen(words, env=environment, stdout=sys.stderr) as process:
        try:
            _wait(process, host, port)
            yield
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], host: str, port: int) -> None:
    """Until it listens, which it tells nobody."""
    end = time.monotonic() + 2 * PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection((host, port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError(f"{process.args!r} does not listen")


# --- the target -----------------------------------------------------------------------------------


class Target:
    """Reads an upload chunk by chunk, telling each; answers `ok`."""

    def __init__(self) -> None:
        self.chunks: asyncio.Queue[str] = asyncio.Queue()
        self._all = asyncio.Barrier(TOGETHER)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).lower():
                if b"transfer-encoding: chunked" in head:
                    await self._read(reader)
                elif head.startswith(b"get /together"):
                    await self._all.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        size = 1
        while size:
            size = int(await reader.readline(), 16)
            self.chunks.put_nowait((await reader.readexactly(size + 2))[:-2].decode())


# --- the page -------------------------------------------------------------------------------------


async def upload(seen: Page, target: Target) -> list[str]:
    """Sends piece after piece, each when the one before has reached the target; what did, and what
    the page read at last."""
    await seen.evaluate(
        "window.sink = null; window.body = new ReadableStream({start(c) {window.sink = c}});"
        f"window.reply = fetch('{URL}/up', {{method: 'POST', body, duplex: 'half'}}); 0"
    )
    arrived = []
    for number in range(PIECES):
        await seen.evaluate(f"sink.enqueue(new TextEncoder().encode('piece {number}')); 0")
        arrived.append(await asyncio.wait_for(target.chunks.get(), PATIENCE))
    await seen.evaluate("sink.close(); 0")
    arrived.append(await seen.evaluate("reply.then(r => r.text())"))
    return arrived


async def many(seen: Page) -> list[list[Any]]:
    """Status and `RateLimit` of requests one after another."""
    asking = f"""(async () => {{
      const seen = [];
      for (let i = 0; i < {ASKED}; i++) {{
        const reply = await fetch('{URL}/' + i);
        seen.push([reply.status, reply.headers.get('ratelimit')]);
      }}
      return seen;
    }})()"""
    found: list[list[Any]] = await seen.evaluate(asking)
    return found


async def together(seen: Page) -> list[int]:
    """The statuses of requests that are under way at once."""
    asking = f"""Promise.all([...Array({TOGETHER}).keys()].map(
      (i) => fetch('{URL}/together?' + i).then((reply) => reply.status)))"""
    found: list[int] = await asyncio.wait_for(seen.evaluate(asking), PATIENCE)
    return found


async def counting(seen: Page) -> dict[str, int]:
    """How many connections to Redis count, and under how many names, when all of them do. A busy
    machine may hold Redis up for longer than a proxy waits for it, which then counts by itself for
    half a second, and asks whether Redis is back under a name that lasts for two."""
    end = time.monotonic() + PATIENCE
    found: dict[str, int] = {}
    while found != COUNTING and time.monotonic() < end:
        await many(seen)
        clients = await _told("CLIENT LIST")
        found = {
            "clients": clients.count("cmd=evalsha"),
            "names": (await _told("KEYS *")).count("\n$"),
        }
    return found


async def _told(command: str) -> str:
    """What Redis answers to a command, as it is on the wire."""
    reader, writer = await asyncio.open_connection(REDIS, 6379)
    writer.write(f"{command}\r\nQUIT\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    return answer


async def protocols(seen: Page) -> list[str]:
    """By which protocols the replies came."""
    asking = (
        f"[...new Set(performance.getEntriesByType('resource')"
        f".filter(e => e.name.startsWith('{URL}')).map(e => e.nextHopProtocol))]"
    )
    found: list[str] = await seen.evaluate(asking)
    return found


class _Blank(tornado.web.RequestHandler):
    def get(self) -> None:
        self.write("<!doctype html><title>a page</title>")


@asynccontextmanager
async def _site(here: Path) -> AsyncIterator[tuple[Page, Target]]:
    target = Target()
    server = await asyncio.start_server(target, *TARGET)
    async with (
        listening(tornado.web.Application([("/", _Blank)])) as port,
        page(f"http://localhost:{port}/", here, "--ignore-certificate-errors") as seen,
    ):
        yield seen, target
    await stop_listening(server)


async def scenario(here: Path) -> dict[str, Any]:
    names = {"proxy": Reply(PROXIES), "redis": Reply((REDIS,)), "localhost": Reply(("127.0.0.1",))}
    logs = [here / address for address in PROXIES]
    with StubDns(names, port=53), redis(), proxy(PROXIES[1], logs[1]), caddy(here):
        async with _site(here / "browser") as (seen, target):
            with proxy(PROXIES[0], logs[0]):
                told = {
                    "upload": await upload(seen, target),
                    "asked": [status for status, _ in await many(seen)],
                    "together": await together(seen),
                    "counting": await counting(seen),
                    "protocols": await protocols(seen),
                    "served": [log.read_text().count('"handled request"') for log in logs],
                }
            told["one gone"] = [status for status, _ in await many(seen)]
            return told


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        print(json.dumps(asyncio.run(scenario(Path(directory)))))
