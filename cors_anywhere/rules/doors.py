"""The request target: which door a request came to.

Owns: what is asked of the proxy itself, and the path under which the proxy is hosted. Must not
know: how a URL is written (urls.py), where mounts lead (mounts.py), who asks, or which targets are
allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple

from cors_anywhere.errors import NoTarget, NotMounted, ProxyError
from cors_anywhere.messages import Mount, Target
from cors_anywhere.rules.mounts import Mounts
from cors_anywhere.rules.queries import FORMS, url_in_question
from cors_anywhere.rules.urls import Urls, check_sendable, of_websocket

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

    `base_path` is where it is hosted, unless a request says otherwise. `is_known` and
    `default_scheme` are as in Urls. A path of one of the `mounts` means nothing else; `open_proxy`
    says whether other paths may name URLs.
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
        self._urls = Urls(is_known, default_scheme)
        self._mounts = mounts or None
        self._open = open_proxy
        self._base_path = base_path

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
        try:
            return self._find_written(of_websocket(path) if upgrade else path)
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
            return self._urls.parse("/" + url_in_question(query))
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
        check_sendable(path)
        return Asked(*found)

    def _find_written(self, path: str) -> Asked:
        """The URL that is written in the path."""
        if self._open:
            as_json = FORMS.get(path[:5])
            if as_json is None:
                return Asked(self._urls.parse(path))
            return Asked(self._urls.parse_form(path), as_json=as_json)
        try:
            self._urls.parse(path)
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


def asks_for_websocket(method: str, has_body: bool, index: Mapping[str, str]) -> bool:
    """Whether this is an opening handshake (RFC 6455 section 4.2.1)."""
    if method != "GET" or has_body or index.get("upgrade", "").lower() != "websocket":
        return False
    return "upgrade" in index.get("connection", "").lower().replace(" ", "").split(",")
