"""A target's reply as JSON: what is asked for it, what is made of it, and what is refused."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_anywhere.errors import ContentCodingError, OnlyRead, ResponseBodyTooLarge
from cors_anywhere.messages import CHUNKED, Answer, Gather, Hop, Length, Plan, ReplyHead
from cors_anywhere.rules.wrapping import asking, gathering, wrapped
from tests.support.urls import parse_path, raw

TARGET = parse_path("/https://api.example.com/x?y")
MOST = 1000


def plan(method: str = "GET", *fields: tuple[str, str], **others: Any) -> Plan:
    base = Plan(TARGET, method, fields, False, TARGET, (), None)
    return base._replace(**others)


def reply(*fields: tuple[str, str], status: int = 200, length: Length = CHUNKED) -> ReplyHead:
    return ReplyHead(status, "OK", fields, length)


def wrap(octets: bytes, *fields: tuple[str, str], status: int = 200) -> Answer:
    return wrapped(plan(), reply(*fields, status=status), octets, 1.2345, MOST)


def contents(octets: bytes, *fields: tuple[str, str]) -> Any:
    return json.loads(wrap(octets, *fields).body)["contents"]


# --- what is asked ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_get_of_a_body_that_is_not_coded_is_asked_for(method: str) -> None:
    head = (("Accept-Encoding", "gzip, br"), ("X-A", "1"), ("accept-encoding", "zstd"))
    asked = asking(plan(method, *head, upgrade=True))
    assert (asked.method, asked.as_json, asked.upgrade) == ("GET", True, False)
    assert list(asked.fields) == [("X-A", "1"), ("Accept-Encoding", "identity")]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "get"])
def test_other_methods_are_refused(method: str) -> None:
    with pytest.raises(OnlyRead, match="/raw") as caught:
        asking(plan(method))
    assert dict(caught.value.fields) == {"allow": "GET, HEAD"}


# --- what is made of a reply ------------------------------------------------------------------


def test_the_json_has_the_members_that_are_known_from_allorigins() -> None:
    answer = wrap(b"caf\xc3\xa9", ("Content-Type", "text/plain"), status=404)
    assert (answer.status, answer.reason) == (200, "OK")
    assert json.loads(answer.body) == {
        "contents": "café",
        "status": {
            "url": "https://api.example.com/x?y",
            "content_type": "text/plain",
            "content_length": 5,
            "http_code": 404,
            "response_time": 1234,
        },
    }


def test_the_answers_fields_say_what_it_is_and_let_a_page_read_it() -> None:
    answer = wrap(b"x", ("Date", "Mon, 23 Nov 2026 11:22:28 GMT"), ("Set-Cookie", "a"))
    assert dict(answer.fields) == {
        "content-type": "application/json; charset=utf-8",
        "date": "Mon, 23 Nov 2026 11:22:28 GMT",
        "x-request-url": "https://api.example.com/x?y",
        "x-final-url": "https://api.example.com/x?y",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "content-type,date,x-request-url,x-final-url",
        "x-content-type-options": "nosniff",
    }


def test_the_url_is_the_one_that_was_asked_for() -> None:
    elsewhere = plan(target=parse_path("/https://www.example.org/z"), hops=(Hop(302, "z"),))
    answer = wrapped(elsewhere, reply(), b"", 0.0, MOST)
    assert json.loads(answer.body)["status"]["url"] == "https://api.example.com/x?y"
    assert dict(answer.fields)["x-final-url"] == "https://www.example.org/z"


def test_octets_beyond_ascii_are_shown_as_what_they_mean() -> None:
    target = parse_path(raw("/https://api.example.com/é"))
    answer = wrapped(plan(first=target), reply(), b"", 0.0, MOST)
    assert json.loads(answer.body)["status"]["url"] == "https://api.example.com/é"


@pytest.mark.parametrize(
    ("octets", "kind", "url"),
    [
        (b"\x89PNG", "image/png", "data:image/png;base64,iVBORw=="),
        (b"\xff", "", "data:application/octet-stream;base64,/w=="),
        (b"x\0", 'a/b,c;"', "data:application/octet-stream;base64,eAA="),
        (b"x", "text/plain; charset=nobody-knows", "data:text/plain;base64,eA=="),
        (b"", "image/png", "data:image/png;base64,"),
    ],
)
def test_what_is_no_text_is_a_data_url(octets: bytes, kind: str, url: str) -> None:
    assert contents(octets, ("Content-Type", kind)) == url


def test_whatever_the_text_holds_the_answer_is_json() -> None:
    text = '"\\\n\x00\x1f</script>\u2028\ud83d\ude00'.encode("utf-16", "surrogatepass").decode(
        "utf-16"
    )
    assert contents(text.encode(), ("Content-Type", "text/plain")) == text


# --- bounds -----------------------------------------------------------------------------------


def test_a_reply_is_gathered_up_to_the_bound() -> None:
    assert gathering(reply(length=MOST), MOST) == Gather(MOST)
    assert gathering(reply(length=CHUNKED), MOST) == Gather(MOST)
    with pytest.raises(ResponseBodyTooLarge, match="larger than the 1000 octets") as caught:
        gathering(reply(length=MOST + 1), MOST)
    assert "--max-get-bytes" in caught.value.hint


# --- content codings --------------------------------------------------------------------------

TEXT = b"text " * 100
RAW_DEFLATE = zlib.compressobj(wbits=-15)
CODED = {
    "gzip": gzip.compress(TEXT),
    "X-GZIP": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "Deflate": RAW_DEFLATE.compress(TEXT) + RAW_DEFLATE.flush(),
    "identity": TEXT,
    "": TEXT,
}


@pytest.mark.parametrize("coding", CODED)
def test_a_coding_that_was_not_asked_for_is_undone(coding: str) -> None:
    fields = (("Content-Encoding", coding), ("Content-Type", "text/plain"))
    gathering(reply(*fields), MOST)
    answer = json.loads(wrap(CODED[coding], *fields).body)
    assert (answer["contents"], answer["status"]["content_length"]) == (TEXT.decode(), 500)


@pytest.mark.parametrize("values", [("br",), ("zstd",), ("gzip, gzip",), ("gzip", "br"), ("x y",)])
def test_a_coding_that_cannot_be_undone_is_told_before_it_is_read(values: tuple[str, ...]) -> None:
    fields = [("Content-Encoding", value) for value in values]
    with pytest.raises(ContentCodingError, match=", ".join(values)) as caught:
        gathering(reply(*fields), MOST)
    assert (caught.value.status, "/raw" in caught.value.hint) == (502, True)


@pytest.mark.parametrize(
    "octets",
    [
        b"no gzip",
        gzip.compress(TEXT)[:-1],
        gzip.compress(TEXT)[:20],
        gzip.compress(TEXT) + b"x",
        gzip.compress(TEXT) * 2,
        b"\x1f",
    ],
)
def test_a_broken_coding_is_a_failure(octets: bytes) -> None:
    with pytest.raises(ContentCodingError):
        wrap(octets, ("Content-Encoding", "gzip"))


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_bomb_goes_no_further_than_the_bound(coding: str, pack: Any) -> None:
    field = ("Content-Encoding", coding)
    assert wrap(pack(b"x" * MOST), field).status == 200
    for size in (MOST + 1, 2**24):
        with pytest.raises(ResponseBodyTooLarge):
            wrap(pack(b"x" * size), field)


def test_a_bomb_is_not_unpacked_beyond_the_bound() -> None:
    packed = gzip.compress(bytes(2**24))
    tracemalloc.start()
    try:
        with pytest.raises(ResponseBodyTooLarge):
            wrap(packed, ("Content-Encoding", "gzip"))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**20


def test_an_empty_body_needs_no_decoding() -> None:
    assert contents(b"", ("Content-Encoding", "gzip")) == ""


# --- whatever comes ---------------------------------------------------------------------------

KINDS = st.sampled_from(
    ["", "text/html", "text/xml", "image/png", "text/plain; charset="]
) | st.text(st.characters(max_codepoint=255))
CHARSETS = st.sampled_from(["utf-16", "big5", "iso-2022-jp", "windows-1252", "utf-8", "x"])


@given(st.binary(), KINDS, CHARSETS, st.sampled_from(["", "gzip", "deflate"]))
def test_whatever_comes_is_json_or_a_failure_of_the_targets(
    octets: bytes, kind: str, charset: str, coding: str
) -> None:
    fields = (("Content-Type", kind + charset), ("Content-Encoding", coding))
    try:
        answer = wrap(octets, *fields)
    except ContentCodingError:
        assert coding
        return
    said = json.loads(answer.body)
    assert isinstance(said["contents"], str)
    assert coding or said["status"]["content_length"] == len(octets)


def test_what_was_asked_for_with_credentials_is_kept_by_no_shared_cache() -> None:
    answer = wrapped(plan(authorized=True), reply(), b"", 0.0, MOST)
    assert ("cache-control", "private") in answer.fields
    assert ("cache-control", "private") not in wrap(b"").fields
