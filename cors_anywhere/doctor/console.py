"""The sentences of browsers' consoles: written for a fault, and read from what a person pasted.

Owns: the texts of Chromium, Firefox and Safari, and what each means. Must not know: the network.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from cors_anywhere.doctor.vocabulary import Fault, Question

_VALID: Final = " Have the server send the header with a valid value."
_PREFLIGHT: Final = "Response to preflight request doesn't pass access control check: "

_CHECK: Final = {
    "WildcardOriginNotAllowed": "The value of the 'Access-Control-Allow-Origin' header in the"
    " response must not be the wildcard '*' when the request's credentials mode is 'include'.",
    "MissingAllowOriginHeader": "No 'Access-Control-Allow-Origin' header is present on the"
    " requested resource.",
    "MultipleAllowOriginValues": "The 'Access-Control-Allow-Origin' header contains multiple values"
    f" '{{}}', but only one is allowed.{_VALID}",
    "InvalidAllowOriginValue": "The 'Access-Control-Allow-Origin' header contains the invalid value"
    f" '{{}}'.{_VALID}",
    "AllowOriginMismatch": "The 'Access-Control-Allow-Origin' header has a value '{}' that is not"
    f" equal to the supplied origin.{_VALID}",
    "InvalidAllowCredentials": "The value of the 'Access-Control-Allow-Credentials' header in the"
    " response is '{}' which must be 'true' when the request's credentials mode is 'include'.",
}
CHROMIUM: Final = {
    **_CHECK,
    **{f"Preflight{cause}": f"{_PREFLIGHT}{text}" for cause, text in _CHECK.items()},
    "PreflightInvalidStatus": f"{_PREFLIGHT}It does not have HTTP ok status.",
    "PreflightDisallowedRedirect": f"{_PREFLIGHT}Redirect is not allowed for a preflight request.",
    "InvalidAllowMethodsPreflightResponse": "Cannot parse Access-Control-Allow-Methods response"
    " header field in preflight response.",
    "InvalidAllowHeadersPreflightResponse": "Cannot parse Access-Control-Allow-Headers response"
    " header field in preflight response.",
    "MethodDisallowedByPreflightResponse": "Method {} is not allowed by"
    " Access-Control-Allow-Methods in preflight response.",
    "HeaderDisallowedByPreflightResponse": "Request header field {} is not allowed by"
    " Access-Control-Allow-Headers in preflight response.",
    "RedirectContainsCredentials": "Redirect location '{}' contains a username and password, which"
    " is disallowed for cross-origin requests.",
    "CorsDisabledScheme": "Cross origin requests are only supported for protocol schemes: chrome,"
    " chrome-experimental-site-token-provider, chrome-extension, chrome-untrusted, data, http,"
    " https, isolated-app.",
}
"""The sentence of each cause, with its parameter."""

MEANINGS: Final = {
    "MissingAllowOriginHeader": (
        "the target's reply has no Access-Control-Allow-Origin, so no page of another origin may"
        " read it",
        "the target's owner adds the field; for a target that is not yours, use a proxy",
    ),
    "AllowOriginMismatch": (
        "the target allows another origin than the page's, letter by letter",
        "add the page's origin at the target, without a slash at the end",
    ),
    "InvalidAllowOriginValue": (
        "Access-Control-Allow-Origin holds something that is no origin",
        "send the page's origin or *: there are no patterns in this field",
    ),
    "MultipleAllowOriginValues": (
        "Access-Control-Allow-Origin was sent twice, or with several values",
        "let one place only add it: often both the application and the server before it do",
    ),
    "WildcardOriginNotAllowed": (
        "the request carries credentials, and for those * does not count",
        "leave the credentials out (withCredentials, credentials: 'include'), or let the target"
        " send the page's origin instead of *",
    ),
    "InvalidAllowCredentials": (
        "the request carries credentials, and the target does not agree to them",
        "leave the credentials out, or let the target send Access-Control-Allow-Credentials: true",
    ),
    "PreflightInvalidStatus": (
        "the browser asked first (OPTIONS), and the answer was an error",
        "let the target answer OPTIONS with 204 before it asks for a login or a route",
    ),
    "PreflightDisallowedRedirect": (
        "the browser asked first (OPTIONS), and was sent elsewhere",
        "ask for the URL that it leads to: the final slash, www and https are the usual reasons",
    ),
    "MethodDisallowedByPreflightResponse": (
        "the target does not list this method in Access-Control-Allow-Methods",
        "add it there, in the same letters: methods are not folded, and patch is not PATCH",
    ),
    "HeaderDisallowedByPreflightResponse": (
        "the target does not list this request header in Access-Control-Allow-Headers",
        "add it there, or do not send it: Content-Type: application/json is one of them",
    ),
    "InvalidAllowMethodsPreflightResponse": (
        "Access-Control-Allow-Methods is no list of names",
        "separate the names by commas",
    ),
    "InvalidAllowHeadersPreflightResponse": (
        "Access-Control-Allow-Headers is no list of names",
        "separate the names by commas",
    ),
    "RedirectContainsCredentials": (
        "the target redirects to a URL with a user name and password in it",
        "ask for that URL yourself, and send Authorization",
    ),
    "CorsDisabledScheme": (
        "a page may fetch http and https across origins, and nothing else",
        "check the beginning of the URL, and serve the page by http instead of opening its file",
    ),
    "connection_terminated": (
        "the browser got no reply at all: this is no matter of CORS",
        "see whether the URL opens in a tab: name, port, certificate, a blocker or mixed content",
    ),
}
"""What a cause means, and what helps."""


def browser_message(question: Question, fault: Fault | None, final: str) -> str | None:
    """The sentence in Chromium's console; None where it has none of CORS."""
    if fault is None or fault.cause not in CHROMIUM:
        return None
    asked = f"'{final}'"
    if final != question.url:
        asked += f" (redirected from '{question.url}')"
    said = CHROMIUM[fault.cause].format(fault.parameter)
    return (
        f"Access to fetch at {asked} from origin '{question.origin}' has been blocked by CORS"
        f" policy: {said}"
    )


