"""The documents of the proxy's own: the help, the home page, the client helper, its health.

Owns: which of them a request gets, and their fields. Must not know: what they say, or where they
are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from cors_anywhere.messages import Answer, Fields
from cors_anywhere.rules.doors import Door
from cors_anywhere.rules.replies import own_fields


class Documents(NamedTuple):
    """What the proxy has to show of its own. Each is text."""

    help: str
    help_type: str = "text/plain"
    home: str | None = None  # HTML for a person who comes by; None: they get the help, too
    home_policy: str = ""  # its Content-Security-Policy
    client: str = ""  # the module that pages may load
    client_types: str = ""


class _Page(NamedTuple):
    fields: Fields
    body: bytes


class OwnPages:
    """Documents as replies."""

    def __init__(self, documents: Documents) -> None:
        self._help = _page(documents.help_type, documents.help)
        self._home = None
        if documents.home is not None:
            self._help = _page(documents.help_type, documents.help, _VARYING)
            policy = ("content-security-policy", documents.home_policy)
            self._home = _page("text/html", documents.home, policy, *_ALONE, _VARYING)
        self._files = {
            Door.CLIENT: _page("text/javascript", documents.client, _CACHED),
            Door.CLIENT_TYPES: _page("application/typescript", documents.client_types, _CACHED),
            Door.HEALTH: _page("text/plain", "ok\n", ("cache-control", "no-store")),
        }

    def at(self, door: Door, index: Mapping[str, str], credited: str | None = None) -> Answer:
        """What is shown at a door; who asks for HTML is a person."""
        page = self._files.get(door, self._help)
        person = "text/html" in index.get("accept", "").lower()
        if door is Door.HELP and self._home is not None and person:
            page = self._home
        return Answer(200, "OK", own_fields(page.fields, credited), page.body)


def _page(kind: str, text: str, *more: tuple[str, str]) -> _Page:
    return _Page((("content-type", f"{kind}; charset=utf-8"), *more), text.encode())


_CACHED: Final = ("cache-control", "max-age=3600")
_VARYING: Final = ("vary", "accept")
_ALONE: Final = (
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
)
