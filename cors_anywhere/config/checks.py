"""Single settings, read: each parser returns the value that is worked with, or raises ValueError
with the mistake and its fix.

Owns: what a valid value of each setting is, in two tables: of settings, and of lists' items.
Must not know: how settings belong together (settings.py), or where a value came from (given.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any, Final

from cors_anywhere.config.suffixes import is_public_suffix
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.rules.addresses import Network
from cors_anywhere.rules.headers import check_name, check_settable
from cors_anywhere.rules.origins import OriginPattern
from cors_anywhere.rules.outbound import OutboundProxy, parse_proxy
from cors_anywhere.rules.targets import TargetPattern
from cors_anywhere.tokens import is_token

Check = Callable[[Any], Any]
"""From a setting as it was given to the value that the rules and the wire work with."""

_BASE_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(?:[ -~]*)", re.ASCII)

_WEEK: Final = 7 * 86400.0


def read_list(check: Check, values: object, mistakes: list[str]) -> tuple[Any, ...]:
    """The items of a list, read; the texts of those that cannot be go to `mistakes`."""
    if not isinstance(values, tuple | list):
        mistakes.append(f"{values!r} is not a tuple: write ({values!r},)")
        return ()
    return tuple(item for value in values for item in _read(check, value, mistakes))


def _read(check: Check, value: object, mistakes: list[str]) -> Iterator[Any]:
    try:
        yield check(value)
    except ValueError as error:
        mistakes.append(str(error))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither True nor False")
    return value


def _integer(low: int, high: int) -> Check:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{value!r} is not a whole number")
        if not low <= value <= high:
            raise ValueError(f"{value} is out of range: give {low} to {high}")
        return value

    return check


def _seconds(low: float) -> Check:
    def check(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{value!r} is not a number of seconds")
        if not low <= value <= _WEEK:  # false for NaN too
            raise ValueError(f"{value:g} is out of range: give {low:g} to {_WEEK:.0f} seconds")
        return value

    return check


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _host(value: object) -> str:
    text = _text(value)
    if text.startswith("[") and text.endswith("]"):
        raise ValueError(f'"{text}" has brackets: write "{text[1:-1]}"')
    if not text or not re.fullmatch(r"[A-Za-z0-9._:%-]+", text):
        raise ValueError(
            f'"{text}" is no address to listen on: give an IP address or a host name alone,'
            " as in 127.0.0.1, or 0.0.0.0 or :: for all"
        )
    if re.fullmatch(r"[^:]+:[0-9]+", text):
        raise ValueError(f'"{text}" has a port: give the host alone, and the port by itself')
    return text


def _scheme(value: object) -> str:
    if (text := _text(value)) not in ("http", "https"):
        raise ValueError(f'"{text}" is no scheme of targets: write http or https')
    return text


def _base_path(value: object) -> str:
    text = _text(value)
    if _BASE_PATH.fullmatch(text):
        return text
    fixed = "/" + text.strip("/")
    fix = f'write "{fixed}"' if _BASE_PATH.fullmatch(fixed) else 'write one like "/proxy"'
    if fixed == "/":
        fix = "leave it out when the proxy is not under a sub-path"
    raise ValueError(f'"{text}" is no base path (a slash at the beginning, none at the end): {fix}')


def _network(value: object) -> Network:
    text = _text(value)
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


def _token(value: object) -> str:
    text = _text(value)
    if not is_token(text):
        raise ValueError(f'"{text}" is no header name: letters, digits and hyphens only')
    return text


def _field_name(value: object) -> str:
    return check_name(_text(value))


def _field(value: object) -> tuple[str, str]:
    """A header to set. Its value is never repeated: it may be a secret."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError("a header to set is a pair of a name and a value")
    name, text = value
    return check_settable(_text(name), _text(text))


def _media_type(value: object) -> str:
    text = _text(value)
    if not _MEDIA_TYPE.fullmatch(text):
        raise ValueError(f"{value!r} is no media type: write one like text/html")
    return text


