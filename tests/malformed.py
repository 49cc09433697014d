"""The table of malformed, ambiguous and odd requests, and what must become of each.

Owns: the octets of a client, and how they may be read. Must not know: how the proxy reads them.

Each row is sent with one well-formed request behind it, the canary. Where a row is refused the
canary must never reach the target; where it is served the canary must arrive as itself. So a
message that could be framed in two ways shows it.

A second and a third column say where Tornado's own parser, and the routes of an application, read a
request otherwise. There too each is read in one way only.
"""

# ruff: noqa: E501 - one row, one line
from __future__ import annotations

from typing import NamedTuple

TARGET = b"TARGET"
"""Stands for the target's host and port."""

HOST = b"Host: proxy.test\r\n"
CANARY = b"GET /http://TARGET/canary HTTP/1.1\r\n" + HOST + b"\r\n"


class Seen(NamedTuple):
    """A request as the target received it."""

    method: str
    path: str
    body: bytes = b""


class Row(NamedTuple):
    """What a client sends and what must become of it."""

    name: str
    octets: bytes
    replies: tuple[int, ...]  # the statuses, without the canary's
    served: tuple[Seen, ...] = ()  # without the canary
    refused: bool = True  # the last reply is a refusal that ends the connection
    canary: bool = False  # whether the canary is served
    followed: bool = True  # whether the canary is sent at all


def refused(name: str, octets: bytes, status: int = 400) -> Row:
    """A row that must be answered with this status only."""
    return Row(name, octets, (status,))


def served(name: str, octets: bytes, *seen: Seen, canary: bool = True) -> Row:
    """A row that must be read in exactly this way."""
    return Row(name, octets, (200,) * len(seen), seen, refused=False, canary=canary)


def line(start: bytes) -> bytes:
    """A request with this request line."""
    return start + b"\r\n" + HOST + b"\r\n"


def get(*fields: bytes, host: bytes = HOST, version: bytes = b"1.1") -> bytes:
    """A GET with these field lines, each given with its end."""
    return b"GET /http://TARGET/a HTTP/" + version + b"\r\n" + host + b"".join(fields) + b"\r\n"


