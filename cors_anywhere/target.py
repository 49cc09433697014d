"""The text after the proxy's first slash, turned into a target or into a named rejection.

Owns: the URL forms the proxy understands, the rules for hosts that need no look-up, redirect
locations, and the patterns with which an operator names targets.
Must not know: who asks, what is configured, or what address a name has.

Text is ISO-8859-1: one character per octet received. A host is re-read as UTF-8 before it is
mapped (WHATWG URL section 3.5, UTS 46); a path and query are never touched.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, Self

import ada_url
from publicsuffixlist import PublicSuffixList

from cors_anywhere.errors import (
    InvalidHost,
    InvalidPort,
    InvalidTarget,
    MissingSlash,
    NoTarget,
    ProxyError,
)

_DEFAULT_PORTS = {"http": 80, "https": 443}

# 253 octets of name, each up to four octets of UTF-8 before it is mapped, and a port. It bounds the
# cache below: 2048 entries of a few kilobytes at worst.
_MAX_AUTHORITY = 1024
_CACHED_AUTHORITIES = 2048

# An unknown last label must not count as a public suffix: "favicon.ico" is no host.
_SUFFIXES = PublicSuffixList(accept_unknown=False)

# ASCII only: U+017F would match an "s" without case otherwise.
_I = re.ASCII | re.IGNORECASE

_ABSOLUTE = re.compile(r"/(https?)://([^/?#]+)", _I)
_SCHEMELESS = re.compile(r"/(?://)?([^/?#]+)")
_ONE_SLASH = re.compile(r"/(https?):/(?=[^/])([^/?#]*)", _I)
_SCHEME_ONLY = re.compile(r"/https?:", _I)
# Whatever encoded the colon or a slash of the scheme encoded the whole URL.
_ENCODED = re.compile(r"/(?=[^/]{4,5}(?:%3A|:/?%2F))https?(?:%3A|:)(?:%2F|/)", _I)
_URL_PARAMETER = "/?url="
_WRITTEN_URL = re.compile(r"https?:/", _I)
# The authority of a redirect's location; a backslash is a slash there (WHATWG URL section 4.4).
_LOCATION = re.compile(r"(?:(https?):)?([/\\]*)([^/?#]*)", _I)

_UNSENDABLE = re.compile(r"[^\x21-\x7e\x80-\xff]")
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]+")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
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


class Target(NamedTuple):
    """One URL that may be asked for, in the parts that its users need."""

    scheme: str  # "http" or "https"
    host: str  # lower-case ASCII name without a final dot, or an IP literal without brackets
    port: int  # the effective one
    authority: str  # as in Host: a final dot and a written port are kept, IPv6 is bracketed
    path: str  # path and query, octet for octet; begins with "/"

    @property
    def url(self) -> str:
        """The absolute URL, without fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def origin(self) -> str:
        """The origin as a browser serialises it: a default port is left out (RFC 6454 6.2)."""
        if ":" not in self.authority:
            return f"{self.scheme}://{self.authority}"
        return _origin(self.scheme, self.authority, self.port)


class _Site(NamedTuple):
    """What a scheme and an authority determine of a target, in its order."""

    scheme: str
    host: str
    port: int
    authority: str


def parse_path(path: str) -> Target:
    """The target that a request target names, first slash included.

    Raises NoTarget (the help page), InvalidHost, InvalidPort, MissingSlash or InvalidTarget.
    """
    if not (path.isascii() and path.isprintable()) or " " in path:
        _refuse_unsendable(path)
    match = _ABSOLUTE.match(path)
    if match is None:
        return _parse_unusual(path)
    scheme, written = match.groups()
    return Target(*_site(scheme, written), _rest(path, match.end()))


def resolve_location(base: Target, location: str) -> Target | None:
    """The target of a redirect's Location field value (WHATWG URL, base is what redirected).

    None when it names nothing this proxy fetches: no http(s) URL, or one that parse_path would
    refuse with 400. It never raises: the value comes from a stranger.
    """
    try:
        return _resolve(base, location)
    except (ProxyError, ValueError):  # ada_url and the codecs raise ValueError
        return None


def host_rule(target: Target) -> str:
    """The rule that forbids this host or port whatever its address: its name, or "".

    "bad-port", "special-name" (never in the public DNS) or "single-label".
    """
    return _host_rule(target.host, target.port)


@lru_cache(_CACHED_AUTHORITIES)
def _host_rule(host: str, port: int) -> str:
    if port in _BAD_PORTS:
        return "bad-port"
    if _is_address(host):
        return ""
    if f".{host}".endswith(_SPECIAL_NAMES):
        return "special-name"
    return "" if "." in host else "single-label"


def _invalid(why: str) -> InvalidTarget:
    return InvalidTarget(f"The target URL is invalid: {why}.")


# --- URL forms --------------------------------------------------------------------------------


def _refuse_unsendable(path: str) -> None:
    if _UNSENDABLE.search(path):
        raise _invalid("it holds a space or control character; percent-encode it")


