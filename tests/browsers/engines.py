"""The browsers that pages are opened in, by name.

Owns: what they have in common. Must not know: what a page does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from tests.support import devtools, firefox
from tests.support.browser import CHROMIUM


class Page(Protocol):
    """A page that can be steered."""

    async def evaluate(self, expression: str) -> Any: ...
    async def open(self, url: str) -> None: ...


class Engine(NamedTuple):
    """A browser: its command (None where there is none), and how it opens a page at a URL, with its
    files in a folder."""

    command: str | None
    page: Callable[[str, Path], AbstractAsyncContextManager[Page]]


ENGINES: Final = {
    "chromium": Engine(CHROMIUM, devtools.page),
    "firefox": Engine(firefox.FIREFOX, firefox.page),
}
