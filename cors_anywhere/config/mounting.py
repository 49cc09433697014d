"""Mounts, and what other settings say of the same paths and targets.

Owns: which of them cannot both hold, and which have no effect.
Must not know: how one mount is read (grammars.py), or what it leads to (rules/mounts.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from cors_anywhere.config.problems import Problem
from cors_anywhere.messages import Mount
from cors_anywhere.rules.authority import is_address
from cors_anywhere.rules.targets import TargetSet, host_rule


def mounts_of(read: Mapping[str, Any]) -> Sequence[Mount]:
    """The mounts, that of `target` among them, as far as they could be read."""
    target = read.get("target")
    return read["mounts"] if target is None else (target, *read["mounts"])


def mistaken(read: Mapping[str, Any]) -> Iterator[Problem]:
    """What leaves a mount, or a path, that cannot work."""
    if read.get("target") is not None:
        if read["mounts"]:
            yield Problem("mounts", "has no path left beside --target, which has all: give one")
        if read.get("open_proxy"):
            yield Problem("open_proxy", "has no path left beside --target, which has all: give one")
    seen: set[str] = set()
    for mount in read["mounts"]:
        if mount.prefix in seen:
            yield Problem("mounts", f'"{mount.prefix}" is mounted twice: give each prefix once')
        seen.add(mount.prefix)
    denied = TargetSet(read["deny_targets"])
    for mount in mounts_of(read):
        if denied.has(mount.target):
            text = "is mounted: take it from one of the two"
            yield Problem("deny_targets", f"denies {mount.target.host}, which {text}")
        elif _is_denied_address(read, mount):
            text = "is mounted: take it from one of the two"
            yield Problem("deny_networks", f"denies {mount.target.host}, which {text}")


def idle(read: Mapping[str, Any]) -> Iterator[Problem]:
    """What was said of mounts, or beside them, and has no effect or hardly the meant one."""
    mounts = mounts_of(read)
    if read["open_proxy"] and not mounts:
        yield Problem("open_proxy", "changes nothing without --mount: any URL may be asked for")
    if mounts and not read["open_proxy"]:
        for setting in ("allow_targets", "deny_targets"):
            if read[setting]:
                text = "only mounts can be asked for, which need no permission (--open-proxy"
                yield Problem(setting, f"has no effect: {text} keeps the others)")
    if read["allow_credentials"]:
        yield from _sharing_cookies(mounts)
    base: str = read["base_path"]
    for mount in mounts:
        if base and f"{mount.prefix}/".startswith(f"{base}/"):
            path = base + mount.prefix
            yield Problem("mounts", f'"{mount.prefix}" lies under the base path: it means {path}')
        if _needs_permission(read, mount):
            place = mount.target.host_and_port
            yield Problem(
                "mounts" if mount.prefix else "target",
                f"{mount.target.host} is no public name, and is refused if its address is not"
                f" public: allow it with --allow-private {place}",
            )


def _sharing_cookies(mounts: Sequence[Mount]) -> Iterator[Problem]:
    """Mounts that get the cookies of another target: a browser sends what is valid for a path with
    all that lies under it (RFC 6265 section 5.1.4)."""
    for inner in mounts:
        for outer in mounts:
            apart = outer.target[:3] != inner.target[:3]
            if apart and inner.prefix.startswith(f"{outer.prefix}/"):
                text = "whose cookies browsers send there too: mount it beside"
                yield Problem("mounts", f'"{inner.prefix}" lies under "{outer.prefix}", {text}')


def _is_denied_address(read: Mapping[str, Any], mount: Mount) -> bool:
    host = mount.target.host
    if not is_address(host):
        return False
    address = ip_address(host)
    return any(address in network for network in read["deny_networks"])


def _needs_permission(read: Mapping[str, Any], mount: Mount) -> bool:
    if mount.private or read["allow_networks"] or read["dev"]:
        return False
    rule = host_rule(mount.target.host, mount.target.port)
    return rule not in (None, "bad-port") and not TargetSet(read["allow_private"]).has(mount.target)
