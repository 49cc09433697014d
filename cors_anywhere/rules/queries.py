"""URLs that stand in a query: after "/?", and at the doors that users of AllOrigins know.

Owns: which part of a query is the URL, and how it is decoded. Must not know: how a URL is parsed,
or what becomes of it (doors.py).
"""

from __future__ import annotations

import re
from string import hexdigits
from typing import Final
from urllib.parse import parse_qsl

import ada_url

from cors_anywhere.errors import BadRequest

FORMS: Final = {"/get?": True, "/raw?": False}
"""Doors of AllOrigins; whether the reply is made JSON there."""

MOST_PARAMETERS: Final = 40
"""Of a question for the doctor."""

_I: Final = re.ASCII | re.IGNORECASE  # U+017F would match an "s" without case otherwise

_WRITTEN_URL: Final = re.compile(r"https?:/", _I)
_ENCODED_URL: Final = re.compile(r"https?(?:%3A|:)", _I)
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
# A look-up for each: the text may be kilobytes of nothing but escapes.
_OCTETS: Final = {f"%{a}{b}": chr(int(a + b, 16)) for a in hexdigits for b in hexdigits}


def url_in_query(query: str) -> str:
    """The URL that is a query, or is its parameter "url"."""
    if _ENCODED_URL.match(query):
        value = query
    elif query.startswith("url="):
        value = query[4:]
    else:
        value = query.partition("&url=")[2]
    # Pages that forget encodeURIComponent mean all that follows; nothing is decoded for them.
    if _WRITTEN_URL.match(value):
        return value
    return decode(value.partition("&")[0])


def url_in_form(form: str, query: str) -> str:
    """The URL that is asked for at one of FORMS.

    One that is not encoded ends at the first "&", unless it has a query of its own: then all that
    follows is that. Parameters that are not known change nothing. Raises BadRequest where there is
    no URL, and where JSON is asked for as a script.
    """
    before, value = _parameter(query)
    if _WRITTEN_URL.match(value):
        url, _, after = value.partition("&")
        if "?" in url:
            url, after = value, ""
    else:
        url, _, after = value.partition("&")
        url = decode(url)
    if not _WRITTEN_URL.match(url):
        raise no_url(form)
    if FORMS[form] and any(_is_callback(name) for name in (*before.split("&"), *after.split("&"))):
        raise BadRequest(
            "The parameter callback is not served: as JSONP the reply would run as a script of the"
            " page that asks, whoever wrote it.",
            hint="Leave it out, and read the reply with fetch() as JSON.",
            rule="callback",
        )
    return url


def url_in_question(query: str) -> str:
    """The URL that the doctor is asked about, as it reads it: what a browser makes of the parameter
    "url". Raises ValueError where there is none."""
    for name, value in parse_qsl(query, max_num_fields=MOST_PARAMETERS):
        if name == "url":
            return ada_url.URL(value.strip()).href
    raise ValueError("no url")


def no_url(form: str) -> BadRequest:
    """What is raised where a form names no URL that could be fetched."""
    return BadRequest(
        f"A URL is needed here: {form}url=https%3A%2F%2Fapi.example.com%2Fv1 (what"
        " encodeURIComponent makes of it).",
        rule="url-parameter",
    )


def decode(text: str) -> str:
    """Text without percent-encoding, octet for octet."""
    return _ESCAPE.sub(lambda match: _OCTETS[match[0]], text)


def _parameter(query: str) -> tuple[str, str]:
    """What comes before the parameter "url", and what follows its name; of several the first."""
    if query.startswith("url="):
        return "", query[4:]
    before, _, value = query.partition("&url=")
    return before, value


def _is_callback(parameter: str) -> bool:
    return parameter == "callback" or parameter.startswith("callback=")
