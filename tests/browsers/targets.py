"""What pages ask for: an application, a feed, films, a document, uploads, a repository, a socket.

Owns: one origin that has never heard of CORS. Must not know: who asks.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import ClassVar, Final

import tornado.web
import tornado.websocket

from tests.browsers import media
from tests.support.browser import PAGES

FEED: Final = """<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><title>First</title></item><item><title>Second</title></item></channel></rss>"""
PLAYLIST: Final = """#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:4
#EXTINF:4.0,
part0.ts
#EXT-X-ENDLIST
"""
MAIN: Final = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS="avc1.42e00a"\nlow/part.m3u8\n'
PART: Final = (b"\x47\x40\x00\x10" + bytes(184)) * 50  # of a transport stream
OPENAPI: Final = {
    "openapi": "3.0.0",
    "info": {"title": "A", "version": "1"},
    "servers": [{"url": "http://api.example"}],
    "paths": {"/plain": {"get": {"responses": {"200": {"description": "Read"}}}}},
}
RED: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<rect width="9" height="9" fill="red"/></svg>'
)
CODED: Final = {
    "gzip": bytes.fromhex("1f8b0800000000000003cb48cdc9c9070086a6103605000000"),
    "br": bytes.fromhex("0b028068656c6c6f03"),
    "zstd": bytes.fromhex("28b52ffd200529000068656c6c6f"),
}
"""hello, coded."""


def document(size: int = 600_000) -> bytes:
    """A document of one empty page with much beside it that nobody needs to read."""
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        b"<</Length %d>>stream\n%b\nendstream" % (size, b"." * size),
    ]
    octets, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(octets))
        octets += b"%d 0 obj%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(octets)
    return octets + (
        b"xref\n0 5\n0000000000 65535 f \n%btrailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
        % (table, start)
    )


def repository(directory: Path) -> None:
    """A bare repository with two commits."""
    work = directory / "work"
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **os.environ}

    def git(*words: str, cwd: Path = work) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *who, *words], cwd=cwd, check=True, env=quiet, capture_output=True)

    work.mkdir()
    git("init", "--initial-branch", "main")
    for text in ("once", "told"):
        (work / "told.txt").write_text(text)
        git("add", "told.txt")
        git("commit", "--message", text)
    git("clone", "--bare", "work", "repository.git", cwd=directory)


class Simple(tornado.web.RequestHandler):
    """Whatever needs no more than a few lines."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")

    def initialize(self, ranges: dict[str, list[str]]) -> None:
        self.ranges = ranges
        self.set_header("X-Of-Target", "yes")

    async def prepare(self) -> None:
        name, _, rest = self.request.path[1:].partition("/")
        reply = getattr(self, f"_{name.partition('.')[0]}", self._plain)
        await reply(rest)

    async def _plain(self, _: str) -> None:
        self.finish("plain text")

    async def _echo(self, _: str) -> None:
        request = self.request
        self.finish(
            {
                "method": request.method,
                "key": request.headers.get("X-Key"),
                "authorization": request.headers.get("Authorization"),
                "cookie": request.headers.get("Cookie"),
                "body": request.body.decode(),
            }
        )

    async def _status(self, status: str) -> None:
        self.set_status(int(status))
        self.finish("of the target")

    async def _length(self, _: str) -> None:
        self.finish(str(len(self.request.body)))

    async def _feed(self, _: str) -> None:
        self.set_header("Content-Type", "application/rss+xml")
        self.finish(FEED)

    async def _film(self, name: str) -> None:
        files: dict[str, str | bytes] = {
            "main.m3u8": MAIN,
            "low/part.m3u8": PLAYLIST,
            "low/part0.ts": PART,
        }
        self.finish(files[name])

    async def _openapi(self, _: str) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(OPENAPI))

    async def _coded(self, coding: str) -> None:
        self.set_header("Content-Encoding", coding)
        self.set_header("Content-Type", "text/plain")
        self.finish(CODED[coding])

    async def _octets(self, _: str) -> None:
        self.set_header("Content-Type", "application/octet-stream")
        self.finish(bytes(range(256)))

    async def _leads(self, rest: str) -> None:
        self.redirect(f"/{rest}", status=302)

    async def _red(self, _: str) -> None:
        self.set_header("Content-Type", "image/svg+xml")
        self.finish(RED)

    async def _square(self, _: str) -> None:
        self.set_header("Content-Type", "font/ttf")
        self.finish((PAGES / "square.ttf").read_bytes())

    async def _empty(self, _: str) -> None:
        self.set_header("Content-Type", "application/wasm")
        self.finish(b"\0asm\1\0\0\0")

    async def _module(self, _: str) -> None:
        self.set_header("Content-Type", "text/javascript")
        self.finish("export const value = 'imported'")

    async def _worker(self, _: str) -> None:
        self.finish("postMessage('works')")

    async def _events(self, _: str) -> None:
        self.set_header("Content-Type", "text/event-stream")
        for number in range(3):
            self.write(f"id: {number}\ndata: event {number}\n\n")
            await self.flush()

    async def _large(self, _: str) -> None:
        octets = document()
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Content-Type", "application/pdf")
        asked = self.request.headers.get("Range")
        if asked is not None:
            self.ranges.setdefault("large.pdf", []).append(asked)
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or len(octets)), len(octets) - 1)
            self.set_status(206)
            self.set_header("Content-Range", f"bytes {start}-{end}/{len(octets)}")
            octets = octets[start : end + 1]
        self.finish(octets)


