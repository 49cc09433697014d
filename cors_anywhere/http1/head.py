"""One message head: octets to values and back (RFC 9112 sections 2 to 6).

Owns: the grammar of heads and the framing rules that follow from them. Must not know: sockets,
tornado, or what a field means to the proxy.

llhttp is the judge of the grammar. It is given the field lines behind a start line of our own:
start lines are read here, so that every method token passes (llhttp has a fixed list) and
a method never changes the framing.

The proxy is a server of its own origin. So of an absolute-form request target (RFC 9112 section
3.2.2) the part after the authority is the path, and the authority is the Host: the URL to fetch is
in the path, as in any other request, and never the absolute form itself.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from httptools import (
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
    HttpResponseParser,
)

from cors_anywhere.errors import (
    BadRequest,
    GatewayError,
    HeadTooLarge,
    ProxyError,
    ResponseHeadTooLarge,
    TransferCodingError,
    UrlTooLong,
    VersionNotSupported,
)
from cors_anywhere.http1.answers import NO_CONTENT
from cors_anywhere.messages import CHUNKED, UNTIL_CLOSE, Fields, Length
from cors_anywhere.recent import Recent
from cors_anywhere.tokens import HARMLESS, TOKEN, list_items

MAX_FIELDS = 200
"""Of one head: each costs far more memory than its octets do."""


class ClientHead(NamedTuple):
    """A request's head and the framing that it announces."""

    method: str
    path: str  # origin-form; "*" of OPTIONS only, an authority of CONNECT only
    version: str  # "HTTP/1.1" or "HTTP/1.0"
    fields: Fields
    length: Length
    keep_alive: bool
    expects_continue: bool


class TargetHead(NamedTuple):
    """A reply's head and the framing that it announces."""

    status: int
    reason: str
    fields: Fields
    length: Length
    keep_alive: bool
    upgrades: bool


Split = tuple[Fields, dict[str, list[str]]]
"""The fields of a head, and the values of those that have rules here by lower-case name."""


class _Silent:
    """llhttp's callbacks, none of them: it only has to judge."""


_SILENT = _Silent()
_TOKEN = TOKEN.encode("ascii")
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e\x80-\xff]+) (HTTP/1\.[01])")
_OTHER_VERSION = re.compile(_TOKEN + rb" [\x21-\x7e\x80-\xff]+ HTTP/[0-9]\.[0-9]")
_STATUS_LINE = re.compile(rb"(?:HTTP/1\.([01]) ([0-9]{3}))(?: (.*))?", re.DOTALL)
_ABSOLUTE_FORM = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE)
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_CONTENT_LENGTH = re.compile(r"[0-9]{1,18}")
# RFC 3986 section 3.2. The comma is left out: it is what remains of two Hosts that were joined.
_HOST = re.compile(
    r"(?:\[[0-9A-Fa-f:.]{2,45}\]|(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2}){0,255})(?::[0-9]{0,5})?"
)
_FIELD = re.compile(r"([^:]+):[ \t]*([^\r]*)\r\n")
_SPECIAL = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "expect", "upgrade")
)

_KEPT_BYTES = 2048
_KNOWN: Recent[bytes, Split] = Recent(128)
"""A browser's requests to one API differ by their paths alone: field lines that have just been read
are a tenth of a request's instructions. No secret outlives its request here."""

_REPLYS_HARMLESS = HARMLESS | {
    *("server", "date", "age", "expires", "vary", "last-modified", "accept-ranges", "x-cache"),
    *("content-encoding", "content-language", "transfer-encoding", "cdn-cache-control", "alt-svc"),
    *("access-control-allow-origin", "access-control-allow-credentials", "x-frame-options"),
    *("access-control-allow-headers", "access-control-allow-methods", "access-control-max-age"),
    *("access-control-expose-headers", "strict-transport-security", "x-content-type-options"),
    *("x-xss-protection", "referrer-policy", "permissions-policy", "x-powered-by", "upgrade"),
    *("cross-origin-resource-policy", "cross-origin-opener-policy", "timing-allow-origin"),
}
_KEPT_LINE = 256  # octets
_KEPT_STATUS_LINE = 64


class _Line:
    """A field, and its name in lower case if it has rules here."""

    __slots__ = ("field", "key")

    def __init__(self, field: Any, key: str | None) -> None:
        self.field = field  # a pair; compiled, what is known as one is made anew at each use
        self.key = key


_KNOWN_LINES: Recent[str, _Line] = Recent(512)
"""Replies of one API differ in a few lines, those of an instant not even in their Date. That is a
twentieth of a request's instructions."""


def skip_empty_lines(buffer: bytes) -> bytes:
    """What follows the empty lines that a client may send first (RFC 9112 section 2.2)."""
    found = _EMPTY_LINES.match(buffer)
    return buffer[found.end() :] if found else buffer


