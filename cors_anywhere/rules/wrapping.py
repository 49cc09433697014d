"""A target's reply as JSON, as users of AllOrigins know it.

Owns: what is asked of the target for it, how a content coding is undone, within which bound, and
the JSON. Must not know: how a URL was asked for (queries.py), or how octets are gathered.

`contents` is text, or a data: URL of what is none, so that nothing is lost.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from typing import Final

from cors_anywhere.errors import ContentCodingError, OnlyRead, ResponseBodyTooLarge
from cors_anywhere.messages import Answer, Gather, Plan, ReplyHead
from cors_anywhere.rules import replies
from cors_anywhere.rules.charsets import media_type, text_of
from cors_anywhere.tokens import list_items

_JSON: Final = ("content-type", "application/json; charset=utf-8")
_UNCODED: Final = ("Accept-Encoding", "identity")

_CACHES: Final = frozenset(("date", "age", "cache-control", "expires", "vary"))
"""For whom the JSON may be kept as long as the reply (RFC 9111 section 5.2)."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_DEFLATE: Final = -zlib.MAX_WBITS  # what some servers take "deflate" to be (RFC 9110 s. 8.4.1.2)


def asking(plan: Plan) -> Plan:
    """The plan whose reply can be made JSON: of a GET, whose body is not to be coded. Raises
    OnlyRead."""
    if plan.method not in ("GET", "HEAD"):
        raise OnlyRead(rule="get-method")
    fields = [field for field in plan.fields if field[0].lower() != "accept-encoding"]
    return plan._replace(method="GET", fields=[*fields, _UNCODED], upgrade=False, as_json=True)


def gathering(reply: ReplyHead, most: int) -> Gather:
    """The decision to gather a reply of `most` octets. Raises ProxyError for one whose head shows
    that it cannot be."""
    if isinstance(reply.length, int) and reply.length > most:
        raise too_large(most)
    _coding(reply)
    return Gather(most)


def too_large(most: int) -> ResponseBodyTooLarge:
    """What is raised for a reply beyond the bound."""
    return ResponseBodyTooLarge(
        f"The target's reply is larger than the {most} octets of which JSON is made.",
        hint="/raw?url=… passes it on as it is; the operator of this proxy can raise the limit with"
        " --max-get-bytes.",
        rule="get-size",
    )


def wrapped(
    plan: Plan,
    reply: ReplyHead,
    octets: bytes,
    seconds: float,
    most: int,
    credited: str | None = None,
) -> Answer:
    """The answer that holds a reply's body, which took so long; `credited` as in Replies. Raises
    ProxyError for a coding that cannot be undone within `most` octets."""
    content = _undone(_coding(reply), octets, most)
    kind = _value(reply, "content-type")
    text = text_of(content, kind)
    status = {
        "url": _readable(plan.first.url),
        "content_type": _readable(kind) if kind else None,
        "content_length": len(content),
        "http_code": reply.status,
        "response_time": round(seconds * 1000),
    }
    contents = _data_url(content, kind) if text is None else text
    body = json.dumps({"contents": contents, "status": status}, ensure_ascii=False)
    kept = [(key, value) for name, value in reply.fields if (key := name.lower()) in _CACHES]
    if plan.authorized and all(name != "cache-control" for name, _ in kept):
        kept.append(replies.PRIVATE)
    fields = replies.own_fields([_JSON, *kept, *replies.report(plan)], credited)
    return Answer(200, "OK", fields, body.encode("utf-8", "replace"))


def _value(reply: ReplyHead, name: str) -> str:
    return next((value for known, value in reply.fields if known.lower() == name), "")


def _readable(text: str) -> str:
    """ISO-8859-1 text whose octets may be UTF-8."""
    return text.encode("latin-1").decode("utf-8", "replace")


def _data_url(content: bytes, kind: str) -> str:
    said = media_type(kind) or "application/octet-stream"
    return f"data:{said};base64,{b64encode(content).decode()}"


# --- content codings (RFC 9110 section 8.4.1) ----------------------------------------------------


def _coding(reply: ReplyHead) -> str:
    """The one coding of a reply, "" for none. Raises ContentCodingError for what is not known."""
    values = [value for name, value in reply.fields if name.lower() == "content-encoding"]
    codings = [item.lower() for item in list_items(values) if item.lower() not in ("", "identity")]
    if not codings:
        return ""
    if codings not in (["gzip"], ["x-gzip"], ["deflate"]):
        raise ContentCodingError(
            f"The target sent its reply in a content coding that was not asked for"
            f" ({', '.join(codings)[:80]}), and that cannot be undone here.",
            hint="/raw?url=… passes it on as it is.",
            rule="get-coding",
        )
    return codings[0]


def _undone(coding: str, octets: bytes, most: int) -> bytes:
    if not coding or not octets:
        return octets
    if coding != "deflate":
        return _inflated(octets, _GZIP, most)
    is_zlib = octets[0] & 0x0F == 8 and int.from_bytes(octets[:2]) % 31 == 0  # RFC 1950 s. 2.2
    return _inflated(octets, _ZLIB if is_zlib else _DEFLATE, most)


def _inflated(octets: bytes, window: int, most: int) -> bytes:
    """The octets of one compressed stream, which has to be whole and to end where they do."""
    undoing = zlib.decompressobj(window)
    try:
        content = undoing.decompress(octets, most + 1)
    except zlib.error as error:
        raise ContentCodingError(rule="get-coding") from error
    if len(content) > most:
        raise too_large(most)
    if not undoing.eof or undoing.unused_data:
        raise ContentCodingError(rule="get-coding")
    return content