def _parse_unusual(path: str) -> Target:
    """Every form but "/http://host…"."""
    if _ENCODED.match(path):
        # A query added after the encoded URL was not encoded with it.
        encoded, mark, query = path.partition("?")
        return _parse_decoded(_decode(encoded) + mark + query)
    if path.startswith(_URL_PARAMETER):
        return _parse_decoded("/" + _url_parameter(path[len(_URL_PARAMETER) :]))
    if _SCHEME_ONLY.match(path):
        return _parse_one_slash(path)
    match = _SCHEMELESS.match(path)
    if match is None:
        raise NoTarget
    return Target(*_site("", match[1]), _rest(path, match.end()))


def _url_parameter(value: str) -> str:
    # Pages that forget encodeURIComponent mean all that follows; nothing is decoded for them.
    if _WRITTEN_URL.match(value):
        return value
    return _decode(value.partition("&")[0])


def _decode(text: str) -> str:
    """Percent-decode, a run at a time: the text may be kilobytes of nothing but escapes."""
    return _ESCAPES.sub(
        lambda match: bytes.fromhex(match[0].replace("%", "")).decode("latin-1"), text
    )


def _parse_decoded(path: str) -> Target:
    """A URL that stood encoded in the path. Decoding may have set free octets unfit for a wire."""
    match = _ABSOLUTE.match(path)
    if match is None:
        target = _parse_one_slash(path)
    else:
        target = Target(*_site(match[1], match[2]), _rest(path, match.end()))
    return target._replace(path=_escape(target.path))


def _parse_one_slash(path: str) -> Target:
    """Undo a front server's merging of slashes where the host leaves no doubt."""
    match = _ONE_SLASH.match(path)
    if match is None:
        raise NoTarget
    scheme, written = match.groups()
    try:
        _site("", written)  # as strict as for a URL that never had a scheme
        site = _site(scheme, written)
    except ProxyError as error:
        raise MissingSlash from error
    return Target(*site, _rest(path, match.end()))


def _rest(path: str, start: int) -> str:
    rest = path[start:]
    if "#" in rest:
        rest = rest[: rest.index("#")]
    return rest if rest[:1] == "/" else "/" + rest


def _escape(text: str) -> str:
    """Percent-encode every octet that is no visible ASCII character."""
    return _UNPRINTABLE.sub(lambda match: "%" + match[0].encode("latin-1").hex("%").upper(), text)


# --- authority --------------------------------------------------------------------------------


@lru_cache(_CACHED_AUTHORITIES)
def _site(scheme: str, written: str) -> _Site:
    """Judge an authority as it was written; with no scheme it must be a host beyond doubt.

    A failure is not cached, so strangers' rubbish does not push out the hosts in use.
    """
    text = _unicode(written)
    _check_written(text)
    name, port_text = _split_port(text)
    port = _port_number(port_text)
    host = _map_host(name)
    if not scheme and not _is_known(host):
        raise InvalidHost(f"Invalid host: {host}")
    if port_text and port < 0:
        raise _invalid("no port number follows its host's colon (IPv6 addresses need brackets)")
    _check_host(host)
    scheme = scheme.lower() or ("https" if port == 443 else "http")
    authority = f"{host}:{port_text}" if port_text else host
    port = port if port_text else _DEFAULT_PORTS[scheme]
    return _Site(scheme, host.strip("[]").removesuffix("."), port, authority)


def _unicode(written: str) -> str:
    if len(written) > _MAX_AUTHORITY:
        raise _invalid("its host is too long")
    if written.isascii():
        return written
    try:
        return written.encode("latin-1").decode()
    except UnicodeError as error:
        raise _invalid("its host is not UTF-8") from error


def _check_written(text: str) -> None:
    """Refuse what WHATWG parsing would drop, decode or reinterpret without a word."""
    if "@" in text:
        raise _invalid(
            "it holds a user name or password (user:password@host); "
            "send an Authorization header instead"
        )
    if "\\" in text:
        raise _invalid("there is a backslash in its host")
    if "%" in text:
        raise _invalid(
            "there is a % in its host; write an international name in its ASCII form (xn--), "
            "and an IPv6 address without a zone"
        )
    if _CONTROL.search(text):
        raise _invalid("there is a space or control character in its host")


def _split_port(text: str) -> tuple[str, str]:
    """The host, an IPv6 literal in its brackets, and the digits (or not) after its colon."""
    if not text.startswith("["):
        name, _, port = text.partition(":")
    else:
        inside, bracket, after = text.partition("]")
        if not bracket or after[:1] not in ("", ":"):
            raise _invalid("its brackets hold no IPv6 address")
        name, port = inside + bracket, after[1:]
    if not name:
        raise NoTarget
    return name, port


def _port_number(digits: str) -> int:
    """The port, or -1 for text that is none; the text may be of any length."""
    if not (digits.isascii() and digits.isdigit()):
        return -1
    significant = digits.lstrip("0") or "0"
    if len(significant) > 5 or int(significant) > 65535:
        raise InvalidPort(f"Port number too large: {digits}")
    return int(significant)


