"""The files that settings name, tried before anything listens.

Owns: which of them are read, and what becomes of their mistakes.
Must not know: what is in a TLS file (certificates.py), or what a setting means.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from cors_anywhere.config.certificates import (
    Unusable,
    check_authorities,
    check_certificate,
    check_key,
    check_pair,
    lifetime,
    unreadable,
)
from cors_anywhere.config.given import Given


def load_files(given: Given) -> None:
    """Replace the path of the help file by its text and type, and try the TLS files."""
    _load_help(given)
    _try_log(given)
    _try(given, check_authorities, "ca_file")
    readable = [
        _try(given, check_certificate, "tls_cert"),
        _try(given, check_key, "tls_key"),
    ]
    if all(readable) and _try(given, check_pair, "tls_cert", "tls_key"):
        _doubt_lifetime(given)


def _load_help(given: Given) -> None:
    path = given.values.pop("help_text", None)
    if path is None:
        return
    try:
        given.values["help_text"] = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        given.blame("help_text", unreadable(path, error))
    except UnicodeDecodeError:
        given.blame("help_text", f'"{path}" is not text: save it as UTF-8')
    if path.lower().endswith((".html", ".htm")):
        given.values["help_type"] = "text/html"


def _try_log(given: Given) -> None:
    """Whether the log can be appended to. A file that is not there yet is not made: this may be a
    check only."""
    path = given.values.get("log_file")
    if path is None:
        return
    folder = os.path.dirname(path) or "."
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK))
    except FileNotFoundError:
        if not os.access(folder, os.W_OK | os.X_OK):
            why = "may not be written to" if os.path.isdir(folder) else "is no directory"
            given.blame("log_file", f'"{path}" cannot be made: "{folder}" {why}')
    except OSError as error:
        given.blame(
            "log_file",
            f'"{path}" cannot be written ({error.strerror}): give the path of a file to append to',
        )


def _try(given: Given, check: Callable[..., None], *settings: str) -> bool:
    """Whether the files of these settings were all given and pass the check."""
    paths = [given.values.get(setting) for setting in settings]
    if None in paths:
        return False
    try:
        check(*paths)
    except Unusable as error:
        given.blame(error.setting, error.text)
        return False
    return True


def _doubt_lifetime(given: Given) -> None:
    certificate, key = given.values["tls_cert"], given.values["tls_key"]
    valid, now = lifetime(certificate, key), time.time()
    if valid is None or valid.begins <= now <= valid.ends:
        return
    if valid.ends < now:
        said = f"expired at {_date(valid.ends)}"
    else:
        said = f"is not valid before {_date(valid.begins)}"
    given.doubt("tls_cert", f'"{certificate}" {said}: browsers will refuse it')


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
