"""The request target: which door a request came to.

Owns: every form in which a URL may be asked for, what is asked of the proxy itself, and the path
under which the proxy is hosted. (authority.py judges authorities, mounts.py finds mounts, and
queries.py URLs in queries.)
Must not know: who asks, which targets are allowed, or what address a name has.

Text is ISO-8859-1: one character per octet received. A host is re-read as UTF-8 before it is
mapped (WHATWG URL section 3.5, UTS 46); a path and query are never touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from cors_anywhere.errors import InvalidHost, MissingSlash, NoTarget, NotMounted, ProxyError
from cors_anywhere.messages import Mount, Target
from cors_anywhere.rules.authority import Site, invalid, is_address, read_authority, site_of
from cors_anywhere.rules.mounts import Mounts
from cors_anywhere.rules.queries import (
    FORMS,
    decode,
    no_url,
    url_in_form,
    url_in_query,
    url_in_question,
)

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


_OWN = ("/iscorsneeded", "/doctor", "/cors-anywhere.", "/healthz")


class Door(Enum):
    """What is asked of the proxy itself."""

    HELP = "the page that says how it is used"
    NOT_NEEDED = "whether it is needed here"
    PREFLIGHT = "whether a page may ask"
    DOCTOR = "why a page may not read a URL"
    HEALTH = "whether the proxy serves"
    CLIENT = "the module that pages may load"
    CLIENT_TYPES = "its types"


_NOWHERE = Target("http", "doctor.invalid", 80, "doctor.invalid", "/")  # RFC 2606 section 2

_OWN_NAMES = {
    "/doctor": Door.DOCTOR,
    "/healthz": Door.HEALTH,
    "/cors-anywhere.js": Door.CLIENT,
    "/cors-anywhere.d.ts": Door.CLIENT_TYPES,
}


class Asked(NamedTuple):
    """A URL that is asked for, and by which mount; None for the open proxy."""

    target: Target
    mount: Mount | None = None
    as_json: bool = False  # its reply is asked for in a JSON text


class Doors:
    """The request targets of one proxy.

    `base_path` is where it is hosted, unless a request says otherwise. `is_known` tells whether a
    name stands under a known public suffix: without a scheme, "favicon.ico" is no host.
    `default_scheme` is meant where none is written, but for the other one's port. A path of one of
    the `mounts` means nothing else; `open_proxy` says whether other paths may name URLs.
    """

    def __init__(
        self,
        is_known: Callable[[str], bool],
        *,
        base_path: str = "",
        default_scheme: str = "http",
        mounts: Mounts | None = None,
        open_proxy: bool = True,
    ) -> None:
        self._is_known = is_known
        self._mounts = mounts or None
        self._open = open_proxy
        self._base_path = base_path
        by_port = {"http": (443, "https"), "https": (80, "http")}
        self._default_scheme = default_scheme
        self._other_port, self._other_scheme = by_port[default_scheme]
        self._schemeless = lru_cache(_CACHED_SITES)(self._schemeless_site)

    def find(
        self, path: str, method: str, index: Mapping[str, str], *, upgrade: bool = False
    ) -> Door | Asked:
        """Which door a path, without the base path, leads to.

        `index` has the request's fields; `upgrade` says that it asks for a WebSocket, so that ws:
        and wss: URLs are meant. Raises InvalidHost, InvalidPort, MissingSlash, InvalidTarget or
        NotMounted.
        """
        if method == "OPTIONS":
            return self._find_by_options(path, index)
        if self._mounts is not None and (mounted := self._find_mounted(path)) is not None:
            return mounted
        if path.startswith(_OWN) and (own := self._find_own(path)) is not None:
            return own
        if upgrade and (match := _WEBSOCKET.match(path)):
            path = f"{match[1]}http{match[2]}{path[match.end() :]}"
        try:
            return self._find_written(path)
        except NoTarget:
            return Door.HELP

    def _find_own(self, path: str) -> Door | None:
        """What is asked of the proxy by a name that no target has."""
        name, mark, _ = path.partition("?")
        if name == "/iscorsneeded" or name.startswith("/iscorsneeded/"):
            return Door.NOT_NEEDED
        if name == "/doctor" and mark and not self._open:
            raise NotMounted
        return _OWN_NAMES.get(name)

    def asked(self, path: str) -> Asked:
        """What a path asks for, without the base path. Raises ProxyError where that is no URL."""
        mounted = None if self._mounts is None else self._find_mounted(path)
        return self._find_written(path) if mounted is None else mounted

    def asked_about(self, query: str) -> Target:
        """The target of a question for the doctor; one of no name where it names none."""
        try:
            return self.parse("/" + url_in_question(query))
        except (ProxyError, ValueError):  # the doctor asks for nothing then
            return _NOWHERE

    def _find_by_options(self, path: str, index: Mapping[str, str]) -> Door | Asked:
        """An OPTIONS that is no preflight is for the target (WebDAV, CalDAV)."""
        if "origin" not in index or "access-control-request-method" in index:
            return Door.PREFLIGHT
        try:
            asked = self.asked(path)
        except ProxyError:
            return Door.PREFLIGHT
        return Door.PREFLIGHT if asked.as_json else asked

    def _find_mounted(self, path: str) -> Asked | None:
        assert self._mounts is not None
        found = self._mounts.find(path)
        if found is None:
            return None
        _check_sendable(path)
        return Asked(*found)

    def _find_written(self, path: str) -> Asked:
        """The URL that is written in the path."""
        if self._open:
            as_json = FORMS.get(path[:5])
            if as_json is None:
                return Asked(self.parse(path))
            return Asked(self._parse_form(path), as_json=as_json)
        try:
            self.parse(path)
        except NoTarget:
            raise
        except ProxyError as error:
            raise NotMounted from error
        raise NotMounted

    def under_base(self, path: str, mounted_at: str = "") -> str:
        """The path without the one under which the proxy is hosted."""
        base = mounted_at or self._base_path
        if base and path.startswith(base) and path[len(base) : len(base) + 1] in ("", "/", "?"):
            rest = path[len(base) :]
            return rest if rest[:1] == "/" else "/" + rest
        return path

    def own_url(self, scheme: str, host: str | None, mounted_at: str = "") -> str:
        """Where this proxy is, without a slash at the end: an absolute URL, or a path for a
        client that did not say by which name it called (HTTP/1.0)."""
        base = mounted_at or self._base_path
        return f"{scheme}://{host}{base}" if host else base

    def leads_here(self, path: str, mounted_at: str = "") -> bool:
        """Whether a path at the origin of this proxy is the proxy's, not that of what is beside
        it."""
        base = mounted_at or self._base_path
        return path.startswith(base) and path[len(base) : len(base) + 1] in "/?"

    def parse(self, path: str) -> Target:
        """The target that a path names, first slash included.

        Raises NoTarget (the help page), InvalidHost, InvalidPort, MissingSlash or InvalidTarget.
        """
        _check_sendable(path)
        match = _ABSOLUTE.match(path)
        if match is None:
            return self._parse_unusual(path)
        scheme, written = match.groups()
        return Target(*site_of(scheme.lower(), written), _rest(path, match.end()))

    # --- URL forms ----------------------------------------------------------------------------

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

    def _parse_form(self, path: str) -> Target:
        _check_sendable(path)
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


def asks_for_websocket(method: str, has_body: bool, index: Mapping[str, str]) -> bool:
    """Whether this is an opening handshake (RFC 6455 section 4.2.1)."""
    if method != "GET" or has_body or index.get("upgrade", "").lower() != "websocket":
        return False
    return "upgrade" in index.get("connection", "").lower().replace(" ", "").split(",")


def _check_sendable(path: str) -> None:
    if path.isascii() and path.isprintable() and " " not in path:
        return
    if _UNSENDABLE.search(path):
        raise invalid("it holds a space or control character; percent-encode it")


def _rest(path: str, start: int) -> str:
    rest = path[start:]
    if "#" in rest:
        rest = rest[: rest.index("#")]
    return rest if rest[:1] == "/" else "/" + rest


def escape(text: str) -> str:
    """Percent-encode every octet that is no visible ASCII character."""
    return quote_from_bytes(text.encode("latin-1"), _VISIBLE)
