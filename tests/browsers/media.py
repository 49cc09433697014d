"""A film, the same in parts, and a database: made anew, and large enough to be read in pieces.

Owns: the files, and one handler that gives ranges of them. Must not know: who asks.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from pathlib import Path
from typing import Final

import tornado.web

SECONDS: Final = 20
ROWS: Final = 20_000
AT_ONCE: Final = 2**21
"""Octets of the film (7 MB): with a quarter of it Firefox does not begin, and its last tenth is not
among them."""

_NOISE: Final = f"testsrc2=s=320x240:d={SECONDS}:r=10,noise=alls=60:allf=t"  # hard to compress
_QUICK: Final = ("-deadline", "realtime", "-cpu-used", "8", "-g", "10")


def make(directory: Path) -> None:
    """Writes film.webm, film.mpd with its parts, and data.sqlite."""
    rate = ("-b:v", "3M", "-minrate", "3M", "-maxrate", "3M")
    _ffmpeg(_NOISE, "libvpx", *rate, "-cues_to_front", "1", str(directory / "film.webm"))
    parts = ("-f", "dash", "-dash_segment_type", "webm", "-seg_duration", "1")
    _ffmpeg("testsrc2=s=160x120:d=4:r=10", "libvpx-vp9", *parts, str(directory / "film.mpd"))
    _database(directory / "data.sqlite")


def _ffmpeg(source: str, codec: str, *words: str) -> None:
    start = ("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source, "-c:v", codec)
    subprocess.run([*start, *_QUICK, *words], check=True, stdin=subprocess.DEVNULL)


def _database(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA page_size = 4096")
        database.execute("CREATE TABLE told (name TEXT PRIMARY KEY, text TEXT)")
        rows = ((f"name {number}", f"{number} " * 20) for number in range(ROWS))
        database.executemany("INSERT INTO told VALUES (?, ?)", rows)
    database.close()


class Files(tornado.web.StaticFileHandler):
    """Files and ranges of them; `ranges` takes what was asked for, by the file's name."""

    def initialize(self, path: str, ranges: dict[str, list[str]]) -> None:  # type: ignore[override]
        super().initialize(path)
        self.ranges = ranges
        self._gone = asyncio.Event()

    def prepare(self) -> None:
        asked = self.request.headers.get("Range")
        if asked is not None:
            self.ranges.setdefault(self.request.path.rpartition("/")[2], []).append(asked)

    def on_connection_close(self) -> None:
        self._gone.set()


class Film(Files):
    """It begins a reply and goes no further, as if the rest took for ever: who wants a later part
    has to ask for it."""

    async def get(self, path: str, include_body: bool = True) -> None:
        del include_body
        octets = (Path(self.root) / path).read_bytes()
        first = int(self.request.headers.get("Range", "bytes=0-")[6:].partition("-")[0])
        self.set_status(206)
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Content-Type", "video/webm")
        self.set_header("Content-Length", len(octets) - first)
        self.set_header("Content-Range", f"bytes {first}-{len(octets) - 1}/{len(octets)}")
        self.write(octets[first : first + AT_ONCE])
        if len(octets) - first > AT_ONCE:
            await self.flush()
            await self._gone.wait()
