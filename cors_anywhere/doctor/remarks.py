"""What is worth saying beside the checks: what a person would overlook.

Owns: mixed content, error replies and pages that answered instead of the API, and what a script may
read of a reply. Must not know: in which order things happen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cors_anywhere.doctor.address import Address
from cors_anywhere.doctor.vocabulary import Fault, Seen
from cors_anywhere.tokens import list_items

SAFELISTED: Final = (  # Fetch Standard, CORS-safelisted response-header name
    *("cache-control", "content-language", "content-length", "content-type", "expires"),
    *("last-modified", "pragma"),
)
_LOGIN: Final = ("/login", "/signin", "/sign-in", "/sso", "/oauth", "/saml", "/auth/")
_REFUSAL: Final = re.compile(r"cors-anywhere;(?:[^,]*;)? *error=([a-z_]+)")
_LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
MAX_AGE: Final = 7200  # seconds: Chromium keeps no preflight longer


def mixed_content(origin: str, address: Address) -> Fault | None:
    """Whether a secure page asks an insecure URL (Mixed Content, section 4.4)."""
    if not origin.startswith("https://") or address.scheme != "http":
        return None
    if address.host in _LOCAL or address.host.endswith(".localhost"):
        return None  # potentially trustworthy
    reason = f"a page of {origin} may not fetch {address.scheme}: mixed content is blocked"
    return Fault("", "mixed-content", reason, "Mixed Content")


def refusal(seen: Seen) -> Fault | None:
    """What a proxy of this kind says in its own name (RFC 9209), though a page may read it."""
    found = _REFUSAL.match(seen.values("proxy-status") or "")
    if found is None:
        return None
    said = seen.start.partition(b"\n")[0].decode("utf-8", "replace").rstrip(".")
    return Fault(found[1], "", f"the proxy answers {seen.status}: {said}", "RFC 9209")


def of_preflight(seen: Seen) -> Iterator[str]:
    """What a preflight's reply says of how long it holds."""
    value = seen.values("access-control-max-age")
    if value is None:
        yield "no Access-Control-Max-Age: the browser asks again after 5 seconds"
    elif not value.strip().isdigit():
        yield f'Warning: Access-Control-Max-Age is "{value}", which is no number of seconds'
    elif int(value) > MAX_AGE:
        yield f"Chromium keeps it for {MAX_AGE} seconds, not for {value.strip()}"


def of_reply(address: Address, seen: Seen, fault: Fault | None) -> list[str]:
    """What else explains the reply."""
    said: list[str] = []
    kind = (seen.values("content-type") or "").partition(";")[0].strip().lower()
    if seen.values("cf-mitigated") == "challenge" or _is_challenge(seen, kind):
        said.append("a bot challenge answered instead of the API: only a person can pass it")
    elif kind == "text/html" and any(part in address.path.lower() for part in _LOGIN):
        said.append("a login page answered instead of the API")
    if fault is not None and seen.status >= 400:
        said.append(
            f"the status is {seen.status}: many servers leave their CORS headers out of error"
            " replies, so mend that error first"
        )
    return said


def of_caches(seen: Seen) -> str | None:
    """Whether a cache could give this reply to a page that it is not for (RFC 9110 section 12.5.5,
    Fetch Standard, "CORS protocol and HTTP caches")."""
    allowed = seen.values("access-control-allow-origin")
    varies = {item.lower() for item in list_items([seen.values("vary") or ""])}
    if allowed in (None, "*") or varies & {"origin", "*"}:
        return None
    return (
        "Access-Control-Allow-Origin names one origin, and Vary does not say Origin: a cache may"
        " hand this reply to a page of another, which may not read it"
    )


def _is_challenge(seen: Seen, kind: str) -> bool:
    if kind != "text/html" or seen.status not in (403, 429, 503):
        return False
    text = seen.start.lower()
    return any(mark in text for mark in (b"captcha", b"challenge-platform", b"just a moment"))


def readable(seen: Seen, *, credentials: bool) -> str:
    """Which fields a script may read (Fetch Standard, CORS-exposed header-name list)."""
    exposed = {item.lower() for item in list_items([seen.values(EXPOSE) or ""]) if item}
    names = list(dict.fromkeys(name.lower() for name, _ in seen.fields))
    if "*" in exposed and not credentials:
        return "a script may read every header of the reply"
    shown = [name for name in names if name in exposed or name in SAFELISTED]
    hidden = [n for n in names if n not in shown and not n.startswith("access-control-")]
    text = "a script may read " + (", ".join(shown) or "no header")
    if hidden:
        text += f"; hidden without {EXPOSE}: {', '.join(hidden)}"
    return text


EXPOSE: Final = "access-control-expose-headers"
