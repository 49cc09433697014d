"""What the proxy itself says to a target, beside the client's fields.

Owns: `Host`, `CDN-Loop` (RFC 8586) and the loops that it shows, `X-Forwarded-*`, the fields that
the operator sets, and the handshake of a WebSocket. They are added anew for each hop: what is meant
for one target cannot follow a redirect to another.
Must not know: which of the client's fields pass (headers.py), or who is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from cors_anywhere.messages import Fields, Plan, RequestHead
from cors_anywhere.rules.headers import FORWARDED, check_settable
from cors_anywhere.tokens import is_token

HANDSHAKE: Final = (("connection", "Upgrade"), ("upgrade", "websocket"))  # RFC 6455 section 4

_CDN_LOOP: Final = "cdn-loop"


class Injections:
    """The proxy's part of every request to a target, compiled once.

    Of two fields in `set_fields` with one name the last wins. `forwarded` adds `X-Forwarded-For`,
    `-Port` and `-Proto`. `loop_token` is this instance's name in `CDN-Loop`. Raises ValueError for
    a field that cannot be set: malformed, or one that the proxy itself must write.
    """

    def __init__(
        self, loop_token: str, *, set_fields: Fields = (), forwarded: bool = False
    ) -> None:
        if not is_token(loop_token):  # a pseudonym, RFC 8586 section 2
            raise ValueError(f"{loop_token!r} cannot be a CDN-Loop token")
        by_name = {name.lower(): check_settable(name, value) for name, value in set_fields}
        self._token = loop_token
        # Quoted strings are not honoured: in `x; a="` the open quote would swallow the token that
        # was appended after it, and the loop would go unseen.
        token = re.escape(loop_token)
        self._lists_us = re.compile(rf"(?:\A|,)[ \t]*{token}[ \t]*(?:[;,]|\Z)", re.I).search
        self._set = tuple(by_name.values())
        self._simple = (("CDN-Loop", loop_token), *self._set)
        self._forwarded = {
            name: spelling for name, spelling in FORWARDED.items() if name not in by_name
        }
        if not forwarded:
            self._forwarded = {}

    @property
    def names(self) -> Sequence[str]:
        """Of the fields that the operator sets: the client's give way to them."""
        return [name for name, _ in self._set]

    def passed_through(self, head: RequestHead) -> bool:
        """Whether `CDN-Loop` says that this instance forwarded the request before."""
        return any(
            len(name) == 8 and name.lower() == _CDN_LOOP and self._lists_us(value) is not None
            for name, value in head.fields
        )

    def add(self, head: RequestHead, plan: Plan) -> list[tuple[str, str]]:
        """The head that is sent to the plan's target, complete but for the framing."""
        fields = [("Host", plan.target.authority), *plan.fields]
        if plan.continued or self._forwarded:
            fields += self._continued(head, plan.continued)
        else:
            fields += self._simple
        if plan.upgrade:
            fields += HANDSHAKE
        return fields

    def _continued(self, head: RequestHead, received: Fields) -> Fields:
        known: dict[str, list[str]] = {}
        for name, value in received:
            known.setdefault(name, []).append(value)
        own = {
            "x-forwarded-for": head.front or head.peer,
            "x-forwarded-port": str(head.secure_port),
            "x-forwarded-proto": head.scheme,
        }
        forwarded = [
            (spelling, _joined(known.get(name, ()), ",", own[name]))
            for name, spelling in self._forwarded.items()
        ]
        loop = ("CDN-Loop", _joined(known.get(_CDN_LOOP, ()), ", ", self._token))
        return (*forwarded, loop, *self._set)


def to_continue(gathered: Mapping[str, Sequence[str]]) -> Fields:
    """The client's fields, by lower-case name, whose values `add` continues."""
    if _CDN_LOOP not in gathered and FORWARDED.keys().isdisjoint(gathered):
        return ()
    names = (*FORWARDED, _CDN_LOOP)
    return tuple((name, value) for name in names for value in gathered.get(name, ()))


def _joined(known: Sequence[str], separator: str, own: str) -> str:
    """A list field continued by our own element; repeated fields become one."""
    return separator.join([*filter(None, known), own]) if known else own
