"""Who asks: the origin of a request, and how the browser says it.

Owns: `Origin`, `Sec-Fetch-Site` and `Referer` as far as they name the asking page, the required
headers, and the operator's lists of origins. Must not know: what is asked for, or how a reply is
written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from cors_anywhere.errors import BadRequest, HeaderRequired, Refused
from cors_anywhere.messages import DEFAULT_PORTS, Fields
from cors_anywhere.rules.authority import is_address
from cors_anywhere.rules.origins import OriginPattern, OriginSet
from cors_anywhere.tokens import MAX_ORIGIN, split_port

_CACHED_HOSTS = 256
_MAX_HOST = 320  # octets; longer than any name with its port

_ADVICE: Final = (
    "Pages send Origin by themselves when they use fetch() or XMLHttpRequest across origins, and"
    " for images, media and scripts that have the attribute crossorigin. They send none to their"
    " own origin, and none with the mode no-cors; nor does a browser's tab, or a tool: add a header"
    " of one of these names there."
)

_PORT_AT_END = {scheme: re.compile(rf":0*{port}\Z") for scheme, port in DEFAULT_PORTS.items()}


@lru_cache(_CACHED_HOSTS)
def own_origin(scheme: str, host: str | None) -> str | None:
    """The origin of what is served under this `Host`, as a browser serialises it; None without a
    host."""
    if not host or len(host) > _MAX_HOST:
        return None
    return f"{scheme}://{_PORT_AT_END[scheme].sub('', host.lower())}"


def refuse_two_origins(fields: Fields) -> None:
    """Raises BadRequest for a request that names its origin twice, as no browser does: what was
    judged by one could be taken for the other's, by a target or a cache."""
    if sum(len(name) == 6 and name.lower() == "origin" for name, _ in fields) > 1:
        raise BadRequest("The request has two Origin fields.", rule="origin-twice")


class Askers:
    """Whom the operator serves. `required` are the names of headers of which one is needed;
    `credentials` says that pages of allowed origins may send some."""

    def __init__(
        self,
        allow: Iterable[OriginPattern] = (),
        deny: Iterable[OriginPattern] = (),
        required: Iterable[str] = (),
        *,
        credentials: bool = False,
    ) -> None:
        self._allow = OriginSet(allow)
        self._deny = OriginSet(deny)
        self._required = tuple(name.lower() for name in required)
        self._any_of = frozenset(self._required)
        self.by_origin = bool(self._allow or self._deny)
        self.credentials = credentials

    def credited(self, origin: str | None) -> str | None:
        """The origin, by its field, if its pages may send credentials; None for all others, who
        may read a refusal without them."""
        if origin is None or origin == "null" or len(origin) > MAX_ORIGIN:
            return None
        return origin if origin in self._allow and origin not in self._deny else None

    def identify(self, index: Mapping[str, str], own: str | None) -> str | None:
        """The origin that asks, by the request's fields; None when nothing names it.

        A browser sends no `Origin` with a GET of the proxy's own origin, and "null" with a POST
        whose referrer is withheld (Fetch, "append a request Origin header"): both count as `own`.
        Raises BadRequest for one that no browser sends.
        """
        origin = index.get("origin")
        if origin is None or origin == "null":
            return own if own and _is_same_origin(index, own) else origin
        if len(origin) > MAX_ORIGIN:
            raise BadRequest(
                f"The Origin is longer than any browser's: {MAX_ORIGIN} octets.",
                rule="origin-length",
            )
        return origin

    def check(
        self,
        index: Mapping[str, str],
        origin: str | None,
        own: str | None,
        *,
        mounted: bool = False,
        document: bool = False,
        keyed: bool = False,
    ) -> None:
        """Whether who asks is served. Raises HeaderRequired or Refused.

        Who is `keyed` needs neither a header nor a listed origin; a denied one stays denied.

        A `document` that may be shown needs no header: nobody can add one to a link.

        In a mount the proxy's own origin is the application's, and is allowed. Elsewhere the
        pattern "self" allows it where no name can be made to point here: by DNS rebinding any
        name's page can be of our own origin.
        """
        is_own = origin is not None and origin == own
        exempt = is_own or document or keyed
        if self._required and not exempt and self._any_of.isdisjoint(index):
            names = ",".join(self._required)
            raise HeaderRequired(
                f"Missing required request header. Must specify one of: {names}",
                hint=_ADVICE,
                rule="required-header",
            )
        if not self.by_origin:
            return
        name = origin or ""
        if name in self._deny or (is_own and self._deny.own):
            raise Refused(
                f'The origin "{name}" was blacklisted by the operator of this proxy.',
                rule="denied-origin",
            )
        if keyed or not self._allow or name in self._allow:
            return
        if not (is_own and (mounted or (self._allow.own and _cannot_be_rebound(name)))):
            raise Refused(
                f'The origin "{name}" was not whitelisted by the operator of this proxy.',
                rule="allowed-origins",
            )


def may_be_own_page(index: Mapping[str, str], own: str | None) -> bool:
    """Whether a page of the proxy's own origin may be what asks; no harm is done where another one
    counts as it."""
    if own is None:
        return False
    site = index.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return index.get("origin") == own or (index.get("referer", "") + "/").startswith(own + "/")


def is_cross_site(index: Mapping[str, str], own: str | None) -> bool:
    """Whether the asking page is of another site (Fetch Metadata). Where the browser does not say,
    one of another origin counts as it."""
    site = index.get("sec-fetch-site")
    if site is not None:
        return site == "cross-site"
    return index.get("origin", own) != own


def _is_same_origin(index: Mapping[str, str], own: str) -> bool:
    """Whether the browser says that the page is of the proxy's own origin (Fetch Metadata; it is
    sent to https: and to loopback hosts only)."""
    site = index.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    # A page of another origin could name this one in no way; a form or a link could not add the
    # second field.
    referer = index.get("referer", "")
    return "x-requested-with" in index and (referer + "/").startswith(own + "/")


def _cannot_be_rebound(origin: str) -> bool:
    try:
        host, _ = split_port(origin.partition("://")[2])
    except ValueError:
        return False
    name = host.removesuffix(".")
    return name == "localhost" or name.endswith(".localhost") or is_address(host)
