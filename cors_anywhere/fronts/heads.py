"""A request's head as Tornado has parsed it, judged by the rules of our own server.

Owns: that every front refuses the same heads, and what is true of a body that Tornado decompresses.
Must not know: how a refusal is sent. Tornado shows a head to its delegates before it has judged the
length, and is less strict about the rest.
"""

from __future__ import annotations

from tornado.httputil import HTTPHeaders, RequestStartLine

from cors_anywhere.config.settings import Settings
from cors_anywhere.errors import BadRequest, HeadTooLarge
from cors_anywhere.fronts.fields import pairs_of
from cors_anywhere.http1.head import ClientHead, parse_request, serialise
from cors_anywhere.messages import CHUNKED

_CONSUMED = "x-consumed-content-encoding"
"""What Tornado calls the `Content-Encoding` of a body that it decompresses."""

_OF_THE_CODED_BODY = frozenset(
    (_CONSUMED, "content-length", "content-digest", "repr-digest", "digest", "content-md5")
)


def judged(line: RequestStartLine, headers: HTTPHeaders, settings: Settings) -> ClientHead:
    """The head, if our own server would have taken it. Raises BadRequest or one of its kinds."""
    try:
        block = serialise(f"{line.method} {line.path} {line.version}", pairs_of(headers))
    except ValueError as error:  # a line break, or a character beyond ISO-8859-1
        raise BadRequest from error
    if len(block) > settings.max_header_bytes:
        raise HeadTooLarge
    return parse_request(block, settings.max_url_bytes, settings.max_headers)


def decompressed(head: ClientHead) -> ClientHead:
    """The head for the body that Tornado hands over where it decompresses what is gzip: that has
    neither the length, nor the digests, nor the coding which the client announced."""
    if not any(name.lower() == _CONSUMED for name, _ in head.fields):
        return head
    fields = [field for field in head.fields if field[0].lower() not in _OF_THE_CODED_BODY]
    return head._replace(fields=fields, length=CHUNKED)
