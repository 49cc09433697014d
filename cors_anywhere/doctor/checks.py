"""What a browser demands of one reply before a page may read it.

Owns: the CORS check and the checks of a preflight (Fetch Standard sections 4.9 and 4.10), in the
order and with the names of faults that Chromium has. Must not know: how replies come, or which
request comes next.
"""

from __future__ import annotations

from typing import Final

import ada_url

from cors_anywhere.doctor.safelist import SAFELISTED_METHODS
from cors_anywhere.doctor.vocabulary import Fault, Seen
from cors_anywhere.tokens import is_token

_CHECK: Final = "Fetch, CORS check"
_PREFLIGHT: Final = "Fetch, CORS-preflight fetch"


def cors_check(seen: Seen, origin: str, *, credentials: bool) -> Fault | None:
    """Whether a reply may be read by a page of this origin."""
    allowed = seen.values("access-control-allow-origin")
    fault = _allow_origin(allowed, origin, credentials=credentials)
    if fault is None and credentials:
        consent = seen.values("access-control-allow-credentials")
        if consent != "true":
            return Fault(
                "InvalidAllowCredentials",
                consent or "",
                f"the request has credentials, and Access-Control-Allow-Credentials is"
                f" {_quoted(consent)} instead of true",
                _CHECK,
            )
    return fault


def _allow_origin(allowed: str | None, origin: str, *, credentials: bool) -> Fault | None:
    if allowed is None:
        return Fault(
            "MissingAllowOriginHeader",
            "",
            "the reply has no Access-Control-Allow-Origin",
            _CHECK,
        )
    if allowed == "*":
        if not credentials:
            return None
        return Fault(
            "WildcardOriginNotAllowed",
            "",
            "Access-Control-Allow-Origin is *, which does not count for a request with credentials",
            _CHECK,
        )
    if allowed == origin:
        return None
    return _wrong_origin(allowed, origin)


def _wrong_origin(allowed: str, origin: str) -> Fault:
    said = f"Access-Control-Allow-Origin is {_quoted(allowed)}"
    if " " in allowed or "," in allowed:
        reason = f"{said}: several values, of which there may be one only"
        return Fault("MultipleAllowOriginValues", allowed, reason, _CHECK)
    if allowed != "null" and not ada_url.check_url(allowed):
        return Fault("InvalidAllowOriginValue", allowed, f"{said}, which is no origin", _CHECK)
    reason = f"{said}, and the page's origin is {origin}{_near_miss(allowed, origin)}"
    return Fault("AllowOriginMismatch", allowed, reason, _CHECK)


def _near_miss(allowed: str, origin: str) -> str:
    """What the person who wrote it probably overlooked."""
    if allowed.rstrip("/") == origin:
        return " (an origin has no slash at its end)"
    if allowed.lower() == origin:
        return " (they are compared letter by letter, and the browser sends lower case)"
    if allowed.partition("://")[2] == origin.partition("://")[2]:
        return " (the scheme differs)"
    return ""


def preflight_check(seen: Seen, origin: str, *, credentials: bool) -> Fault | None:
    """Whether the reply to a preflight is one at all; what it allows is judged by the next two."""
    fault = cors_check(seen, origin, credentials=credentials)
    if fault is not None:
        return fault._replace(cause=f"Preflight{fault.cause}", spec=_PREFLIGHT)
    if not 200 <= seen.status <= 299:
        reason = f"the preflight was answered with {seen.status}, and 200 to 299 is asked for"
        return Fault("PreflightInvalidStatus", "", reason, _PREFLIGHT)
    for name, cause in (
        ("access-control-allow-methods", "InvalidAllowMethodsPreflightResponse"),
        ("access-control-allow-headers", "InvalidAllowHeadersPreflightResponse"),
    ):
        if allowed_names(seen, name) is None:
            reason = f"{name} is {_quoted(seen.values(name))}, which is no list of names"
            return Fault(cause, "", reason, _PREFLIGHT)
    return None


def method_check(seen: Seen, method: str, *, credentials: bool) -> Fault | None:
    """Whether a preflight's reply allows the method."""
    allowed = allowed_names(seen, "access-control-allow-methods") or frozenset()
    if method in allowed or method in SAFELISTED_METHODS:
        return None
    if "*" in allowed and not credentials:
        return None
    said = _listed(seen, "Access-Control-Allow-Methods", credentials=credentials)
    return Fault(
        "MethodDisallowedByPreflightResponse",
        method,
        f"the method {method} is not allowed: {said}",
        _PREFLIGHT,
    )


def headers_check(seen: Seen, names: list[str], *, credentials: bool) -> Fault | None:
    """Whether a preflight's reply allows these fields, lower-case names in order."""
    allowed = allowed_names(seen, "access-control-allow-headers") or frozenset()
    listed = {name.lower() for name in allowed}
    if "*" in listed and not credentials:
        return None
    missing = [name for name in names if name not in listed]
    if not missing:
        return None
    said = _listed(seen, "Access-Control-Allow-Headers", credentials=credentials)
    return Fault(
        "HeaderDisallowedByPreflightResponse",
        missing[0],
        f"the request header {missing[0]} is not allowed: {said}",
        _PREFLIGHT,
    )


def authorization_by_wildcard(seen: Seen, names: list[str], *, credentials: bool) -> bool:
    """Whether `Authorization` passes only because Chromium lets `*` cover it, which the standard
    does not."""
    allowed = allowed_names(seen, "access-control-allow-headers") or frozenset()
    listed = {name.lower() for name in allowed}
    covered = "*" in listed and "authorization" not in listed
    return "authorization" in names and covered and not credentials


def allowed_names(seen: Seen, name: str) -> frozenset[str] | None:
    """The names in a list field; None where it is no list of tokens."""
    items = [item.strip(" \t") for item in (seen.values(name) or "").split(",")]
    found = [item for item in items if item]
    return frozenset(found) if all(map(is_token, found)) else None


def _listed(seen: Seen, name: str, *, credentials: bool) -> str:
    value = seen.values(name.lower())
    if value is None:
        return f"the preflight's reply has no {name}"
    if credentials and value.strip() == "*":
        return f"{name} is *, which is no wildcard for a request with credentials"
    return f"{name} is {_quoted(value)}"


def _quoted(value: str | None) -> str:
    return "missing" if value is None else f'"{value}"'
