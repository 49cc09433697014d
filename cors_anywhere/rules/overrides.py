"""What a page may have sent to a target that a browser does not let it set: `x-cors-headers`.

Owns: the form of that field, which names the operator lets it set, and what it makes of a request's
fields. Must not know: which of the client's fields pass (headers.py), or what the proxy itself says
to a target (injections.py), which always wins.

The field is a JSON object (RFC 8259) of names and values, as users of other proxies know it:
`{"referer": "https://…", "user-agent": null}` sets the one and removes the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from cors_anywhere.errors import BadRequest, Refused
from cors_anywhere.messages import Fields
from cors_anywhere.rules.headers import OVERRIDES, check_name, folded
from cors_anywhere.tokens import is_field_value, is_token

_MAX_SHOWN: Final = 64  # characters of a name that a refusal repeats
_RULE: Final = "header-override"

# Who passed the request on is the proxy's to say; other tables forbid `Host`, framing and CDN-Loop.
_NOT_THE_PAGES: Final = (
    *("cf-connecting-ip", "cf-connecting-ipv6", "forwarded", "proxy", "true-client-ip", "via"),
    "x-real-ip",
)
_NOT_THE_PAGES_PREFIXES: Final = ("access-control-request-", "proxy-", "x-forwarded-")


def check_overridable(name: str) -> str:
    """A name that pages may be allowed to set. Raises ValueError with the fix."""
    check_name(name)
    known = folded(name)
    if known != name.lower():
        check_name(known)  # `Content_Length`: some servers take it for the one with a hyphen
    if known in _NOT_THE_PAGES or known.startswith(_NOT_THE_PAGES_PREFIXES):
        raise ValueError(f"\"{name}\" is the proxy's to say, not a page's: leave it out")
    return name


class Overrides:
    """Which names a page may set. `fixed` are those that the operator sets for every request."""

    def __init__(self, allowed: Iterable[str] = (), fixed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(name.lower() for name in allowed)
        self._fixed = frozenset(name.lower() for name in fixed)

    def apply(self, fields: Fields, values: Sequence[str]) -> list[tuple[str, str]]:
        """The fields with what the values of `x-cors-headers` make of them.

        Raises Refused for what the operator does not allow, BadRequest for what cannot be read.
        """
        if not self._allowed:
            raise Refused(
                f"The operator of this proxy does not let pages set headers by {OVERRIDES}.",
                hint="The operator can allow it for each header by --allow-header-override NAME.",
                rule=_RULE,
            )
        wanted = _read(values)
        for known, (name, _) in wanted.items():
            if known not in self._allowed or known in self._fixed:
                raise Refused(
                    f'The header "{name[:_MAX_SHOWN]}" may not be set by {OVERRIDES}.',
                    hint=self._how_to_allow(known),
                    rule=_RULE,
                )
        left = [field for field in fields if field[0].lower() not in wanted]
        left += [(name, value) for name, value in wanted.values() if value is not None]
        return left

    def _how_to_allow(self, known: str) -> str:
        if known in self._fixed:
            return "The operator of this proxy has set it for every request."
        try:
            check_overridable(known)
        except ValueError:
            return "It is the proxy's to say: --allow-header-override cannot allow it."
        return (
            "The operator of this proxy can allow it with --allow-header-override"
            f" {known[:_MAX_SHOWN]}."
        )


def _read(values: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """Name and value by lower-case name; None means that the header is removed."""
    if len(values) != 1:
        raise _malformed("it was sent more than once")
    wanted: dict[str, tuple[str, str | None]] = {}
    for number, (name, value) in enumerate(_members(values[0]), 1):
        known = name.lower()
        if not is_token(name):
            raise _malformed(f"the name of member {number} is no header name")
        shown = f'member {number}, "{name[:_MAX_SHOWN]}"'
        if known in wanted:
            raise _malformed(f"{shown}, repeats a name")
        if value is not None and not isinstance(value, str):
            raise _malformed(f"{shown}, is neither a text nor null")
        wanted[known] = name, None if value is None else _checked(value, shown)
    return wanted


def _checked(value: str, shown: str) -> str:
    """A value without blanks around it, which are no part of a field's (RFC 9110 section 5.5)."""
    if any(character > "\xff" for character in value):
        raise _malformed(f"{shown}, has characters beyond ISO-8859-1: encode them")
    if not is_field_value(value):
        raise _malformed(f"{shown}, has a control character")
    return value.strip(" \t")


def _members(text: str) -> Sequence[tuple[str, object]]:
    """The members of the object, in order, repeated ones repeated."""
    try:
        parsed = json.loads(  # an object becomes a tuple, an array is a list
            text, object_pairs_hook=tuple, parse_int=_number, parse_float=_number
        )
    except json.JSONDecodeError as error:
        # What it says ends in a place of its own, counted from 0.
        raise _malformed(f"it is no JSON at character {error.pos + 1}: {error.msg}") from error
    except RecursionError as error:
        raise _malformed("it is nested too deeply") from error
    if not isinstance(parsed, tuple):
        raise _malformed("it is no JSON object at character 1")
    return parsed


def _number(_: str) -> float:
    """In place of any number: none is a header's value, and a long one takes long to read."""
    return 0.0


def _malformed(what: str) -> BadRequest:
    return BadRequest(
        f"The request's {OVERRIDES} cannot be read: {what}.",
        hint='It is a JSON object of texts, or null to remove: {"referer": "https://…"}.',
        rule=_RULE,
    )
