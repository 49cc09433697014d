"""The options of sizes, in octets, and counts."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, integer

OPTIONS: Final = tuple(
    Option(name, name.replace("-", "_"), said, "N", integer, unset=unset)
    for name, said, unset in (
        ("max-header-bytes", "Header block of a request, and of a target's reply.", ""),
        ("max-headers", "Fields of a request, and of a target's reply.", ""),
        ("max-url-bytes", "URL of a request.", ""),
        ("max-body-bytes", "Body of a request.", "no limit"),
        ("max-response-bytes", "Body of a reply.", "no limit"),
        ("max-get-bytes", "Body of a reply that /get?url=… hands over as JSON.", ""),
        ("max-connections", "Clients' connections at once.", "what the file descriptors allow"),
        (
            "max-connections-per-client",
            "Connections at once of one client: an IPv4 address or an IPv6 /64.",
            "a quarter of --max-connections, at least 8",
        ),
    )
)