def parse_request(block: bytes, max_url: int, max_fields: int = MAX_FIELDS) -> ClientHead:
    """Parses a complete head; raises BadRequest or one of its kinds.

    `max_url` is the largest request target, in octets.
    """
    line_end = block.index(b"\r\n")
    line = _REQUEST_LINE.fullmatch(block, 0, line_end)
    if line is None:
        known = _OTHER_VERSION.fullmatch(block, 0, line_end)
        raise VersionNotSupported if known else BadRequest("The request line is malformed.")
    method, path, version = line.group(1, 2, 3)
    if len(path) > max_url:
        raise UrlTooLong
    fields, special = _request_fields(block[line_end:], max_fields)
    hosts = special.get("host", ())
    if len(hosts) == 1:
        _check_authority(hosts[0])
    elif hosts or version == b"HTTP/1.1":  # RFC 9112 section 3.2
        raise BadRequest("The request must have one Host.")
    if path[0] != 0x2F:
        path, fields = _origin_form(method, path, fields)
    if "upgrade" in special and version == b"HTTP/1.0":  # RFC 9110 section 7.8
        fields = [field for field in fields if field[0].lower() != "upgrade"]
    return ClientHead(
        method.decode("ascii"),
        path.decode("latin-1"),
        version.decode("ascii"),
        fields,
        *_request_framing(special, version == b"HTTP/1.1"),
    )


def _request_fields(lines: bytes, most: int) -> Split:
    """What `_split` makes of a request's field lines, once they are known to be `most` at most and
    llhttp accepts them."""
    known = _KNOWN.get(lines)
    if (len(known[0]) if known is not None else lines.count(b"\r\n") - 2) > most:
        raise HeadTooLarge("The request has more header fields than this proxy accepts.")
    if known is not None:
        return known
    _judge(HttpRequestParser(_SILENT), b"POST / HTTP/1.1", lines)
    split = _split(lines)
    if len(lines) <= _KEPT_BYTES and all(name.lower() in HARMLESS for name, _ in split[0]):
        _KNOWN.put(lines, split)
    return split


@lru_cache(1024)
def _check_authority(text: str) -> None:
    if not _HOST.fullmatch(text):
        raise BadRequest("The request's Host is not valid.")


def _origin_form(method: bytes, path: bytes, fields: Fields) -> tuple[bytes, Fields]:
    """The path and fields of a request whose target has another form (RFC 9112 section 3.2)."""
    if method == b"CONNECT" or (method == b"OPTIONS" and path == b"*"):
        return path, fields
    absolute = _ABSOLUTE_FORM.fullmatch(path)
    if absolute is None:
        raise BadRequest("The request target must begin with a slash.")
    authority, path = absolute[1].decode("latin-1"), absolute[2]
    _check_authority(authority)
    others = [field for field in fields if field[0].lower() != "host"]
    if method == b"OPTIONS" and not path:
        path = b"*"  # section 3.2.4
    return path if path[:1] in (b"/", b"*") else b"/" + path, [("Host", authority), *others]


def parse_reply(block: bytes, max_fields: int = MAX_FIELDS) -> TargetHead:
    """Parses a complete head; raises GatewayError or one of its kinds."""
    ends = block.count(b"\n")
    if ends > max_fields + 2:
        raise ResponseHeadTooLarge("The target's reply has more header fields than are accepted.")
    if ends != block.count(b"\r\n"):  # a sixth of the search's time
        block = _BARE_LF.sub(b"\r\n", block)
    line_end = block.index(b"\r\n")
    line = block[:line_end]
    usual = line_end <= _KEPT_STATUS_LINE
    version, status, reason = _known_status_line(line) if usual else _status_line(line)
    rest = block[line_end:]
    try:
        _judge(HttpResponseParser(_SILENT), b"HTTP/1.1 200 OK", rest)
    except BadRequest as bad:
        merged = _merge_lengths(rest)
        if merged is None:
            raise GatewayError(f"{GatewayError.sentence} ({bad.log_detail})") from bad.__cause__
        return parse_reply(block[:line_end] + merged, max_fields)
    fields, special = _split_known(rest)
    framing = _reply_framing(special, status, version11=version == 1)
    return TargetHead(status, reason, fields, *framing)


