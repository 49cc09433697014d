"""What the operator reads when the proxy begins to listen.

Owns: the lines that name URL, who is allowed and what is refused, and the proxies on the way out;
and the warnings.
Must not know: how to print, or how these choices are carried out.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address

from cors_anywhere.config.settings import Settings
from cors_anywhere.messages import DEFAULT_PORTS, Target
from cors_anywhere.tokens import bracketed


def listening_urls(settings: Settings, sockets: Sequence[socket.socket]) -> list[str]:
    """The URL of each socket, with the port that was really taken."""
    scheme = "https" if settings.tls_cert else "http"
    urls = []
    for opened in sockets:
        if opened.family == socket.AF_UNIX:
            urls.append(f"unix:{opened.getsockname()}")
            continue
        address, port = opened.getsockname()[:2]
        urls.append(f"{scheme}://{bracketed(address)}:{port}{settings.base_path}/")
    return urls


def listening_line(settings: Settings, urls: Sequence[str]) -> str:
    """The one line printed when the proxy listens: where, for whom, and what it refuses."""
    where = " and ".join(urls)
    who = _admitted(settings) + _mounted(settings)
    return f"Listening on {where} for {who}; refused: {_refused(settings)}"


def proxy_lines(settings: Settings, source: Callable[[str], str]) -> Iterator[str]:
    """One line for each scheme whose requests leave through the operator's own proxy: the variable
    may have been meant for other programs. `source` names where a setting came from."""
    for scheme, port in DEFAULT_PORTS.items():
        # A host that no exclusion names but the one for all.
        anywhere = Target(scheme, "invalid", port, "invalid", "/")
        proxy = settings.compiled.outbound_proxies.choose(anywhere)
        if proxy is not None:
            host = bracketed(proxy.host)
            setting = f"{scheme}_proxy" if getattr(settings, f"{scheme}_proxy") else "all_proxy"
            but = f", but for those in {source('no_proxy')}" if settings.no_proxy else ""
            yield (
                f"Requests to {scheme} targets leave through the proxy {host}:{proxy.port}, as"
                f" {source(setting)} says{but}"
            )


def _admitted(settings: Settings) -> str:
    admitted = list(settings.allow_origins)
    if settings.dev and not admitted:
        admitted = ["pages of this machine"]
    if count := len(settings.api_keys):
        admitted.append(f"the holders of {count} key{'s' if count > 1 else ''}")
    who = _few(admitted) or "every origin"
    if settings.deny_origins:
        who += f" except {_few(settings.deny_origins)}"
    if settings.rate_limits:
        who += f" (rate limit {_few(settings.rate_limits)})"
    return who


def _mounted(settings: Settings) -> str:
    mounts = settings.compiled.mounts
    said = [f"{mount.prefix or 'every path'} is {mount.target.url}" for mount in mounts]
    return f", where {_few(said)}" if said else ""


def _refused(settings: Settings) -> str:
    refused = "targets that are not public"
    if settings.compiled.mounts and not settings.open_proxy:
        refused = f"every other URL, {refused}" if not settings.target else refused
    allowed = (*settings.allow_private, *settings.allow_networks)
    if settings.dev:
        allowed = ("this machine", *allowed)
    if allowed:
        refused += f" (but for {_few(allowed)})"
    if settings.deny_networks or settings.deny_targets:
        refused += f", {_few((*settings.deny_targets, *settings.deny_networks))}"
    if settings.allow_targets:
        refused += f", targets other than {_few(settings.allow_targets)}"
    if settings.require_headers:
        refused += f", requests without {' or '.join(settings.require_headers)}"
    return refused


def _few(items: Sequence[str], most: int = 5) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def warnings(
    settings: Settings, sockets: Sequence[socket.socket], insecure_by: str = "--insecure-targets"
) -> Iterator[str]:
    """What is allowed, and yet worth a second thought.

    `insecure_by` is the option or variable that turned the verification of targets off.
    """
    closed = settings.compiled.allow_origins or settings.api_keys or settings.rate_limits
    if not closed and beyond_loopback(sockets):
        yield (
            "open to everyone: it listens beyond this machine with neither allowed origins nor a"
            " rate limit. Give --allow-origin or --rate-limit, or --host 127.0.0.1"
        )
    local = [mount for mount in settings.compiled.mounts if mount.private]
    if local and not (settings.compiled.allow_origins or settings.api_keys):
        yield (
            f"any page in a browser that reaches this proxy can read {local[0].target.url} through"
            f" {local[0].prefix or '/'}, whatever its network is. Give --allow-origin"
        )
    if settings.insecure_targets:
        yield (
            f"{insecure_by}: the certificates of targets are not verified, anyone on the way can"
            " answer for them"
        )


def beyond_loopback(sockets: Sequence[socket.socket]) -> bool:
    """Whether any of them can be reached from another machine; Unix sockets cannot."""
    names = [opened.getsockname() for opened in sockets if opened.family != socket.AF_UNIX]
    addresses = (name[0].partition("%")[0] for name in names)
    return not all(ip_address(address).is_loopback for address in addresses)
