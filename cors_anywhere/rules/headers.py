"""Which header fields pass: from the client to the target, and from the target to the client.

Owns: a table for each direction, both of one shape, and what the operator may change in them.
Must not know: what the proxy adds to a message (injections.py, replies.py), how a body is framed
(the wire adds `Content-Length` and `Transfer-Encoding` from the parsed length), or who is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from cors_anywhere.messages import Fields
from cors_anywhere.tokens import HOP_BY_HOP, is_field_value, is_token, list_items

# What becomes of a field.
PASS, DROP, GATHER, RESTATE, NOTE = range(5)
# GATHER: it does not pass, but its values decide something.
# RESTATE: the same, and its values pass on in a field of our own making.
# NOTE: it passes, and its values are gathered as well.

# --- tables, all names in lower case -------------------------------------------------------------

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

FORWARDED: Final = {  # and how we spell them
    "x-forwarded-for": "X-Forwarded-For",
    "x-forwarded-port": "X-Forwarded-Port",
    "x-forwarded-proto": "X-Forwarded-Proto",
}

_REQUEST: Final = dict.fromkeys(HOP_BY_HOP, DROP) | {
    "cdn-loop": RESTATE,
    "connection": GATHER,
    "content-length": DROP,
    "expect": DROP,  # the wire's to meet (RFC 9110 section 10.1.1)
    "host": DROP,  # replaced by the target's
}

_REPLY: Final = dict.fromkeys(HOP_BY_HOP, DROP) | {
    "connection": GATHER,
    "content-length": RESTATE,
    "content-location": NOTE,
    "location": NOTE,
    "set-cookie": DROP,
    "set-cookie2": DROP,
    "transfer-encoding": GATHER,
    "x-final-url": DROP,  # a target must not forge what we report
    "x-request-url": DROP,
}

_REQUEST_PREFIXES: Final = ("access-control-request-",)
_REPLY_PREFIXES: Final = ("access-control-", "x-cors-redirect-")

# What nearly every client sends: nothing is looked for in these names.
_USUAL: Final = (
    *("accept", "accept-encoding", "accept-language", "authorization", "cache-control"),
    *("content-type", "if-modified-since", "if-none-match", "origin", "pragma", "priority"),
    *("range", "referer", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"),
    *("sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "user-agent", "x-requested-with"),
    *("date", "etag", "last-modified", "server", "vary", "content-encoding", "accept-ranges"),
)

# What nearly every peer sends, none of which names a field that would otherwise pass.
_PLAIN_CONNECTION: Final = frozenset({"keep-alive", "Keep-Alive", "close", "Close"})

_AS_HYPHENS: Final = str.maketrans(dict.fromkeys("!#$%&'*+.^_`|~", "-"))


class Sorted(NamedTuple):
    """The fields of a head by what becomes of them."""

    fields: list[tuple[str, str]]  # those that pass, in order
    names: list[str]  # in lower case, of those that pass and those that are restated, in order
    gathered: dict[str, list[str]]  # the values that decide something, by lower-case name


class FieldTable:
    """What becomes of each field of a head, compiled.

    `rules` are by lower-case name; all other fields pass, but for those that begin with one of
    `prefixes` and those whose name some server would read as one of `rules`.
    """

    def __init__(self, rules: Mapping[str, int], prefixes: tuple[str, ...] = ()) -> None:
        self._rules = dict.fromkeys(_USUAL, PASS) | dict(rules)
        self._ruled = frozenset(name for name, rule in rules.items() if rule != PASS)
        self._prefixes = prefixes

    def sort(self, head: Fields) -> Sorted:
        """Applies the table, and what the head itself says in `Connection`."""
        rules = self._rules
        fields: list[tuple[str, str]] = []
        names: list[str] = []
        gathered: dict[str, list[str]] = {}
        for field in head:
            name = field[0].lower()
            rule = rules.get(name)
            if rule is None:
                rule = self._unlisted(name)
            if not rule:  # PASS: nearly every field
                fields.append(field)
                names.append(name)
            elif rule != DROP:
                gathered.setdefault(name, []).append(field[1])
                if rule == NOTE:
                    fields.append(field)
                if rule != GATHER:
                    names.append(name)
        if "connection" in gathered and (named := self._named(gathered["connection"])):
            fields = [field for field in fields if field[0].lower() not in named]
            names = [name for name in names if name not in named]
        return Sorted(fields, names, gathered)

    def _unlisted(self, name: str) -> int:
        if name.startswith(self._prefixes):
            return DROP
        # CGI and WSGI know `Content_Length` and `Content-Length` by one name, and some servers fold
        # whatever is no letter: whoever sends the one must not be taken to have sent the other.
        if name.replace("-", "").isalnum() or name.translate(_AS_HYPHENS) not in self._ruled:
            return PASS
        return DROP

    def _named(self, values: Sequence[str]) -> set[str]:
        """The fields that `Connection` makes hop-by-hop, but for those that a rule disposes of.

        The latter matters: whoever names `Host` or `CDN-Loop` here must not rid the message of
        ours.
        """
        if len(values) == 1 and values[0] in _PLAIN_CONNECTION:
            return set()
        return {item.lower() for item in list_items(values)} - self._ruled


def request_table(
    *, remove: Iterable[str] = (), replace: Iterable[str] = (), forwarded: bool = False
) -> FieldTable:
    """The table of requests to targets.

    `remove` adds names to the default removals; fields named in `replace` give way to the proxy's
    own; `forwarded` says that `X-Forwarded-*` are continued.
    """
    removed = [*DEFAULT_REMOVALS, *remove, *replace]
    rules = {
        **dict.fromkeys(FORWARDED if forwarded else (), RESTATE),
        **{name.lower(): DROP for name in removed},
        **_REQUEST,  # last: no option may undo these
    }
    return FieldTable(rules, _REQUEST_PREFIXES)


def reply_table() -> FieldTable:
    """The table of targets' replies."""
    return FieldTable(_REPLY, _REPLY_PREFIXES)


# --- what the operator may set -------------------------------------------------------------------


def check_name(name: str) -> str:
    """A name whose fields the operator may remove. Raises ValueError with the fix."""
    if not is_token(name):
        raise ValueError(f'"{name}" is no header name: letters, digits and hyphens only')
    if name.lower() in _REQUEST:
        raise ValueError(f'"{name}" is a header that the proxy itself answers for: leave it out')
    return name


def check_settable(name: str, value: str) -> tuple[str, str]:
    """A field that the operator may set. Raises ValueError with the fix, which never repeats the
    value: it may be a secret."""
    check_name(name)
    if any(character > "\xff" for character in value):
        raise ValueError(f'the value of "{name}" has characters beyond ISO-8859-1: encode them')
    if not is_field_value(value):
        raise ValueError(f'the value of "{name}" has a control character: remove it')
    return name, value
