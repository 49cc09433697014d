"""The URLs that paths name.

Owns: every form in which a URL may be written in a path, and what is no URL. (authority.py judges
authorities, queries.py finds URLs in queries.) Must not know: which other things a path may ask for
(doors.py), or which targets are allowed.

Text is ISO-8859-1: one character per octet received. A host is re-read as UTF-8 before it is
mapped (WHATWG URL section 3.5, UTS 46); a path and query are never touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote_from_bytes

from cors_anywhere.errors import InvalidHost, MissingSlash, NoTarget, ProxyError
from cors_anywhere.messages import Target
from cors_anywhere.rules.authority import Site, invalid, is_address, read_authority, site_of
from cors_anywhere.rules.queries import decode, no_url, url_in_form, url_in_query

_CACHED_SITES = 1024

# ASCII only: U+017F would match an "s" without case otherwise.
_I = re.ASCII | re.IGNORECASE

_ABSOLUTE = re.compile(r"/(https?)://([^/?#]+)", _I)
_SCHEMELESS = re.compile(r"/(?://)?([^/?#]+)")
_ONE_SLASH = re.compile(r"/(https?):/(?=[^/])([^/?#]*)", _I)
_SCHEME_ONLY = re.compile(r"/https?:", _I)
# Whatever encoded the colon or a slash of the scheme encoded the whole URL.
_ENCODED = re.compile(r"/(?=[^/]{4,5}(?:%3A|:/?%2F))https?(?:%3A|:)(?:%2F|/)", _I)
# A base that ends in a slash, before a URL that has a scheme.
_SECOND_SLASH = re.compile(r"/(?=/https?(?:://|:/?%2F|%3A))", _I)
# The group is atomic: of several parameters "url" the first is meant.
_WEBSOCKET = re.compile(r"(//?|/\?(?>(?:[^&]*&)*?url=)?)ws(s?)(?=:|%3A)", _I)

_UNSENDABLE = re.compile(r"[^\x21-\x7e\x80-\xff]")
_VISIBLE = bytes(range(0x21, 0x7F))


class Urls:
    """Reads the URLs that paths name.

    `is_known` tells whether a name stands under a known public suffix: without a scheme,
    "favicon.ico" is no host. `default_scheme` is meant where none is written, but for the other
    one's port.
    """

    def __init__(self, is_known: Callable[[str], bool], default_scheme: str = "http") -> None:
        self._is_known = is_known
        by_port = {"http": (443, "https"), "https": (80, "http")}
        self._default_scheme = default_scheme
        self._other_port, self._other_scheme = by_port[default_scheme]
        self._schemeless = lru_cache(_CACHED_SITES)(self._schemeless_site)

    def parse(self, path: str) -> Target:
        """The target that a path names, first slash included.

        Raises NoTarget (the help page), InvalidHost, InvalidPort, MissingSlash or InvalidTarget.
        """
        check_sendable(path)
        match = _ABSOLUTE.match(path)
        if match is None:
            return self._parse_unusual(path)
        scheme, written = match.groups()
        return Target(*site_of(scheme.lower(), written), _rest(path, match.end()))

    def _parse_unusual(self, path: str) -> Target:
        """Every form but "/http://host…"."""
        if _SECOND_SLASH.match(path):
            return self.parse(path[1:])
        if _ENCODED.match(path):
            # A query added after the encoded URL was not encoded with it.
            encoded, mark, query = path.partition("?")
            return self._parse_decoded(decode(encoded) + mark + query)
        if path.startswith("/?"):
            return self._parse_decoded("/" + url_in_query(path[2:]))
        if _SCHEME_ONLY.match(path):
            return self._parse_one_slash(path)
        match = _SCHEMELESS.match(path)
        if match is None:
            raise NoTarget
        return Target(*self._schemeless(match[1]), _rest(path, match.end()))

    def parse_form(self, path: str) -> Target:
        """The target that a path of one of FORMS asks for. Raises as `parse` does, and BadRequest
        where it names none."""
        check_sendable(path)
        try:
            return self._parse_decoded("/" + url_in_form(path[:5], path[5:]))
        except NoTarget as error:
            raise no_url(path[:5]) from error

    def _parse_decoded(self, path: str) -> Target:
        """A URL that stood encoded in the path. Decoding may have set free octets unfit for a
        wire."""
        match = _ABSOLUTE.match(path)
        if match is None:
            target = self._parse_one_slash(path)
        else:
            target = Target(*site_of(match[1].lower(), match[2]), _rest(path, match.end()))
        return target._replace(path=escape(target.path))

    def _parse_one_slash(self, path: str) -> Target:
        """Undo a front server's merging of slashes where the host leaves no doubt."""
        match = _ONE_SLASH.match(path)
        if match is None:
            raise NoTarget
        scheme, written = match.groups()
        try:
            self._schemeless(written)  # as strict as for a URL that never had a scheme
            site = site_of(scheme.lower(), written)
        except ProxyError as error:
            raise MissingSlash from error
        return Target(*site, _rest(path, match.end()))

    def _schemeless_site(self, written: str) -> Site:
        host, _, port = read_authority(written)
        if not self._is_surely_a_host(host):
            raise InvalidHost(f"Invalid host: {host}")
        other = port == self._other_port
        return site_of(self._other_scheme if other else self._default_scheme, written)

    def _is_surely_a_host(self, host: str) -> bool:
        name = host.removesuffix(".")
        if name == "localhost" or is_address(host):
            return True
        return "." in name and self._is_known(name)


def of_websocket(path: str) -> str:
    """The path by which a ws: or wss: URL is fetched, which such a path names; any other as it
    is."""
    match = _WEBSOCKET.match(path)
    return path if match is None else f"{match[1]}http{match[2]}{path[match.end() :]}"


def check_sendable(path: str) -> None:
    """Raises InvalidTarget for what no request line can carry."""
    if path.isascii() and path.isprintable() and " " not in path:
        return
    if _UNSENDABLE.search(path):
        raise invalid("it holds a space or control character; percent-encode it")


def escape(text: str) -> str:
    """Percent-encode every octet that is no visible ASCII character."""
    return quote_from_bytes(text.encode("latin-1"), _VISIBLE)


def _rest(path: str, start: int) -> str:
    rest = path[start:]
    if "#" in rest:
        rest = rest[: rest.index("#")]
    return rest if rest[:1] == "/" else "/" + rest
