"""The replies that the proxy itself makes, and what it adds to those of targets.

Owns: their fields and texts: the help page, a preflight, a failure with its RFC 9209 field, the
redirect to one's own origin, and the fields that tell a page what was fetched on its behalf.
Must not know: when each of them is given.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from string import Template
from typing import Final

from cors_anywhere.errors import (
    MethodNotAllowed,
    NavigationRefused,
    ProxyError,
    TooManyRequests,
)
from cors_anywhere.messages import Answer, Fields, Plan, Target, Use
from cors_anywhere.rules import cors
from cors_anywhere.rules.headers import API_KEY, OVERRIDES, Sorted
from cors_anywhere.rules.urls import escape
from cors_anywhere.tokens import list_items

_TEXT: Final = ("content-type", "text/plain; charset=utf-8")
_PAGE: Final = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'"),
    ("referrer-policy", "no-referrer"),
)
_CONTROLS: Final = dict.fromkeys([*range(0x20), 0x7F])

# Of our own replies alone: scripts and styles that targets send with a wrong type do load.
_NO_SNIFFING: Final = ("x-content-type-options", "nosniff")

# What a stranger sends is no page of our origin, whoever gets a browser to show it, and may be used
# by pages that demand to be told so (Fetch, "cross-origin resource policy check").
_SANDBOX: Final = ("content-security-policy", "sandbox")
_FOR_EVERYONE: Final = ("cross-origin-resource-policy", "cross-origin")
PRIVATE: Final = ("cache-control", "private")

NOT_NEEDED: Final = Answer(200, "OK", [("content-type", "text/plain"), _NO_SNIFFING], b"no")


class Replies:
    """The replies of one proxy. `navigation_page` is HTML in which `$url` stands for the URL that
    somebody wanted to see; `by_origin` says that they depend on the origin, `by_key` on a key,
    `by_overrides` on what pages set themselves; `max_age` is how long a preflight holds, in
    seconds (0: not said); `added` are the operator's own fields of targets' replies."""

    def __init__(
        self,
        navigation_page: str,
        *,
        by_origin: bool,
        by_key: bool = False,
        by_overrides: bool = False,
        max_age: int,
        added: Fields = (),
    ) -> None:
        self._navigation_page = Template(navigation_page)
        depends = ((API_KEY, by_key), (OVERRIDES, by_overrides), ("origin", by_origin))
        self._varies = tuple([name for name, does in depends if does])
        self._max_age = max_age
        operators = tuple({name.lower(): (name, value) for name, value in added}.values())
        self._added = (*operators, _SANDBOX, _FOR_EVERYONE)
        # A worker would have the origin "null" in a sandbox.
        self._added_to_workers = (*operators, _FOR_EVERYONE)
        self._operators_names = [name.lower() for name, _ in operators]

    def preflight(self, index: Mapping[str, str], credited: str | None = None) -> Answer:
        """Allows what is asked for, whoever asks. In all replies `credited` is the origin of the
        asking page if that may send credentials.

        Also an origin that is not served: if its preflight failed, the browser would hide the
        request's own 403, and the page's author never learn the reason. Nothing is reached by it.
        """
        fields = cors.preflight_fields(
            index.get("access-control-request-method"),
            index.get("access-control-request-headers"),
            max_age=self._max_age,
            credited=credited,
        )
        return Answer(200, "OK", self.varying([_NO_SNIFFING, *fields]), b"")

    def failed(self, error: ProxyError, plan: Plan | None, credited: str | None = None) -> Answer:
        """What a failure causes; `plan` is what was being carried out."""
        page = isinstance(error, NavigationRefused)
        fields = [*(_PAGE if page else (_TEXT,)), *error.fields]
        if isinstance(error, TooManyRequests):
            fields += error.when
        if isinstance(error, MethodNotAllowed):
            fields.append(("allow", ", ".join(error.allow)))
        if error.error:
            fields.append(("proxy-status", _proxy_status(error)))
        if plan is not None:
            fields += report(plan)
            if plan.authorized:
                fields.append(PRIVATE)
        if isinstance(error, NavigationRefused):
            url = html.escape(escape(error.url))
            body = self._navigation_page.substitute(url=url).encode()
        else:
            lines = [error.detail, error.hint, _which_hop(error, plan)]
            body = "\n".join(filter(None, lines)).encode()
        fields = own_fields(fields, credited)
        return Answer(error.status, error.reason, self.varying(fields), body)

    def proxied(
        self,
        received: Sorted,
        *,
        plan: Plan,
        places: Mapping[str, str | None],
        keep_length: bool,
        credited: str | None = None,
    ) -> Fields:
        """The client's head for a target's reply, with the operator's own fields, without framing.

        `received` are the fields that pass, `places` what takes the place of some of them, or drops
        them. `keep_length` passes `Content-Length` on where it describes the resource instead of
        framing a body: in replies to `HEAD` and in 304 (RFC 9110 section 8.6).
        """
        fields, names, gathered = received
        if places:
            fields = [field for field in fields if field[0].lower() not in places]
            names = [name for name in names if name not in places]
            given = [(name, place) for name, place in places.items() if place is not None]
            fields += given
            names += [name for name, _ in given]
        if self._operators_names:
            names = names + self._operators_names
        if keep_length and (length := _single_length(gathered)):
            fields.append(("content-length", length))
        if plan.authorized and "cache-control" not in names:
            fields.append(PRIVATE)
        fields += self._added_to_workers if plan.use is Use.WORKER else self._added
        fields += report(plan)
        fields += cors.reply_fields(names, len(plan.hops), credited)
        if plan.use is Use.WORKER:  # the same in a document's place needs the sandbox
            return self.varying(cors.vary_on("sec-fetch-dest", fields))
        return self.varying(fields)

    def varying(self, fields: Fields) -> Fields:
        """The same fields, with a `Vary` where another origin, key or `x-cors-headers` would have
        got another reply: a browser's own cache, too, would mix them up."""
        for name in self._varies:
            fields = cors.vary_on(name, fields)
        return fields


