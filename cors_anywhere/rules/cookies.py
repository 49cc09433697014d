"""Cookies of targets: where they pass, and what a browser has to be told for it.

Owns: how a target's `Set-Cookie` (RFC 6265, and its revision) reads at a mount, and the field in
which a page may read it. Must not know: which requests may carry cookies (headers.py), or whose
pages may (asker.py).

The browser keeps them under the proxy's host: a mount's path is all that keeps those of one target
from another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from cors_anywhere.messages import Mount, Plan, ReplyHead
from cors_anywhere.rules.headers import EXPOSED_COOKIE, Sorted
from cors_anywhere.rules.mounts import covers

# What the browser holds against the other attributes, it holds against them in any case of letters.
_HOST_ONLY: Final = "__host-"  # Path has to be "/"
_CROSS_SITE: Final = ("SameSite=None", "Secure", "Partitioned")
_PRIVATE: Final = ("cache-control", "private")


class Way(NamedTuple):
    """How a client reached the proxy."""

    base: str  # the path under which the proxy is hosted
    secure: bool  # by HTTPS
    cross_site: bool  # the asking page is of another site


class Cookies:
    """What becomes of targets' cookies. `pass_on` lets those of mounts through, `expose` lets pages
    read those of all targets."""

    def __init__(self, *, pass_on: bool, expose: bool) -> None:
        self._pass_on = pass_on
        self.expose = expose

    def restated(self, received: Sorted, plan: Plan, way: Way) -> Sorted:
        """The fields of a reply with those that say its cookies: to a page also those that came
        with the redirects before it, where a log-in sets them."""
        fields, names, gathered = received
        values = gathered.get("set-cookie", [])
        if self.expose:
            fields = [*fields, *[(EXPOSED_COOKIE, value) for value in (*plan.set_cookies, *values)]]
            names = [*names, EXPOSED_COOKIE]
        if values and self._pass_on and plan.mount is not None and covers(plan.mount, plan.target):
            kept = [at_mount(value, plan.mount, plan.target.path, way) for value in values]
            fields = [*fields, *[("set-cookie", value) for value in kept if value is not None]]
            if "cache-control" not in names:  # nobody else is to get this cookie
                fields.append(_PRIVATE)
                names = [*names, "cache-control"]
        return Sorted(fields, names, gathered)


def remembering(plan: Plan, reply: ReplyHead) -> Plan:
    """The plan of a redirect with the cookies that came with it. They are not sent: only for a page
    to read."""
    values = [value for name, value in reply.fields if name.lower() == "set-cookie"]
    return plan._replace(set_cookies=(*plan.set_cookies, *values)) if values else plan


def at_mount(value: str, mount: Mount, path: str, way: Way) -> str | None:
    """The `Set-Cookie` of a target as it has to read at the mount; `path` is what was asked of the
    target. None for a cookie of paths that the mount does not lead to: the target would not get it
    back either.

    `Domain` goes: it is not the proxy's. `Path` is put under the mount, and said where it was not:
    a browser would take it from the URL that it asked, whose last part may be the mount itself. For
    a page of another site a cookie has to say `SameSite=None; Secure`, and `Partitioned` where a
    browser takes no other from third parties; without HTTPS it could not be `Secure`.
    """
    pair, *attributes = value.split(";")
    kept = [pair.strip(" \t")]
    known: dict[str, str] = {}  # of several with one name the last counts
    for attribute in attributes:
        name, _, said = attribute.partition("=")
        name = name.strip(" \t").lower()
        if name in ("domain", "path", "samesite", "secure", "partitioned"):
            known[name] = said.strip(" \t")
        elif attribute.strip(" \t"):
            kept.append(attribute.strip(" \t"))
    if kept[0].lower().startswith(_HOST_ONLY):
        kept.append(f"Path={known.get('path', '')}")
    else:
        place = _place(known.get("path", ""), mount, path)
        if place is None:
            return None
        kept.append(f"Path={way.base + place or '/'}")
    return "; ".join([*kept, *_site_attributes(known, way)])


def _place(said: str, mount: Mount, path: str) -> str | None:
    """A cookie's path at the mount: "" for all of it."""
    if not said.startswith("/"):
        said = path.partition("?")[0].rpartition("/")[0]  # RFC 6265 section 5.1.4
    if said.startswith(mount.base) and said[len(mount.base) :][:1] in ("", "/"):
        within = said[len(mount.base) :]
        return mount.prefix + within if within != "/" or mount.base else mount.prefix
    above = said if said.endswith("/") else said + "/"
    return mount.prefix if mount.base.startswith(above) else None


def _site_attributes(known: dict[str, str], way: Way) -> Sequence[str]:
    if way.secure and way.cross_site:
        return _CROSS_SITE
    said = []
    if "samesite" in known and (way.secure or known["samesite"].lower() != "none"):
        said.append(f"SameSite={known['samesite']}")
    if way.secure:
        said += [name.capitalize() for name in ("secure", "partitioned") if name in known]
    return said
