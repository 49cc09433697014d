"""The operator's own HTTP proxy: which one, if any, carries a request to a target.

Owns: the meaning of `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, as the package
proxy-from-env gives it to users of the Node.js proxy.
Must not know: the environment itself (config reads it), or how a proxy is spoken to (egress).
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from cors_anywhere.messages import Target
from cors_anywhere.tokens import split_port

_FIX: Final = "write http://host:port, or unset it"
_PORT = re.compile(r"[0-9]{1,5}")


class OutboundProxy(NamedTuple):
    """A proxy that requests are handed to, and how to authenticate there."""

    host: str  # a name, or an IP address without brackets
    port: int
    authorization: str | None  # the value of Proxy-Authorization (RFC 7617)


def parse_proxy(url: str) -> OutboundProxy:
    """Read `http://[user:password@]host[:port]`. The scheme may be missing; the port is 80 then.

    Raises ValueError. Its text never repeats the URL, which may hold a password.
    """
    text = url.strip()
    if any(character <= " " or character == "\x7f" for character in text):
        raise ValueError(f"a blank or control character is in the proxy's URL: {_FIX}")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the proxy's host or port cannot be read: {_FIX}") from error
    if parts.scheme != "http":
        raise ValueError(f"a proxy spoken to by {parts.scheme} is not supported: {_FIX}")
    if not parts.hostname:
        raise ValueError(f"the proxy has no host: {_FIX}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"something follows the proxy's host and port: {_FIX}")
    if port == 0:
        raise ValueError(f"the proxy's port cannot be 0: {_FIX}")
    return OutboundProxy(parts.hostname, port or 80, _authorization(parts))


def _authorization(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    # Joined before decoding: a %3A in the password must not be taken for the separator here.
    credentials = unquote_to_bytes(parts.username) + b":" + unquote_to_bytes(parts.password or "")
    return "Basic " + b64encode(credentials).decode("ascii")


class _Exclusions:
    """`no_proxy`, sorted at construction into what can be looked up.

    Entries are separated by commas or blanks. A plain entry is one host; one that begins with a
    dot or a star is the end of a host's name, the star itself removed; `*` is every host. A port
    narrows an entry to that port.
    """

    def __init__(self, text: str) -> None:
        self._hosts: set[tuple[str, int | None]] = set()
        self._suffixes: list[tuple[str, int | None]] = []
        for entry in text.lower().replace(",", " ").split():
            host, port = _split_entry(entry)
            if host.startswith((".", "*")):
                self._suffixes.append((host.removeprefix("*"), port))
            else:
                self._hosts.add((host, port))

    def cover(self, host: str, port: int) -> bool:
        if (host, None) in self._hosts or (host, port) in self._hosts:
            return True
        return any(
            host.endswith(suffix) and only in (None, port) for suffix, only in self._suffixes
        )


def _split_entry(entry: str) -> tuple[str, int | None]:
    """A host without brackets, and its port if it has one. A bare IPv6 address has none."""
    try:
        host, port = split_port(entry)
    except ValueError:
        return entry, None
    if port is None or not _PORT.fullmatch(port):
        return entry.strip("[]"), None
    return host.strip("[]"), int(port)


class OutboundProxies:
    """The operator's choice, ready to be asked once per request. `common` (`all_proxy`) stands in
    for each of the two that is missing."""

    def __init__(
        self,
        http: OutboundProxy | None = None,
        https: OutboundProxy | None = None,
        common: OutboundProxy | None = None,
        no_proxy: str = "",
    ) -> None:
        self._by_scheme = {"http": http or common, "https": https or common}
        self._exclusions = _Exclusions(no_proxy)
        self._idle = not any(self._by_scheme.values())

    def choose(self, target: Target) -> OutboundProxy | None:
        """The proxy that carries requests to this target; None to connect directly."""
        if self._idle:
            return None
        proxy = self._by_scheme[target.scheme]
        if proxy is None or self._exclusions.cover(target.host, target.port):
            return None
        return proxy
