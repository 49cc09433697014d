"""What a browser does with a request, step by step.

Owns: the order of events of main fetch, the CORS-preflight fetch and the HTTP-redirect fetch (Fetch
Standard sections 4.1, 4.4 and 4.8), and which exchange comes next. It does none itself: it yields
what is to be asked, and is sent what was seen. Must not know: how one reply is judged (checks.py).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, NamedTuple, NoReturn

import ada_url

from cors_anywhere.doctor import checks, opaque, remarks, verdicts
from cors_anywhere.doctor.address import Address, read_address
from cors_anywhere.doctor.safelist import (
    FORBIDDEN_METHODS,
    SAFE_METHODS,
    SAFELISTED_METHODS,
    is_forbidden,
    normalised,
    unsafe_fields,
)
from cors_anywhere.doctor.vocabulary import (
    ERROR,
    MANUAL,
    Ask,
    Broken,
    Diagnosis,
    Fault,
    Question,
    Seen,
    Step,
)
from cors_anywhere.messages import Fields

REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
MOST_REDIRECTS: Final = 20  # Fetch Standard section 4.4, step 7
_BODY_FIELDS: Final = frozenset(
    ("content-encoding", "content-language", "content-location", "content-type")
)

_UNSAFE_SCHEMES: Final = ("about:", "blob:", "data:", "file:", "filesystem:", "javascript:")
"""Chromium's network layer follows no redirect there, before CORS is asked."""

Walk = Generator[Ask, Seen | Broken, Diagnosis]


class _Stopped(Exception):
    """Nothing comes after this: `fault` says why, None that nothing is wrong."""

    def __init__(self, fault: Fault | None) -> None:
        super().__init__()
        self.fault = fault


def walk(question: Question) -> Walk:
    """Answers a question: yields each exchange that a browser would make, takes what came of it,
    and returns the diagnosis."""
    return _Walker(question).walk()


class _Hop(NamedTuple):
    """The request as it stands: what a redirect changes."""

    address: Address
    method: str
    fields: Fields
    origin: str  # "null" once a redirect led from one foreign origin to another
    number: int  # of redirects before it


