"""Requests in the mode "no-cors": what a browser loads without letting the page read it.

Owns: `Cross-Origin-Resource-Policy` (Fetch Standard section 3.7) and opaque response blocking. Must
not know: the CORS check.
"""

from __future__ import annotations

from collections.abc import Callable

from cors_anywhere.doctor.address import Address
from cors_anywhere.doctor.safelist import SAFELISTED_METHODS, unsafe_fields
from cors_anywhere.doctor.vocabulary import Fault, Seen
from cors_anywhere.messages import Fields

_BLOCKED = frozenset(("application/json", "text/html", "text/json", "text/xml", "application/xml"))


def check_request(method: str, fields: Fields, note: Callable[[str, str, str], None]) -> None:
    """Says what such a request does not carry."""
    if method not in SAFELISTED_METHODS:
        note("no-cors", f"Warning: {method} is not sent in this mode: fetch() throws", "Fetch")
    for name in unsafe_fields(fields):
        note("no-cors", f"Warning: {name} is left out of a request in this mode", "Fetch")


def check_reply(
    address: Address, origin: str, seen: Seen, note: Callable[[str, str, str], None]
) -> Fault | None:
    """Whether the browser uses such a reply."""
    policy = (seen.values("cross-origin-resource-policy") or "").strip()
    if policy == "same-origin" or (policy == "same-site" and not _same_host(address, origin)):
        reason = f"Cross-Origin-Resource-Policy is {policy}"
        return Fault("", "corp-not-same-origin", reason, "Fetch, CORP check")
    kind = (seen.values("content-type") or "").partition(";")[0].strip().lower()
    sniffed = (seen.values("x-content-type-options") or "").strip().lower() != "nosniff"
    if kind in _BLOCKED or kind.endswith(("+json", "+xml")):
        sure = "" if not sniffed else ", unless it is found to be a script or an image"
        reason = f"Warning: opaque response blocking empties a reply of type {kind}{sure}"
        note("no-cors", reason, "Fetch, ORB")
    if policy != "cross-origin":
        reason = (
            "Warning: a page with Cross-Origin-Embedder-Policy: require-corp may not use it:"
            " Cross-Origin-Resource-Policy: cross-origin is missing"
        )
        note("no-cors", reason, "Fetch, CORP check")
    note("no-cors", "the page may use the reply, and read nothing of it", "Fetch")
    return None


def _same_host(address: Address, origin: str) -> bool:
    return origin.partition("://")[2].rpartition(":")[0] == address.host