def go_there(target: Target, credited: str | None = None) -> Answer:
    """Sends a page that needs no proxy for its own origin straight to the target."""
    location = ("location", target.url)
    fields = own_fields([("vary", "origin"), ("cache-control", "private"), location], credited)
    return Answer(301, "Please use a direct request", fields, b"")


def own_fields(fields: Fields, credited: str | None = None) -> list[tuple[str, str]]:
    """The fields of a reply of our own, with those that let a page read it."""
    return [*fields, _NO_SNIFFING, *cors.own_reply_fields([name for name, _ in fields], credited)]


def report(plan: Plan) -> Fields:
    """What was asked for, what answered, and the redirects that came between."""
    ends = (("x-request-url", plan.first.url), ("x-final-url", plan.target.url))
    if not plan.hops:
        return ends
    hops = enumerate(plan.hops, 1)
    return (*ends, *[(cors.redirect_name(n), f"{hop.status} {hop.url}") for n, hop in hops])


def clean_reason(reason: str) -> str:
    """The reason phrase without control characters, the tab included."""
    return reason if reason.isprintable() else reason.translate(_CONTROLS)


def _which_hop(error: ProxyError, plan: Plan | None) -> str:
    """Where a request failed that redirects had led away from its URL."""
    if plan is None or not (plan.hops or error.redirected_to):
        return ""
    url = error.redirected_to or plan.target.url
    number = len(plan.hops) + bool(error.redirected_to)
    return f"This was after redirect {number} of {plan.first.url}, which led to {url}."


def _single_length(gathered: Mapping[str, Sequence[str]]) -> str | None:
    """The one length a bodiless reply announces; None when it is absent, doubtful or overridden."""
    if "transfer-encoding" in gathered:  # RFC 9112 section 6.3: it overrides the length
        return None
    lengths = set(list_items(gathered.get("content-length", ())))
    length = lengths.pop() if len(lengths) == 1 else ""
    return length if length.isascii() and length.isdigit() else None


def _proxy_status(error: ProxyError) -> str:
    """RFC 9209: a list of one, the details an RFC 8941 string of printable ASCII."""
    details = "".join(c if " " <= c <= "~" else "?" for c in error.detail.partition("\n")[0])
    details = details.replace("\\", "\\\\").replace('"', '\\"')
    return f'cors-anywhere; error={error.error}; details="{details}"'
