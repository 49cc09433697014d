"""The table of what targets do wrong or oddly, and what a client must see of each.

Owns: the rows. Must not know: the proxy, or how a row is played (support/target.py).
"""

from __future__ import annotations

from typing import NamedTuple

from tests.support.target import Do, Drip, Endless, Pause, Script, Step


class Whole(NamedTuple):
    """The target's reply arrives complete."""

    status: int = 200
    body: bytes = b"hello"
    has: tuple[tuple[str, str], ...] = ()
    lacks: tuple[str, ...] = ()
    reason: str | None = None


class Refusal(NamedTuple):
    """The proxy answers itself, complete: this status and RFC 9209 error type."""

    status: int
    error: str


class Cut(NamedTuple):
    """The client's connection is reset: what came cannot pass for complete. Or a 502, when the
    body turned out to be broken before anything of it was sent on."""

    status: int = 200


class Fault(NamedTuple):
    """What a target does on one connection, and what the client must see."""

    name: str
    script: Script
    expected: Whole | Refusal | Cut
    method: str = "GET"
    after: float = 0.0  # seconds until the client knows, give or take half a second
    tls: bool = False


PROTOCOL = Refusal(502, "http_protocol_error")
FRAMING = Refusal(502, "http_response_transfer_coding")
TERMINATED = Refusal(502, "connection_terminated")
TOO_LARGE = Refusal(502, "http_response_header_section_size")
HELLO = b"Content-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"
SILENCE = 0.6
"""The deadlines that the table's silences run into, in seconds."""


def said(octets: bytes, *then: Step) -> Script:
    """Reads the request, then sends `octets`."""
    return (Do.REQUEST, octets, *then)


def fields(lines: bytes, *then: Step) -> Script:
    """A 200 with these field lines, and hello."""
    return said(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + HELLO, *then)


