"""Single settings, read: each parser returns the value that is worked with, or raises ValueError
with the mistake and its fix.

Owns: what a valid value is that has no grammar of the rules' (grammars.py).
Must not know: which setting is checked by what (fields/), how settings belong together
(contradictions.py), or where a value came from (given.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, Final

from cors_anywhere.rules.headers import (
    check_name,
    check_reply_name,
    check_reply_settable,
    check_settable,
)
from cors_anywhere.rules.overrides import check_overridable
from cors_anywhere.rules.secrets import Secret
from cors_anywhere.tokens import is_token, split_port

Check = Callable[[Any], Any]
"""From a setting as it was given to the value that the rules and the wire work with."""

_BASE_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(?:[ -~]*)", re.ASCII)

_WEEK: Final = 7 * 86400.0


def read_list(check: Check, values: object, mistakes: list[str]) -> tuple[Any, ...]:
    """The items of a list, read; the texts of those that cannot be go to `mistakes`."""
    if not isinstance(values, tuple | list):
        mistakes.append(f"{values!r} is not a tuple: write ({values!r},)")
        return ()
    return tuple(item for value in values for item in _read(check, value, mistakes))


def _read(check: Check, value: object, mistakes: list[str]) -> Iterator[Any]:
    try:
        yield check(value)
    except ValueError as error:
        mistakes.append(str(error))


def string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither True nor False")
    return value


def integer(low: int, high: int) -> Check:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{value!r} is not a whole number")
        if not low <= value <= high:
            raise ValueError(f"{value} is out of range: give {low} to {high}")
        return value

    return check


def seconds(low: float) -> Check:
    def check(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{value!r} is not a number of seconds")
        if not low <= value <= _WEEK:  # false for NaN too
            raise ValueError(f"{value:g} is out of range: give {low:g} to {_WEEK:.0f} seconds")
        return value

    return check


def word(*words: str) -> Check:
    """A check for one of these."""

    def check(value: object) -> str:
        text = string(value)
        if text not in words:
            said = f"{', '.join(words[:-1])} or {words[-1]}"
            raise ValueError(f'"{text}" is none of what it may be: write {said}')
        return text

    return check


def event_loop(value: object) -> str:
    """One of the event loops, which must be there."""
    name = word("asyncio", "uvloop")(value)
    if find_spec(name) is None:
        raise ValueError(f"{name} is not installed: pip install 'cors-anywhere[uvloop]'")
    return str(name)


def path(value: object) -> str:
    text = string(value)
    if not text or "\0" in text:
        raise ValueError(f"{text!r} is no path")
    return text


def optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def host(value: object) -> str:
    text = string(value)
    if text.startswith("[") and text.endswith("]"):
        raise ValueError(f'"{text}" has brackets: write "{text[1:-1]}"')
    if not text or not re.fullmatch(r"[A-Za-z0-9._:%-]+", text):
        raise ValueError(
            f'"{text}" is no address to listen on: give an IP address or a host name alone,'
            " as in 127.0.0.1, or 0.0.0.0 or :: for all"
        )
    if re.fullmatch(r"[^:]+:[0-9]+", text):
        raise ValueError(f'"{text}" has a port: give the host alone, and the port by itself')
    return text


def socket_path(value: object) -> str:
    """The path of a Unix socket; its address has room for 107 octets and a NUL (unix(7))."""
    text = string(value)
    if not text or len(os.fsencode(text)) > 107:
        raise ValueError(f'"{text}" is no path of a socket: give one of 1 to 107 octets')
    return text


def admin_address(value: object) -> str:
    """Where the operator's listener is: host:port, or unix:path."""
    text = string(value)
    if text.startswith("unix:"):
        socket_path(text.removeprefix("unix:"))
        return text
    try:
        name, digits = split_port(text)
    except ValueError:
        name, digits = "", None
    if not name or digits is None or not re.fullmatch(r"[0-9]{1,5}", digits):
        raise ValueError(f'"{text}" is no address: write 127.0.0.1:9090, [::1]:9090 or unix:/path')
    host(name.strip("[]"))
    if int(digits) > 65535:
        raise ValueError(f'"{text}" has a port above 65535')
    return text


def mode(value: object) -> int:
    """The permissions of a file, in octal."""
    text = string(value)
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise ValueError(f'"{text}" is no mode of a file: write three octal digits, as in 660')
    return int(text, 8)


def scheme(value: object) -> str:
    if (text := string(value)) not in ("http", "https"):
        raise ValueError(f'"{text}" is no scheme of targets: write http or https')
    return text


def base_path(value: object) -> str:
    text = string(value)
    if _BASE_PATH.fullmatch(text):
        return text
    fixed = "/" + text.strip("/")
    fix = f'write "{fixed}"' if _BASE_PATH.fullmatch(fixed) else 'write one like "/proxy"'
    if fixed == "/":
        fix = "leave it out when the proxy is not under a sub-path"
    raise ValueError(f'"{text}" is no base path (a slash at the beginning, none at the end): {fix}')


def token(value: object) -> str:
    text = string(value)
    if not is_token(text):
        raise ValueError(f'"{text}" is no header name: letters, digits and hyphens only')
    return text


def field_name(value: object) -> str:
    return check_name(string(value))


def overridable(value: object) -> str:
    return check_overridable(string(value))


def header(value: object) -> tuple[str, str]:
    """A header to set. Its value is never repeated: it may be a secret."""
    return check_settable(*_texts(value, 2, "a header to set is a pair of a name and a value"))


def reply_field_name(value: object) -> str:
    return check_reply_name(string(value))


def reply_header(value: object) -> tuple[str, str]:
    """A header to set in replies; its value is not repeated either."""
    pair = _texts(value, 2, "a header to set is a pair of a name and a value")
    return check_reply_settable(*pair)


def target_header(value: object) -> Secret:
    """A header for one target. Its value is a secret."""
    said = "a header for a target is three texts: the target, a name and a value"
    return Secret.parse(*_texts(value, 3, said))


def _texts(value: object, count: int, said: str) -> tuple[str, ...]:
    """So many texts; what they are is not repeated."""
    if isinstance(value, tuple | list) and len(value) == count:
        texts = tuple(text for text in value if isinstance(text, str))
        if len(texts) == count:
            return texts
    raise ValueError(said)


def media_type(value: object) -> str:
    text = string(value)
    if not _MEDIA_TYPE.fullmatch(text):
        raise ValueError(f"{value!r} is no media type: write one like text/html")
    return text
