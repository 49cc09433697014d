"""Settings that are valid each by itself, and say two things together.

Owns: which of them leave nothing that could work, and which only waste the operator's words.
Must not know: how one setting is read (checks.py, grammars.py), or where it came from (given.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from os.path import normpath
from typing import Any, Final

from cors_anywhere.config import dev, limiting, mounting
from cors_anywhere.config.problems import Problem
from cors_anywhere.messages import UNIX, Mount, Target
from cors_anywhere.rules.addresses import Network
from cors_anywhere.rules.origins import OriginPattern, OriginSet
from cors_anywhere.rules.secrets import Secret
from cors_anywhere.rules.targets import TargetPattern, TargetSet
from cors_anywhere.tokens import bracketed, split_port

Read = Mapping[str, Any]
"""Settings by name, as the values that are worked with."""


def incomplete(read: Read) -> Iterator[Problem]:
    """The mistakes of settings that belong together; what could not be read is not among `read`."""
    if read.get("tls_cert") is not None and read.get("tls_key", "") is None:
        yield Problem("tls_key", "is missing: a certificate needs its private key, give both")
    if read.get("tls_key") is not None and read.get("tls_cert", "") is None:
        yield Problem("tls_cert", "is missing: a private key needs its certificate, give both")
    if UNIX in read["trusted_proxies"] and read.get("unix", "") is None:
        yield Problem("trusted_proxies", "trusts who comes over a Unix socket: give --unix PATH")
    if read.get("trusted_hops") and read["trusted_proxies"]:
        yield Problem(
            "trusted_hops",
            "counts front servers whatever their address, where --trusted-proxy names theirs: give"
            " one of them",
        )
    if _is_own_address(read):
        yield Problem(
            "admin", "is where the proxy listens itself: give it a port or path of its own"
        )
    holders = {key.digest: key.name for key in read["api_keys"]}
    for key in read["api_keys"]:
        if holders[key.digest] != key.name:
            yield Problem(
                "api_keys",
                f'those of "{key.name}" and "{holders[key.digest]}" are the same: give each holder'
                " one of their own",
            )
    for host in read["hosts"] if read.get("dev") else ():
        if not dev.is_local(host):
            yield Problem(
                "hosts",
                f'"{host}" is beyond this machine, where --dev would let anybody read what is'
                " served on it: give a loopback address, or leave --dev out",
            )


def _is_own_address(read: Read) -> bool:
    """Whether the operator's listener would be the proxy's. Names are compared as they are written:
    only "localhost" is sure to stay what it is."""
    admin, path = read.get("admin"), read.get("unix")
    if admin is None:
        return False
    if admin.startswith("unix:"):
        return path is not None and normpath(path) == normpath(admin.removeprefix("unix:"))
    name, port = split_port(admin)
    if read.get("port") != int(port or 0) or not read.get("port"):
        return False
    own = _addresses(name.strip("[]").lower())
    return any(
        _takes(own, taken) or _takes(taken, own)
        for taken in (_addresses(host.lower()) for host in read.get("hosts", ()))
    )


def _addresses(host: str) -> Set[str]:
    return {"127.0.0.1", "::1"} if host == "localhost" else {host}


def _takes(one: Set[str], other: Set[str]) -> bool:
    """Whether who listens on the one leaves none of the other; `::` has IPv4's addresses, too."""
    wide = "::" in one or ("0.0.0.0" in one and any(":" not in host for host in other))
    return wide or not one.isdisjoint(other)


def unguarded(read: Read, stated: Set[str]) -> Iterator[Problem]:
    """What only some may use, and would be given to all. `stated` are the names of settings that
    were given, rightly or not: what cannot be read is not missing as well."""
    yield from _credentials_for_all(read, stated)
    secrets: Sequence[Secret] = read["target_headers"]
    closed = stated & {"allow_origins", "api_keys"}
    if secrets and not read.get("dev") and not closed:
        yield Problem(
            "target_headers",
            "would let every page use the secret: say by --allow-origin which pages may",
        )
    if "target" not in read or any(stated & {name} and not read[name] for name in _ALLOWING):
        return
    mounts: Sequence[Mount] = [*read["mounts"], *filter(None, [read["target"]])]
    allowed = TargetSet(read["allow_targets"])
    mounted = {mount.target[:3] for mount in mounts}
    for scheme, host, port in sorted({secret.place for secret in secrets} - mounted):
        target = Target(scheme, host, port, bracketed(host), "/")
        if not allowed.has(target):
            yield Problem(
                "target_headers",
                f"{scheme}://{target.host_and_port} is neither a mount nor an allowed target:"
                f" add --allow-target {target.host_and_port}, which allows no other",
            )