def _status_line(line: bytes) -> tuple[int, int, str]:
    """The minor version, the status and the reason. Raises GatewayError."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise GatewayError
    status = int(match[2])
    if not (100 <= status <= 599 or status == 999):
        raise GatewayError(f"The target answered with the status {match[2].decode()}.")
    return int(match[1]), status, (match[3] or b"").decode("latin-1")


@lru_cache(128)
def _known_status_line(line: bytes) -> tuple[int, int, str]:
    return _status_line(line)


def _judge(parser: HttpRequestParser | HttpResponseParser, start: bytes, rest: bytes) -> None:
    try:
        parser.feed_data(start + rest)
    except HttpParserUpgrade:
        pass  # an Upgrade field; what follows the head is not llhttp's to read here
    except HttpParserError as error:
        raise BadRequest(f"{BadRequest.sentence} ({error})", log_detail=str(error)) from error


def _split(lines: bytes) -> Split:
    """The fields of a head that llhttp accepted: all, and by name those that have rules here.

    `lines` begins with the end of the start line and ends with an empty line.
    """
    text = lines[2:-2].decode("latin-1")
    fields: list[tuple[str, str]] = _FIELD.findall(text)  # a third of the time of a loop
    if " \r" in text or "\t\r" in text:
        fields = [(name, value.rstrip(" \t")) for name, value in fields]
    special: dict[str, list[str]] = {}
    for name, value in fields:
        if (key := name.lower()) in _SPECIAL:
            special.setdefault(key, []).append(value)
    return tuple(fields), special


def _split_known(lines: bytes) -> Split:
    """The same, for lines of which many have been read before."""
    fields: list[Any] = []
    special: dict[str, list[str]] = {}
    for line in lines[2:-2].decode("latin-1").split("\r\n"):
        if not line:  # the last one
            break
        known = _KNOWN_LINES.get(line)
        if known is None:
            known = _read_line(line)
        fields.append(known.field)
        if known.key is not None:
            special.setdefault(known.key, []).append(known.field[1])
    return tuple(fields), special


def _read_line(line: str) -> _Line:
    name, _, value = line.partition(":")
    key = name.lower()
    read = _Line((name, value.strip(" \t")), key if key in _SPECIAL else None)
    if key in _REPLYS_HARMLESS and len(line) <= _KEPT_LINE:
        _KNOWN_LINES.put(line, read)
    return read


def _request_framing(special: dict[str, list[str]], version11: bool) -> tuple[Length, bool, bool]:
    length: Length = 0
    if lengths := special.get("content-length"):
        length = _single_length(lengths, BadRequest)
    if codings := special.get("transfer-encoding"):
        # RFC 9112 section 6.1: in HTTP/1.0 the framing is faulty; other codings than chunked
        # would have to be undone here, because Transfer-Encoding is hop-by-hop.
        if not version11 or [c.lower() for c in codings] != ["chunked"]:
            raise BadRequest("The only transfer coding this proxy accepts is chunked.")
        length = CHUNKED
    expects = any(v.lower() == "100-continue" for v in special.get("expect", ()))
    return length, _keep_alive(special, version11), expects and version11


def _reply_framing(
    special: dict[str, list[str]], status: int, version11: bool
) -> tuple[Length, bool, bool]:
    keep_alive = _keep_alive(special, version11)
    upgrades = status == 101 and "upgrade" in special
    if status < 200 or status in NO_CONTENT:
        return 0, keep_alive, upgrades
    if codings := special.get("transfer-encoding"):
        if [c.lower() for c in codings] != ["chunked"]:
            raise TransferCodingError("The target used a transfer coding other than chunked.")
        return CHUNKED, keep_alive and version11, upgrades  # RFC 9112 section 6.1
    if lengths := special.get("content-length"):
        return _single_length(lengths, GatewayError), keep_alive, upgrades
    return UNTIL_CLOSE, False, upgrades


def _single_length(values: list[str], error: type[ProxyError]) -> int:
    if len(values) != 1 or not _CONTENT_LENGTH.fullmatch(values[0]):
        raise error("The Content-Length is not valid.")
    return int(values[0])


def _keep_alive(special: dict[str, list[str]], version11: bool) -> bool:
    connection = special.get("connection")
    if connection is None:
        return version11
    if connection == ["keep-alive"]:
        return True
    options = {option.lower() for option in list_items(connection)}
    return "close" not in options and (version11 or "keep-alive" in options)


def _merge_lengths(rest: bytes) -> bytes | None:
    """The field lines with identical repeated lengths made one (RFC 9110 section 8.6), or None."""
    values: set[bytes] = set()
    others = []
    for line in rest.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            values.update(part.strip(b" \t") for part in value.split(b","))
        else:
            others.append(line)
    if len(values) != 1:
        return None
    merged = b"\r\nContent-Length: " + values.pop() + b"\r\n".join(others)
    return merged if merged != rest else None


def serialise(start_line: str, fields: Fields) -> bytes:
    """A head's octets. Raises ValueError for a field that would break out of its line."""
    lines = [start_line, *[f"{name}: {value}" for name, value in fields]]
    run_together = "".join(lines)  # searching that takes a third of the time of counting line ends
    if "\n" in run_together or "\r" in run_together:
        raise ValueError("a line break inside a header field")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
