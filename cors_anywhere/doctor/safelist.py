"""Which requests a page may send without asking first.

Owns: the CORS-safelisted methods and request-headers, and what a page cannot set at all (Fetch
Standard sections 2.2.1 and 2.2.2). Must not know: what any server answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cors_anywhere.messages import Fields

SAFELISTED_METHODS: Final = frozenset(("GET", "HEAD", "POST"))
FORBIDDEN_METHODS: Final = frozenset(("CONNECT", "TRACE", "TRACK"))
SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))  # RFC 9110 section 9.2.1, no TRACE
_NORMALISED: Final = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"))

_FORBIDDEN: Final = frozenset(
    (
        *("accept-charset", "accept-encoding", "access-control-request-headers"),
        *("access-control-request-method", "connection", "content-length", "cookie", "cookie2"),
        *("date", "dnt", "expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te"),
        *("trailer", "transfer-encoding", "upgrade", "via"),
    )
)
_OVERRIDES: Final = frozenset(("x-http-method", "x-http-method-override", "x-method-override"))

_FORMS: Final = frozenset(
    ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
)
_UNSAFE = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGE = re.compile(r"[0-9A-Za-z *,.;=\-]*")
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_MAX_VALUE: Final = 128  # octets
_MAX_VALUES: Final = 1024  # octets, of all safelisted ones together


def normalised(method: str) -> str:
    """The method as `fetch()` sends it: six names are put in upper case, all others stay."""
    upper = method.upper()
    return upper if upper in _NORMALISED else method


def is_forbidden(name: str, value: str) -> bool:
    """Whether a script cannot set this field (the browser drops it without a word)."""
    name = name.lower()
    if name in _FORBIDDEN or name.startswith(("proxy-", "sec-")):
        return True
    methods = [item.strip(" \t").upper() for item in value.split(",")]
    return name in _OVERRIDES and not FORBIDDEN_METHODS.isdisjoint(methods)


def unsafe_fields(fields: Fields) -> dict[str, str]:
    """Why each field needs the target's consent, by lower-case name, in the order in which a
    preflight names them (Fetch Standard, "CORS-unsafe request-header names")."""
    unsafe: dict[str, str] = {}
    safe: list[tuple[str, str]] = []
    for name, value in fields:
        why = _why_unsafe(name.lower(), value)
        if why is None:
            safe.append((name.lower(), value))
        else:
            unsafe[name.lower()] = why
    if sum(len(value) for _, value in safe) > _MAX_VALUES:
        unsafe |= {name: "the safelisted values are longer than 1024 octets" for name, _ in safe}
    return dict(sorted(unsafe.items()))


def _why_unsafe(name: str, value: str) -> str | None:
    """None for a CORS-safelisted request-header."""
    if len(value) > _MAX_VALUE:
        return "its value is longer than 128 octets"
    return next(_unsafe(name, value), None)


def _unsafe(name: str, value: str) -> Iterator[str]:
    match name:
        case "accept":
            yield from _odd_octets(value)
        case "accept-language" | "content-language":
            if not _LANGUAGE.fullmatch(value):
                yield "its value has characters that no list of languages has"
        case "content-type":
            yield from _odd_octets(value)
            if value.partition(";")[0].strip(" \t").lower() not in _FORMS:
                yield f"{value} is none of the three types that a form can send"
        case "range":
            if not _is_simple_range(value):
                yield "it is no single range that begins at an octet"
        case "save-data" | "device-memory" | "dpr" | "viewport-width" | "width":
            return  # Chromium's client hints
        case _:
            yield "it is not on the safelist"


def _odd_octets(value: str) -> Iterator[str]:
    if _UNSAFE.search(value):
        yield "its value has characters that the safelist does not allow"


def _is_simple_range(value: str) -> bool:
    match = _RANGE.fullmatch(value)
    return match is not None and (not match[2] or int(match[1]) <= int(match[2]))