class Uploads(tornado.web.RequestHandler):
    """The creation and core of tus 1.0; absolute locations, as most servers send them."""

    SUPPORTED_METHODS = ("POST", "PATCH", "HEAD")
    received: ClassVar[dict[str, int]] = {}

    def set_default_headers(self) -> None:
        self.set_header("Tus-Resumable", "1.0.0")

    def post(self, _: str) -> None:
        name = str(len(self.received))
        self.received[name] = 0
        self.set_status(201)
        self.set_header("Location", f"http://{self.request.host}/uploads/{name}")

    def patch(self, name: str) -> None:
        assert int(self.request.headers["Upload-Offset"]) == self.received[name]
        self.received[name] += len(self.request.body)
        self.set_header("Upload-Offset", str(self.received[name]))
        self.set_status(204)


class Repository(tornado.web.RequestHandler):
    """`git http-backend`, by CGI."""

    def initialize(self, directory: Path) -> None:
        self.directory = directory

    async def get(self, path: str) -> None:
        await self._run(path)

    async def post(self, path: str) -> None:
        await self._run(path)

    async def _run(self, path: str) -> None:
        request = self.request
        process = await asyncio.create_subprocess_exec(
            *("git", "http-backend"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.directory),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": f"/{path}",
                "REQUEST_METHOD": request.method or "GET",
                "QUERY_STRING": request.query,
                "CONTENT_TYPE": request.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(request.body)),
                "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            },
        )
        octets, _ = await process.communicate(request.body)
        head, _, body = octets.partition(b"\r\n\r\n")
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            if name == "Status":
                self.set_status(int(value[:3]))
            else:
                self.set_header(name, value)
        self.finish(body)


class Endless(tornado.web.RequestHandler):
    """A reply that begins, and `ended` is set when who asked is gone; /ended answers then."""

    def initialize(self, ended: asyncio.Event) -> None:
        self.ended = ended

    async def get(self, name: str) -> None:
        if name == "endless":
            self.write("begun")
            await self.flush()
        await self.ended.wait()

    def on_connection_close(self) -> None:
        self.ended.set()


class Echo(tornado.websocket.WebSocketHandler):
    """It says what it hears."""

    def check_origin(self, origin: str) -> bool:
        return origin.startswith("http://localhost:")

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))


def application(directory: Path, ranges: dict[str, list[str]]) -> tornado.web.Application:
    """The targets. `ranges` takes the ranges that were asked for, by the file's name."""
    repository(directory)
    files = directory / "files"
    files.mkdir()
    media.make(files)
    kept = {"path": str(files), "ranges": ranges}
    return tornado.web.Application(
        [
            (r"/socket", Echo),
            (r"/(endless|ended)", Endless, {"ended": asyncio.Event()}),
            (r"/files/(film\.webm)", media.Film, kept),
            (r"/files/(.*)", media.Files, kept),
            (r"/uploads/(.*)", Uploads),
            (r"/(repository\.git/.*)", Repository, {"directory": directory}),
            (r"/.*", Simple, {"ranges": ranges}),
        ]
    )
