"""Which header fields pass: from the client to the target, and from the target to the client.

Owns: the tables of what is dropped, added and replaced in either direction, loop marking
(`CDN-Loop`, RFC 8586), and the fields that tell a page what was fetched on its behalf.
Must not know: how a body is framed (the wire adds `Content-Length` and `Transfer-Encoding` from the
parsed length), who is allowed, or whether a redirect is followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cors_anywhere.messages import Fields, Hop, ReplyHead, RequestHead, Target
from cors_anywhere.rules import cors

# --- tables, all names in lower case -------------------------------------------------------------

HOP_BY_HOP: Final = frozenset(  # RFC 9110 section 7.6.1
    {
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
    }
)

DEFAULT_REMOVALS: Final = frozenset(  # the proxy's own cookies, and what a hosting platform adds
    {
        "connect-time",
        "cookie",
        "cookie2",
        "total-route-time",
        "via",
        "x-request-id",
        "x-request-start",
    }
)

_CONTENT: Final = frozenset(  # meaningless once the body is gone (RFC 9110 section 15.4)
    {
        "content-digest",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-type",
        "digest",
        "last-modified",
        "repr-digest",
    }
)

_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})

_FORWARDED: Final = {  # and how we spell them, in the order of the values in _forwarded_fields
    "x-forwarded-for": "X-Forwarded-For",
    "x-forwarded-port": "X-Forwarded-Port",
    "x-forwarded-proto": "X-Forwarded-Proto",
}

# What becomes of a field that a table mentions; all others pass.
_DROP, _GATHER, _RESTATE = range(3)
# _GATHER: it does not pass, but its values decide something.
# _RESTATE: its values pass on in a field of our own making, whatever `Connection` names.

_REQUEST: Final = dict.fromkeys(HOP_BY_HOP, _DROP) | {
    "cdn-loop": _RESTATE,
    "connection": _GATHER,
    "content-length": _DROP,
    "expect": _DROP,  # the wire's to meet (RFC 9110 section 10.1.1)
    "host": _DROP,  # replaced by the target's
}

_REPLY: Final = dict.fromkeys(HOP_BY_HOP, _DROP) | {
    "connection": _GATHER,
    "content-length": _RESTATE,
    "set-cookie": _DROP,
    "set-cookie2": _DROP,
    "transfer-encoding": _GATHER,
    "x-final-url": _DROP,  # a target must not forge what we report
    "x-request-url": _DROP,
}

_REPLY_RELOCATED: Final = _REPLY | {"location": _RESTATE}

_PREFLIGHT_PREFIX: Final = "access-control-request-"
_REPORTED_PREFIXES: Final = ("access-control-", "x-cors-redirect-")

# What nearly every peer sends, none of which names a field that would otherwise pass.
_PLAIN_CONNECTION: Final = frozenset({"keep-alive", "Keep-Alive", "close", "Close"})

_CONTROLS: Final = dict.fromkeys([*range(0x20), 0x7F])

_is_value: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch  # RFC 9110 section 5.5
_is_cdn_id: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z:\[\]]+").fullmatch  # RFC 8586 section 2


# --- to the target -------------------------------------------------------------------------------


class Outbound:
    """The operator's choices for requests to targets, compiled once.

    `remove` adds names to the default removals. `set_fields` replace the client's fields of the
    same name; of two with one name the last wins. `forwarded` adds `X-Forwarded-For`, `-Port` and
    `-Proto`. `loop_token` is this instance's name in `CDN-Loop`. Raises ValueError for a field
    that cannot be set: malformed, or one that the proxy itself must write.
    """

    def __init__(
        self,
        *,
        remove: Iterable[str],
        set_fields: Sequence[tuple[str, str]],
        forwarded: bool,
        loop_token: str,
    ) -> None:
        if not _is_cdn_id(loop_token):
            raise ValueError(f"{loop_token!r} cannot be a CDN-Loop token")
        for name, value in set_fields:
            _check_settable(name, value)
        by_name = {name.lower(): (name, value) for name, value in set_fields}
        removed = DEFAULT_REMOVALS.union(map(str.lower, remove))

        self._loop_token = loop_token
        self._set = tuple(by_name.values())
        self._set_names = by_name.keys()
        self._forwarded = forwarded
        self._rules = {
            **dict.fromkeys(_FORWARDED if forwarded else (), _RESTATE),
            **dict.fromkeys(removed, _DROP),
            **dict.fromkeys(by_name, _DROP),
            **_REQUEST,  # last: no option may undo these
        }
        # Keyed by (the body goes along, the origin stays the same). A field the operator set goes
        # to every target by their own wish, so it is no credential of the client's to protect.
        self._dropped_on_redirect = {
            (with_body, same_origin): {"host"}
            | (set() if with_body else _CONTENT)
            | (set() if same_origin else _CREDENTIALS - by_name.keys())
            for with_body in (False, True)
            for same_origin in (False, True)
        }

    def first(self, head: RequestHead, target: Target) -> list[tuple[str, str]]:
        """The head of the first fetch, without framing: the client's fields by all the rules."""
        rules = self._rules
        fields = [("Host", target.authority)]
        gathered: dict[str, list[str]] = {}
        for field in head.fields:
            name = field[0].lower()
            rule = rules.get(name)
            if rule is None:
                if not name.startswith(_PREFLIGHT_PREFIX):
                    fields.append(field)
            elif rule is not _DROP:
                gathered.setdefault(name, []).append(field[1])

        if named := _named_by_connection(gathered, rules):
            fields = [field for field in fields if field[0].lower() not in named]
        if self._forwarded:
            fields += self._forwarded_fields(head, gathered)
        fields.append(("CDN-Loop", _joined(gathered.get("cdn-loop", ()), ", ", self._loop_token)))
        fields += self._set
        return fields

    def redirected(
        self, fields: Fields, old: Target, new: Target, *, keep_body: bool
    ) -> list[tuple[str, str]]:
        """The head that fetches `new` after `old`, asked with `fields`, had redirected there.

        `fields` is what `first` or an earlier call returned, so what one hop dropped stays dropped
        when a later one returns to the first origin.
        """
        dropped = self._dropped_on_redirect[keep_body, old.origin == new.origin]
        kept = [field for field in fields if field[0].lower() not in dropped]
        return [("Host", new.authority), *kept]

    def _forwarded_fields(
        self, head: RequestHead, gathered: Mapping[str, Sequence[str]]
    ) -> list[tuple[str, str]]:
        """`X-Forwarded-*`, each continuing what the client sent."""
        own = (head.peer, str(head.secure_port), head.scheme)
        return [
            (spelling, _joined(gathered.get(name, ()), ",", value))
            for (name, spelling), value in zip(_FORWARDED.items(), own, strict=True)
            if name not in self._set_names
        ]


