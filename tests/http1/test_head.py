"""Message heads: what is accepted, what it means, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser
from hypothesis import example, given
from hypothesis import strategies as st

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
from cors_anywhere.http1.head import (
    ClientHead,
    TargetHead,
    parse_reply,
    parse_request,
    serialise,
    skip_empty_lines,
)
from cors_anywhere.http1.partial import find_reply_end
from cors_anywhere.messages import CHUNKED, UNTIL_CLOSE, Fields
from tests.support.growth import assert_linear

HOST = "Host: proxy.test"


def request(*fields: str, line: str = "GET /x HTTP/1.1") -> ClientHead:
    """The head of these lines."""
    return parse_request("\r\n".join([line, *fields, "", ""]).encode("latin-1"), 100)


def reply(*fields: str, line: str = "HTTP/1.1 200 OK") -> TargetHead:
    """The head of these lines."""
    return parse_reply("\r\n".join([line, *fields, "", ""]).encode("latin-1"))


# --- before a head -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "rest"),
    [
        (b"\r\n", b""),
        (b"\r\n\r\nGET", b"GET"),
        (b"\r\n\r", b"\r"),
        (b"\n\r\nGET", b"\n\r\nGET"),
        (b"\rGET", b"\rGET"),
        (b"GET\r\n", b"GET\r\n"),
    ],
)
def test_only_whole_empty_lines_are_skipped_before_a_request(octets: bytes, rest: bytes) -> None:
    assert skip_empty_lines(octets) == rest


# --- requests ------------------------------------------------------------------------------------


def test_a_request_keeps_its_fields_in_order_and_in_their_spelling() -> None:
    head = request(HOST, "X-a:1", "x-A: \t2 \t", "Empty:", "Umlaut: \xe4")
    assert head.fields == (
        ("Host", "proxy.test"),
        ("X-a", "1"),
        ("x-A", "2"),
        ("Empty", ""),
        ("Umlaut", "\xe4"),
    )
    assert (head.method, head.path, head.version) == ("GET", "/x", "HTTP/1.1")


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "get", "M-SEARCH", "X!#$%&'*+-.^_`|~9"])
def test_every_token_is_a_method(method: str) -> None:
    assert request(HOST, line=f"{method} / HTTP/1.1").method == method


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "CONNECT", "TRACE", "BREW"])
@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ([], 0),
        (["Content-Length: 0"], 0),
        (["Content-Length: 7"], 7),
        (["content-length:  007 "], 7),
        (["Content-Length: 999999999999999999"], 999999999999999999),
        (["Transfer-Encoding: chunked"], CHUNKED),
        (["TRANSFER-ENCODING: Chunked"], CHUNKED),
    ],
)
def test_the_fields_alone_frame_a_request(method: str, fields: list[str], length: int) -> None:
    assert request(HOST, *fields, line=f"{method} /x HTTP/1.1").length == length


@pytest.mark.parametrize(
    ("version", "fields", "keep_alive"),
    [
        ("1.1", [], True),
        ("1.1", ["Connection: keep-alive"], True),
        ("1.1", ["Connection: Close"], False),
        ("1.1", ["Connection: x, close"], False),
        ("1.1", ["Connection: x", "Connection:\tCLOSE "], False),
        ("1.1", ["Connection: closed"], True),
        ("1.1", ["Connection: keep-alive, close"], False),
        ("1.0", [], False),
        ("1.0", ["Connection: Keep-Alive"], True),
        ("1.0", ["Connection: keep-alive"], True),
        ("1.0", ["Connection: upgrade"], False),
        ("1.0", ["Connection: keep-alive", "Connection: close"], False),
    ],
)
def test_the_version_and_connection_decide_whether_another_request_may_follow(
    version: str, fields: list[str], keep_alive: bool
) -> None:
    assert request(HOST, *fields, line=f"GET / HTTP/{version}").keep_alive is keep_alive


@pytest.mark.parametrize(
    ("version", "value", "expects"),
    [
        ("1.1", "100-continue", True),
        ("1.1", "100-Continue", True),
        ("1.1", "tea", False),
        ("1.0", "100-continue", False),
    ],
)
def test_an_expectation_is_read_in_any_case_but_not_from_http_1_0(
    version: str, value: str, expects: bool
) -> None:
    head = request(HOST, f"Expect: {value}", line=f"POST / HTTP/{version}")
    assert head.expects_continue is expects


@pytest.mark.parametrize(
    "host",
    [
        "a.test",
        "a.test:8080",
        "",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:80",
        "a_b",
        "%41",
        "a:",
        "x" * 255,
    ],
)
def test_a_host_that_rfc_3986_allows_is_accepted(host: str) -> None:
    assert request(f"Host: {host}").fields == (("Host", host),)


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "a/b",
        "a@b",
        "a, b",
        "[::1",
        "[g]",
        "a:b",
        "a:123456",
        "%4",
        "\xe4.test",
        "a?b",
        "x" * 256,
    ],
)
def test_an_invalid_host_is_refused_also_the_second_time(host: str) -> None:
    for _ in range(2):
        with pytest.raises(BadRequest, match="Host is not valid"):
            request(f"Host: {host}")


def test_field_lines_that_come_again_are_known() -> None:
    first = request(HOST, "Origin: https://a.test", "accept: */*")
    second = request(HOST, "Origin: https://a.test", "accept: */*", line="PUT /y HTTP/1.0")
    assert second.fields is first.fields
    assert (second.method, second.path, second.keep_alive) == ("PUT", "/y", False)


@pytest.mark.parametrize("line", ["Authorization: Basic x", "cookie: id=1", "X-API-Key: s3cret"])
def test_no_secret_is_remembered(line: str) -> None:
    assert request(HOST, line).fields is not request(HOST, line).fields


def reply_fields(*lines: str) -> Fields:
    return parse_reply("\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1")).fields


def test_lines_of_replies_that_come_again_are_known() -> None:
    first = reply_fields("Server: a", "Content-Length: 3", "ETag: 1")
    second = reply_fields("ETag: 2", "Content-Length: 3", "Server: a")
    assert second == (("ETag", "2"), ("Content-Length", "3"), ("Server", "a"))
    assert [second[2] is first[0], second[1] is first[1]] == [True, True]


@pytest.mark.parametrize(
    "line", ["Set-Cookie: id=1", "X-Token: s3cret", "Location: /?key=1", "Server: " + "a" * 249]
)
def test_no_secret_of_a_reply_is_remembered(line: str) -> None:
    assert reply_fields(line)[0] is not reply_fields(line)[0]


def test_known_field_lines_are_held_to_the_limit_of_the_day() -> None:
    lines = (HOST, "accept: a", "accept: b")
    assert len(request(*lines).fields) == 3
    with pytest.raises(HeadTooLarge):
        parse_request("\r\n".join(["GET / HTTP/1.1", *lines, "", ""]).encode(), 100, 2)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("second", [HOST, "host: other.test", "HOST:"])
def test_two_hosts_are_refused_whatever_they_say(version: str, second: str) -> None:
    with pytest.raises(BadRequest, match="one Host"):
        request(HOST, second, line=f"GET / HTTP/{version}")


def test_a_host_may_be_missing_in_http_1_0_only() -> None:
    assert request(line="GET / HTTP/1.0").fields == ()
    with pytest.raises(BadRequest, match="one Host"):
        request("X: y", line="GET / HTTP/1.1")


@pytest.mark.parametrize(
    ("line", "host", "path"),
    [
        ("GET http://other.test/https://api.test/x?y", "other.test", "/https://api.test/x?y"),
        ("GET HTTPS://other.test:444/", "other.test:444", "/"),
        ("GET http://other.test", "other.test", "/"),
        ("GET http://other.test?url=x", "other.test", "/?url=x"),
        ("OPTIONS http://other.test", "other.test", "*"),
        ("OPTIONS http://other.test/", "other.test", "/"),
    ],
)
def test_the_authority_of_an_absolute_form_is_the_host(line: str, host: str, path: str) -> None:
    head = request("A: b", HOST, line=f"{line} HTTP/1.1")
    assert (head.path, head.fields) == (path, [("Host", host), ("A", "b")])


@pytest.mark.parametrize(
    ("method", "path"),
    [("OPTIONS", "*"), ("CONNECT", "api.test:443"), ("GET", "//"), ("GET", "/\xe4|\"<>'")],
)
def test_these_request_targets_pass_as_they_are(method: str, path: str) -> None:
    assert request(HOST, line=f"{method} {path} HTTP/1.1").path == path


@pytest.mark.parametrize(
    "path",
    ["*", "x", "api.test/x", "http:/a/", "http:///x", "ftp://a/", "http://u@a/", "http://a b/"],
)
def test_other_request_targets_without_a_first_slash_are_refused(path: str) -> None:
    with pytest.raises(BadRequest):
        request(HOST, line=f"GET {path} HTTP/1.1")


def test_the_largest_request_target_is_one_that_is_as_large_as_the_limit() -> None:
    assert len(request(HOST, line=f"GET /{'x' * 99} HTTP/1.1").path) == 100
    with pytest.raises(UrlTooLong):
        request(HOST, line=f"GET /{'x' * 100} HTTP/1.1")


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"])
def test_another_version_of_http_is_named_as_the_reason(version: str) -> None:
    with pytest.raises(VersionNotSupported):
        request(HOST, line=f"GET / {version}")


# --- replies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("HTTP/1.1 200 OK", 200, "OK"),
        ("HTTP/1.0 404 Not  Found ", 404, "Not  Found "),
        ("HTTP/1.1 200", 200, ""),
        ("HTTP/1.1 200 ", 200, ""),
        ("HTTP/1.1 999 Denied", 999, "Denied"),
        ("HTTP/1.1 599 \xe4", 599, "\xe4"),
    ],
)
def test_a_status_line_may_lack_its_reason(line: str, status: int, reason: str) -> None:
    assert reply(line=line)[:2] == (status, reason)


@pytest.mark.parametrize(
    "line",
    [
        "HTTP/1.1 99 Low",
        "HTTP/1.1 099 Low",
        "HTTP/1.1 600 High",
        "HTTP/1.1 998 High",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1  200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/1.2 200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
    ],
)
def test_what_is_no_status_line_of_http_1_is_refused(line: str) -> None:
    with pytest.raises(GatewayError):
        reply(line=line)


@pytest.mark.parametrize(
    ("status", "fields", "length"),
    [
        (200, ["Content-Length: 5"], 5),
        (200, ["Content-Length: 5", "Content-Length: 5"], 5),
        (200, ["Content-Length: 5, 5"], 5),
        (200, ["Transfer-Encoding: chunked"], CHUNKED),
        (200, [], UNTIL_CLOSE),
        (204, ["Content-Length: 5"], 0),
        (304, ["Content-Length: 5"], 0),
        (304, ["Transfer-Encoding: chunked"], 0),
        (103, ["Content-Length: 5"], 0),
        (205, ["Content-Length: 0"], 0),
    ],
)
def test_status_and_fields_frame_a_reply(status: int, fields: list[str], length: int) -> None:
    assert reply(*fields, line=f"HTTP/1.1 {status} X").length == length


@pytest.mark.parametrize(
    "fields",
    [
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5, 6"],
        ["Content-Length: +5"],
        ["Content-Length: -5"],
        ["Content-Length: 0x5"],
        ["Content-Length: 5 5"],
        ["Content-Length:"],
        ["Content-Length: 9999999999999999999999"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Bad Name: x"],
        ["Nul: \x00"],
        ["No colon"],
    ],
)
def test_a_reply_whose_framing_is_in_doubt_is_refused(fields: list[str]) -> None:
    with pytest.raises(GatewayError):
        reply(*fields)


@pytest.mark.parametrize(
    "coding", ["gzip", "gzip, chunked", "chunked, gzip", "identity", "xchunked"]
)
def test_no_transfer_coding_but_chunked_is_accepted(coding: str) -> None:
    with pytest.raises((TransferCodingError, GatewayError)):
        reply(f"Transfer-Encoding: {coding}")
    with pytest.raises(BadRequest):
        request(HOST, f"Transfer-Encoding: {coding}")


def test_bare_line_feeds_of_a_reply_are_made_whole() -> None:
    head = parse_reply(b"HTTP/1.1 200 OK\nA: b\nContent-Length: 1\r\n\n")
    assert head.fields == (("A", "b"), ("Content-Length", "1"))


# --- llhttp is the judge -------------------------------------------------------------------------


class Told:
    """What llhttp itself says the fields are."""

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def told(parser: type[HttpRequestParser | HttpResponseParser], start: bytes, rest: bytes) -> Any:
    """llhttp's fields, or None when it refuses the head."""
    seen = Told()
    try:
        parser(seen).feed_data(start + rest)
    except HttpParserUpgrade:
        pass
    except HttpParserError:
        return None
    return [(name, value.strip(b" \t")) for name, value in seen.fields]


