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

OVERRIDES: Final = "x-cors-headers"
"""The request header by which a page says what its browser does not let it say (overrides.py)."""

EXPOSED_COOKIE: Final = "x-cors-set-cookie"
"""The reply field in which a page may read a target's cookies (cookies.py)."""

API_KEY: Final = "x-cors-anywhere-key"
"""The request header by which somebody shows a key of the proxy's (keys.py)."""

_OURS: Final = dict.fromkeys(HOP_BY_HOP, DROP) | {  # no option may undo these
    "cdn-loop": RESTATE,
    "connection": GATHER,
    "content-length": DROP,
    "expect": DROP,  # the wire's to meet (RFC 9110 section 10.1.1)
    "host": DROP,  # replaced by the target's
    OVERRIDES: GATHER,
    API_KEY: DROP,
}

_NOT_THE_CLIENTS: Final = dict.fromkeys(
    (
        # Who the client is and what it asked for is a front server's to say, and ours to believe.
        *("cf-connecting-ip", "cf-connecting-ipv6", "forwarded", "true-client-ip", "x-real-ip"),
        *("x-original-url", "x-rewrite-url"),
        "proxy",  # CGI would read it as the variable HTTP_PROXY
        # What a browser says of the way to the proxy is not true of the way to a target.
        *("sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user"),
        "available-dictionary",  # of the proxy's origin; the reply could not be read (RFC 9842)
    ),
    DROP,
)

_ASKING: Final = "access-control-request-"  # a preflight's, which ends here
_REQUEST_PREFIXES: Final = (*("proxy-", "sec-fetch-", "service-worker", "x-forwarded-"),)

# What a browser would apply to the proxy's own origin, and so to all targets and to whatever else
# has its host name; and what a front server would take for an order.
_NOT_THE_TARGETS: Final = dict.fromkeys(
    (
        *("clear-site-data", "set-cookie", "set-cookie2", "set-login", "activate-storage-access"),
        *("expect-ct", "public-key-pins", "public-key-pins-report-only"),
        *("strict-transport-security", "alt-svc", "origin-agent-cluster", "service-worker-allowed"),
        *("nel", "report-to", "reporting-endpoints", "observe-browsing-topics"),
        *("accept-ch", "critical-ch", "origin-trial", "refresh", "speculation-rules"),
        "use-as-dictionary",
        *("surrogate-control", "x-sendfile", "x-sendfile2"),
        *("cross-origin-resource-policy", "timing-allow-origin"),  # ours take their place
        "proxy-status",  # a page is to trust the one that it sees
        # Nobody forges what we report.
        *("x-cors-location", EXPOSED_COOKIE, "x-final-url", "x-request-url"),
    ),
    DROP,
)

_REPLY: Final = (
    dict.fromkeys(HOP_BY_HOP, DROP)
    | _NOT_THE_TARGETS
    | {
        "connection": GATHER,
        "content-length": RESTATE,
        "content-location": NOTE,
        "location": NOTE,
        "transfer-encoding": GATHER,
    }
)

_REPLY_PREFIXES: Final = (
    *("access-control-", "attribution-reporting-", "x-cors-redirect-"),
    *("x-accel-", "x-lighttpd-", "x-litespeed-", "x-reproxy-"),
)
_REPLY_SUFFIXES: Final = ("cdn-cache-control", "-session-challenge", "-session-registration")

# What is the proxy's to say in a reply: no option sets or removes it. (Cookies have their own.)
_REPLY_OURS: Final = frozenset(
    (
        *("content-length", "content-location", "cross-origin-resource-policy", "location"),
        *("proxy-status", "set-cookie", "set-cookie2", "timing-allow-origin"),
        *("x-final-url", "x-request-url"),
    )
)
_REPLY_OUR_PREFIXES: Final = ("access-control-", "x-cors-")

