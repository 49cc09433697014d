"""Where a redirect leads.

Owns: how a `Location` is read. It comes from a stranger: nothing here raises for what it says.
Must not know: whether a redirect is followed.
"""

from __future__ import annotations

import re

import ada_url

from cors_anywhere.errors import ProxyError
from cors_anywhere.messages import Target
from cors_anywhere.rules.authority import Site, site_of
from cors_anywhere.rules.doors import escape

# The authority of a redirect's location; a backslash is a slash there (WHATWG URL section 4.4).
_LOCATION = re.compile(r"(?:(https?):)?([/\\]*)([^/?#]*)", re.ASCII | re.IGNORECASE)


def resolve_location(base: Target, location: str) -> Target | None:
    """The target of a redirect's Location field value (WHATWG URL, base is what redirected).

    None when it names nothing this proxy fetches: no http(s) URL, or one that parse_path would
    refuse with 400. It never raises: the value comes from a stranger.
    """
    try:
        return _resolve(base, location)
    except (ProxyError, ValueError):  # ada_url and the codecs raise ValueError
        return None


def _resolve(base: Target, location: str) -> Target | None:
    location = location.strip(" \t")
    if not location or re.search(r"[\x00-\x1f\x7f]", location):
        return None
    url = ada_url.URL(_decode_utf8(location), escape(base.url))
    if url.protocol not in ("http:", "https:"):
        return None
    target = Target(*_location_site(base, location), url.pathname + url.search)
    return target if target.origin == url.origin else None


def _location_site(base: Target, location: str) -> Site:
    """The authority as the location writes it, judged like a client's; or else that of base.

    After another scheme than base's any number of slashes leads to an authority; otherwise it takes
    two (WHATWG URL section 4.4, "special authority slashes" and "relative slash" states).
    """
    match = _LOCATION.match(location)
    assert match is not None  # every part of it may be empty
    scheme = (match[1] or base.scheme).lower()
    if scheme != base.scheme or len(match[2]) >= 2:
        return site_of(scheme, match[3])
    return Site(*base[:4])


def _decode_utf8(text: str) -> str:
    """Octets to text; what is not UTF-8 is percent-encoded octet by octet, as browsers do."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return escape(text)
