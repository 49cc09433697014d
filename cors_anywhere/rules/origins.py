"""Origin patterns: parse, lint, match.

Owns: how an operator names origins, and the mistakes that would make a pattern never match.
Must not know: what follows from a match.

An origin is text as a browser serialises it (RFC 6454 section 6.2, HTML "ASCII serialisation of
an origin"): lower case, ASCII, no default port, no slash at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

import ada_url

from cors_anywhere.tokens import MAX_ORIGIN, split_port

SELF: Final = "self"
"""The pattern for the proxy's own origin, which has no text before a request comes."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_LABEL = r"[a-z0-9_-]{1,63}"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_NUMERIC_LABEL = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
_ORIGIN = re.compile(
    rf"([a-z][a-z0-9+.-]*)://((?:{_LABEL}\.)*{_LABEL}\.?|\[[0-9a-f:.]+\])(?::([1-9][0-9]{{0,4}}))?"
)


class OriginPattern(NamedTuple):
    """One origin, or a family of them.

    "https://app.example[:port]" is that origin, "https://*.example.com" any name under it at any
    depth (not itself), "http://localhost:*" any port and none, "null" the opaque origin, "self" the
    proxy's own.
    """

    text: str
    scheme: str  # "" for null and self
    host: str  # without the "*."; IPv6 in brackets
    port: str  # digits; "" for the default one, "*" for any
    subdomains: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError, whose text names the mistake and the fix."""
        if text in ("null", SELF):
            return cls(text, "", "", "", False)
        scheme, authority = _split_scheme(text)
        subdomains = authority.startswith("*.")
        host, port = _split_port(text, authority.removeprefix("*."))
        _lint_port(text, scheme, port)
        _lint_host(text, host, subdomains)
        return cls(text, scheme, host, port, subdomains)

    @property
    def exact(self) -> bool:
        """Whether it names one origin, its text."""
        return not self.subdomains and self.port != "*"


class OriginSet:
    """The origins that any of some patterns matches; `in` answers, and it is false when empty.

    `own` says whether the proxy's own is meant to be among them: only a request tells what it is.
    """

    def __init__(self, patterns: Iterable[OriginPattern]) -> None:
        patterns = tuple(patterns)
        self.own = any(pattern.text == SELF for pattern in patterns)
        self._exact = frozenset(p.text for p in patterns if p.exact and p.text != SELF)
        families = [pattern for pattern in patterns if not pattern.exact]
        self._with_any_port = {(p.scheme, p.host) for p in families if not p.subdomains}
        self._ports_under: dict[tuple[str, str], set[str]] = {}  # by the host that is above
        for pattern in families:
            if pattern.subdomains:
                site = (pattern.scheme, pattern.host)
                self._ports_under.setdefault(site, set()).add(pattern.port)
        self._families = bool(families)
        self._any = bool(patterns)

    def __contains__(self, origin: str) -> bool:
        if origin in self._exact:
            return True
        if not self._families or len(origin) > MAX_ORIGIN:
            return False
        match = _ORIGIN.fullmatch(origin)
        return match is not None and self._has_family(match[1], match[2], match[3] or "")

    def _has_family(self, scheme: str, host: str, port: str) -> bool:
        if (scheme, host) in self._with_any_port:
            return True
        ports = {port, "*"}
        dot = host.find(".") if self._ports_under else -1
        while dot >= 0:
            if not ports.isdisjoint(self._ports_under.get((scheme, host[dot + 1 :]), ())):
                return True
            dot = host.find(".", dot + 1)
        return False

    def __bool__(self) -> bool:
        return self._any


# --- lint -------------------------------------------------------------------------------------


def _split_scheme(text: str) -> tuple[str, str]:
    if not text or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError(f"{text!r} is empty or holds blanks; write 'https://app.example'")
    if text == "*":
        raise ValueError("'*' would match every origin; leave the option out instead")
    if text.lower() in ("null", SELF):
        raise ValueError(f"{text!r} is known in lower case only; write {text.lower()!r}")
    scheme, separator, authority = text.partition("://")
    if not separator:
        raise ValueError(f"{text!r} has no scheme; write 'https://{text.strip('/')}'")
    _lint_case(text)
    if not _SCHEME.fullmatch(scheme):
        raise ValueError(f"{text!r}: {scheme!r} is no scheme; write 'https' or 'http'")
    if scheme == "file":
        raise ValueError(f"{text!r}: browsers send 'null' for files; write 'null'")
    _lint_path(text, scheme, authority)
    return scheme, authority


def _lint_case(text: str) -> None:
    if text != text.lower():
        raise ValueError(f"{text!r}: browsers send origins in lower case; write {text.lower()!r}")
    if not text.isascii():
        raise ValueError(
            f"{text!r}: browsers send international names in ASCII; write the host as 'xn--…'"
        )


def _lint_path(text: str, scheme: str, authority: str) -> None:
    site = re.split(r"[/?#\\]", authority, maxsplit=1)[0]
    if authority == site + "/":
        raise ValueError(f"{text!r}: an origin has no slash at its end; write '{scheme}://{site}'")
    if authority != site:
        raise ValueError(f"{text!r}: an origin has no path or query; write '{scheme}://{site}'")
    if "@" in authority:
        bare = authority.rpartition("@")[2]
        raise ValueError(f"{text!r}: an origin has no user name; write '{scheme}://{bare}'")


def _split_port(text: str, authority: str) -> tuple[str, str]:
    """Host (IPv6 in brackets) and port; only an end of digits or "*" is a port."""
    if authority.count(":") > 1 and "]" not in authority:
        raise ValueError(f"{text!r}: put an IPv6 address in brackets, as in 'http://[::1]:3000'")
    try:
        host, port = split_port(authority)
    except ValueError as error:
        raise ValueError(f"{text!r}: there is no IP address between its brackets") from error
    if port == "":
        raise ValueError(f"{text!r} ends in a colon; write {text.removesuffix(':')!r}")
    return host, port or ""


def _lint_port(text: str, scheme: str, port: str) -> None:
    if port in ("", "*"):
        return
    if not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
        raise ValueError(f"{text!r}: {port!r} is no port; write 1 to 65535, or '*' for any")
    if port == _DEFAULT_PORTS.get(scheme):
        shorter = text.removesuffix(f":{port}")
        raise ValueError(f"{text!r}: browsers leave out the default port; write {shorter!r}")


def _lint_host(text: str, host: str, subdomains: bool) -> None:
    if not host or host == "*":
        raise ValueError(f"{text!r} names no host; write one, as in 'https://*.example.com'")
    if "*" in host:
        raise ValueError(
            f"{text!r}: a '*' may only be the whole leftmost label, as in 'https://*.example.com'"
        )
    if host.startswith("[") or _NUMERIC_LABEL.fullmatch(host):
        _lint_address(text, host, subdomains)
    elif not _HOST.fullmatch(host) or len(host) > 253:
        raise ValueError(
            f"{text!r}: {host!r} is no host name; write it as in 'https://app.example'"
        )


def _lint_address(text: str, host: str, subdomains: bool) -> None:
    if subdomains:
        raise ValueError(f"{text!r}: an address has no subdomains; leave '*.' out")
    try:
        canonical = ada_url.URL(f"http://{host}/").hostname
    except ValueError as error:
        raise ValueError(f"{text!r}: {host!r} is no IP address") from error
    if canonical != host:
        raise ValueError(f"{text!r}: browsers send that address as {canonical!r}; write it so")
