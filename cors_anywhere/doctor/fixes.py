"""The lines to paste: for the target's owner, by server, and for whoever uses a proxy.

Owns: the configuration of each server. Must not know: why it is wanted.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from cors_anywhere.doctor.safelist import SAFELISTED_METHODS, unsafe_fields
from cors_anywhere.doctor.vocabulary import Diagnosis, Verdict


class _Wanted(NamedTuple):
    """What the target has to allow."""

    origin: str
    methods: str  # a list, as in Access-Control-Allow-Methods
    headers: str  # a list, as in Access-Control-Allow-Headers; "" for none
    credentials: bool


_ANSWERED: Final = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials")
"""What an application may have said already."""

_FORBIDDEN_IN_LINES: Final = ("'", '"', "\\", "\n", "\r", "`", "$", "{", "}")


def fix(diagnosis: Diagnosis, proxy: str) -> dict[str, Any]:
    """What helps, as the JSON object of that name; empty when nothing is wrong.

    `proxy` is the base URL of the proxy whose line is given.
    """
    if diagnosis.verdict is Verdict.WORKS:
        return {}
    found: dict[str, Any] = {"why": diagnosis.why}
    if diagnosis.verdict is Verdict.IMPOSSIBLE:
        return found
    if diagnosis.fault is not None and diagnosis.fault.cause:
        found["target"] = target_lines(diagnosis)
    if diagnosis.verdict is Verdict.USE_PROXY:
        found["proxy"] = {
            "url": f"{proxy}/{diagnosis.question.url}",
            "line": _line(diagnosis, proxy),
        }
    return found


def _line(diagnosis: Diagnosis, proxy: str) -> str:
    return f'fetch("{proxy}/{diagnosis.question.url}")'


def target_lines(diagnosis: Diagnosis) -> dict[str, str]:
    """The configuration for the target's owner, by server."""
    wanted = _wanted(diagnosis)
    if any(mark in part for part in wanted[:3] for mark in _FORBIDDEN_IN_LINES):
        return {}
    return {name: make(wanted).strip("\n") for name, make in _SERVERS.items()}


def _wanted(diagnosis: Diagnosis) -> _Wanted:
    question = diagnosis.question
    methods = sorted({*SAFELISTED_METHODS, question.method})
    names = ", ".join(unsafe_fields(question.fields))
    return _Wanted(question.origin, ", ".join(methods), names, question.credentials)


def _fields(wanted: _Wanted) -> list[tuple[str, str]]:
    """What every reply carries."""
    fields = [("Access-Control-Allow-Origin", wanted.origin)]
    if wanted.credentials:
        fields.append(("Access-Control-Allow-Credentials", "true"))
    return [*fields, ("Vary", "Origin")]


def _preflight_fields(wanted: _Wanted) -> list[tuple[str, str]]:
    """What the reply to a preflight carries besides."""
    fields = [("Access-Control-Allow-Methods", wanted.methods)]
    if wanted.headers:
        fields.append(("Access-Control-Allow-Headers", wanted.headers))
    return [*fields, ("Access-Control-Max-Age", "7200")]


def _nginx(wanted: _Wanted) -> str:
    """Inside a location. nginx adds fields to error replies only where "always" says so, and drops
    those of a level above as soon as an inner one adds any: hence both in each. What an application
    behind it says of CORS is hidden, or there would be two values."""
    every = [f'add_header {name} "{value}" always;' for name, value in _fields(wanted)]
    asked = [f'add_header {name} "{value}" always;' for name, value in _preflight_fields(wanted)]
    inner = "\n".join(f"    {line}" for line in [*every, *asked])
    hidden = [f"proxy_hide_header {name};" for name in _ANSWERED]
    return "\n".join(
        [*hidden, *every, "if ($request_method = OPTIONS) {", inner, "    return 204;", "}"]
    )


def _apache(wanted: _Wanted) -> str:
    """In a virtual host or .htaccess; needs mod_headers and mod_rewrite. What an application says
    is in another table than what "always" sets, and both would be sent."""
    *every, vary = _fields(wanted)
    every += _preflight_fields(wanted)
    return "\n".join(
        [
            *(f"Header onsuccess unset {name}" for name in _ANSWERED),
            *(f'Header always set {name} "{value}"' for name, value in every),
            f"Header always merge {vary[0]} {vary[1]}",
            "RewriteEngine On",
            "RewriteCond %{REQUEST_METHOD} =OPTIONS",
            "RewriteRule ^ - [R=204,L]",
        ]
    )


def _caddy(wanted: _Wanted) -> str:
    """In a site block. Deferred, a field takes the place of the application's own."""
    *every, vary = _fields(wanted)
    asked = [f'    header {name} "{value}"' for name, value in _preflight_fields(wanted)]
    return "\n".join(
        [
            "header {",
            *(f'    {name} "{value}"' for name, value in every),
            "    defer",
            "}",
            f"header {vary[0]} {vary[1]}",
            "@preflight method OPTIONS",
            "handle @preflight {",
            *asked,
            "    respond 204",
            "}",
        ]
    )


def _express(wanted: _Wanted) -> str:
    """Before the routes; npm install cors."""
    return f"""
const cors = require("cors");
app.use(cors({{
  origin: "{wanted.origin}",
  methods: "{wanted.methods}",
  allowedHeaders: "{wanted.headers}",
  credentials: {str(wanted.credentials).lower()},
  maxAge: 7200,
}}));
"""


def _flask(wanted: _Wanted) -> str:
    """After the application is made; pip install flask-cors."""
    return f"""
from flask_cors import CORS
CORS(
    app,
    origins=["{wanted.origin}"],
    methods={_names(wanted.methods)},
    allow_headers={_names(wanted.headers)},
    supports_credentials={wanted.credentials},
    max_age=7200,
)
"""


def _django(wanted: _Wanted) -> str:
    """In settings.py; pip install django-cors-headers."""
    return f"""
INSTALLED_APPS += ["corsheaders"]
MIDDLEWARE.insert(0, "corsheaders.middleware.CorsMiddleware")
CORS_ALLOWED_ORIGINS = ["{wanted.origin}"]
CORS_ALLOW_METHODS = {_names(wanted.methods)}
CORS_ALLOW_HEADERS = {_names(wanted.headers)}
CORS_ALLOW_CREDENTIALS = {wanted.credentials}
CORS_PREFLIGHT_MAX_AGE = 7200
"""


def _fastapi(wanted: _Wanted) -> str:
    """After the application is made."""
    return f"""
from fastapi.middleware.cors import CORSMiddleware
app.add_middleware(
    CORSMiddleware,
    allow_origins=["{wanted.origin}"],
    allow_methods={_names(wanted.methods)},
    allow_headers={_names(wanted.headers)},
    allow_credentials={wanted.credentials},
    max_age=7200,
)
"""


def _names(listed: str) -> str:
    names = [f'"{name}"' for name in listed.split(", ") if name]
    return f"[{', '.join(names)}]"


_SERVERS: Final = {
    "nginx": _nginx,
    "apache": _apache,
    "caddy": _caddy,
    "express": _express,
    "flask": _flask,
    "django": _django,
    "fastapi": _fastapi,
}


SERVERS: Final = tuple(_SERVERS)
