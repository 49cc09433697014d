"""The text of a reply's octets.

Owns: which labels of charsets are known, what they mean (WHATWG Encoding standard, section 4.2),
and which one a reply is in. Must not know: what the text is for.

Each is decoded in time that is linear, and short for hostile octets too: no error handler of
Python's is called for each of them.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

_MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CHARSET: Final = re.compile(r';[ \t]*charset[ \t]*=[ \t]*"?([A-Za-z0-9._:+-]{1,40})', re.I)

# What a document says of itself counts where it stands in its first octets (HTML, "prescan").
_PRESCANNED: Final = 1024
_IN_HTML: Final = re.compile(
    rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:+-]{1,40})", re.I
)
_IN_XML: Final = re.compile(rb"<\?xml[^>]{1,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:+-]{1,40})")

_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))

# By the name that Python has for it. Of one octet a character:
_SINGLE: Final = {
    "cp1252": "windows-1252 cp1252 ascii us-ascii iso-8859-1 iso8859-1 iso_8859-1 latin1 l1",
    "cp1250": "windows-1250 cp1250",
    "cp1251": "windows-1251 cp1251",
    "cp1253": "windows-1253 cp1253",
    "cp1254": "windows-1254 cp1254 iso-8859-9 latin5",
    "cp1255": "windows-1255 cp1255",
    "cp1256": "windows-1256 cp1256",
    "cp1257": "windows-1257 cp1257",
    "cp1258": "windows-1258 cp1258",
    "cp866": "ibm866 866 cp866",
    "cp874": "windows-874 tis-620 iso-8859-11",
    "iso8859_2": "iso-8859-2 iso8859-2 latin2",
    "iso8859_3": "iso-8859-3",
    "iso8859_4": "iso-8859-4",
    "iso8859_5": "iso-8859-5 cyrillic",
    "iso8859_6": "iso-8859-6 arabic",
    "iso8859_7": "iso-8859-7 greek",
    "iso8859_8": "iso-8859-8 iso-8859-8-i hebrew",
    "iso8859_10": "iso-8859-10",
    "iso8859_13": "iso-8859-13",
    "iso8859_14": "iso-8859-14",
    "iso8859_15": "iso-8859-15 latin-9",
    "iso8859_16": "iso-8859-16",
    "koi8_r": "koi8-r koi8",
    "koi8_u": "koi8-u",
    "mac_roman": "macintosh mac",
    "mac_cyrillic": "x-mac-cyrillic",
}
_OTHERS: Final = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8",
    "gb18030": "gb18030 gbk gb2312 x-gbk",
    "big5hkscs": "big5 big5-hkscs",
    "euc_jp": "euc-jp x-euc-jp",
    "iso2022_jp": "iso-2022-jp",
    "cp932": "shift_jis shift-jis sjis x-sjis windows-31j",
    "cp949": "euc-kr ks_c_5601-1987 windows-949",
    "utf-16-le": "utf-16le utf-16",
    "utf-16-be": "utf-16be",
}
_KNOWN: Final = {
    label: name
    for names in (_SINGLE, _OTHERS)
    for name, labels in names.items()
    for label in labels.split()
}

_TEXTUAL: Final = frozenset(
    {
        *("application/ecmascript", "application/javascript", "application/x-javascript"),
        *(
            "application/json",
            "application/x-ndjson",
            "application/json-seq",
            "application/graphql",
        ),
        *("application/xml", "application/xml-dtd", "application/x-www-form-urlencoded"),
        *("application/yaml", "application/x-yaml", "application/toml", "application/sql"),
        *("application/vnd.apple.mpegurl", "application/x-mpegurl", "application/x-sh"),
    }
)


def text_of(octets: bytes, content_type: str) -> str | None:
    """The octets as text, malformed ones as U+FFFD; None where they are no text, or in a charset
    that is not known.

    `content_type` is the value of that field, "" for none: then what is UTF-8 is text. A byte order
    mark beats the charset that is named; what HTML and XML say of themselves counts where none is.
    """
    kind = media_type(content_type)
    named = _CHARSET.search(content_type)
    if not kind and named is None:
        return _strictly(octets, "utf-8") if b"\0" not in octets else None
    if named is None and not is_textual(kind):
        return None
    for mark, name in _BOMS:
        if octets.startswith(mark):
            return _decoded(octets[len(mark) :], name)
    label = named[1] if named else _said_within(octets, kind)
    name = _KNOWN.get(label.lower(), "")
    return _decoded(octets, name) if name else None


def media_type(content_type: str) -> str:
    """The type and subtype in lower case; "" where there is none."""
    kind = content_type.partition(";")[0].strip(" \t").lower()
    return kind if _MEDIA_TYPE.fullmatch(kind) else ""


def is_textual(kind: str) -> bool:
    """Whether a media type means text."""
    return kind.startswith("text/") or kind.endswith(("+json", "+xml", "+yaml")) or kind in _TEXTUAL


def _said_within(octets: bytes, kind: str) -> str:
    start = octets[:_PRESCANNED]
    found = None
    if kind.endswith("xml"):
        found = _IN_XML.match(start)
    if found is None and kind in ("text/html", "application/xhtml+xml"):
        found = _IN_HTML.search(start)
    label = found[1].decode("ascii") if found else "utf-8"
    # Whoever can read this saw ASCII: it cannot be what it says (HTML, "prescan", step 14).
    return "utf-8" if label.lower().startswith("utf-16") else label


def _decoded(octets: bytes, name: str) -> str | None:
    if name in _SINGLE:
        return codecs.charmap_decode(octets, "strict", _table(name))[0]
    if name.startswith("utf-16"):
        return _strictly(octets, name)
    return octets.decode(name, "replace")


def _strictly(octets: bytes, name: str) -> str | None:
    try:
        return octets.decode(name)
    except UnicodeDecodeError:
        return None


_tables: Final[dict[str, str]] = {}


def _table(name: str) -> str:
    """The character of each octet; one that has none stays what it is, as the standard has it of
    the controls of windows-1252."""
    known = _tables.get(name)
    if known is None:
        known = "".join([_strictly(bytes([octet]), name) or chr(octet) for octet in range(256)])
        _tables[name] = known
    return known