class _Walker:
    def __init__(self, question: Question) -> None:
        self._question = question
        self._steps: list[Step] = []
        self._final = question.url
        self._last: Seen | None = None
        self._public: bool | None = None

    def walk(self) -> Walk:
        fault: Fault | None = None
        try:
            hop: _Hop | None = self._begin()
            while hop is not None:
                self._final = hop.address.url
                hop = yield from self._fetch(hop)
        except _Stopped as stopped:
            fault = stopped.fault
        status = self._last.status if self._last is not None else None
        verdict, why = verdicts.judge(self._question, fault, self._final, public=self._public)
        return Diagnosis(
            self._question,
            verdict,
            fault,
            tuple(self._steps),
            self._final,
            status,
            self._public,
            why,
        )

    def _note(self, step: str, reason: str, spec: str = "", *, ok: bool = True) -> None:
        self._steps.append(Step(step, ok, reason, spec))

    def _stop(self, step: str, fault: Fault) -> NoReturn:
        self._note(step, fault.reason, fault.spec, ok=False)
        raise _Stopped(fault)

    # --- before anything is sent ------------------------------------------------------------------

    def _begin(self) -> _Hop:
        question = self._question
        address = read_address(question.url)
        if isinstance(address, Fault):
            self._stop("url", address)
        self._note("url", address.remark or f"the browser asks for {address.url}", "URL Standard")
        if (fault := remarks.mixed_content(question.origin, address)) is not None:
            self._stop("mixed content", fault)
        method = normalised(question.method)
        if method.upper() in FORBIDDEN_METHODS:
            self._stop("method", Fault("", method, f"no page may send {method}", "Fetch, methods"))
        return _Hop(address, method, self._settable(), question.origin, 0)

    def _settable(self) -> Fields:
        kept: list[tuple[str, str]] = []
        for name, value in self._question.fields:
            if is_forbidden(name, value):
                self._note(
                    "headers",
                    f"Warning: {name} cannot be set by a page; the browser drops it",
                    "Fetch, forbidden request-header",
                )
            else:
                kept.append((name, value))
        return kept

    # --- one request ------------------------------------------------------------------------------

    def _fetch(self, hop: _Hop) -> Generator[Ask, Seen | Broken, _Hop | None]:
        """One hop; the next, or None when the reply is the page's."""
        crossing = hop.origin != hop.address.origin
        if not crossing:
            self._note("same origin", "the page's own origin: nothing is checked", "Fetch, main")
        elif self._question.no_cors:
            opaque.check_request(hop.method, hop.fields, self._note)
        else:
            yield from self._preflight(hop)
        if not self._sends(hop.method):
            raise _Stopped(None)
        fields = [*hop.fields, ("Origin", hop.origin)]
        if not crossing and hop.method in ("GET", "HEAD"):
            fields.pop()
        seen = yield from self._exchange(Ask(hop.address.url, hop.method, fields, preflight=False))
        location = seen.values("location")
        if seen.status in REDIRECTS and location is not None:
            return self._redirected(hop, seen, location, crossing=crossing)
        self._judge(hop, seen, crossing=crossing)
        return None

    def _sends(self, method: str) -> bool:
        if method in SAFE_METHODS or self._question.send:
            return True
        self._note(
            "request",
            f"Warning: {method} may change something and was not sent: what the reply would say"
            " is not known (--send sends it, without a body)",
            "RFC 9110, safe methods",
        )
        return False

    def _exchange(self, ask: Ask) -> Generator[Ask, Seen | Broken, Seen]:
        came = yield ask
        self._steps += came.way
        self._public = came.public if self._public is None else self._public
        if isinstance(came, Broken):
            step = "preflight" if ask.preflight else "request"
            self._stop(step, Fault(came.error, "", came.sentence, "RFC 9209"))
        self._last = came
        return came

    # --- the preflight ----------------------------------------------------------------------------

    def _preflight(self, hop: _Hop) -> Generator[Ask, Seen | Broken, None]:
        unsafe = unsafe_fields(hop.fields)
        reasons = [f"the header {name}: {why}" for name, why in unsafe.items()]
        if hop.method not in SAFELISTED_METHODS:
            reasons.insert(0, f"the method {hop.method} is none of GET, HEAD and POST")
        if not reasons:
            self._note("preflight", "none is needed: a form could send this request", "Fetch, main")
            return
        self._note("preflight", "it is needed: " + "; ".join(reasons), "Fetch, main")
        asked = [
            ("Accept", "*/*"),
            ("Access-Control-Request-Method", hop.method),
            ("Origin", hop.origin),
        ]
        if unsafe:
            asked.insert(1, ("Access-Control-Request-Headers", ",".join(unsafe)))
        seen = yield from self._exchange(Ask(hop.address.url, "OPTIONS", asked, preflight=True))
        self._judge_preflight(hop, seen, list(unsafe))

    def _judge_preflight(self, hop: _Hop, seen: Seen, names: list[str]) -> None:
        credentials = self._question.credentials
        if seen.status in REDIRECTS and seen.values("location") is not None:
            reason = (
                f"the preflight was redirected ({seen.status}) to {seen.values('location')}:"
                " ask for the URL that it leads to"
            )
            fault = Fault("PreflightDisallowedRedirect", "", reason, "Fetch, CORS-preflight fetch")
            self._stop("preflight reply", fault)
        fault_or_none = (
            checks.preflight_check(seen, hop.origin, credentials=credentials)
            or checks.method_check(seen, hop.method, credentials=credentials)
            or checks.headers_check(seen, names, credentials=credentials)
        )
        if fault_or_none is not None:
            self._stop("preflight reply", fault_or_none)
        self._note(
            "preflight reply",
            f"{seen.status}, and it allows the request",
            "Fetch, CORS-preflight fetch",
        )
        if checks.authorization_by_wildcard(seen, names, credentials=credentials):
            self._note(
                "preflight reply",
                "Warning: Access-Control-Allow-Headers is *, which does not cover Authorization by"
                " the standard: Chromium still lets it pass, others do not",
                "Fetch, CORS non-wildcard request-header name",
            )
        for remark in remarks.of_preflight(seen):
            self._note("preflight reply", remark, "Fetch, CORS-preflight cache")

    # --- the reply --------------------------------------------------------------------------------

    def _judge(self, hop: _Hop, seen: Seen, *, crossing: bool) -> None:
        question = self._question
        if crossing and question.no_cors:
            fault = opaque.check_reply(hop.address, hop.origin, seen, self._note)
        elif crossing:
            fault = checks.cors_check(seen, hop.origin, credentials=question.credentials)
        else:
            fault = None
        notes = remarks.of_reply(hop.address, seen, fault)
        if fault is not None:
            hint = "".join(f" ({note})" for note in notes)
            self._stop("reply", fault._replace(reason=f"{fault.reason}{hint}"))
        if question.via and (fault := remarks.refusal(seen)) is not None:
            self._stop("reply", fault)
        self._note("reply", f"{seen.status} {seen.reason}".strip(), "Fetch, CORS check")
        for note in notes:
            self._note("reply", f"Warning: {note}", "")
        if crossing and not question.no_cors:
            if (told := remarks.of_caches(seen)) is not None:
                self._note("reply", f"Warning: {told}", "Fetch, CORS protocol and HTTP caches")
            self._note("readable", remarks.readable(seen, credentials=question.credentials))

    # --- redirects --------------------------------------------------------------------------------

    def _redirected(self, hop: _Hop, seen: Seen, location: str, *, crossing: bool) -> _Hop | None:
        question = self._question
        told = f"{seen.status} to {location}"
        if question.redirect == ERROR:
            reason = f"{told}, and the request's redirect mode is error"
            self._stop("redirect", Fault("", "", reason, "Fetch, HTTP fetch"))
        if crossing and not question.no_cors:
            fault = checks.cors_check(seen, hop.origin, credentials=question.credentials)
            if fault is not None:
                reason = f"the redirect itself ({told}): {fault.reason}"
                self._stop("redirect", fault._replace(reason=reason))
        if question.redirect == MANUAL:
            self._note("redirect", f"{told}: the page sees that there is one, and no more")
            return None
        if hop.number >= MOST_REDIRECTS:
            self._stop("redirect", Fault("", "", "there are more than 20 redirects", "Fetch"))
        new = self._destination(hop, location, crossing=crossing)
        self._note("redirect", told, "Fetch, HTTP-redirect fetch")
        return self._next(hop, seen.status, new)

    def _destination(self, hop: _Hop, location: str, *, crossing: bool) -> Address:
        try:
            url = ada_url.URL(location, hop.address.url)
        except ValueError:
            self._stop("redirect", Fault("", "", f"it leads to {location}, which is no URL", ""))
        if url.protocol not in ("http:", "https:"):
            reason = f"it leads to {url.href}, and only http and https are followed"
            cause = "" if url.protocol in _UNSAFE_SCHEMES else "CorsDisabledScheme"
            self._final = url.href
            self._stop("redirect", Fault(cause, "", reason, "Fetch, HTTP-redirect fetch"))
        new = Address.of(url)
        foreign = (crossing or hop.origin != new.origin) and not self._question.no_cors
        if foreign and (url.username or url.password):
            reason = "it leads to a URL with a user name or password, in another origin"
            fault = Fault("RedirectContainsCredentials", "", reason, "Fetch, redirect")
            self._stop("redirect", fault)
        if (mixed := remarks.mixed_content(self._question.origin, new)) is not None:
            self._stop("mixed content", mixed)
        return new

    def _next(self, hop: _Hop, status: int, new: Address) -> _Hop:
        method, fields = hop.method, hop.fields
        if (status in (301, 302) and method == "POST") or (
            status == 303 and method not in ("GET", "HEAD")
        ):
            method = "GET"
            fields = [field for field in fields if field[0].lower() not in _BODY_FIELDS]
        if new.origin != hop.address.origin:
            fields = [field for field in fields if field[0].lower() != "authorization"]
        crossed = hop.address.origin not in (hop.origin, new.origin)
        origin = "null" if crossed else hop.origin
        if crossed and hop.origin != "null":
            self._note(
                "redirect",
                "Warning: from one foreign origin to another: the browser sends Origin: null from"
                " here on",
                "Fetch, redirect-taint",
            )
        return _Hop(new, method, fields, origin, hop.number + 1)
