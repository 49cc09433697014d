"""What the doctor is asked, what it asks of the network, and what it finds.

Owns: the shape of these values. Must not know: how a step is judged, sent, or shown.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from cors_anywhere.messages import Fields

FOLLOW, ERROR, MANUAL = "follow", "error", "manual"
"""A request's redirect mode (Fetch Standard section 2.2.5)."""


class Question(NamedTuple):
    """A request that a page would make with `fetch()`."""

    url: str  # as the person wrote it
    origin: str  # of the page, serialised; "null" for an opaque one
    method: str = "GET"
    fields: Fields = ()  # that the script sets
    credentials: bool = False  # the credentials mode "include"
    redirect: str = FOLLOW
    no_cors: bool = False  # the mode "no-cors", as of an <img> or a <script>
    send: bool = False  # a method that is not safe is really sent
    via: bool = False  # the URL is a CORS proxy's, with the target's behind it


class Ask(NamedTuple):
    """One exchange that the walk needs, without a body."""

    url: str  # absolute, http or https
    method: str
    fields: Fields
    preflight: bool


class Seen(NamedTuple):
    """The reply to an exchange."""

    status: int
    reason: str
    fields: Fields
    way: tuple[Step, ...] = ()  # how it was reached: name, address, TCP, TLS
    public: bool | None = None  # whether the address is a public one; None if nobody looked
    start: bytes = b""  # the first octets of its body, as they came

    def values(self, name: str) -> str | None:
        """All values of a field, joined as a browser joins them; None without the field."""
        found = [value for known, value in self.fields if known.lower() == name]
        return ", ".join(found) if found else None


class Broken(NamedTuple):
    """No reply came."""

    error: str  # RFC 9209 error type
    sentence: str
    way: tuple[Step, ...] = ()
    public: bool | None = None


class Step(NamedTuple):
    """A row of what was found."""

    step: str
    ok: bool
    reason: str
    spec: str  # the document that asks for it


class Verdict(StrEnum):
    """What is to be done."""

    WORKS = "works"
    FIX_TARGET = "fix-target"
    USE_PROXY = "use-proxy"
    IMPOSSIBLE = "impossible"


class Fault(NamedTuple):
    """Why a browser keeps a reply from the page."""

    cause: str  # as Network.CorsError of the DevTools protocol, or an RFC 9209 error type
    parameter: str = ""  # failedParameter there
    reason: str = ""  # in plain words
    spec: str = ""


class Diagnosis(NamedTuple):
    """What became of the question."""

    question: Question
    verdict: Verdict
    fault: Fault | None  # None: it works, or nothing is known to be wrong
    steps: tuple[Step, ...]
    final: str  # the URL that answered, or at which it failed
    status: int | None  # of the reply that decided; None without one
    public: bool | None  # whether the target's address is a public one
    why: str  # a sentence for the verdict
