"""The text after the proxy's first slash, turned into a target or into a named rejection.

Owns: the URL forms the proxy understands. (Authorities are judged in authority.py.)
Must not know: who asks, what is configured, or what address a name has.

Text is ISO-8859-1: one character per octet received. A host is re-read as UTF-8 before it is
mapped (WHATWG URL section 3.5, UTS 46); a path and query are never touched.
"""

from __future__ import annotations

import re

from cors_anywhere.errors import MissingSlash, NoTarget, ProxyError
from cors_anywhere.messages import Target
from cors_anywhere.rules.authority import invalid, site_of

# ASCII only: U+017F would match an "s" without case otherwise.
_I = re.ASCII | re.IGNORECASE

_ABSOLUTE = re.compile(r"/(https?)://([^/?#]+)", _I)
_SCHEMELESS = re.compile(r"/(?://)?([^/?#]+)")
_ONE_SLASH = re.compile(r"/(https?):/(?=[^/])([^/?#]*)", _I)
_SCHEME_ONLY = re.compile(r"/https?:", _I)
# Whatever encoded the colon or a slash of the scheme encoded the whole URL.
_ENCODED = re.compile(r"/(?=[^/]{4,5}(?:%3A|:/?%2F))https?(?:%3A|:)(?:%2F|/)", _I)
_URL_PARAMETER = "/?url="
_WRITTEN_URL = re.compile(r"https?:/", _I)

_UNSENDABLE = re.compile(r"[^\x21-\x7e\x80-\xff]")
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]+")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def parse_path(path: str) -> Target:
    """The target that a request target names, first slash included.

    Raises NoTarget (the help page), InvalidHost, InvalidPort, MissingSlash or InvalidTarget.
    """
    if not (path.isascii() and path.isprintable()) or " " in path:
        _refuse_unsendable(path)
    match = _ABSOLUTE.match(path)
    if match is None:
        return _parse_unusual(path)
    scheme, written = match.groups()
    return Target(*site_of(scheme, written), _rest(path, match.end()))


# --- URL forms --------------------------------------------------------------------------------


def _refuse_unsendable(path: str) -> None:
    if _UNSENDABLE.search(path):
        raise invalid("it holds a space or control character; percent-encode it")


def _parse_unusual(path: str) -> Target:
    """Every form but "/http://host…"."""
    if _ENCODED.match(path):
        # A query added after the encoded URL was not encoded with it.
        encoded, mark, query = path.partition("?")
        return _parse_decoded(_decode(encoded) + mark + query)
    if path.startswith(_URL_PARAMETER):
        return _parse_decoded("/" + _url_parameter(path[len(_URL_PARAMETER) :]))
    if _SCHEME_ONLY.match(path):
        return _parse_one_slash(path)
    match = _SCHEMELESS.match(path)
    if match is None:
        raise NoTarget
    return Target(*site_of("", match[1]), _rest(path, match.end()))


def _url_parameter(value: str) -> str:
    # Pages that forget encodeURIComponent mean all that follows; nothing is decoded for them.
    if _WRITTEN_URL.match(value):
        return value
    return _decode(value.partition("&")[0])


def _decode(text: str) -> str:
    """Percent-decode, a run at a time: the text may be kilobytes of nothing but escapes."""
    return _ESCAPES.sub(
        lambda match: bytes.fromhex(match[0].replace("%", "")).decode("latin-1"), text
    )


def _parse_decoded(path: str) -> Target:
    """A URL that stood encoded in the path. Decoding may have set free octets unfit for a wire."""
    match = _ABSOLUTE.match(path)
    if match is None:
        target = _parse_one_slash(path)
    else:
        target = Target(*site_of(match[1], match[2]), _rest(path, match.end()))
    return target._replace(path=escape(target.path))


def _parse_one_slash(path: str) -> Target:
    """Undo a front server's merging of slashes where the host leaves no doubt."""
    match = _ONE_SLASH.match(path)
    if match is None:
        raise NoTarget
    scheme, written = match.groups()
    try:
        site_of("", written)  # as strict as for a URL that never had a scheme
        site = site_of(scheme, written)
    except ProxyError as error:
        raise MissingSlash from error
    return Target(*site, _rest(path, match.end()))


def _rest(path: str, start: int) -> str:
    rest = path[start:]
    if "#" in rest:
        rest = rest[: rest.index("#")]
    return rest if rest[:1] == "/" else "/" + rest


def escape(text: str) -> str:
    """Percent-encode every octet that is no visible ASCII character."""
    return _UNPRINTABLE.sub(lambda match: "%" + match[0].encode("latin-1").hex("%").upper(), text)
