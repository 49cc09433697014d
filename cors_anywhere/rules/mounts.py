"""Mounts: paths of the proxy that are one target's.

Owns: what an operator may write, which mount a path belongs to and what it means there, and which
path leads to a URL. Must not know: who asks, or every other form of URL (doors.py).

The path after the prefix and the query go to the target octet for octet. Where a mount has a path
of its own nothing may lead out of that: a segment "..", however it is written, is refused. Browsers
resolve the plain and the encoded one before they ask, so no page misses them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cors_anywhere.errors import ProxyError
from cors_anywhere.messages import Mount, Target
from cors_anywhere.rules.authority import invalid, is_address, site_of

_PREFIX: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+")
_URL: Final = re.compile(r"(https?)://([^/?#]*)([^?#]*)(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_VISIBLE: Final = re.compile(r"[\x21-\x7e]*")

# Some servers decode a path before they split it, some decode it twice, some know "%u002e" or UTF-8
# that is longer than it may be; some take a backslash for a slash, some drop a ";" and what follows
# it in a segment, a NUL or a blank: ".." is whatever any of them reads.
_OCTET: Final = "%(?:25)*"
_SLASH: Final = "2f|5c|c0%(?:25)*af|c1%(?:25)*9c|u00(?:2f|5c)|u221[56]"
_SEPARATOR: Final = rf"(?:[/\\]|{_OCTET}(?:{_SLASH}))"
_DOT: Final = rf"(?:\.|{_OCTET}(?:2e|c0{_OCTET}ae|e0{_OCTET}80{_OCTET}ae|u002e))"
_DROPPED: Final = rf"(?:{_OCTET}(?:0[09ad]|20))*"
_CLIMBS: Final = re.compile(
    rf"(?:\A|{_SEPARATOR})(?:{_DROPPED}{_DOT}){{2}}{_DROPPED}(?:\Z|;|{_OCTET}3b|{_SEPARATOR})",
    re.ASCII | re.IGNORECASE,
)


class Mounts:
    """The mounts of one proxy; false when there is none."""

    def __init__(self, mounts: Iterable[Mount] = ()) -> None:
        self._longest_first = tuple(sorted(mounts, key=lambda mount: -len(mount.prefix)))
        self._deepest_first = tuple(sorted(self._longest_first, key=lambda mount: -len(mount.base)))

    def __bool__(self) -> bool:
        return bool(self._longest_first)

    def find(self, path: str) -> tuple[Target, Mount] | None:
        """What a path means: of several mounts, that of the longest prefix is meant; None where it
        belongs to none. Raises InvalidTarget for a path that leads out of its mount."""
        for mount in self._longest_first:
            if _is_under(mount.prefix, path):
                return _target(mount, path[len(mount.prefix) :]), mount
        return None

    def path_to(self, target: Target) -> str | None:
        """The path that leads to a URL; None where it is in no mount."""
        for mount in self._deepest_first:
            if covers(mount, target):
                return mount.prefix + target.path[len(mount.base) :]
        return None


def covers(mount: Mount, target: Target) -> bool:
    """Whether a URL is in the mount."""
    if mount.target[:3] != target[:3] or not _is_under(mount.base, target.path):
        return False
    return not (mount.base and _climbs(target.path))


def _is_under(prefix: str, path: str) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/", "?", "#")


def _target(mount: Mount, rest: str) -> Target:
    rest = rest.partition("#")[0]
    if mount.base:
        if _climbs(rest):
            raise invalid('it holds a segment "..", which could lead out of this mount')
        path = mount.base + rest
    else:
        path = rest if rest[:1] == "/" else "/" + rest
    return Target(*mount.target[:4], path)


def _climbs(path: str) -> bool:
    return _CLIMBS.search(path.partition("?")[0]) is not None


# --- what the operator writes ----------------------------------------------------------------


def parse_mount(prefix: str, url: str) -> Mount:
    """The mount of a target under a prefix. Raises ValueError, whose text names the mistake and the
    fix."""
    _lint_prefix(prefix)
    return parse_target(url, prefix)


def parse_target(url: str, prefix: str = "") -> Mount:
    """The mount that has every path, or those under a prefix that is known to be one. Raises
    ValueError."""
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(_lint_scheme(url))
    scheme, written, path, rest = match.groups()
    if rest:
        raise ValueError(f'"{url}": a query or fragment cannot be mounted; leave "{rest}" out')
    if not _VISIBLE.fullmatch(path):
        raise ValueError(f'"{url}": percent-encode its path')
    if _climbs(path):
        raise ValueError(f'"{url}": write its path without ".."')
    try:
        site = site_of(scheme.lower(), written.encode().decode("latin-1"))  # as in a request
    except ProxyError as error:
        raise ValueError(f'"{url}" holds no valid host: {error.detail}') from error
    private = is_address(site.host) or site.host == "localhost"
    return Mount(prefix, Target(*site, path or "/"), path.rstrip("/"), private)


def _lint_prefix(prefix: str) -> None:
    if _PREFIX.fullmatch(prefix):
        return
    fixed = "/" + prefix.strip("/")
    if fixed == "/":
        raise ValueError(f'"{prefix}" is every path: give the URL by --target instead')
    fix = f'write "{fixed}"' if _PREFIX.fullmatch(fixed) else 'write one like "/api"'
    raise ValueError(
        f'"{prefix}" cannot be mounted (a slash at the beginning, none at the end; letters, digits'
        f" and -._~ between slashes): {fix}"
    )


def _lint_scheme(url: str) -> str:
    scheme, colon, rest = url.partition("://")
    if not colon:
        return f'"{url}" is no URL: write one like https://api.example.com/base'
    meant = {"ws": "http", "wss": "https"}.get(scheme.lower())
    if meant:
        return f'"{url}": write {meant}://{rest}, which serves WebSockets too'
    return f'"{url}": only http and https can be mounted'
