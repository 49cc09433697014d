"""What a redirect leads to: it is followed, or passed on through the proxy, or left alone.

Owns: which replies redirect, how a `Location` is read, and what goes along to where it leads. It
comes from a stranger: nothing here raises for what it says.
Must not know: which targets are allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import ada_url

from cors_anywhere.errors import ProxyError
from cors_anywhere.messages import Hop, Plan, ReplyHead, Target
from cors_anywhere.rules.authority import Site, site_of
from cors_anywhere.rules.mounts import covers
from cors_anywhere.rules.urls import escape

REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
LED_TO: Final = "x-cors-location"
"""The field that tells what a `Location` said that is not passed on."""

_KEEPS_METHOD: Final = frozenset((307, 308))

_CONTENT: Final = frozenset(  # meaningless once the body is gone (RFC 9110 section 15.4)
    {
        "content-digest",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-type",
        "digest",
        "last-modified",
        "repr-digest",
    }
)
_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})

# Keyed by (the body goes along, the credentials do).
_LEFT_BEHIND: Final = {
    (body, trusted): (frozenset() if body else _CONTENT)
    | (frozenset() if trusted else _CREDENTIALS)
    for body in (False, True)
    for trusted in (False, True)
}

# The authority of a redirect's location; a backslash is a slash there (WHATWG URL section 4.4).
_LOCATION = re.compile(r"(?:(https?):)?([/\\]*)([^/?#]*)", re.ASCII | re.IGNORECASE)
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f]")


def destination(plan: Plan, reply: ReplyHead) -> Target | None:
    """Where a redirect leads; None where it leads to nothing that can be fetched."""
    for name, value in reply.fields:
        if name.lower() == "location":
            return resolve_location(plan.target, value)
    return None


def may_follow(plan: Plan, reply: ReplyHead, *, most: int, replayable: bool) -> bool:
    """Whether the proxy follows a redirect: `most` at once, and no body that is gone already."""
    if len(plan.hops) >= most:
        return False
    return reply.status not in _KEEPS_METHOD or not plan.with_body or replayable


def next_plan(plan: Plan, reply: ReplyHead, new: Target) -> Plan:
    """What is fetched from `new`; whether it may be is not judged here.

    What one hop left behind stays behind when a later one returns to the first origin: the fields
    are those of the plan before.
    """
    keep_body = reply.status in _KEEPS_METHOD
    left = _LEFT_BEHIND[keep_body, _keeps_credentials(plan.target, new)]
    return plan._replace(
        target=new,
        method=plan.method if keep_body or plan.method == "HEAD" else "GET",
        fields=[field for field in plan.fields if field[0].lower() not in left],
        with_body=keep_body and plan.with_body,
        hops=(*plan.hops, Hop(reply.status, new.url)),
        exception_only=None,
        private=False,
        mount=plan.mount if plan.mount is not None and covers(plan.mount, new) else None,
    )


def _keeps_credentials(old: Target, new: Target) -> bool:
    """Whether credentials for one target are meant for the other too: the same origin, or the
    same host when it redirects its plain port to its secure one, as nearly every host does."""
    if old.origin == new.origin:
        return True
    upgraded = (old.scheme, old.port, new.scheme, new.port) == ("http", 80, "https", 443)
    return upgraded and old.host == new.host


def relocated(
    plan: Plan,
    reply: ReplyHead,
    gathered: Mapping[str, Sequence[str]],
    lead_to: Callable[[Target], str],
) -> dict[str, str | None]:
    """The `Location` and `Content-Location` that lead through the proxy, by name; None for a
    redirect that leads to nothing that can be fetched, and is not passed on: under the proxy's
    origin `javascript:` would run. A script may still read where it led. `lead_to` has the URL by
    which a client gets at a target.

    A `Location` counts in redirects and in 201 (RFC 9110 section 10.2.2); elsewhere it means
    nothing and stays as it is. So does a name that is no http(s) URL where no browser follows it.
    """
    places: dict[str, str | None] = {}
    if "location" in gathered and (reply.status in REDIRECTS or reply.status == 201):
        place = resolve_location(plan.target, gathered["location"][0])
        if place is not None:
            places["location"] = lead_to(place) + _fragment(gathered["location"][0])
        elif reply.status in REDIRECTS:
            places["location"] = None
            places[LED_TO] = gathered["location"][0]
    if "content-location" in gathered:
        place = resolve_location(plan.target, gathered["content-location"][0])
        if place is not None:
            places["content-location"] = lead_to(place)
    return places


def _fragment(location: str) -> str:
    """What the browser scrolls to where it follows by itself (RFC 9110 section 10.2.2)."""
    _, mark, fragment = location.strip(" \t").partition("#")
    return mark + escape(fragment)


def resolve_location(base: Target, location: str) -> Target | None:
    """The target of a redirect's Location field value (WHATWG URL, base is what redirected).

    None when it names nothing this proxy fetches: no http(s) URL, or one that would be refused
    with 400. It never raises: the value comes from a stranger.
    """
    try:
        return _resolve(base, location)
    except (ProxyError, ValueError):  # ada_url and the codecs raise ValueError
        return None


def _resolve(base: Target, location: str) -> Target | None:
    location = location.strip(" \t")
    if not location or _UNUSABLE.search(location):
        return None
    site = _location_site(base, location)  # first: it bounds the length of a host
    url = ada_url.URL(_decode_utf8(location), escape(base.url))
    if url.protocol not in ("http:", "https:"):
        return None
    target = Target(*site, url.pathname + url.search)
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
