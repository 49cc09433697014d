"""The options of sizes, in octets, and counts."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, integer

_SIZES: Final = tuple(
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
        (
            "max-requests-per-target",
            "Requests under way at once to one target, a host and port.",
            "no limit",
        ),
    )
)

OPTIONS: Final = (
    *_SIZES,
    Option(
        "store",
        "store",
        "Where --rate-limit and --byte-limit count: memory, shared (by all workers), or a Redis"
        " (by all machines): redis://host:6379/0.",
        "STORE",
        unset="memory; shared with several workers",
    ),
)
