"""The small pieces of syntax that several parts read: tokens, field values, a host and its port.

Owns: each pattern and table of HTTP that more than one room needs, once. Must not know: what
is read by them. It imports nothing of the package, so that the wire and the rules both may.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
"""RFC 9110 section 5.6.2: a method, a field's name."""

is_token: Final = re.compile(TOKEN).fullmatch
is_field_value: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch  # RFC 9110 section 5.5

HOP_BY_HOP: Final = frozenset(  # RFC 9110 section 7.6.1, in lower case
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)

HARMLESS: Final = frozenset(  # in lower case
    (
        *("host", "connection", "keep-alive", "user-agent", "accept", "accept-encoding"),
        *("accept-language", "cache-control", "pragma", "origin", "referer", "dnt", "priority"),
        *("sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-fetch-dest", "sec-gpc"),
        *("sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "upgrade-insecure-requests"),
        *("content-length", "content-type", "x-requested-with", "te", "via", "x-real-ip"),
        *("access-control-request-headers", "access-control-request-method"),
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"),
    )
)
"""What browsers and front servers send by themselves. Any other field may hold a secret, which no
memory may keep."""

MAX_ORIGIN: Final = 320
"""Octets of an `Origin`: "scheme://" and a port around a name of 253. None that a browser sends is
longer, so nothing needs to be held against one that is."""


def split_port(text: str) -> tuple[str, str | None]:
    """A host, an IPv6 literal with its brackets, and what follows the colon after it.

    None when there is no colon; neither part is judged. Raises ValueError for brackets that are
    not closed, or are followed by anything else than a colon.
    """
    if not text.startswith("["):
        host, colon, port = text.partition(":")
        return host, port if colon else None
    inside, bracket, after = text.partition("]")
    if not bracket or after[:1] not in ("", ":"):
        raise ValueError(f"{text!r}: a bracket is not closed, or something follows it")
    return inside + bracket, after[1:] if after else None


def bracketed(host: str) -> str:
    """A host as it stands before a port: an IPv6 address in brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def list_items(values: Iterable[str]) -> list[str]:
    """The elements of a list that came in these fields, without blanks (RFC 9110 s. 5.6.1)."""
    return [item.strip(" \t") for value in values for item in value.split(",")]