def _map_host(name: str) -> str:
    """The host in lower-case ASCII, not yet judged: names by UTS 46, IPv6 canonical."""
    try:
        if name.startswith("["):
            return ada_url.URL(f"http://{name}/").hostname
        if name.isascii():
            return name.lower()
        mapped = ada_url.idna_to_ascii(name).decode("ascii")
    except ValueError as error:
        raise _invalid("its host cannot be parsed") from error
    if not mapped or _FORBIDDEN.search(mapped):
        raise _invalid("its host is no domain name")
    return mapped


def _is_known(host: str) -> bool:
    """Whether text without a scheme is surely meant as a host."""
    name = host.removesuffix(".")
    if name == "localhost" or _is_address(host):
        return True
    return "." in name and _SUFFIXES.publicsuffix(name) is not None


def _is_address(host: str) -> bool:
    """Whether a mapped host is an IPv6 literal or a canonical dotted quad."""
    return ":" in host or _DOTTED_QUAD.fullmatch(host) is not None


def _check_host(host: str) -> None:
    """Refuse a mapped host that some resolver or parser might read in another way."""
    if _is_address(host):
        return
    name = host.removesuffix(".")
    labels = name.split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        raise _invalid("an IPv4 address is four decimal numbers without leading zeros")
    if "" in labels:
        raise _invalid("there is an empty label in its host")
    if len(name) > 253 or max(map(len, labels)) > 63:  # RFC 1035 section 2.3.4
        raise _invalid("its host is too long")
    if not (_is_stable(host) and all(map(_is_label, labels))):
        raise _invalid("its host is no domain name")


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


@lru_cache(_CACHED_AUTHORITIES)
def _origin(scheme: str, authority: str, port: int) -> str:
    host = authority.partition("]")[0] + "]" if authority[0] == "[" else authority.partition(":")[0]
    suffix = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    return f"{scheme}://{host}{suffix}"


# --- redirects --------------------------------------------------------------------------------


def _resolve(base: Target, location: str) -> Target | None:
    location = location.strip(" \t")
    if not location or re.search(r"[\x00-\x1f\x7f]", location):
        return None
    url = ada_url.URL(_decode_utf8(location), _escape(base.url))
    if url.protocol not in ("http:", "https:"):
        return None
    target = Target(*_location_site(base, location), url.pathname + url.search)
    return target if target.origin == url.origin else None


def _location_site(base: Target, location: str) -> _Site:
    """The authority as the location writes it, judged like a client's; or else that of base.

    After another scheme than base's any number of slashes leads to an authority; otherwise it takes
    two (WHATWG URL section 4.4, "special authority slashes" and "relative slash" states).
    """
    match = _LOCATION.match(location)
    assert match is not None  # every part of it may be empty
    scheme = (match[1] or base.scheme).lower()
    if scheme != base.scheme or len(match[2]) >= 2:
        return _site(scheme, match[3])
    return _Site(*base[:4])


def _decode_utf8(text: str) -> str:
    """Octets to text; what is not UTF-8 is percent-encoded octet by octet, as browsers do."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return _escape(text)


# --- patterns ---------------------------------------------------------------------------------


class TargetPattern(NamedTuple):
    """An operator's name for targets: "host", "*.host", either with ":port"."""

    host: str  # as in Target
    wildcard: bool  # any name under host, at any depth; not host itself
    port: int | None  # None for any

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError, whose text names the mistake and the fix."""
        _lint_pattern(text)
        wildcard = text.startswith("*.")
        try:
            name, port_text = _split_port(text.removeprefix("*."))
            port = _port_number(port_text)
            host = _map_host(name)
            _check_host(host)
        except ProxyError as error:
            raise ValueError(f"{text!r} holds no valid host: {error.detail}") from error
        if (port_text and port < 1) or text.endswith(":"):
            raise ValueError(f"{text!r}: what follows the colon is no port from 1 to 65535")
        if wildcard and _is_address(host):
            raise ValueError(f"{text!r}: an address has no subdomains; leave '*.' out")
        host = host.strip("[]").removesuffix(".")
        return cls(host, wildcard, port if port_text else None)

    def matches(self, target: Target) -> bool:
        if self.port is not None and self.port != target.port:
            return False
        if self.wildcard:
            return target.host.endswith("." + self.host)
        return target.host == self.host


def _lint_pattern(text: str) -> None:
    """Name the usual mistakes before the host is parsed."""
    if not text or _CONTROL.search(text):
        raise ValueError(f"{text!r} is empty or holds blanks; write a host, as in 'api.example'")
    if "://" in text:
        raise ValueError(f"{text!r}: leave the scheme out; write {text.partition('://')[2]!r}")
    if "/" in text:
        raise ValueError(f"{text!r}: a path cannot be matched; write {text.partition('/')[0]!r}")
    if text == "*":
        raise ValueError("'*' would match every target; leave the option out instead")
    if "*" in text.removeprefix("*."):
        raise ValueError(f"{text!r}: a '*' may only stand for the leftmost labels, as in '*.host'")
    if text.count(":") > 1 and "[" not in text:
        raise ValueError(f"{text!r}: put an IPv6 address in brackets: '[{text}]'")
    if "@" in text or "%" in text or "\\" in text:
        raise ValueError(f"{text!r} is no host; write only a name and perhaps a port")
