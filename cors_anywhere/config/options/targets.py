"""The options of what may be asked for."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, mount, switch

OPTIONS: Final = (
    Option(
        "target",
        "target",
        "The one target: /x means URL/x, and every path is its own.",
        "URL",
    ),
    Option(
        "mount",
        "mounts",
        "Target that has the paths under a prefix: /api/x means URL/x. Other paths fetch nothing.",
        "/PREFIX=URL",
        mount,
        "many",
    ),
    Option(
        "open-proxy",
        "open_proxy",
        "Beside mounts, fetch any URL that a path names; without mounts it is so anyway.",
        read=switch,
        kind="flag",
    ),
    Option(
        "default-scheme",
        "default_scheme",
        "Scheme of a URL that has none: http (https on port 443), or https (http on port 80).",
        "SCHEME",
    ),
    Option(
        "allow-target",
        "allow_targets",
        "Target that may be asked for, and no other: host, *.host, with :port or without."
        " None means all.",
        "PATTERN",
        kind="many",
    ),
    Option(
        "deny-target",
        "deny_targets",
        "Target that may not be asked for.",
        "PATTERN",
        kind="many",
    ),
    Option(
        "allow-private",
        "allow_private",
        "Target that may be asked for although its name or address is not public; other"
        " targets stay as they are.",
        "PATTERN",
        kind="many",
    ),
    Option(
        "allow-network",
        "allow_networks",
        "Network to let through although it is not public.",
        "CIDR",
        kind="many",
    ),
    Option(
        "deny-network",
        "deny_networks",
        "Network to refuse although it is public.",
        "CIDR",
        kind="many",
    ),
    Option(
        "nat64",
        "nat64",
        "Let 64:ff9b::/96 through where the IPv4 address inside passes.",
        read=switch,
        kind="flag",
    ),
    Option(
        "allow-method",
        "allow_methods",
        "Method that a request may have, and no other. None means all.",
        "METHOD",
        kind="many",
    ),
    Option(
        "deny-method",
        "deny_methods",
        "Method that a request may not have.",
        "METHOD",
        kind="many",
    ),
    Option(
        "allow-content-type",
        "allow_content_types",
        "Content type that a reply may have, and no other, as image/* or application/json. None"
        " means all.",
        "TYPE",
        kind="many",
    ),
)