# --- reading -------------------------------------------------------------------------------------


class Recognised(NamedTuple):
    """What a pasted message says."""

    browser: str
    cause: str
    parameter: str
    url: str | None
    origin: str | None
    meaning: str
    advice: str


_CHROMIUM_FRAME = re.compile(
    r"Access to (?P<what>.{1,40}?) at '(?P<url>[^']{0,2000})'"
    r"(?: \(redirected from '[^']{0,2000}'\))?"
    r" from origin '(?P<origin>[^']{0,320})' has been blocked by CORS policy: (?P<said>.{1,4000})"
)
_FIREFOX_FRAME = re.compile(
    r"Cross-Origin Request Blocked:.{0,200}?remote resource at (?P<url>\S{1,2000}?)\.?"
    r" \(Reason: (?P<said>[^)]{1,1000})\)"
)
_FIREFOX: Final = (  # the words of its reasons, the special ones first
    (r"header .(?P<p>[\w-]+). is not allowed", "HeaderDisallowedByPreflightResponse"),
    (r"missing token .(?P<p>[\w-]+).", "HeaderDisallowedByPreflightResponse"),
    (r"find method in CORS header", "MethodDisallowedByPreflightResponse"),
    (
        r"invalid token .* in CORS header .Access-Control-Allow-M",
        "InvalidAllowMethodsPreflightResponse",
    ),
    (
        r"invalid token .* in CORS header .Access-Control-Allow-H",
        "InvalidAllowHeadersPreflightResponse",
    ),
    (r"Credential is not supported", "WildcardOriginNotAllowed"),
    (r"expected .true. in CORS header", "InvalidAllowCredentials"),
    (r"Multiple CORS header", "MultipleAllowOriginValues"),
    (r"does not match .(?P<p>[^’']{0,300})", "AllowOriginMismatch"),
    (r".Access-Control-Allow-Origin. missing", "MissingAllowOriginHeader"),
    (r"preflight (?:channel|response) did not succeed", "PreflightInvalidStatus"),
    (r"external redirect not allowed", "PreflightDisallowedRedirect"),
    (r"request not http", "CorsDisabledScheme"),
    (r"did not succeed", "connection_terminated"),
)
_SAFARI: Final = (
    (
        r"Origin (?P<o>\S{1,320}) is not allowed by Access-Control-Allow-Origin",
        "AllowOriginMismatch",
    ),
    (
        r"Request header field (?P<p>[\w-]+) is not allowed by",
        "HeaderDisallowedByPreflightResponse",
    ),
    (
        r"Method (?P<p>\w+) is not allowed by Access-Control-Allow",
        "MethodDisallowedByPreflightResponse",
    ),
    (r"Preflight response is not successful", "PreflightInvalidStatus"),
    (r"Preflight response.{0,40}redirect", "PreflightDisallowedRedirect"),
    (r"Cannot use wildcard in Access-Control-Allow-Origin", "WildcardOriginNotAllowed"),
    (r"Credentials flag is true, but", "InvalidAllowCredentials"),
    (
        r"Access-Control-Allow-Origin cannot contain more than one origin",
        "MultipleAllowOriginValues",
    ),
    (r"cannot load (?P<u>\S{1,2000}) due to access control checks", "MissingAllowOriginHeader"),
)


