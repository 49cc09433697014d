"""What the operator lets through by its kind: methods of requests, content types of replies.

Owns: how either is written, and which of them pass. Must not know: who asks or for what, or how a
body is sent (its size is bounded where it streams).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Self

from cors_anywhere.errors import USUAL_METHODS, ContentTypeRefused, MethodNotAllowed
from cors_anywhere.messages import ReplyHead
from cors_anywhere.tokens import TOKEN, is_token

NEVER_SERVED: Final = frozenset(("CONNECT", "TRACE"))
"""`CONNECT` has no target that is a URL; `TRACE` repeats what a page must not read."""

_TYPE = re.compile(rf"({TOKEN})/(\*|{TOKEN})")
_MAX_SHOWN: Final = 64  # characters of a type that a refusal repeats


# --- methods -------------------------------------------------------------------------------------


def check_method(text: str) -> str:
    """A method that the operator may name. Raises ValueError with the fix."""
    if not is_token(text):
        raise ValueError(f'"{text}" is no method: write one like POST')
    upper = text.upper()
    if text != upper and (upper in USUAL_METHODS or upper in NEVER_SERVED):
        raise ValueError(f'"{text}" is not "{upper}" to a server: methods are in upper case')
    if text in NEVER_SERVED:
        raise ValueError(f'"{text}" is never served: leave it out')
    return text


class Methods:
    """The methods that requests to targets may have: those in `allow`, or all, but for `deny`."""

    def __init__(self, allow: Iterable[str], deny: Iterable[str]) -> None:
        self._deny = frozenset(deny)
        self._allow = tuple(method for method in allow if method not in self._deny)
        self._only = frozenset(allow)
        usual = [method for method in USUAL_METHODS if method not in self._deny]
        self._told = self._allow if self._only else tuple(usual)

    @classmethod
    def chosen(cls, allow: tuple[str, ...], deny: tuple[str, ...]) -> Self | None:
        """The operator's choice; None where there is none."""
        return cls(allow, deny) if allow or deny else None

    def serve(self, method: str) -> bool:
        """Whether requests may have this method, which is case-sensitive."""
        return method not in self._deny and (not self._only or method in self._only)

    def refusal(self) -> MethodNotAllowed:
        """What is answered to others."""
        return MethodNotAllowed(
            "The operator of this proxy does not serve this method.",
            allow=self._told,
            hint=f"Served are {', '.join(self._told) or 'others'}.",
        )


# --- content types -------------------------------------------------------------------------------


def check_type(text: str) -> str:
    """A type, `image/png`, or all types of a kind, `image/*`, in lower case. Raises ValueError
    with the fix."""
    if ";" in text:
        bare = text.partition(";")[0].strip()
        raise ValueError(f'"{text}" has parameters, which do not count: write "{bare}"')
    match = _TYPE.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is no content type: write one like application/json or image/*')
    if match[1] == "*":
        raise ValueError(f'"{text}" would let every type through: leave the option out')
    if "*" in match[1] or ("*" in match[2] and match[2] != "*"):
        raise ValueError(f"\"{text}\": a '*' may only stand for all after the slash, as in image/*")
    return text.lower()


class ContentTypes:
    """The content types (RFC 9110 section 8.3) that replies may have."""

    def __init__(self, types: Iterable[str]) -> None:
        self._types = frozenset(types)

    @classmethod
    def chosen(cls, types: tuple[str, ...]) -> Self | None:
        """The operator's choice; None where there is none."""
        return cls(types) if types else None

    def check(self, reply: ReplyHead) -> None:
        """Raises ContentTypeRefused for a reply whose content may not pass.

        One that has content and does not say of which type, does not pass: a browser would guess.
        Nor does a WebSocket, whose messages have none. The few octets of a redirect, which browsers
        show to no page, are not held back: they would cost the redirect.
        """
        values = [value for name, value in reply.fields if name.lower() == "content-type"]
        if not values:
            if reply.length == 0 and reply.status != 101:
                return
            raise self._refused("has no content type")
        for value in values:
            # Browsers take the last of several (Fetch, "extract a MIME type"): all have to pass.
            for part in value.split(","):
                kind = part.partition(";")[0].strip(" \t").lower()
                family, slash, _ = kind.partition("/")
                if kind not in self._types and not (slash and f"{family}/*" in self._types):
                    raise self._refused(f'is of the type "{kind[:_MAX_SHOWN]}"')

    def _refused(self, what: str) -> ContentTypeRefused:
        return ContentTypeRefused(
            f"The target's reply {what}, which the operator of this proxy does not let through.",
            hint="Types that pass are listed by --allow-content-type.",
            rule="content-type",
        )
