"""The settings that have a grammar of their own, as the values that the rules work with.

Owns: which these are, and what `dev` adds to them.
Must not know: how one is read (grammars.py), or who works with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from cors_anywhere.config import dev
from cors_anywhere.config.mounting import mounts_of
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.messages import UNIX, Mount
from cors_anywhere.rules.addresses import Network
from cors_anywhere.rules.keys import Key
from cors_anywhere.rules.origins import OriginPattern
from cors_anywhere.rules.outbound import OutboundProxies
from cors_anywhere.rules.secrets import Secret
from cors_anywhere.rules.targets import TargetPattern


class Compiled(NamedTuple):
    """The settings that have a grammar of their own, each parsed once for the rules. What `dev`
    allows is among them."""

    allow_origins: tuple[OriginPattern, ...]
    deny_origins: tuple[OriginPattern, ...]
    api_keys: tuple[Key, ...]
    mounts: tuple[Mount, ...]  # that of `target` among them
    allow_targets: tuple[TargetPattern, ...]
    deny_targets: tuple[TargetPattern, ...]
    allow_private: tuple[TargetPattern, ...]
    allow_networks: tuple[Network, ...]
    deny_networks: tuple[Network, ...]
    trusted_proxies: tuple[Network, ...]
    allow_content_types: tuple[str, ...]
    trusted_unix: bool  # whether who comes over the Unix socket is a trusted proxy
    target_headers: tuple[Secret, ...]
    rate_limits: tuple[RateLimit, ...]
    byte_limits: tuple[RateLimit, ...]
    outbound_proxies: OutboundProxies
    access_log: Literal["text", "json"] | None


def compile_settings(read: Mapping[str, Any]) -> Compiled:
    """What the rules work with, of settings that were read without a mistake."""
    proxies = OutboundProxies(
        read["http_proxy"], read["https_proxy"], read.get("all_proxy"), read["no_proxy"]
    )
    named = {name: read[name] for name in Compiled._fields if name in read}
    named["trusted_proxies"] = tuple(peer for peer in read["trusted_proxies"] if peer != UNIX)
    named["trusted_unix"] = UNIX in read["trusted_proxies"]
    if named["access_log"] is None and read["dev"]:
        named["access_log"] = "text"
    elif named["access_log"] == "off":
        named["access_log"] = None
    named["mounts"] = tuple(mounts_of(read))
    if read["dev"]:
        named["allow_origins"] = named["allow_origins"] or dev.ORIGINS
        named["allow_private"] += dev.TARGETS
        named["allow_networks"] += dev.NETWORKS
    return Compiled(outbound_proxies=proxies, **named)
