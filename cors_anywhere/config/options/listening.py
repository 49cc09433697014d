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
    Option("base-path", "base_path", "Path under which the proxy is hosted.", "/PATH"),
    Option(
        "trusted-proxy",
        "trusted_proxies",
        "Network whose X-Forwarded-* is believed.",
        "CIDR",
        kind="many",
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
