"""The options of where the proxy listens."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, integer, switch

OPTIONS: Final = (
    Option(
        "host",
        "hosts",
        "Address to listen on; 0.0.0.0 is every IPv4 one, :: is every one.",
        "ADDRESS",
        kind="many",
        legacy=("HOST",),
    ),
    Option(
        "port",
        "port",
        "Port to listen on; 0 picks a free one.",
        "N",
        integer,
        legacy=("PORT",),
    ),
    Option(
        "unix",
        "unix",
        "Unix socket to listen on; TCP beside it only with --host or --port.",
        "PATH",
    ),
    Option("unix-mode", "unix_mode", "Permissions of that socket.", "OCTAL"),
    Option("base-path", "base_path", "Path under which the proxy is hosted.", "/PATH"),
    Option(
        "trusted-proxy",
        "trusted_proxies",
        "Network whose X-Forwarded-* is believed; unix for who comes over the Unix socket.",
        "CIDR",
        kind="many",
    ),
    Option(
        "trusted-hops",
        "trusted_hops",
        "Front servers on the way here, whatever their addresses: the client is so many from the"
        " right of X-Forwarded-For, or whoever connected where there are fewer.",
        "N",
        integer,
    ),
    Option(
        "dev",
        "dev",
        "For development: targets and pages on this machine are allowed, and every request"
        " is logged. It listens on loopback addresses only.",
        read=switch,
        kind="flag",
    ),
)
