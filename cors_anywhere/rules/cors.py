"""The CORS fields of every reply: of a preflight, of the proxy's own replies, of a target's reply.

Owns: the names and values of the `Access-Control-*` response fields (Fetch Standard, "CORS
protocol"), and the `Vary` that goes with a reply that depends on the origin.
Must not know: who is allowed (asker.py), nor which of a target's fields pass (headers.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cors_anywhere.messages import Fields
from cors_anywhere.recent import Recent
from cors_anywhere.tokens import is_token, list_items

ALLOW_ORIGIN: Final = "access-control-allow-origin"
EXPOSE_HEADERS: Final = "access-control-expose-headers"
TIMING_ALLOW_ORIGIN: Final = "timing-allow-origin"

# What a preflight may have echoed. Browsers stay far below; the bounds keep an attacker from
# having the proxy hand back a large reply to a large request for nothing.
_MAX_METHOD: Final = 64  # octets
_MAX_HEADERS: Final = 8192  # octets

_KEPT_EXPOSED: Final = 1024  # octets
_EXPOSED: Final[Recent[tuple[str, ...], str]] = Recent(128)

_ANY_ORIGIN: Final = (ALLOW_ORIGIN, "*")
_WITH_CREDENTIALS: Final = ("access-control-allow-credentials", "true")


def allow_origin(credited: str | None = None) -> tuple[str, str]:
    """The field that lets a page read the reply: the one place that decides its value.

    `*` where no credentials are allowed, so that anybody may read. `credited` is the origin whose
    pages may send them: it is named, because `*` does not count for a request that has some (Fetch,
    "CORS check").
    """
    return _ANY_ORIGIN if credited is None else (ALLOW_ORIGIN, credited)


def _allowing(credited: str | None) -> list[tuple[str, str]]:
    if credited is None:
        return [_ANY_ORIGIN]
    return [allow_origin(credited), _WITH_CREDENTIALS]


def preflight_fields(
    request_method: str | None,
    request_headers: str | None,
    *,
    max_age: int,
    credited: str | None = None,
) -> list[tuple[str, str]]:
    """The fields that answer a preflight.

    `request_method` and `request_headers` are the values of `Access-Control-Request-Method` and
    `-Headers`, echoed as they are when they are valid (a token; a list of tokens) and of sane
    length, otherwise left unanswered, so that the browser refuses. `max_age` is in seconds, sent
    when above 0. They are named one by one in any case: `*` would not count with credentials.
    """
    fields = _allowing(credited)
    if request_method and len(request_method) <= _MAX_METHOD and is_token(request_method):
        fields.append(("access-control-allow-methods", request_method))
    if request_headers and len(request_headers) <= _MAX_HEADERS and _is_list(request_headers):
        fields.append(("access-control-allow-headers", request_headers))
    if max_age > 0:
        fields.append(("access-control-max-age", str(max_age)))
    fields.append((EXPOSE_HEADERS, ",".join([name for name, _ in fields])))
    return fields


def own_reply_fields(names: Iterable[str], credited: str | None = None) -> list[tuple[str, str]]:
    """The fields of a reply that the proxy itself makes, whose other fields are `names`."""
    # Never empty: some clients take an empty field value for a malformed one.
    exposed = ",".join(_distinct(names)) or ALLOW_ORIGIN
    return [*_allowing(credited), (EXPOSE_HEADERS, exposed)]


def reply_fields(
    names: Iterable[str], hops: int, credited: str | None = None
) -> list[tuple[str, str]]:
    """The fields of a proxied reply.

    `names` are those of the target's fields, in order; `hops` is how many redirects were followed,
    each of which has a field of its own to expose.
    """
    exposed = _exposed(tuple(names))
    if hops:
        exposed += "".join([f",{redirect_name(number)}" for number in range(1, hops + 1)])
    # Who may read the reply may know its size and times too (Resource Timing, section 4.5).
    timing = (TIMING_ALLOW_ORIGIN, allow_origin(credited)[1])
    return [*_allowing(credited), timing, (EXPOSE_HEADERS, exposed)]


def _exposed(names: tuple[str, ...]) -> str:
    """The names for a page to read. A target's replies mostly have the same ones."""
    known = _EXPOSED.get(names)
    if known is None:
        known = ",".join([*_distinct(names), "x-final-url", "x-request-url"])
        if len(known) <= _KEPT_EXPOSED:
            _EXPOSED.put(names, known)
    return known


def with_fields(fields: Fields, added: Fields) -> Fields:
    """The fields of a reply with some more, which its page may read. What a target said by the same
    names stays beside them."""
    names = [name for name, _ in added]
    return [*[_exposing(field, names) for field in fields], *added]


def _exposing(field: tuple[str, str], names: Iterable[str]) -> tuple[str, str]:
    if field[0] != EXPOSE_HEADERS:
        return field
    return EXPOSE_HEADERS, ",".join(_distinct([*field[1].split(","), *names]))


def redirect_name(number: int) -> str:
    """The name of the field that reports the redirect of this number, counted from 1."""
    return f"x-cors-redirect-{number}"


def vary_on(request_field: str, fields: Fields) -> Sequence[tuple[str, str]]:
    """The same fields, with a field of the request, in lower case, in `Vary` (RFC 9110 section
    12.5.5). Needed wherever another value would have got another reply, else a cache mixes them
    up."""
    known = [value for name, value in fields if name.lower() == "vary"]
    listed = {item.lower() for item in list_items(known)}
    if "*" in listed or request_field in listed:
        return fields
    merged = ", ".join([value for value in known if value.strip(" \t,")] + [request_field])
    return [field for field in fields if field[0].lower() != "vary"] + [("vary", merged)]


def _distinct(names: Iterable[str]) -> list[str]:
    """The names in lower case, in order, each once."""
    return list(dict.fromkeys([name.lower() for name in names]))


def _is_list(value: str) -> bool:
    """Whether this is a list of tokens; empty elements are tolerated (RFC 9110 section 5.6.1.2)."""
    names = [name for name in list_items([value]) if name]
    return bool(names) and all(map(is_token, names))