def recognise(text: str) -> Recognised | None:
    """What a message copied from a browser's console says; None when it is none of theirs."""
    line = " ".join(text[:8000].split())
    if (match := _CHROMIUM_FRAME.search(line)) is not None:
        cause, parameter = _chromium_cause(match["said"])
        return _recognised("Chromium", cause, parameter, match["url"], match["origin"])
    if (match := _FIREFOX_FRAME.search(line)) is not None:
        found = _first(_FIREFOX, match["said"])
        cause, groups = found or ("", {})
        return _recognised("Firefox", cause, groups.get("p") or "", match["url"], None)
    if (found := _first(_SAFARI, line)) is not None:
        cause, groups = found
        return _recognised("Safari", cause, groups.get("p") or "", groups.get("u"), groups.get("o"))
    return None


def _chromium_cause(said: str) -> tuple[str, str]:
    """The cause whose sentence this is; older versions end it differently."""
    for cause, text in _LONGEST_FIRST:
        before, mark, after = text.removesuffix(_VALID).partition("{}")
        if not said.startswith(before):
            continue
        if not mark:
            return cause, ""
        parameter, found, _ = said[len(before) :].partition(after)
        if found:
            return cause, parameter
    return "", ""


_LONGEST_FIRST: Final = sorted(CHROMIUM.items(), key=lambda row: -len(row[1]))


def _first(
    table: tuple[tuple[str, str], ...], said: str
) -> tuple[str, dict[str, str | None]] | None:
    for pattern, cause in table:
        if (match := re.search(pattern, said)) is not None:
            return cause, match.groupdict()
    return None


def _recognised(
    browser: str, cause: str, parameter: str, url: str | None, origin: str | None
) -> Recognised:
    meaning, advice = meaning_of(cause)
    return Recognised(browser, cause, parameter, url, origin, meaning, advice)


def meaning_of(cause: str) -> tuple[str, str]:
    """What a cause means and what helps, as sentences without their end."""
    plain = cause if cause in MEANINGS else cause.removeprefix("Preflight")
    meaning, advice = MEANINGS.get(plain, ("the browser blocked the reply", "ask the doctor"))
    if plain != cause:
        meaning = f"of the browser's first question (OPTIONS): {meaning}"
    return meaning, advice