def post(*fields: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    """A POST with these fields, each given without its end."""
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"POST /http://TARGET/p HTTP/" + version + b"\r\n" + HOST + lines + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    """A POST with this chunked body."""
    return post(b"Transfer-Encoding: chunked", body=body)


GOT = Seen("GET", "/a")
HELLO = bytes.fromhex("160301004a010000460303") + bytes(range(32)) + bytes.fromhex("00000213010100")
INNER = b"GET /http://TARGET/inner HTTP/1.1\r\n" + HOST + b"\r\n"  # what one would smuggle

REQUEST_LINES = (
    refused("version-2.0", line(b"GET /http://TARGET/a HTTP/2.0"), 505),
    refused("version-1.2", line(b"GET /http://TARGET/a HTTP/1.2"), 505),
    refused("version-0.9", line(b"GET /http://TARGET/a HTTP/0.9"), 505),
    refused("version-3.0", line(b"GET /http://TARGET/a HTTP/3.0"), 505),
    refused("http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    refused("version-lower-case", line(b"GET /http://TARGET/a http/1.1")),
    refused("version-1.10", line(b"GET /http://TARGET/a HTTP/1.10")),
    refused("version-01.1", line(b"GET /http://TARGET/a HTTP/01.1")),
    refused("version-1", line(b"GET /http://TARGET/a HTTP/1")),
    refused("version-with-space", line(b"GET /http://TARGET/a HTTP/ 1.1")),
    refused("version-missing", line(b"GET /http://TARGET/a")),
    refused("http-0.9-request", b"GET /http://TARGET/a\r\n"),
    refused("version-of-another-protocol", line(b"GET /http://TARGET/a RTSP/1.0")),
    refused("two-spaces-before-target", line(b"GET  /http://TARGET/a HTTP/1.1")),
    refused("two-spaces-before-version", line(b"GET /http://TARGET/a  HTTP/1.1")),
    refused("tab-as-separator", line(b"GET\t/http://TARGET/a\tHTTP/1.1")),
    refused("space-at-start", line(b" GET /http://TARGET/a HTTP/1.1")),
    refused("space-at-end", line(b"GET /http://TARGET/a HTTP/1.1 ")),
    refused("space-in-target", line(b"GET /http://TARGET/a b HTTP/1.1")),
    refused("nul-in-target", line(b"GET /http://TARGET/\x00 HTTP/1.1")),
    refused("control-in-target", line(b"GET /http://TARGET/\x1f HTTP/1.1")),
    refused("del-in-target", line(b"GET /http://TARGET/\x7f HTTP/1.1")),
    refused("cr-in-target", line(b"GET /http://TARGET/\rX: HTTP/1.1")),
    refused("lf-in-target", line(b"GET /http://TARGET/\nX: HTTP/1.1")),
    refused("method-missing", line(b"/http://TARGET/a HTTP/1.1")),
    refused("method-with-parenthesis", line(b"GE(T /http://TARGET/a HTTP/1.1")),
    refused("method-with-colon", line(b"GET: /http://TARGET/a HTTP/1.1")),
    refused("method-with-nul", line(b"GET\x00 /http://TARGET/a HTTP/1.1")),
    refused("method-not-ascii", line(b"G\xc3\x89T /http://TARGET/a HTTP/1.1")),
    refused("method-huge", b"G" * 40000 + b" / HTTP/1.1\r\n", 414),
    refused("target-huge", line(b"GET /http://TARGET/" + b"a" * 17000 + b" HTTP/1.1"), 414),
    refused("target-endless", b"GET /http://TARGET/" + b"a" * 40000, 414),
    refused("tls-hello", HELLO),
    refused("binary", bytes(range(256))),
    refused("proxy-protocol", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 80\r\n" + get()),
    refused("smtp", b"EHLO proxy.test\r\n"),
    served("method-unknown", line(b"BREW /http://TARGET/a HTTP/1.1"), Seen("BREW", "/a")),
    served("method-lower-case", line(b"get /http://TARGET/a HTTP/1.1"), Seen("get", "/a")),
    served("escaped-line-breaks", line(b"GET /http://TARGET/%0d%0aX:%00 HTTP/1.1"), Seen("GET", "/%0d%0aX:%00")),
)  # fmt: skip

TARGET_FORMS = (
    refused("asterisk-of-get", line(b"GET * HTTP/1.1")),
    refused("no-slash", line(b"GET http:TARGET/a HTTP/1.1")),
    refused("authority-of-get", line(b"GET TARGET HTTP/1.1")),
    refused("query-only", line(b"GET ?url=http://TARGET/a HTTP/1.1")),
    refused("fragment-only", line(b"GET #a HTTP/1.1")),
    refused("absolute-ftp", line(b"GET ftp://proxy.test/http://TARGET/a HTTP/1.1")),
    refused("absolute-userinfo", line(b"GET http://a@proxy.test/http://TARGET/a HTTP/1.1")),
    refused("absolute-no-host", line(b"GET http:///http://TARGET/a HTTP/1.1")),
    refused("absolute-no-field-host", b"GET http://p.test/http://TARGET/a HTTP/1.1\r\n\r\n"),
    refused("absolute-two-field-hosts", line(b"GET http://p.test/ HTTP/1.1\r\nHost: p.test")),
    served("absolute", line(b"GET http://proxy.test/http://TARGET/a HTTP/1.1"), GOT),
    served("absolute-other-host", line(b"GET HTTP://other.test:99/http://TARGET/a HTTP/1.1"), GOT),
    Row("absolute-is-no-target", line(b"GET http://TARGET/a HTTP/1.1"), (404,), refused=False, canary=True),
    Row("absolute-root", line(b"GET http://proxy.test HTTP/1.1"), (200,), refused=False, canary=True),
    Row("options-asterisk", line(b"OPTIONS * HTTP/1.1"), (200,), refused=False, canary=True),
    Row("options-absolute", line(b"OPTIONS http://p.test HTTP/1.1"), (200,), refused=False, canary=True),
    Row("connect", line(b"CONNECT TARGET HTTP/1.1"), (405,), refused=False, canary=True),
    Row("connect-origin-form", line(b"CONNECT /http://TARGET/a HTTP/1.1"), (405,), refused=False, canary=True),
    Row("trace", line(b"TRACE /http://TARGET/a HTTP/1.1"), (405,), refused=False, canary=True),
)  # fmt: skip

LINE_ENDS = (
    refused("lf-only", get().replace(b"\r\n", b"\n")),
    refused("lf-after-request-line", get().replace(b"1.1\r\n", b"1.1\n")),
    refused("lf-after-field", get(b"A: b\n", b"C: d\r\n")),
    refused("lf-before-empty-line", get(b"A: b\n")),
    refused("lf-as-empty-line", get(b"A: b\r\n")[:-2] + b"\n"),
    refused("cr-only", get().replace(b"\r\n", b"\r")),
    refused("cr-after-field", get(b"A: b\r", b"C: d\r\n")),
    refused("cr-in-value", get(b"A: b\rc\r\n")),
    refused("cr-cr-lf", get(b"A: b\r\r\n")),
    refused("lf-before-request", b"\n" + get()),
    refused("cr-before-request", b"\r" + get()),
    refused(
        "lf-lf-hides-a-request", b"GET /http://TARGET/a HTTP/1.1\nHost: proxy.test\n\n" + INNER
    ),
    served("empty-line-before-request", b"\r\n" + get(), GOT),
    served("empty-lines-before-request", b"\r\n\r\n\r\n" + get(), GOT),
)

HOSTS = (
    refused("host-missing", get(host=b"")),
    refused("host-twice", get(host=HOST * 2)),
    refused("host-twice-differing", get(host=HOST + b"host: other.test\r\n")),
    refused("host-twice-http-1.0", get(host=HOST * 2, version=b"1.0")),
    refused("host-list", get(host=b"Host: a.test, b.test\r\n")),
    refused("host-with-space", get(host=b"Host: a b\r\n")),
    refused("host-with-path", get(host=b"Host: a.test/b\r\n")),
    refused("host-with-scheme", get(host=b"Host: http://a.test\r\n")),
    refused("host-with-userinfo", get(host=b"Host: a@b.test\r\n")),
    refused("host-with-bad-port", get(host=b"Host: a.test:b\r\n")),
    refused("host-with-two-ports", get(host=b"Host: a.test:80:80\r\n")),
    refused("host-open-bracket", get(host=b"Host: [::1\r\n")),
    refused("host-not-ascii", get(host=b"Host: \xe4.test\r\n")),
    refused("host-space-before-colon", get(host=b"Host : a.test\r\n")),
    refused("host-folded", get(host=b"Host:\r\n a.test\r\n")),
    refused("host-hidden-by-fold", get(host=b"A: b\r\n Host: a.test\r\n")),
    served("host-empty", get(host=b"Host:\r\n"), GOT),
    served("host-ipv6-port", get(host=b"Host: [::1]:80\r\n"), GOT),
    served("host-upper-case-and-tab", get(host=b"HOST:\ta.test\t\r\n"), GOT),
    served("host-missing-http-1.0", get(host=b"", version=b"1.0"), GOT, canary=False),
    served("host-named-by-connection", get(b"Connection: host\r\n"), GOT),
)

FIELDS = (
    refused("space-before-colon", get(b"A : b\r\n")),
    refused("tab-before-colon", get(b"A\t: b\r\n")),
    refused("space-before-name", get(b" A: b\r\n", host=b"")),
    refused("fold-with-space", get(b"A: b\r\n c\r\n")),
    refused("fold-with-tab", get(b"A: b\r\n\tc\r\n")),
    refused("fold-after-empty-value", get(b"A:\r\n b\r\n")),
    refused("fold-of-nothing", get(b"A: b\r\n \r\n")),
    refused("no-colon", get(b"A\r\n")),
    refused("no-name", get(b": b\r\n")),
    refused("nul-in-name", get(b"A\x00: b\r\n")),
    refused("nul-in-value", get(b"A: b\x00c\r\n")),
    refused("control-in-value", get(b"A: b\x01\r\n")),
    refused("vertical-tab-in-value", get(b"A: b\x0b\r\n")),
    refused("del-in-value", get(b"A: b\x7f\r\n")),
    refused("name-not-ascii", get(b"\xc3\x84: b\r\n")),
    refused("name-with-parenthesis", get(b"A(b): c\r\n")),
    refused("name-with-space", get(b"A b: c\r\n")),
    refused("name-with-slash", get(b"A/b: c\r\n")),
    refused("second-request-line", get(b"GET /http://TARGET/b HTTP/1.1\r\n")),
    refused("one-huge-field", get(b"A: " + b"b" * 33000 + b"\r\n"), 431),
    refused("many-fields", get(b"A: b\r\n" * 200), 431),
    refused("endless-field", get()[:-2] + b"A: " + b"b" * 33000, 431),
    served("value-not-ascii", get(b"A: \xc3\x84\xff\r\n"), GOT),
    served("value-empty", get(b"A:\r\n", b"B: \t \r\n"), GOT),
    served("value-with-colon", get(b"A: b: c\r\n"), GOT),
    served("name-of-all-token-characters", get(b"!#$%&'*+-.^_`|~9z: b\r\n"), GOT),
    served("upgrade-to-h2c", get(b"Connection: Upgrade, HTTP2-Settings\r\n", b"Upgrade: h2c\r\n", b"HTTP2-Settings: AAMA\r\n"), GOT),
    served("large-but-allowed", get(b"A: " + b"b" * 30000 + b"\r\n"), GOT),
)  # fmt: skip


def length(value: bytes) -> bytes:
    """A POST with this Content-Length and a body of five octets."""
    return post(b"Content-Length:" + value, body=b"abcde")


FIVE = Seen("POST", "/p", b"abcde")

LENGTHS = (
    refused("length-empty", length(b"")),
    refused("length-plus", length(b" +5")),
    refused("length-minus", length(b" -5")),
    refused("length-minus-zero", length(b" -0")),
    refused("length-hex", length(b" 0x5")),
    refused("length-letters", length(b" five")),
    refused("length-decimal-point", length(b" 5.0")),
    refused("length-exponent", length(b" 5e0")),
    refused("length-two-numbers", length(b" 5 5")),
    refused("length-list-equal", length(b" 5, 5")),
    refused("length-list-differing", length(b" 5, 0")),
    refused("length-comma", length(b" 5,")),
    refused("length-quoted", length(b' "5"')),
    refused("length-semicolon", length(b" 5;")),
    refused("length-underscore", length(b" 1_0")),
    refused("length-superscript", length(b" \xb2")),
    refused("length-of-20-digits", length(b" 18446744073709551621")),
    refused("length-of-19-digits", length(b" 9999999999999999999")),
    refused("length-nul", length(b" 5\x00")),
    refused("length-vertical-tab", length(b" \x0b5")),
    refused("length-folded", length(b"\r\n 5")),
    refused("length-space-before-colon", post(b"Content-Length : 5", body=b"abcde")),
    refused("length-twice-equal", post(b"Content-Length: 5", b"Content-Length: 5", body=b"abcde")),
    refused("length-twice-differing", post(b"Content-Length: 5", b"content-length: 0", body=b"abcde")),
    refused("length-twice-http-1.0", post(b"Content-Length: 5", b"Content-Length: 6", body=b"abcde", version=b"1.0")),
    served("length", length(b" 5"), FIVE),
    served("length-spaces", length(b"\t5 \t"), FIVE),
    served("length-leading-zeros", length(b" 005"), FIVE),
    served("length-zero", post(b"Content-Length: 0"), Seen("POST", "/p")),
    served("length-none", post(), Seen("POST", "/p")),
    served("length-of-get", get(b"Content-Length: %d\r\n" % len(HELLO)) + HELLO, Seen("GET", "/a", HELLO)),
    served("length-of-a-request", post(b"Content-Length: 23", body=b"GET /inner HTTP/1.0\r\n\r\n"), Seen("POST", "/p", b"GET /inner HTTP/1.0\r\n\r\n")),
    served("length-named-by-connection", post(b"Connection: content-length", b"Content-Length: 5", body=b"abcde"), FIVE),
    served("length-misspelt", post(b"Content_Length: 5", b"Content-Length-: 5", body=INNER), Seen("POST", "/p"), Seen("GET", "/inner")),
    served("length-expecting", post(b"Expect: 100-CONTINUE", b"Content-Length: 5", body=b"abcde"), FIVE),
)  # fmt: skip


def coded(*fields: bytes) -> bytes:
    """A POST with these fields and a body that is empty when it is read as chunked."""
    return post(*fields, body=b"0\r\n\r\n" + INNER)


TE = b"Transfer-Encoding: "
CODINGS = (
    refused("coding-and-length", coded(TE + b"chunked", b"Content-Length: 5")),
    refused("length-and-coding", coded(b"Content-Length: 5", TE + b"chunked")),
    refused("coding-and-length-zero", coded(TE + b"chunked", b"Content-Length: 0")),
    refused("coding-in-http-1.0", post(TE + b"chunked", body=b"0\r\n\r\n", version=b"1.0")),
    refused("coding-twice", coded(TE + b"chunked", TE + b"chunked")),
    refused("coding-twice-differing", coded(TE + b"identity", TE + b"chunked")),
    refused("coding-list-chunked-twice", coded(TE + b"chunked, chunked")),
    refused("coding-gzip-chunked", coded(TE + b"gzip, chunked")),
    refused("coding-chunked-gzip", coded(TE + b"chunked, gzip")),
    refused("coding-identity", coded(TE + b"identity")),
    refused("coding-gzip", coded(TE + b"gzip")),
    refused("coding-unknown", coded(TE + b"xchunked")),
    refused("coding-cut", coded(TE + b"chunke")),
    refused("coding-parameter", coded(TE + b"chunked;q=1")),
    refused("coding-quoted", coded(TE + b'"chunked"')),
    refused("coding-comma-before", coded(TE + b",chunked")),
    refused("coding-comma-behind", coded(TE + b"chunked,")),
    refused("coding-empty", coded(TE)),
    refused("coding-vertical-tab", coded(TE + b"\x0bchunked")),
    refused("coding-nul", coded(TE + b"chunked\x00")),
    refused("coding-no-break-space", coded(TE + b"\xa0chunked")),
    refused("coding-tab-behind", coded(TE + b"chunked\t")),  # valid, but not to llhttp
    refused("coding-folded", coded(b"Transfer-Encoding:\r\n chunked")),
    refused("coding-fold-behind", coded(TE + b"chunked\r\n , identity")),
    refused("coding-space-before-colon", coded(b"Transfer-Encoding : chunked")),
    refused("coding-nul-in-name", coded(b"Transfer-Encoding\x00: chunked")),
    refused("coding-behind-lf", coded(b"A: b\nTransfer-Encoding: chunked")),
    refused("coding-behind-cr", coded(b"A: b\rTransfer-Encoding: chunked")),
    served("coding", coded(TE + b"chunked"), Seen("POST", "/p"), Seen("GET", "/inner")),
    served("coding-upper-case", coded(b"TRANSFER-ENCODING:CHUNKED"), Seen("POST", "/p"), Seen("GET", "/inner")),
    served("coding-spaces", coded(TE + b"\t chunked "), Seen("POST", "/p"), Seen("GET", "/inner")),
    served("coding-misspelt", coded(b"Transfer_Encoding: chunked", b"Content-Length: 5"), Seen("POST", "/p", b"0\r\n\r\n"), Seen("GET", "/inner")),
    served("coding-named-by-connection", coded(b"Connection: transfer-encoding", TE + b"chunked"), Seen("POST", "/p"), Seen("GET", "/inner")),
    served("coding-of-get", get(TE + b"chunked\r\n") + b"3\r\nabc\r\n0\r\n\r\n", Seen("GET", "/a", b"abc")),
)  # fmt: skip

CHUNKS = (
    refused("chunk-size-missing", chunked(b"\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-letters", chunked(b"x\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-plus", chunked(b"+1\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-minus", chunked(b"-1\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-0x", chunked(b"0x1\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-underscore", chunked(b"1_0\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-space-before", chunked(b" 1\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-space-behind", chunked(b"1 \r\na\r\n0\r\n\r\n")),
    refused("chunk-size-tab-behind", chunked(b"1\t\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-nul", chunked(b"1\x00\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-of-65-bits", chunked(b"10000000000000001\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-of-many-digits", chunked(b"f" * 40 + b"\r\na\r\n0\r\n\r\n")),
    refused("chunk-size-lf", chunked(b"1\na\r\n0\r\n\r\n")),
    refused("chunk-size-cr", chunked(b"1\ra\r\n0\r\n\r\n")),
    refused("chunk-size-cr-cr-lf", chunked(b"1\r\r\na\r\n0\r\n\r\n")),
    refused("chunk-data-lf", chunked(b"1\r\na\n0\r\n\r\n")),
    refused("chunk-data-cr", chunked(b"1\r\na\r0\r\n\r\n")),
    refused("chunk-data-too-long", chunked(b"1\r\nab\r\n0\r\n\r\n")),
    refused("chunk-data-too-short", chunked(b"3\r\nab\r\n0\r\n\r\n")),
    refused("chunk-data-without-end", chunked(b"1\r\na0\r\n\r\n")),
    refused("chunk-extension-lf", chunked(b"1;\na\r\n0\r\n\r\n")),
    refused("chunk-extension-hides-lf", chunked(b"2;\nxx\r\n4c\r\n0\r\n\r\n" + INNER)),
    refused("chunk-extension-cr", chunked(b"1;a\rb\r\na\r\n0\r\n\r\n")),
    refused("chunk-extension-nul", chunked(b"1;\x00\r\na\r\n0\r\n\r\n")),
    refused("chunk-extension-huge", chunked(b"1;" + b"a" * 40000)),
    refused("last-chunk-lf", chunked(b"1\r\na\r\n0\n\r\n")),
    refused("last-chunk-lf-lf", chunked(b"1\r\na\r\n0\r\n\n")),
    refused("trailer-folded", chunked(b"0\r\nA: b\r\n c\r\n\r\n")),
    refused("trailer-no-colon", chunked(b"0\r\nA\r\n\r\n")),
    refused("trailer-space-before-colon", chunked(b"0\r\nA : b\r\n\r\n")),
    refused("trailer-lf", chunked(b"0\r\nA: b\n\r\n")),
    refused("trailer-nul", chunked(b"0\r\nA: \x00\r\n\r\n")),
    refused("trailer-length", chunked(b"0\r\nContent-Length: 5\r\n\r\n")),
    refused("trailer-coding", chunked(b"0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    refused("trailer-huge", chunked(b"0\r\nA: " + b"b" * 40000)),
    served("chunks", chunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), FIVE),
    served("chunk-extensions", chunked(b'5;a;b=c;d="e;f"\r\nabcde\r\n0;x\r\n\r\n'), FIVE),
    served("chunk-size-zeros", chunked(b"00000005\r\nabcde\r\n0000\r\n\r\n"), FIVE),
    served("chunk-size-upper-case", chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), Seen("POST", "/p", b"0123456789")),
    served("chunk-data-of-line-ends", chunked(b"6\r\n\n\r\n\r\n\n\r\n0\r\n\r\n"), Seen("POST", "/p", b"\n\r\n\r\n\n")),
    served("chunk-data-like-a-last-chunk", chunked(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"), Seen("POST", "/p", b"0\r\n\r\n")),
    served("trailers", chunked(b"5\r\nabcde\r\n0\r\nA: b\r\nHost: x\r\n\r\n"), FIVE),
)  # fmt: skip

PIPELINES = (
    served(
        "pipeline", get() + length(b" 5") + chunked(b"5\r\nabcde\r\n0\r\n\r\n"), GOT, FIVE, FIVE
    ),
    served("empty-lines-between", get() + b"\r\n\r\n" + get(), GOT, GOT),
    served("last-by-connection-close", get(b"Connection: close\r\n"), GOT, canary=False),
    served("last-by-http-1.0", get(version=b"1.0"), GOT, canary=False),
    served("http-1.0-kept-alive", get(b"Connection: keep-alive\r\n", version=b"1.0"), GOT),
    Row("bad-behind-good", get() + get(b"A : b\r\n"), (200, 400), (GOT,)),
    Row("garbage-behind-good", get() + b"\x00" * 100, (200, 400), (GOT,)),
    Row("octet-behind-body", length(b" 4") + b"\r\n", (200, 400), (Seen("POST", "/p", b"abcd"),)),
    Row("lf-behind-chunks", chunked(b"0\r\n\r\n") + b"\n", (200, 400), (Seen("POST", "/p"),)),
)

CUT_SHORT = (  # the canary is not sent: the client has stopped here
    Row("silence-in-request-line", b"GET /http://TARGET/a", (408,), followed=False),
    Row("silence-in-method", b"GE", (408,), followed=False),
    Row("silence-in-fields", get()[:-2], (408,), followed=False),
    Row("silence-in-body", length(b" 6"), (408,), followed=False),
    Row("silence-in-chunk-size", chunked(b"5"), (408,), followed=False),
    Row("silence-before-last-chunk", chunked(b"5\r\nabcde\r\n"), (408,), followed=False),
    Row("silence-in-trailers", chunked(b"5\r\nabcde\r\n0\r\n"), (408,), followed=False),
    Row("silence-behind-good", get() + b"G", (200, 408), (GOT,), followed=False),
)

ROWS = (
    *REQUEST_LINES,
    *TARGET_FORMS,
    *LINE_ENDS,
    *HOSTS,
    *FIELDS,
    *LENGTHS,
    *CODINGS,
    *CHUNKS,
    *PIPELINES,
    *CUT_SHORT,
)


class Verdict(NamedTuple):
    """What becomes of a row on a front that reads it otherwise."""

    replies: tuple[int, ...]
    served: tuple[Seen, ...] = ()
    canary: bool = False


def otherwise(verdict: Verdict, *names: str) -> dict[str, Verdict]:
    """The same verdict for several rows."""
    return dict.fromkeys(names, verdict)


LF = (
    *("lf-only", "lf-after-request-line", "lf-after-field", "lf-before-empty-line"),
    *("lf-as-empty-line", "lf-before-request", "cr-before-request"),
)
SERVERS = {
    # It names no other status for a request line or a head that it cannot read.
    **otherwise(Verdict((400,)), "version-2.0", "version-0.9", "version-3.0", "http2-preface"),
    **otherwise(Verdict((400,)), "method-huge", "target-endless"),
    # A line may end with LF alone in a head, not in chunks (RFC 9112 section 2.2 leaves it free).
    **otherwise(Verdict((200,), (GOT,), True), *LF),
    **otherwise(Verdict((200, 200), (GOT, Seen("GET", "/inner")), True), "lf-lf-hides-a-request"),
    **otherwise(
        Verdict((200, 200), (Seen("POST", "/p"), Seen("GET", "/inner")), True),
        *("coding-behind-lf", "coding-tab-behind"),
    ),
    "lf-behind-chunks": Verdict((200,), (Seen("POST", "/p"),), True),
    # One empty line, and neither extensions nor trailers.
    "empty-lines-before-request": Verdict((400,)),
    "empty-lines-between": Verdict((200, 400), (GOT,)),
    **otherwise(Verdict((400,)), "chunk-extensions", "trailers"),
    "chunk-extension-huge": Verdict(()),
    # Its deadlines end a connection without a word.
    **otherwise(Verdict(()), *(row.name for row in CUT_SHORT)),
    "silence-behind-good": Verdict((200,), (GOT,)),
}
NO_PATH = {row.name for row in TARGET_FORMS if b" /" not in row.octets.partition(b"\r\n")[0]}
APPLICATIONS = SERVERS | {
    # No route leads from a target that is no path to the handler; a bad Host is refused before.
    **otherwise(
        Verdict((404,), (), True),
        *NO_PATH - {"absolute-no-field-host", "absolute-two-field-hosts", "connect"},
    ),
    "endless-field": Verdict((400,)),
}
READS_OTHERWISE = {"server": SERVERS, "application": APPLICATIONS}

UNREAD = (
    *("length-nul", "length-vertical-tab", "length-folded", "length-space-before-colon"),
    *("coding-vertical-tab", "coding-nul", "coding-folded", "coding-fold-behind"),
    *("coding-space-before-colon", "coding-nul-in-name", "coding-behind-cr"),
)
"""Heads that Tornado refuses itself, in a reply without fields."""

JUDGED = {row.name for row in (*LENGTHS, *CODINGS) if row.refused} - {*UNREAD, *SERVERS}
"""Lengths and codings that every front refuses in the same words."""
