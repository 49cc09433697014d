"""What the proxy itself says to a target, beside the client's fields.

Owns: `Host`, `CDN-Loop` (RFC 8586) and the loops that it shows, `X-Forwarded-*`, the fields that
the operator sets for every target or for one, and the handshake of a WebSocket. They are added anew
for each hop: what is meant for one target cannot follow a redirect to another.
Must not know: which of the client's fields pass (headers.py), or who is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cors_anywhere.messages import UNIX, Fields, Plan, RequestHead, Target
from cors_anywhere.rules.headers import folded
from cors_anywhere.rules.secrets import Secret
from cors_anywhere.tokens import is_token

HANDSHAKE: Final = (("connection", "Upgrade"), ("upgrade", "websocket"))  # RFC 6455 section 4

_CDN_LOOP: Final = "cdn-loop"
_FORWARDED: Final = ("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto")


class Injections:
    """The proxy's part of every request to a target, compiled once.

    `set_fields` may be set (headers.check_settable); of two with one name the last wins. `secrets`
    are fields for one target each, and win there. `forwarded` adds `X-Forwarded-For`, `-Port` and
    `-Proto`. `loop_token` is this instance's name in `CDN-Loop`. Raises ValueError for one that is
    no token.
    """

    def __init__(
        self,
        loop_token: str,
        *,
        set_fields: Fields = (),
        secrets: Iterable[Secret] = (),
        forwarded: bool = False,
    ) -> None:
        if not is_token(loop_token):  # a pseudonym, RFC 8586 section 2
            raise ValueError(f"{loop_token!r} cannot be a CDN-Loop token")
        by_name = {name.lower(): (name, value) for name, value in set_fields}
        self._token = loop_token
        # Quoted strings are not honoured: in `x; a="` the open quote would swallow the token that
        # was appended after it, and the loop would go unseen.
        token = re.escape(loop_token)
        self._lists_us = re.compile(rf"(?:\A|,)[ \t]*{token}[ \t]*(?:[;,]|\Z)", re.I).search
        self._set = tuple(by_name.values())
        self._simple = (("CDN-Loop", loop_token), *self._set)
        told = _FORWARDED if forwarded else ()
        self._forwarded = tuple(name for name in told if name.lower() not in by_name)
        self._secret: dict[tuple[str, str, int], dict[str, tuple[str, str]]] = {}
        for secret in secrets:
            there = self._secret.setdefault(secret.place, {})
            there[folded(secret.name)] = (secret.name, secret.value)

    @property
    def names(self) -> Sequence[str]:
        """Of the fields that the operator sets: the client's give way to them."""
        return [name for name, _ in self._set]

    def has_secret(self, target: Target) -> bool:
        """Whether some field is for this target alone."""
        return bool(self._secret) and target[:3] in self._secret

    def keeps_apart(self, old: Target, new: Target) -> bool:
        """Whether a redirect is not followed: one that leaves a target which gets a secret."""
        return self.has_secret(old) and old[:3] != new[:3]

    def passed_through(self, head: RequestHead) -> bool:
        """Whether `CDN-Loop` says that this instance forwarded the request before."""
        return any(
            len(name) == 8 and name.lower() == _CDN_LOOP and self._lists_us(value) is not None
            for name, value in head.fields
        )

    def loop_field(self, received: Fields) -> tuple[str, str]:
        """What `CDN-Loop` says once this instance is among those that it names; `received` as in
        Plan.continued."""
        known = [value for name, value in received if name == _CDN_LOOP]
        return "CDN-Loop", ", ".join([*filter(None, known), self._token])

    def add(self, head: RequestHead, plan: Plan) -> list[tuple[str, str]]:
        """The head that is sent to the plan's target, complete but for the framing."""
        fields = [("Host", plan.target.authority), *plan.fields]
        if plan.continued or self._forwarded:
            fields += self._continued(head, plan.continued)
        else:
            fields += self._simple
        if plan.upgrade:
            fields += HANDSHAKE
        if self._secret and (secret := self._secret.get(plan.target[:3])):
            fields = [field for field in fields if folded(field[0]) not in secret]
            fields += secret.values()
        return fields

    def _continued(self, head: RequestHead, received: Fields) -> Fields:
        return (*self._told_of(head), self.loop_field(received), *self._set)

    def _told_of(self, head: RequestHead) -> Fields:
        """Who asks, and where: nothing of what the client itself says of it, and of what front
        servers say only what is believed."""
        hops = [hop for hop in dict.fromkeys((head.peer, head.front)) if hop and hop != UNIX]
        known = {
            "X-Forwarded-For": ",".join(hops) or "unknown",
            "X-Forwarded-Port": str(head.secure_port),
            "X-Forwarded-Proto": head.scheme,
        }
        return [(name, known[name]) for name in self._forwarded]


def to_continue(gathered: Mapping[str, Sequence[str]]) -> Fields:
    """The client's fields, by lower-case name, whose values `add` continues."""
    return [(_CDN_LOOP, value) for value in gathered.get(_CDN_LOOP, ())]
