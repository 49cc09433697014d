"""The authority of a URL: scheme, host and port, read before anything is looked up.

Owns: the WHATWG host rules, and what is refused beyond them. Must not know: where the authority
stood, who may ask for it, or which hosts are forbidden.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import ada_url

from cors_anywhere.errors import InvalidPort, InvalidTarget, NoTarget
from cors_anywhere.messages import DEFAULT_PORTS
from cors_anywhere.tokens import split_port

# 253 octets of name, each up to four octets of UTF-8 before it is mapped, and a port. It bounds the
# cache below: 2048 entries of a few kilobytes at worst. Percent-encoded names that map to more than
# 85 letters outside ASCII are beyond it; none is registered.
_MAX_AUTHORITY = 1024
_MAX_NAME = 253  # RFC 1035 section 2.3.4, without the final dot
# Mapping may compose two characters to one, and Punycode's cost is the square of a label's length.
_MAX_WRITTEN_LABEL = 126
_CACHED_AUTHORITIES = 2048

_CONTROL = re.compile(r"[\x00-\x20\x7f]")
# WHATWG URL section 3.1, "forbidden domain code points": mapping makes them of full-width forms.
_FORBIDDEN = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # UTS 46 maps all of them to the first
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED_QUAD = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
# Octets outside ASCII only, as every browser encodes an international name. An encoded ASCII
# character has no use but to be read in two ways.
_ENCODED_LETTERS = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")


class Site(NamedTuple):
    """What a scheme and an authority determine of a target, in its order."""

    scheme: str
    host: str
    port: int
    authority: str


class Written(NamedTuple):
    """An authority whose host is mapped and not yet judged."""

    host: str  # lower-case ASCII; an IPv6 literal in its brackets
    digits: str  # of the port; "" for none
    port: int | None  # None for text that is no port, or none


_BASIC = (
    "Send them in a header instead: Authorization: Basic, then user:password in Base64. In a page:"
    " fetch(url, {headers: {Authorization: 'Basic ' + btoa('user:password')}})."
)


def invalid(why: str, hint: str = "") -> InvalidTarget:
    return InvalidTarget(f"The target URL is invalid: {why}.", hint=hint)


@lru_cache(_CACHED_AUTHORITIES)
def site_of(scheme: str, written: str) -> Site:
    """Judge an authority as it was written, under a scheme in lower case.

    A failure is not cached, so strangers' rubbish does not push out the hosts in use.
    """
    host, digits, port = read_authority(written)
    if digits and port is None:
        raise invalid("no port number follows its host's colon (IPv6 addresses need brackets)")
    check_host(host)
    authority = f"{host}:{digits}" if digits else host
    effective = DEFAULT_PORTS[scheme] if port is None else port
    return Site(scheme, host.strip("[]").removesuffix("."), effective, authority)


def read_authority(written: str) -> Written:
    """Read an authority as it was written. Raises InvalidTarget, InvalidPort, or NoTarget where
    there is no host."""
    text = _unicode(written)
    _check_written(text)
    try:
        name, port = split_port(text)
    except ValueError as error:
        raise invalid("its brackets hold no IPv6 address") from error
    if not name:
        raise NoTarget
    digits = port or ""
    return Written(map_host(name), digits, port_number(digits))


def _unicode(written: str) -> str:
    if len(written) > _MAX_AUTHORITY:
        raise invalid("its host is too long")
    if "%" in written:
        written = _ENCODED_LETTERS.sub(
            lambda match: bytes.fromhex(match[0].replace("%", "")).decode("latin-1"), written
        )
    if written.isascii():
        return written
    try:
        return written.encode("latin-1").decode()
    except UnicodeError as error:
        raise invalid("its host is not UTF-8") from error


def _check_written(text: str) -> None:
    """Refuse what WHATWG parsing would drop, decode or reinterpret without a word."""
    if "@" in text:
        raise invalid("it holds a user name or password (user:password@host)", _BASIC)
    if "\\" in text:
        raise invalid("there is a backslash in its host")
    if "%" in text:
        raise invalid(
            "there is a % in its host; write ASCII characters unencoded, and an IPv6 address"
            " without a zone"
        )
    if _CONTROL.search(text):
        raise invalid("there is a space or control character in its host")


def port_number(digits: str) -> int | None:
    """The port; None for text that is none. The text may be of any length."""
    if not (digits.isascii() and digits.isdigit()):
        return None
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
        if max(map(len, _DOTS.split(name))) > _MAX_WRITTEN_LABEL:
            raise invalid("its host is too long")
        mapped = ada_url.idna_to_ascii(name).decode("ascii")
    except ValueError as error:
        raise invalid("its host cannot be parsed") from error
    if not mapped or _FORBIDDEN.search(mapped):
        raise invalid("its host is no domain name")
    return mapped


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
    if len(name) > _MAX_NAME or max(map(len, labels)) > 63:
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
