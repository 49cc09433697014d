"""The text after the proxy's first slash, turned into a target or into a named rejection.

Owns: the URL forms the proxy understands, and redirect locations. (Authorities are judged in
authority.py.)
Must not know: who asks, what is configured, or what address a name has.

Text is ISO-8859-1: one character per octet received. A host is re-read as UTF-8 before it is
mapped (WHATWG URL section 3.5, UTS 46); a path and query are never touched.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import ada_url

from cors_anywhere.authority import Site, invalid, origin_of, rule_of, site_of
from cors_anywhere.errors import MissingSlash, NoTarget, ProxyError

# ASCII only: U+017F would match an "s" without case otherwise.
_I = re.ASCII | re.IGNORECASE

_ABSOLUTE = re.compile(r"/(https?)://([^/?#]+)", _I)
_SCHEMELESS = re.compile(r"/(?://)?([^/?#]+)")
_ONE_SLASH = re.compile(r"/(https?):/(?=[^/])([^/?#]*)", _I)
_SCHEME_ONLY = re.compile(r"/https?:", _I)
# Whatever encoded the colon or a slash of the scheme encoded the whole URL.
_ENCODED = re.compile(r"/(?=[^/]{4,5}(?:%3A|:/?%2F))https?(?:%3A|:)(?:%2F|/)", _I)
_URL_PARAMETER = "/?url="
_WRITTEN_URL = re.compile(r"https?:/", _I)
# The authority of a redirect's location; a backslash is a slash there (WHATWG URL section 4.4).
_LOCATION = re.compile(r"(?:(https?):)?([/\\]*)([^/?#]*)", _I)

_UNSENDABLE = re.compile(r"[^\x21-\x7e\x80-\xff]")
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]+")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


class Target(NamedTuple):
    """One URL that may be asked for, in the parts that its users need."""

    scheme: str  # "http" or "https"
    host: str  # lower-case ASCII name without a final dot, or an IP literal without brackets
    port: int  # the effective one
    authority: str  # as in Host: a final dot and a written port are kept, IPv6 is bracketed
    path: str  # path and query, octet for octet; begins with "/"

    @property
    def url(self) -> str:
        """The absolute URL, without fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def origin(self) -> str:
        """The origin as a browser serialises it: a default port is left out (RFC 6454 6.2)."""
        if ":" not in self.authority:
            return f"{self.scheme}://{self.authority}"
        return origin_of(self.scheme, self.authority, self.port)


def parse_path(path: str) -> Target:
    """The target that a request target names, first slash included.

    Raises NoTarget (the help page), InvalidHost, InvalidPort, MissingSlash or InvalidTarget.
    """
    if not (path.isascii() and path.isprintable()) or " " in path:
        _refuse_unsendable(path)
    match = _ABSOLUTE.match(path)
    if match is None:
        return _parse_unusual(path)
    scheme, written = match.groups()
    return Target(*site_of(scheme, written), _rest(path, match.end()))


def resolve_location(base: Target, location: str) -> Target | None:
    """The target of a redirect's Location field value (WHATWG URL, base is what redirected).

    None when it names nothing this proxy fetches: no http(s) URL, or one that parse_path would
    refuse with 400. It never raises: the value comes from a stranger.
    """
    try:
        return _resolve(base, location)
    except (ProxyError, ValueError):  # ada_url and the codecs raise ValueError
        return None


def host_rule(target: Target) -> str:
    """The rule that forbids this host or port whatever its address: its name, or "".

    "bad-port", "special-name" (never in the public DNS) or "single-label".
    """
    return rule_of(target.host, target.port)


# --- URL forms --------------------------------------------------------------------------------


def _refuse_unsendable(path: str) -> None:
    if _UNSENDABLE.search(path):
        raise invalid("it holds a space or control character; percent-encode it")


def _parse_unusual(path: str) -> Target:
    """Every form but "/http://host…"."""
    if _ENCODED.match(path):
        # A query added after the encoded URL was not encoded with it.
        encoded, mark, query = path.partition("?")
        return _parse_decoded(_decode(encoded) + mark + query)
    if path.startswith(_URL_PARAMETER):
        return _parse_decoded("/" + _url_parameter(path[len(_URL_PARAMETER) :]))
    if _SCHEME_ONLY.match(path):
        return _parse_one_slash(path)
    match = _SCHEMELESS.match(path)
    if match is None:
        raise NoTarget
    return Target(*site_of("", match[1]), _rest(path, match.end()))


def _url_parameter(value: str) -> str:
    # Pages that forget encodeURIComponent mean all that follows; nothing is decoded for them.
    if _WRITTEN_URL.match(value):
        return value
    return _decode(value.partition("&")[0])


def _decode(text: str) -> str:
    """Percent-decode, a run at a time: the text may be kilobytes of nothing but escapes."""
    return _ESCAPES.sub(
        lambda match: bytes.fromhex(match[0].replace("%", "")).decode("latin-1"), text
    )


def _parse_decoded(path: str) -> Target:
    """A URL that stood encoded in the path. Decoding may have set free octets unfit for a wire."""
    match = _ABSOLUTE.match(path)
    if match is None:
        target = _parse_one_slash(path)
    else:
        target = Target(*site_of(match[1], match[2]), _rest(path, match.end()))
    return target._replace(path=_escape(target.path))


def _parse_one_slash(path: str) -> Target:
    """Undo a front server's merging of slashes where the host leaves no doubt."""
    match = _ONE_SLASH.match(path)
    if match is None:
        raise NoTarget
    scheme, written = match.groups()
    try:
        site_of("", written)  # as strict as for a URL that never had a scheme
        site = site_of(scheme, written)
    except ProxyError as error:
        raise MissingSlash from error
    return Target(*site, _rest(path, match.end()))


def _rest(path: str, start: int) -> str:
    rest = path[start:]
    if "#" in rest:
        rest = rest[: rest.index("#")]
    return rest if rest[:1] == "/" else "/" + rest


def _escape(text: str) -> str:
    """Percent-encode every octet that is no visible ASCII character."""
    return _UNPRINTABLE.sub(lambda match: "%" + match[0].encode("latin-1").hex("%").upper(), text)


# --- redirects --------------------------------------------------------------------------------


def _resolve(base: Target, location: str) -> Target | None:
    location = location.strip(" \t")
    if not location or re.search(r"[\x00-\x1f\x7f]", location):
        return None
    url = ada_url.URL(_decode_utf8(location), _escape(base.url))
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
        return _escape(text)