def length(lines: bytes, *then: Step) -> Script:
    """A 200 whose only field lines are these, and hello."""
    return said(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\nhello", *then)


def status_line(line: bytes) -> Script:
    """A reply that begins so, and hello."""
    return said(line + b"\r\n" + HELLO)


def chunks(octets: bytes, *then: Step) -> Script:
    """A 200 with this chunked body."""
    return said(CHUNKED + octets, *then)


def redirect(location: bytes) -> Script:
    """A 302 to there, and hello."""
    return said(b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\n" + HELLO)


LENGTHS = (
    Fault("length-as-announced", length(b"Content-Length: 5"), Whole()),
    Fault("length-0", said(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Whole(body=b"")),
    Fault("length-cut-by-FIN", length(b"Content-Length: 10", Do.FIN), Cut()),
    Fault("length-cut-by-RST", length(b"Content-Length: 10", Do.RST), Cut()),
    Fault(
        "length-never-begun", said(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Do.FIN), Cut()
    ),
    Fault("length-and-more", length(b"Content-Length: 4"), Whole(body=b"hell")),
    Fault("length-0-and-more", length(b"Content-Length: 0"), Whole(body=b"")),
    Fault("lengths-conflict", length(b"Content-Length: 5\r\nContent-Length: 6"), PROTOCOL),
    Fault("lengths-conflict-in-one", length(b"Content-Length: 5, 6"), PROTOCOL),
    Fault("lengths-repeat", length(b"Content-Length: 5\r\nContent-Length: 5"), Whole()),
    Fault("lengths-repeat-in-one", length(b"Content-Length: 5, 5"), Whole()),
    Fault("lengths-differ-in-zeros", length(b"Content-Length: 5\r\nContent-Length: 05"), PROTOCOL),
    Fault("length-negative", length(b"Content-Length: -5"), PROTOCOL),
    Fault("length-signed", length(b"Content-Length: +5"), PROTOCOL),
    Fault("length-hexadecimal", length(b"Content-Length: 0x5"), PROTOCOL),
    Fault("length-fraction", length(b"Content-Length: 5.0"), PROTOCOL),
    Fault("length-empty", length(b"Content-Length: "), PROTOCOL),
    Fault("length-in-two", length(b"Content-Length: 5 5"), PROTOCOL),
    Fault("length-over-64-bit", length(b"Content-Length: 18446744073709551621"), PROTOCOL),
    Fault(
        "length-and-chunked", length(b"Content-Length: 5\r\nTransfer-Encoding: chunked"), PROTOCOL
    ),
)
CHUNKS = (
    Fault("chunked", chunks(b"5\r\nhello\r\n0\r\n\r\n"), Whole()),
    Fault("chunked-leading-zeros", chunks(b"0005\r\nhello\r\n000\r\n\r\n"), Whole()),
    Fault(
        "chunked-in-one-octet-pieces",
        said(CHUNKED, Drip(b"5\r\nhello\r\n0\r\n\r\n", 0.001)),
        Whole(),
    ),
    Fault("chunk-extension", chunks(b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n'), Whole()),
    Fault("chunk-size-then-spaces", chunks(b"5  \r\nhello\r\n0 \r\n\r\n"), Whole()),
    Fault(
        "chunked-trailers",
        chunks(b"5\r\nhello\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n"),
        Whole(lacks=("x-t", "x-u")),
    ),
    Fault("chunked-and-more", chunks(b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), Whole()),
    Fault(
        "chunked-Capital", said(CHUNKED.replace(b"c", b"C") + b"5\r\nhello\r\n0\r\n\r\n"), Whole()
    ),
    Fault(
        "chunked-in-HTTP/1.0",
        said(CHUNKED.replace(b"1.1", b"1.0") + b"5\r\nhello\r\n0\r\n\r\n"),
        Whole(),
    ),
    Fault("chunk-cut-by-FIN", chunks(b"9\r\nhello", Do.FIN), Cut()),
    Fault("chunk-cut-by-RST", chunks(b"9\r\nhello", Do.RST), Cut()),
    Fault("chunked-cut-between-chunks", chunks(b"5\r\nhello\r\n", Do.FIN), Cut()),
    Fault("chunked-cut-before-first", chunks(b"", Do.FIN), Cut()),
    Fault("chunked-cut-in-size", chunks(b"5\r\nhello\r\n1", Do.FIN), Cut()),
    Fault("chunked-cut-in-last-chunk", chunks(b"5\r\nhello\r\n0", Do.FIN), Cut()),
    Fault("chunked-cut-after-last-chunk", chunks(b"5\r\nhello\r\n0\r\n", Do.FIN), Cut()),
    Fault("chunked-cut-in-trailer", chunks(b"5\r\nhello\r\n0\r\nX-T: 1", Do.FIN), Cut()),
    Fault("chunk-size-bad", chunks(b"5\r\nhello\r\nxyz\r\n"), Cut()),
    Fault("chunk-size-negative", chunks(b"5\r\nhello\r\n-1\r\n"), Cut()),
    Fault("chunk-size-empty", chunks(b"5\r\nhello\r\n\r\n"), Cut()),
    Fault("chunk-size-over-64-bit", chunks(b"5\r\nhello\r\n1ffffffffffffffff\r\nhello"), Cut()),
    Fault("chunk-longer-than-size", chunks(b"4\r\nhello\r\n0\r\n\r\n"), Cut()),
    Fault("chunk-shorter-than-size", chunks(b"6\r\nhello\r\n0\r\n\r\n", Do.FIN), Cut()),
    Fault(
        "chunk-extension-huge",
        chunks(b"5\r\nhello\r\n5;a=" + b"x" * 200_000 + b"\r\nhello\r\n0\r\n\r\n"),
        Cut(),
    ),
    Fault("chunk-extension-endless", chunks(b"5\r\nhello\r\n5;a=", Endless(b"x" * 4096)), Cut()),
    Fault("trailers-endless", chunks(b"5\r\nhello\r\n0\r\n", Endless(b"X-T: 1\r\n" * 400)), Cut()),
    Fault("chunk-with-bare-LF", chunks(b"5\nhello\n0\n\n", Do.FIN), Cut()),
    Fault("chunked-not-at-all", chunks(b"<html>hello</html>"), Cut()),
    Fault("coding-gzip-and-chunked", length(b"Transfer-Encoding: gzip, chunked"), FRAMING),
    Fault("coding-chunked-twice", length(b"Transfer-Encoding: chunked, chunked"), FRAMING),
    Fault("coding-identity", length(b"Transfer-Encoding: identity"), FRAMING),
    Fault("coding-unknown", length(b"Transfer-Encoding: xchunked"), FRAMING),
)
UNTIL_CLOSES = (
    Fault("until-close-FIN", said(UNTIL_CLOSE, Do.FIN), Whole()),
    Fault("until-close-empty", said(b"HTTP/1.1 200 OK\r\n\r\n", Do.FIN), Whole(body=b"")),
    Fault("until-close-RST", said(UNTIL_CLOSE, Pause(0.05), Do.RST), Cut()),
    Fault("TLS-length", length(b"Content-Length: 5"), Whole(), tls=True),
    Fault("TLS-until-close-notify", said(UNTIL_CLOSE, Do.SHUT), Whole(), tls=True),
    Fault("TLS-until-FIN-without-close-notify", said(UNTIL_CLOSE, Do.FIN), Cut(), tls=True),
    Fault("TLS-until-late-FIN", said(UNTIL_CLOSE, Pause(0.05), Do.FIN), Cut(), tls=True),
    Fault("TLS-until-RST", said(UNTIL_CLOSE, Pause(0.05), Do.RST), Cut(), tls=True),
    Fault("TLS-length-cut", length(b"Content-Length: 9", Do.SHUT), Cut(), tls=True),
    Fault("TLS-head-cut", said(b"HTTP/1.1 200 OK\r\nX-", Do.FIN), TERMINATED, tls=True),
    Fault("close-announced", fields(b"Connection: close", Do.FIN), Whole(lacks=("connection",))),
    Fault("close-announced-not-done", fields(b"Connection: close"), Whole(lacks=("connection",))),
)
HEADS = (
    Fault("empty", said(b"", Do.FIN), TERMINATED),
    Fault("empty-RST", said(b"", Do.RST), TERMINATED),
    Fault("closed-before-request", (Do.FIN,), TERMINATED),
    Fault("reset-before-request", (Do.RST,), TERMINATED),
    Fault("head-cut-in-version", said(b"HTTP/1", Do.FIN), TERMINATED),
    Fault("head-cut-in-status-line", said(b"HTTP/1.1 200 O", Do.FIN), TERMINATED),
    Fault("head-cut-in-field", said(b"HTTP/1.1 200 OK\r\nContent-Le", Do.FIN), TERMINATED),
    Fault("head-cut-before-empty-line", said(b"HTTP/1.1 200 OK\r\nX: 1\r\n", Do.FIN), TERMINATED),
    Fault("head-RST", said(b"HTTP/1.1 200 OK\r\nX: 1\r\n", Pause(0.05), Do.RST), TERMINATED),
    Fault(
        "head-in-one-octet-pieces",
        said(b"", Drip(b"HTTP/1.1 200 OK\r\n" + HELLO, 0.001)),
        Whole(),
    ),
    Fault("head-nearly-too-large", fields(b"X-A: " + b"x" * 32_000), Whole()),
    Fault("head-too-large", fields(b"X-A: " + b"x" * 33_000), TOO_LARGE),
    Fault("head-of-many-fields", fields(b"\r\n".join([b"X: 1"] * 199)), Whole()),
    Fault("head-of-too-many-fields", fields(b"\r\n".join([b"X: 1"] * 200)), TOO_LARGE),
    Fault(
        "head-endless-fields", said(b"HTTP/1.1 200 OK\r\n", Endless(b"X: 1\r\n" * 100)), TOO_LARGE
    ),
    Fault("head-endless-field", said(b"HTTP/1.1 200 OK\r\nX: ", Endless(b"x" * 4096)), TOO_LARGE),
    Fault("head-endless-reason", said(b"HTTP/1.1 200 ", Endless(b"x" * 4096)), TOO_LARGE),
    Fault("endless-noise", said(b"", Endless(b"x" * 4096)), PROTOCOL),
    Fault("endless-zeros", said(b"", Endless(b"\0" * 4096)), PROTOCOL),
    Fault("TLS-alert-to-http", said(b"\x15\x03\x01\x00\x02\x02\x46", Do.FIN), PROTOCOL),
    Fault("SSH-banner", (b"SSH-2.0-OpenSSH_9.2\r\n", Do.WAIT), PROTOCOL),
    Fault(
        "reply-before-request", (b"HTTP/1.1 408 Request Timeout\r\n" + HELLO, Do.FIN), Whole(408)
    ),
)
INTERIM = (
    Fault(
        "100-then-200", said(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + HELLO), Whole()
    ),
    Fault(
        "103-then-200",
        said(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n" + HELLO),
        Whole(lacks=("link",)),
    ),
    Fault(
        "199-with-a-length",
        said(b"HTTP/1.1 199 X\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n" + HELLO),
        Whole(),
    ),
    Fault(
        "bounded-1xx",
        said(b"HTTP/1.1 102 X\r\n\r\n" * 64 + b"HTTP/1.1 200 OK\r\n" + HELLO),
        Whole(),
    ),
    Fault(
        "1xx-one-too-many",
        said(b"HTTP/1.1 102 X\r\n\r\n" * 65 + b"HTTP/1.1 200 OK\r\n" + HELLO),
        PROTOCOL,
    ),
    Fault("1xx-endless", said(b"", Endless(b"HTTP/1.1 100 X\r\n\r\n" * 50)), PROTOCOL),
    Fault("1xx-then-FIN", said(b"HTTP/1.1 100 Continue\r\n\r\n", Do.FIN), TERMINATED),
    Fault(
        "101",
        said(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello"),
        Refusal(502, "http_upgrade_failed"),
    ),
    Fault(
        "101-without-upgrade", said(b"HTTP/1.1 101 OK\r\n\r\n"), Refusal(502, "http_upgrade_failed")
    ),
)
STATUS_LINES = (
    Fault("HTTP/1.0", status_line(b"HTTP/1.0 200 OK"), Whole()),
    Fault("HTTP/1.0-until-close", said(b"HTTP/1.0 200 OK\r\n\r\nhello", Do.FIN), Whole()),
    Fault("HTTP/0.9", said(b"<html>hello</html>", Do.FIN), PROTOCOL),
    Fault("HTTP/0.9-in-words", status_line(b"HTTP/0.9 200 OK"), PROTOCOL),
    Fault("HTTP/1.2", status_line(b"HTTP/1.2 200 OK"), PROTOCOL),
    Fault("HTTP/2.0", status_line(b"HTTP/2.0 200 OK"), PROTOCOL),
    Fault("HTTP/2", status_line(b"HTTP/2 200 OK"), PROTOCOL),
    Fault("HTTP/1", status_line(b"HTTP/1 200 OK"), PROTOCOL),
    Fault("HTTP/2-frames", said(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"), PROTOCOL),
    Fault("ICY", status_line(b"ICY 200 OK"), PROTOCOL),
    Fault("http-lower-case", status_line(b"http/1.1 200 OK"), PROTOCOL),
    Fault("status-99", status_line(b"HTTP/1.1 99 OK"), PROTOCOL),
    Fault("status-099", status_line(b"HTTP/1.1 099 OK"), PROTOCOL),
    Fault("status-599", status_line(b"HTTP/1.1 599 OK"), Whole(599)),
    Fault("status-600", status_line(b"HTTP/1.1 600 OK"), PROTOCOL),
    Fault("status-998", status_line(b"HTTP/1.1 998 OK"), PROTOCOL),
    Fault("status-999", status_line(b"HTTP/1.1 999 OK"), Whole(999)),
    Fault("status-1000", status_line(b"HTTP/1.1 1000 OK"), PROTOCOL),
    Fault("status-20", status_line(b"HTTP/1.1 20 OK"), PROTOCOL),
    Fault("status-words", status_line(b"HTTP/1.1 OK OK"), PROTOCOL),
    Fault("status-negative", status_line(b"HTTP/1.1 -200 OK"), PROTOCOL),
    Fault("status-missing", status_line(b"HTTP/1.1"), PROTOCOL),
    Fault("407", status_line(b"HTTP/1.1 407 X"), PROTOCOL),
    Fault("418", status_line(b"HTTP/1.1 418 I'm a teapot"), Whole(418, reason="I'm a teapot")),
    Fault("reason-missing", status_line(b"HTTP/1.1 200"), Whole()),
    Fault("reason-empty", status_line(b"HTTP/1.1 200 "), Whole(reason="")),
    Fault("reason-high-octets", status_line(b"HTTP/1.1 200 \xc3\xa9\xff"), Whole()),
    Fault("no-space-after-version", status_line(b"HTTP/1.1200 OK"), PROTOCOL),
    Fault("two-spaces", status_line(b"HTTP/1.1  200 OK"), PROTOCOL),
    Fault("tab", status_line(b"HTTP/1.1\t200 OK"), PROTOCOL),
    Fault("space-first", status_line(b" HTTP/1.1 200 OK"), PROTOCOL),
    Fault(
        "LF-line-ends",
        said(b"HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 5\n\nhello"),
        Whole(has=(("x-a", "1"),)),
    ),
    Fault("CR-line-ends", said(b"HTTP/1.1 200 OK\rContent-Length: 5\r\rhello", Do.FIN), TERMINATED),
)
FIELDS = (
    Fault("NUL-in-value", fields(b"X-A: a\0b"), PROTOCOL),
    Fault("control-in-value", fields(b"X-A: a\x01b"), PROTOCOL),
    Fault("CR-in-value", fields(b"X-A: a\rX-B: b"), PROTOCOL),
    Fault("DEL-in-value", fields(b"X-A: a\x7fb"), PROTOCOL),
    Fault("tab-in-value", fields(b"X-A: a\tb"), Whole(has=(("x-a", "a\tb"),))),
    Fault("high-octets-in-value", fields(b"X-A: \xe4\xff"), Whole(has=(("x-a", "\xe4\xff"),))),
    Fault("spaces-around-value", fields(b"X-A:  \t a \t "), Whole(has=(("x-a", "a"),))),
    Fault("value-empty", fields(b"X-A:"), Whole(has=(("x-a", ""),))),
    Fault("NUL-in-reason", status_line(b"HTTP/1.1 200 O\0K"), Whole(reason="OK")),
    Fault("control-in-reason", status_line(b"HTTP/1.1 200 O\x01K"), Whole(reason="OK")),
    Fault("CR-in-reason", status_line(b"HTTP/1.1 200 O\rK"), Whole(reason="OK")),
    Fault("NUL-in-name", fields(b"X\0A: a"), PROTOCOL),
    Fault("space-in-name", fields(b"X A: a"), PROTOCOL),
    Fault("space-before-colon", fields(b"X-A : a"), PROTOCOL),
    Fault("high-octet-in-name", fields(b"X\xe4: a"), PROTOCOL),
    Fault("name-empty", fields(b": a"), PROTOCOL),
    Fault("colon-missing", fields(b"X-A"), PROTOCOL),
    Fault("obs-fold", fields(b"X-A: a\r\n b"), PROTOCOL),
    Fault("obs-fold-first", fields(b" X-A: a"), PROTOCOL),
    Fault(
        "forged-CORS",
        fields(b"Access-Control-Allow-Origin: https://evil.test"),
        Whole(has=(("access-control-allow-origin", "*"),)),
    ),
    Fault(
        "hop-by-hop",
        fields(b"Connection: X-A\r\nX-A: 1\r\nKeep-Alive: 1"),
        Whole(lacks=("x-a", "keep-alive")),
    ),
)
BODILESS = (
    Fault(
        "204-with-a-body",
        said(b"HTTP/1.1 204 No Content\r\n" + HELLO),
        Whole(204, b"", lacks=("content-length",)),
    ),
    Fault(
        "204-chunked",
        said(b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Whole(204, b""),
    ),
    Fault(
        "304-with-a-length",
        said(b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n"),
        Whole(304, b"", has=(("content-length", "5"),)),
    ),
    Fault("304-with-a-body", said(b"HTTP/1.1 304 X\r\n" + HELLO), Whole(304, b"")),
    Fault(
        "HEAD-with-a-length",
        said(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        Whole(body=b"", has=(("content-length", "5"),)),
        "HEAD",
    ),
    Fault("HEAD-with-a-body", said(b"HTTP/1.1 200 OK\r\n" + HELLO), Whole(body=b""), "HEAD"),
    Fault("HEAD-chunked", chunks(b""), Whole(body=b""), "HEAD"),
    Fault("HEAD-until-close", said(b"HTTP/1.1 200 OK\r\n\r\n"), Whole(body=b""), "HEAD"),
    Fault("205-with-a-body", said(b"HTTP/1.1 205 X\r\n" + HELLO), Whole(205)),
)
SILENCES = (
    Fault(
        "silence-before-reply",
        said(b"", Do.WAIT),
        Refusal(504, "http_response_timeout"),
        after=SILENCE,
    ),
    Fault(
        "silence-in-head",
        said(b"HTTP/1.1 200 OK\r\nX", Do.WAIT),
        Refusal(504, "http_response_timeout"),
        after=SILENCE,
    ),
    Fault(
        "silence-after-1xx",
        said(b"HTTP/1.1 100 X\r\n\r\n", Do.WAIT),
        Refusal(504, "http_response_timeout"),
        after=SILENCE,
    ),
    Fault(
        "head-drips",
        said(b"HTTP/1.1 200 OK\r\n", Drip(b"X: 1\r\n" * 9, 0.05)),
        Refusal(504, "http_response_timeout"),
        after=SILENCE,
    ),
    Fault("silence-in-body", length(b"Content-Length: 9", Do.WAIT), Cut(), after=SILENCE),
    Fault("silence-in-chunk", chunks(b"9\r\nhello", Do.WAIT), Cut(), after=SILENCE),
    Fault("silence-before-last-chunk", chunks(b"5\r\nhello\r\n", Do.WAIT), Cut(), after=SILENCE),
    Fault("silence-until-close", said(UNTIL_CLOSE, Do.WAIT), Cut(), after=SILENCE),
    Fault(
        "body-drips",
        said(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", Drip(b"hello" * 4, SILENCE / 10)),
        Whole(body=b"hello" * 4),
        after=2 * SILENCE,
    ),
)
REDIRECTS = (
    *(
        Fault(f"redirect-{name}", tuple(redirect(location)) * 6, Whole(302))  # some lead back here
        for name, location in (
            ("empty", b""),
            ("open-bracket", b"http://["),
            ("bad-punycode", b"http://xn--/"),
            ("javascript", b"javascript:alert(1)"),
            ("file", b"file:///etc/passwd"),
            ("data", b"data:text/html,x"),
            ("port-99999", b"http://a.test:99999/"),
            ("userinfo", b"http://a@b.test/"),
            ("slashes-only", b"//"),
            ("scheme-only", b"http:"),
            ("percent-host", b"http://%zz/"),
            ("20-KB-host", b"http://" + b"a" * 20_000 + b"/"),
        )
    ),
    Fault("redirect-64-KB", redirect(b"/" + b"a" * 65_536), TOO_LARGE),
    Fault("redirect-without-location", status_line(b"HTTP/1.1 302 Found"), Whole(302)),
    Fault(
        "redirect-to-private",
        redirect(b"http://10.0.0.1/"),
        Refusal(403, "destination_ip_prohibited"),
    ),
    Fault(
        "redirect-to-metadata",
        redirect(b"http://169.254.169.254/"),
        Refusal(403, "destination_ip_prohibited"),
    ),
)

FAULTS: tuple[Fault, ...] = (
    *LENGTHS,
    *CHUNKS,
    *UNTIL_CLOSES,
    *HEADS,
    *INTERIM,
    *STATUS_LINES,
    *FIELDS,
    *BODILESS,
    *SILENCES,
    *REDIRECTS,
)
