"""The authority of a URL: scheme, host and port, judged before anything is looked up.

Owns: the WHATWG host rules, what is refused beyond them, and the hosts and ports that are forbidden
whatever their address. Must not know: where the authority stood, or who may ask for it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import ada_url
from publicsuffixlist import PublicSuffixList

from cors_anywhere.errors import InvalidHost, InvalidPort, InvalidTarget, NoTarget
from cors_anywhere.messages import DEFAULT_PORTS, Target

# 253 octets of name, each up to four octets of UTF-8 before it is mapped, and a port. It bounds the
# cache below: 2048 entries of a few kilobytes at worst.
_MAX_AUTHORITY = 1024
_CACHED_AUTHORITIES = 2048

# An unknown last label must not count as a public suffix: "favicon.ico" is no host.
_SUFFIXES = PublicSuffixList(accept_unknown=False)

_CONTROL = re.compile(r"[\x00-\x20\x7f]")
# WHATWG URL section 3.1, "forbidden domain code points": mapping makes them of full-width forms.
_FORBIDDEN = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED_QUAD = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")

# RFC 6761, RFC 6762, RFC 7686, RFC 8375, ICANN's .internal, and what Kubernetes resolves.
# fmt: off
_SPECIAL_NAMES = (
    ".localhost", ".local", ".internal", ".home.arpa", ".onion", ".svc", ".cluster.local",
)

# Fetch Standard, "port blocking": a page must not reach through us what its browser refuses.
_BAD_PORTS = frozenset((
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95,
    101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179,
    389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587,
    601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
    6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
))
# fmt: on


class Site(NamedTuple):
    """What a scheme and an authority determine of a target, in its order."""

    scheme: str
    host: str
    port: int
    authority: str


def host_rule(target: Target) -> str:
    """The rule that forbids this host or port whatever its address: its name, or "".

    "bad-port", "special-name" (never in the public DNS) or "single-label".
    """
    return _rule_of(target.host, target.port)


@lru_cache(_CACHED_AUTHORITIES)
def _rule_of(host: str, port: int) -> str:
    if port in _BAD_PORTS:
        return "bad-port"
    if is_address(host):
        return ""
    if f".{host}".endswith(_SPECIAL_NAMES):
        return "special-name"
    return "" if "." in host else "single-label"


def invalid(why: str) -> InvalidTarget:
    return InvalidTarget(f"The target URL is invalid: {why}.")


@lru_cache(_CACHED_AUTHORITIES)
def site_of(scheme: str, written: str) -> Site:
    """Judge an authority as it was written; with no scheme it must be a host beyond doubt.

    A failure is not cached, so strangers' rubbish does not push out the hosts in use.
    """
    text = _unicode(written)
    _check_written(text)
    name, port_text = split_port(text)
    port = port_number(port_text)
    host = map_host(name)
    if not scheme and not _is_known(host):
        raise InvalidHost(f"Invalid host: {host}")
    if port_text and port < 0:
        raise invalid("no port number follows its host's colon (IPv6 addresses need brackets)")
    check_host(host)
    scheme = scheme.lower() or ("https" if port == 443 else "http")
    authority = f"{host}:{port_text}" if port_text else host
    port = port if port_text else DEFAULT_PORTS[scheme]
    return Site(scheme, host.strip("[]").removesuffix("."), port, authority)


def _unicode(written: str) -> str:
    if len(written) > _MAX_AUTHORITY:
        raise invalid("its host is too long")
    if written.isascii():
        return written
    try:
        return written.encode("latin-1").decode()
    except UnicodeError as error:
        raise invalid("its host is not UTF-8") from error


def _check_written(text: str) -> None:
    """Refuse what WHATWG parsing would drop, decode or reinterpret without a word."""
    if "@" in text:
        raise invalid(
            "it holds a user name or password (user:password@host); "
            "send an Authorization header instead"
        )
    if "\\" in text:
        raise invalid("there is a backslash in its host")
    if "%" in text:
        raise invalid(
            "there is a % in its host; write an international name in its ASCII form (xn--), "
            "and an IPv6 address without a zone"
        )
    if _CONTROL.search(text):
        raise invalid("there is a space or control character in its host")


def split_port(text: str) -> tuple[str, str]:
    """The host, an IPv6 literal in its brackets, and the digits (or not) after its colon."""
    if not text.startswith("["):
        name, _, port = text.partition(":")
    else:
        inside, bracket, after = text.partition("]")
        if not bracket or after[:1] not in ("", ":"):
            raise invalid("its brackets hold no IPv6 address")
        name, port = inside + bracket, after[1:]
    if not name:
        raise NoTarget
    return name, port


def port_number(digits: str) -> int:
    """The port, or -1 for text that is none; the text may be of any length."""
    if not (digits.isascii() and digits.isdigit()):
        return -1
    significant = digits.lstrip("0") or "0"
    if len(significant) > 5 or int(significant) > 65535:
        raise InvalidPort(f"Port number too large: {digits}")
    return int(significant)


def map_host(name: str) -> str:
    """The host in lower-case ASCII, not yet judged: names by UTS 46, IPv6 canonical."""
    try:
        if name.startswith("["):
            return ada_url.URL(f"http://{name}/").hostname
        if name.isascii():
            return name.lower()
        mapped = ada_url.idna_to_ascii(name).decode("ascii")
    except ValueError as error:
        raise invalid("its host cannot be parsed") from error
    if not mapped or _FORBIDDEN.search(mapped):
        raise invalid("its host is no domain name")
    return mapped


def _is_known(host: str) -> bool:
    """Whether text without a scheme is surely meant as a host."""
    name = host.removesuffix(".")
    if name == "localhost" or is_address(host):
        return True
    return "." in name and _SUFFIXES.publicsuffix(name) is not None


def is_address(host: str) -> bool:
    """Whether a mapped host is an IPv6 literal or a canonical dotted quad."""
    return ":" in host or _DOTTED_QUAD.fullmatch(host) is not None


def check_host(host: str) -> None:
    """Refuse a mapped host that some resolver or parser might read in another way."""
    if is_address(host):
        return
    name = host.removesuffix(".")
    labels = name.split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        raise invalid("an IPv4 address is four decimal numbers without leading zeros")
    if "" in labels:
        raise invalid("there is an empty label in its host")
    if len(name) > 253 or max(map(len, labels)) > 63:  # RFC 1035 section 2.3.4
        raise invalid("its host is too long")
    if not (_is_stable(host) and all(map(_is_label, labels))):
        raise invalid("its host is no domain name")


def _is_stable(host: str) -> bool:
    """Whether WHATWG parsing leaves a mapped host as it is, neither cut nor decoded."""
    try:
        return ada_url.URL(f"http://{host}/").hostname == host
    except ValueError:
        return False


def _is_label(label: str) -> bool:
    """Whether an "xn--" label is what its own decoding maps to (UTS 46 section 4.1).

    ada_url takes such labels unread when the whole host is ASCII.
    """
    if not label.startswith("xn--"):
        return True
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        return ada_url.idna_to_ascii(decoded) == label.encode("ascii")
    except ValueError:
        return False
