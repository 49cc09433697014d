"""Single settings with a grammar of the rules': origins, targets, networks, rates, proxies.

Owns: which of what the rules can read an operator may say, and the sentence for what he may not.
Must not know: the grammars themselves (rules/, limits/), or which setting is checked by what
(fields/).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

from cors_anywhere.config.checks import Check, string
from cors_anywhere.config.suffixes import is_public_suffix
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.limits.stores import check_store
from cors_anywhere.messages import UNIX, Mount
from cors_anywhere.rules.addresses import Network
from cors_anywhere.rules.keys import Key
from cors_anywhere.rules.mounts import parse_mount, parse_target
from cors_anywhere.rules.origins import OriginPattern
from cors_anywhere.rules.outbound import OutboundProxy, parse_proxy
from cors_anywhere.rules.targets import TargetPattern


def network(value: object) -> Network:
    text = string(value)
    try:
        loose = ip_network(text, strict=False)
    except ValueError:
        loose = None
    if loose is None or "%" in text:
        raise ValueError(f'"{text}" is no network: write an address/prefix, as in 10.0.0.0/8')
    address = text.partition("/")[0]
    if ip_network(address).network_address != loose.network_address:
        alone = ip_network(address)
        raise ValueError(
            f'"{text}" has bits set beyond its prefix: write {loose} for the network,'
            f" {alone} for the address"
        )
    return loose


def trusted_peer(value: object) -> Network | str:
    """A network of front servers, or those that come over the Unix socket."""
    return UNIX if value == UNIX else network(value)


def rate(value: object) -> RateLimit:
    return RateLimit.parse(string(value))


def byte_rate(value: object) -> RateLimit:
    return RateLimit.parse_octets(string(value))


def store(value: object) -> str:
    return check_store(string(value))


def proxy(value: object) -> OutboundProxy | None:
    """The operator's own HTTP proxy; empty text is none."""
    text = string(value)
    return parse_proxy(text) if text else None


def allowed_origin(text: str) -> OriginPattern:
    pattern = OriginPattern.parse(text)
    if pattern.subdomains and is_public_suffix(pattern.host.removesuffix(".")):
        raise ValueError(_anybodys(text, pattern.host))
    return pattern


def private_target(text: str) -> TargetPattern:
    pattern = TargetPattern.parse(text)
    if pattern.wildcard and is_public_suffix(pattern.host):
        raise ValueError(_anybodys(text, pattern.host))
    return pattern


def target(value: object) -> Mount:
    """The one target that has every path."""
    return parse_target(string(value))


def mount(value: object) -> Mount:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError("a mount is a pair of a prefix and a URL")
    prefix, url = value
    return parse_mount(string(prefix), string(url))


def api_key(value: object) -> Key:
    """A key and its holder. It is never repeated."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError("a key is a pair of its holder's name and the key")
    name, key = value
    return Key.parse(string(name), string(key))


def _anybodys(text: str, suffix: str) -> str:
    return (
        f'"{text}" restricts nothing: anybody can have a name under {suffix} (it is in the public'
        " suffix list); name what is yours, as in *.example." + suffix
    )


def quoting(parse: Callable[[str], object]) -> Check:
    """A check of one pattern in a list, whose texts say which one they are about."""

    def check(value: object) -> object:
        text = string(value)
        if "," in text:
            raise ValueError(f'"{text}" has a comma: give each pattern by itself')
        try:
            return parse(text)
        except ValueError as error:
            said = str(error)
            raise ValueError(said if text and text in said else f'"{text}": {said}') from error

    return check