def _rate(value: object) -> RateLimit:
    return RateLimit.parse(_text(value))


def proxy(value: object) -> OutboundProxy | None:
    """The operator's own HTTP proxy; empty text is none."""
    text = _text(value)
    return parse_proxy(text) if text else None


def _allowed_origin(text: str) -> OriginPattern:
    pattern = OriginPattern.parse(text)
    if pattern.subdomains and is_public_suffix(pattern.host.removesuffix(".")):
        raise ValueError(_anybodys(text, pattern.host))
    return pattern


def _private_target(text: str) -> TargetPattern:
    pattern = TargetPattern.parse(text)
    if pattern.wildcard and is_public_suffix(pattern.host):
        raise ValueError(_anybodys(text, pattern.host))
    return pattern


def _anybodys(text: str, suffix: str) -> str:
    return (
        f'"{text}" restricts nothing: anybody can have a name under {suffix} (it is in the public'
        " suffix list); name what is yours, as in *.example." + suffix
    )


def _quoting(parse: Callable[[str], object]) -> Check:
    """A check of one pattern in a list, whose texts say which one they are about."""

    def check(value: object) -> object:
        text = _text(value)
        if "," in text:
            raise ValueError(f'"{text}" has a comma: give each pattern by itself')
        try:
            return parse(text)
        except ValueError as error:
            said = str(error)
            raise ValueError(said if text and text in said else f'"{text}": {said}') from error

    return check


CHECKS: Final[dict[str, Check]] = {
    "port": _integer(0, 65535),
    "base_path": _base_path,
    "tls_cert": _optional(_text),
    "tls_key": _optional(_text),
    "dev": _flag,
    "rate_limit": _optional(_rate),
    "redirect_same_origin": _flag,
    "cors_max_age": _integer(0, 2**31 - 1),
    "help_text": _optional(_text),
    "help_type": _media_type,
    "default_scheme": _scheme,
    "nat64": _flag,
    "insecure_targets": _flag,
    "ca_file": _optional(_text),
    "forwarded_headers": _flag,
    "max_redirects": _integer(0, 20),  # 20 is where browsers give up (Fetch, HTTP-redirect fetch)
    "replay_bytes": _integer(0, 2**26),  # held in memory for each request
    "connect_timeout": _seconds(0.01),
    "head_timeout": _seconds(0.01),
    "idle_timeout": _seconds(0.01),
    "tunnel_timeout": _seconds(0.01),
    "client_header_timeout": _seconds(0.01),
    "client_idle_timeout": _seconds(0.01),
    "client_stall_timeout": _seconds(0.01),
    "drain_timeout": _seconds(0),
    "max_header_bytes": _integer(1024, 2**20),  # a browser's own head is near 1 KB
    "max_headers": _integer(16, 10_000),
    "max_url_bytes": _integer(256, 2**20),
    "max_body_bytes": _optional(_integer(0, 2**63 - 1)),
    "max_response_bytes": _optional(_integer(0, 2**63 - 1)),
    "max_connections": _optional(_integer(1, 10**6)),
    "max_connections_per_client": _optional(_integer(1, 10**6)),
    "http_proxy": _optional(proxy),
    "https_proxy": _optional(proxy),
    "no_proxy": _text,
}

LIST_CHECKS: Final[dict[str, Check]] = {
    "hosts": _host,
    "trusted_proxies": _network,
    "allow_origins": _quoting(_allowed_origin),
    "deny_origins": _quoting(OriginPattern.parse),
    "require_headers": _token,
    "allow_targets": _quoting(TargetPattern.parse),
    "deny_targets": _quoting(TargetPattern.parse),
    "allow_private": _quoting(_private_target),
    "allow_networks": _network,
    "deny_networks": _network,
    "remove_headers": _field_name,
    "set_headers": _field,
}