def passed_through(head: RequestHead, token: str) -> bool:
    """Whether `CDN-Loop` says that the instance called `token` forwarded this request before."""
    for name, value in head.fields:
        if len(name) == 8 and name.lower() == "cdn-loop" and _lists_cdn(value, token):
            return True
    return False


def _lists_cdn(value: str, token: str) -> bool:
    # Quoted strings are not honoured: in `x; a="` the open quote would swallow the token that was
    # appended after it, and the loop would go unseen.
    wanted = token.lower()
    return any(item.partition(";")[0].strip(" \t") == wanted for item in value.lower().split(","))


def _check_settable(name: str, value: str) -> None:
    if not cors.is_token(name):
        raise ValueError(f"{name!r} is not a header name")
    if not _is_value(value):
        raise ValueError(f"the value of {name} has characters that no header may have")
    if name.lower() in _REQUEST:
        raise ValueError(f"{name} cannot be set: the proxy itself writes it for each connection")


# --- from the target -----------------------------------------------------------------------------


def inbound(
    head: ReplyHead,
    *,
    first_url: str,
    final_url: str,
    hops: Sequence[Hop],
    location: str | None,
    keep_length: bool,
) -> list[tuple[str, str]]:
    """The client's head for a target's reply, without framing.

    `first_url` was asked for and `final_url` answered, after the redirects in `hops`. `location`
    replaces the target's when given. `keep_length` passes `Content-Length` on where it describes
    the resource instead of framing a body: in replies to `HEAD` and in 304 (RFC 9110 s. 8.6).
    """
    rules = _REPLY if location is None else _REPLY_RELOCATED
    fields: list[tuple[str, str]] = []
    names: list[str] = []
    gathered: dict[str, list[str]] = {}
    for field in head.fields:
        name = field[0].lower()
        rule = rules.get(name)
        if rule is None:
            if not name.startswith(_REPORTED_PREFIXES):
                fields.append(field)
                names.append(name)
        elif rule is not _DROP:
            gathered.setdefault(name, []).append(field[1])
            if rule is _RESTATE:
                names.append(name)

    if named := _named_by_connection(gathered, rules):
        fields = [field for field in fields if field[0].lower() not in named]
        names = [name for name in names if name not in named]
    if location is not None:
        fields.append(("location", location))
        names.append("location")
    if keep_length and (length := _single_length(gathered)):
        fields.append(("content-length", length))
    fields += (("x-request-url", first_url), ("x-final-url", final_url))
    for number, hop in enumerate(hops, 1):
        fields.append((cors.redirect_name(number), f"{hop.status} {hop.url}"))
    fields += cors.reply_fields(names, len(hops))
    return fields


def clean_reason(reason: str) -> str:
    """The reason phrase without control characters, the tab included."""
    return reason if reason.isprintable() else reason.translate(_CONTROLS)


def _single_length(gathered: Mapping[str, Sequence[str]]) -> str | None:
    """The one length a bodiless reply announces; None when it is absent, doubtful or overridden."""
    if "transfer-encoding" in gathered:  # RFC 9112 section 6.3: it overrides the length
        return None
    lengths = {
        item.strip(" \t")
        for value in gathered.get("content-length", ())
        for item in value.split(",")
    }
    length = lengths.pop() if len(lengths) == 1 else ""
    return length if length.isascii() and length.isdigit() else None


# --- both ways -----------------------------------------------------------------------------------


def _named_by_connection(
    gathered: Mapping[str, Sequence[str]], rules: Mapping[str, int]
) -> set[str]:
    """The fields that `Connection` makes hop-by-hop, without those that a rule disposes of anyway.

    The latter matters: whoever names `Host` or `CDN-Loop` here must not rid the message of ours.
    """
    values = gathered.get("connection", ())
    if len(values) == 1 and values[0] in _PLAIN_CONNECTION:
        return set()
    options = {item.strip(" \t") for value in values for item in value.lower().split(",")}
    return options.difference(rules)


def _joined(known: Sequence[str], separator: str, own: str) -> str:
    """A list field continued by our own element; repeated fields become one."""
    return separator.join([*filter(None, known), own]) if known else own