def _credentials_for_all(read: Read, stated: Set[str]) -> Iterator[Problem]:
    """Whoever is given credentials can do what the person who sits there can."""
    if not read.get("allow_credentials"):
        return
    if "allow_origins" not in stated and not read.get("dev"):
        yield Problem(
            "allow_credentials", "is for pages that you name: list them by --allow-origin"
        )
    if any(pattern.text == "null" for pattern in read["allow_origins"]):
        yield Problem(
            "allow_origins",
            "null is any site's, and may not be allowed credentials: serve local files by"
            " http://localhost, or leave --allow-credentials out",
        )


_ALLOWING: Final = ("allow_targets", "mounts")


def nothing_works(read: Read) -> Iterator[Problem]:
    """The mistakes by which no request could be answered."""
    for allow, deny, text, covers in _LISTS:
        allowed, denied = read[allow], read[deny]
        if text and allowed and all(covers(denied, item) for item in allowed):
            yield Problem(deny, f"{text}: take one from either list")
    yield from mounting.mistaken(read)


def idle_words(read: Read) -> Iterator[Problem]:
    """What was said and has no effect."""
    for allow, deny, _, covers in _LISTS:
        for item in read[allow]:
            if covers(read[deny], item):
                yield Problem(allow, f"{_name(item)} is denied too, and stays denied")
    for remove, given in _SET_AND_REMOVED:
        removed = {name.lower() for name in read[remove]}
        for name, _ in read[given]:
            if name.lower() in removed:
                yield Problem(remove, f"{name} is set too, and is sent as it is set")
    fixed = {name.lower() for name, _ in read["set_headers"]}
    for name in read["allow_header_overrides"]:
        if name.lower() in fixed:
            yield Problem(
                "allow_header_overrides", f"{name} is set for all, and stays as it is set"
            )
    yield from _whole_worlds(read)
    yield from mounting.idle(read)
    yield from limiting.idle(read)


_SET_AND_REMOVED: Final = (
    ("remove_headers", "set_headers"),
    ("remove_response_headers", "set_response_headers"),
)


def _whole_worlds(read: Read) -> Iterator[Problem]:
    """What was said of everybody, where some were meant."""
    if read["target_headers"] and read["insecure_targets"]:
        yield Problem("insecure_targets", "lets whoever answers for a target have what it is sent")
    if read["target_headers"] and any(pattern.text == "null" for pattern in read["allow_origins"]):
        yield Problem("allow_origins", "any site can ask as null, and so use what targets are sent")
    for network in read["trusted_proxies"]:
        if network != UNIX and not network.prefixlen:
            yield Problem("trusted_proxies", f"{network} lets everybody say who they are")
    for network in read["deny_networks"]:
        if network.version == 4 and not network.prefixlen:  # ::/0 turns IPv6 off, and may be meant
            yield Problem("deny_networks", f"{network} denies every target with such an address")
    share, cap = read["max_connections_per_client"], read["max_connections"]
    if share is not None and cap is not None and share >= cap:
        yield Problem("max_connections_per_client", "lets one client take all places")


def _name(item: OriginPattern | TargetPattern | Network) -> str:
    if isinstance(item, OriginPattern):
        return item.text
    if not isinstance(item, TargetPattern):
        return str(item)
    host = bracketed(item.host)
    port = "" if item.port is None else f":{item.port}"
    return f"{'*.' if item.wildcard else ''}{host}{port}"


def _denies_origin(denied: Sequence[OriginPattern], origin: OriginPattern) -> bool:
    return origin in denied or (origin.exact and origin.text in OriginSet(denied))


def _denies_target(denied: Sequence[TargetPattern], target: TargetPattern) -> bool:
    return any(_is_within(target, pattern) for pattern in denied)


def _is_within(one: TargetPattern, other: TargetPattern) -> bool:
    """Whether every target of one pattern is the other's too."""
    if other.port not in (None, one.port):
        return False
    if one.host == other.host:
        return one.wildcard == other.wildcard
    return other.wildcard and one.host.endswith("." + other.host)


def _denies_method(denied: Sequence[str], method: str) -> bool:
    return method in denied


def _denies_network(denied: Sequence[Network], network: Network) -> bool:
    return any(
        network.version == other.version
        and int(other.network_address) <= int(network.network_address)
        and int(network.broadcast_address) <= int(other.broadcast_address)
        for other in denied
    )


_LISTS: Final[Sequence[tuple[str, str, str, Callable[[Any, Any], bool]]]] = (
    (
        "allow_origins",
        "deny_origins",
        "denies every origin that is allowed, so nobody could ask",
        _denies_origin,
    ),
    (
        "allow_targets",
        "deny_targets",
        "denies every target that is allowed, so nothing could be asked for",
        _denies_target,
    ),
    (
        "allow_methods",
        "deny_methods",
        "denies every method that is allowed, so nothing could be asked",
        _denies_method,
    ),
    # Public addresses are left, whatever becomes of these.
    ("allow_networks", "deny_networks", "", _denies_network),
)