# What nearly every client sends: nothing is looked for in these names.
_USUAL: Final = (
    *("accept", "accept-encoding", "accept-language", "authorization", "cache-control"),
    *("content-type", "if-modified-since", "if-none-match", "origin", "pragma", "priority"),
    *("range", "referer", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"),
    *("upgrade-insecure-requests", "user-agent", "x-requested-with"),
    *("date", "etag", "last-modified", "server", "vary", "content-encoding", "accept-ranges"),
    *("age", "content-disposition", "content-security-policy", "expires", "link", "x-powered-by"),
    *("x-content-type-options", "x-frame-options"),
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
    `prefixes` or end with one of `suffixes`, and those that some server would read as such a name.
    """

    def __init__(
        self,
        rules: Mapping[str, int],
        prefixes: tuple[str, ...] = (),
        suffixes: tuple[str, ...] = (),
    ) -> None:
        self._rules = dict.fromkeys(_USUAL, PASS) | dict(rules)
        self._ruled = frozenset(name for name, rule in rules.items() if rule != PASS)
        self._prefixes = prefixes
        self._suffixes = suffixes

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
        # CGI and WSGI know `Content_Length` and `Content-Length` by one name, and some servers fold
        # whatever is no letter: whoever sends the one must not be taken to have sent the other.
        if not name.replace("-", "").isalnum():
            name = folded(name)
            if name in self._ruled:
                return DROP
        listed = name.startswith(self._prefixes) or name.endswith(self._suffixes)
        return DROP if listed else PASS

    def _named(self, values: Sequence[str]) -> set[str]:
        """The fields that `Connection` makes hop-by-hop, but for those that a rule disposes of.

        The latter matters: whoever names `Host` or `CDN-Loop` here must not rid the message of
        ours.
        """
        if len(values) == 1 and values[0] in _PLAIN_CONNECTION:
            return set()
        return {item.lower() for item in list_items(values)} - self._ruled


def folded(name: str) -> str:
    """A name as a server may read it that keeps only letters and digits apart."""
    return name.lower().translate(_AS_HYPHENS)


def request_table(
    *,
    remove: Iterable[str] = (),
    replace: Iterable[str] = (),
    cookies: bool = False,
    preflights: bool = False,
) -> FieldTable:
    """The table of requests to targets.

    `remove` adds names to the default removals; fields named in `replace` give way to the proxy's
    own; `cookies` pass where they are those of the target; `preflights` says that some are made
    here, and what they ask passes.
    """
    removed = [*DEFAULT_REMOVALS.difference(("cookie",) if cookies else ()), *remove, *replace]
    rules = {**{name.lower(): DROP for name in removed}, **_NOT_THE_CLIENTS, **_OURS}
    return FieldTable(rules, _REQUEST_PREFIXES if preflights else (_ASKING, *_REQUEST_PREFIXES))


def reply_table(
    *, remove: Iterable[str] = (), replace: Iterable[str] = (), cookies: bool = False
) -> FieldTable:
    """The table of targets' replies; `remove` and `replace` as in that of requests. `cookies` says
    that theirs are restated."""
    chosen = {name.lower(): DROP for name in (*remove, *replace)}
    rules = {"www-authenticate": NOTE} | chosen | _REPLY
    if cookies:
        rules["set-cookie"] = GATHER
    return FieldTable(rules, _REPLY_PREFIXES, _REPLY_SUFFIXES)


# --- what the operator may set -------------------------------------------------------------------


def check_name(name: str) -> str:
    """A name whose fields the operator may remove. Raises ValueError with the fix."""
    if not is_token(name):
        raise ValueError(f'"{name}" is no header name: letters, digits and hyphens only')
    if name.lower() in _OURS:
        raise ValueError(f'"{name}" is a header that the proxy itself answers for: leave it out')
    return name


def check_settable(name: str, value: str) -> tuple[str, str]:
    """A field that the operator may set. Raises ValueError with the fix, which never repeats the
    value: it may be a secret."""
    return check_name(name), _check_value(name, value)


def check_reply_name(name: str) -> str:
    """A name whose fields the operator may remove from replies. Raises ValueError with the fix."""
    if not is_token(name):
        raise ValueError(f'"{name}" is no header name: letters, digits and hyphens only')
    known = folded(name)
    if known in HOP_BY_HOP or known in _REPLY_OURS or known.startswith(_REPLY_OUR_PREFIXES):
        raise ValueError(f'"{name}" is a header that the proxy itself answers for: leave it out')
    return name


def check_reply_settable(name: str, value: str) -> tuple[str, str]:
    """A field of replies that the operator may set. Raises ValueError with the fix."""
    return check_reply_name(name), _check_value(name, value)


def _check_value(name: str, value: str) -> str:
    if any(character > "\xff" for character in value):
        raise ValueError(f'the value of "{name}" has characters beyond ISO-8859-1: encode them')
    if not is_field_value(value):
        raise ValueError(f'the value of "{name}" has a control character: remove it')
    return value
