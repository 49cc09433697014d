"""The URL that somebody wrote, as a browser reads it.

Owns: what is wrong with a URL before anything is sent. Must not know: what is at the other end.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

import ada_url

from cors_anywhere.doctor.vocabulary import Fault
from cors_anywhere.rules.targets import BAD_PORTS

_SPEC = "URL Standard"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_HOST_AND_PORT = re.compile(r"[\w.\-]+:[0-9]+(?:[/?#]|\Z)")


class Address(NamedTuple):
    """An http or https URL."""

    url: str  # without fragment, as it is asked for
    origin: str
    scheme: str
    host: str  # as in a URL: IPv6 in brackets
    path: str
    remark: str = ""  # what the browser made of what was written

    @classmethod
    def of(cls, url: ada_url.URL, remark: str = "") -> Self:
        bare = ada_url.URL(url.href)
        bare.hash = bare.username = bare.password = ""
        scheme = url.protocol.removesuffix(":")
        return cls(bare.href, url.origin, scheme, url.hostname, url.pathname, remark)


def read_address(written: str) -> Address | Fault:
    """What a browser's `fetch()` makes of an absolute URL."""
    text = written.strip()
    if not _SCHEME.match(text) or _HOST_AND_PORT.match(text):
        told = (
            f'"{text}" has no scheme: a page takes it for a path of its own; write https://{text}'
        )
        return Fault("", text, told.replace("https:////", "https://"), _SPEC)
    try:
        url = ada_url.URL(text)
    except ValueError:
        return Fault("", text, f'"{text}" is no URL that a browser can read', _SPEC)
    if url.protocol not in ("http:", "https:"):
        scheme = url.protocol.removesuffix(":")
        reason = f"a page can fetch http and https across origins, not {scheme}"
        return Fault("", scheme, reason, "Fetch, main fetch")
    if url.username or url.password:
        reason = "a user name or password is in the URL: fetch() refuses it; send Authorization"
        return Fault("", "", reason, "Fetch, Request constructor")
    if url.port and int(url.port) in BAD_PORTS:
        reason = f"browsers connect to no server on port {url.port}: other protocols live there"
        return Fault("", url.port, reason, "Fetch, port blocking")
    return Address.of(url, _remark(text, url))


def _remark(text: str, url: ada_url.URL) -> str:
    slashes = text.partition(":")[2]
    if "\\" in text.partition("?")[0]:
        return f"Warning: a backslash is read as a slash: the browser asks for {url.href}"
    if not slashes.startswith("//"):
        return f"Warning: two slashes belong after {url.protocol} The browser asks for {url.href}"
    return ""