def ours(parse: Any, block: bytes) -> Any:
    """Our fields, or None for a refusal."""
    try:
        return [(n.encode("latin-1"), v.encode("latin-1")) for n, v in parse(block).fields]
    except ProxyError:
        return None


PIECES = st.sampled_from(
    [b"A", b"a-b", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Host"]  # noqa: RUF005
    + [b":", b": ", b" :", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\x00", b"\x0b", b"\x7f", b"\xff"]
    + [b"chunked", b"5", b"0", b",", b"close", b"upgrade", b"h2c", b"\r\n ", b"\r\n\t", b"=", b'"']
)
NAMES = st.sampled_from(
    [b"A", b"X-y", b"Content-Length", b"Transfer-Encoding", b"Host", b"Upgrade"]
)
VALUES = st.one_of(
    st.sampled_from([b"5", b"chunked", b""]), st.lists(PIECES, max_size=3).map(b"".join)
)
LINES = st.one_of(
    st.tuples(NAMES, st.sampled_from([b":", b": ", b":\t"]), VALUES).map(b"".join),
    st.lists(PIECES, max_size=5).map(b"".join),
)
BLOCKS = st.lists(LINES, max_size=5).map(lambda lines: b"".join(b"\r\n" + line for line in lines))


@given(BLOCKS)
@example(b"\r\nA: b\r\n folded: x")
@example(b"\r\n: nameless")
@example(b"\r\nA: b\nHost: c")
@example(b"\r\nA:\r\nB:\t\r\nC: \xe4")
def test_a_requests_fields_are_those_that_llhttp_reads(block: bytes) -> None:
    rest = block + b"\r\n\r\n"
    whole = b"GET / HTTP/1.0" + rest
    whole = whole[: whole.index(b"\r\n\r\n") + 4]
    mine = ours(lambda octets: parse_request(octets, 100), whole)
    theirs = told(HttpRequestParser, b"POST / HTTP/1.0", whole[14:])
    theirs = theirs and [field for field in theirs if field[0].lower() != b"upgrade"]  # ignored
    assert mine is None or mine == theirs  # we refuse more: Host, lengths, codings


@given(BLOCKS)
@example(b"\r\nA: b\r\n folded: x")
@example(b"\r\n: nameless")
def test_a_replys_fields_are_those_that_llhttp_reads(block: bytes) -> None:
    whole = b"HTTP/1.1 200 OK" + block + b"\r\n\r\n"
    whole = whole[: find_reply_end(whole)]
    mine = ours(parse_reply, whole)
    crlf = whole.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    theirs = told(HttpResponseParser, b"HTTP/1.1 200 OK", crlf[15:])
    if mine is not None and theirs is not None:
        assert mine == theirs
    elif mine is not None:  # the one thing that llhttp refuses and we repair
        assert sum(name.lower() == b"content-length" for name, _ in mine) == 1


@given(st.binary(max_size=80))
def test_no_octets_raise_anything_but_a_refusal(octets: bytes) -> None:
    for parse in (lambda block: parse_request(block, 100), parse_reply):
        block = octets.replace(b"\r\n\r\n", b"") + b"\r\n\r\n"
        ours(parse, block)


# --- writing -------------------------------------------------------------------------------------


def test_a_head_is_written_line_by_line() -> None:
    octets = serialise("HTTP/1.1 200 OK", [("A", "b"), ("C", "\xe4")])
    assert octets == b"HTTP/1.1 200 OK\r\nA: b\r\nC: \xe4\r\n\r\n"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("GET / HTTP/1.1", ("A", "b\r\nX: y")),
        ("GET / HTTP/1.1", ("A", "b\n")),
        ("GET / HTTP/1.1", ("A\r", "b")),
        ("GET / HTTP/1.1\r\nX: y", ("A", "b")),
    ],
)
def test_a_line_break_inside_a_head_is_never_written(line: str, field: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        serialise(line, [field])


# --- limits and cost -----------------------------------------------------------------------------


@pytest.mark.parametrize("more", [0, 1])
def test_a_head_has_so_many_fields_and_no_more(more: int) -> None:
    fields = [HOST, *["A: b"] * (9 + more)]
    line = b"\r\n".join([b"GET / HTTP/1.1", *(field.encode() for field in fields), b"", b""])
    answer = line.replace(b"GET / HTTP/1.1", b"HTTP/1.1 200 OK")
    if more:
        with pytest.raises(HeadTooLarge, match="more header fields"):
            parse_request(line, 100, 10)
        with pytest.raises(ResponseHeadTooLarge, match="more header fields"):
            parse_reply(answer, 10)
    else:
        assert len(parse_request(line, 100, 10).fields) == len(parse_reply(answer, 10).fields) == 10


def test_an_empty_head_of_the_largest_size_is_refused_before_its_fields_are_made() -> None:
    with pytest.raises(HeadTooLarge):
        parse_request(b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 8000 + b"\r\n", 100)


REQUEST = b"GET / HTTP/1.1\r\nHost: a"
COSTLY_REQUESTS: dict[str, Callable[[int], bytes]] = {
    "method": lambda n: b"M" * n,
    "path": lambda n: b"GET /" + b"x" * n + b" HTTP/1.1\r\nHost: a",
    "path that has no end": lambda n: b"GET /" + b"x" * n,
    "absolute form": lambda n: b"GET http://" + b"x" * n + b" HTTP/1.1\r\nHost: a",
    "absolute form, query": lambda n: b"GET http://a?" + b"x" * n + b" HTTP/1.1\r\nHost: a",
    "version": lambda n: b"GET / HTTP/1.1" + b"1" * n,
    "host": lambda n: b"GET / HTTP/1.1\r\nHost: " + b"a" * n,
    "host, escapes": lambda n: b"GET / HTTP/1.1\r\nHost: " + b"%41" * (n // 3),
    "host, address": lambda n: b"GET / HTTP/1.1\r\nHost: [" + b":" * n,
    "name": lambda n: REQUEST + b"\r\n" + b"x" * n + b": y",
    "value": lambda n: REQUEST + b"\r\nA: " + b"x" * n,
    "blanks": lambda n: REQUEST + b"\r\nA: x" + b" " * n + b"y",
    "blanks at the end": lambda n: REQUEST + b"\r\nA: " + b"\t " * (n // 2),
    "fields": lambda n: REQUEST + (b"\r\nA: " + b"x" * (n // 200)) * 190,
    "too many fields": lambda n: REQUEST + b"\r\nA:" * (n // 4),
    "options": lambda n: REQUEST + b"\r\nConnection: " + b"," * n,
    "expectations": lambda n: REQUEST + b"\r\nExpect: " + b"," * n,
    "digits": lambda n: REQUEST + b"\r\nContent-Length: " + b"1" * n,
    "zeros": lambda n: REQUEST + b"\r\nContent-Length: " + b"0" * n + b"x",
    "codings": lambda n: REQUEST + b"\r\nTransfer-Encoding: " + b"a," * (n // 2),
}
REPLY = b"HTTP/1.1 200 OK"
COSTLY_REPLIES: dict[str, Callable[[int], bytes]] = {
    "reason": lambda n: b"HTTP/1.1 200 " + b"x" * n,
    "bare line feeds": lambda n: REPLY + b"\r\nA: b" + b"\n:" * (n // 2),
    "bare returns": lambda n: REPLY + b"\r\nA: b" + b"\r" * n + b"\nB: c\nD: e",
    "blanks in a length": lambda n: REPLY + b"\r\nContent-Length: 5" + b" " * n + b"x",
    "blanks before a length": lambda n: REPLY + b"\r\nContent-Length:" + b" \t" * (n // 2) + b"x",
    "joined lengths": lambda n: REPLY + b"\r\nContent-Length: " + b"5, " * (n // 3) + b"5",
    "joined blanks": lambda n: REPLY + b"\r\nContent-Length: 5," + b" " * n + b",5",
    "repeated lengths": lambda n: REPLY + b"\r\nContent-Length: 5" * 150 + b"\r\nA: " + b"x" * n,
    "options": lambda n: REPLY + b"\r\nConnection: " + b"," * n,
    "codings": lambda n: REPLY + b"\r\nTransfer-Encoding: " + b"a," * (n // 2),
    "folds": lambda n: REPLY + b"\r\nA: b" + b"\r\n " * (n // 3),
}


@pytest.mark.parametrize("kind", COSTLY_REQUESTS)
def test_reading_a_request_costs_what_its_octets_cost(kind: str) -> None:
    assert_linear(
        f"parse_request, {kind}",
        lambda size: COSTLY_REQUESTS[kind](size) + b"\r\n\r\n",
        lambda block: parse_request(block, 16384),
        32768,
    )


@pytest.mark.parametrize("kind", COSTLY_REPLIES)
def test_reading_a_reply_costs_what_its_octets_cost(kind: str) -> None:
    assert_linear(
        f"parse_reply, {kind}",
        lambda size: COSTLY_REPLIES[kind](size) + b"\r\n\r\n",
        parse_reply,
        32768,
    )


def test_skipping_empty_lines_costs_what_its_octets_cost() -> None:
    assert_linear("skip_empty_lines", lambda n: b"\r\n" * (n // 2), skip_empty_lines, 65536)


@pytest.mark.parametrize(("version", "kept"), [("1.0", False), ("1.1", True)])
def test_an_upgrade_is_no_matter_of_http_1_0(version: str, kept: bool) -> None:
    head = request(HOST, "Upgrade: websocket", line=f"GET / HTTP/{version}")
    assert any(name == "Upgrade" for name, _ in head.fields) is kept
