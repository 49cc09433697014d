"""The files of this room, put together.

Owns: how they are read, and the policy under which a browser runs the home page. Must not know:
what is served where, or the settings: it is given what the page is told of them.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import Final, NamedTuple

_POLICY: Final = (
    "default-src 'none'; script-src {script}; style-src {style}; connect-src *;"
    " img-src * data: blob:; media-src * blob:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
"""What is tried may be anywhere, and its reply is shown; nothing that comes of it runs."""


class Page(NamedTuple):
    """HTML, and the value of its Content-Security-Policy."""

    html: str
    policy: str


def read(name: str) -> str:
    """A file of this room."""
    return Path(__file__).with_name(name).read_text("utf-8")


def home(rules: Sequence[str], *, tries: bool) -> Page:
    """The page for a person. `rules` are sentences on who may use the proxy, and what for; `tries`
    says whether a page of the proxy's own origin may."""
    script, style = read("home.js"), read("home.css")
    settings = json.dumps({"rules": list(rules), "tries": tries}).replace("<", "\\u003c")
    page = Template(read("home.html")).substitute(style=style, script=script, settings=settings)
    return Page(page, _POLICY.format(script=_hash(script), style=_hash(style)))


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
