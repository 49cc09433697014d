"""The operator's options: one table from which the command line, the environment variables, the
help and the README's table are derived.

Owns: each option's name, the variables it may come from, and how its text is read.
Must not know: what was given (given.py), what a value means or is by default (settings.py), or how
help is printed (manual.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

PREFIX: Final = "CORSANYWHERE_"
PROXY_VARIABLES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
"""In either case; the lower-case name wins. They have no option."""

NODE_TLS: Final = "NODE_TLS_REJECT_UNAUTHORIZED"


# --- how the text of a value is read: ValueError names the mistake and the fix -----------------


def _text(text: str) -> str:
    return text


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValueError(f'"{text}" is not a whole number: write digits only')
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise ValueError(f'"{text}" is not a number of seconds: write one like 30 or 0.5')
    return float(text)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:  # what there is may be a piece of a secret value: not repeated
        raise ValueError(
            "a header to set has no colon: write 'Name: value' (a value with commas"
            " can be given by --set-header only)"
        )
    return name.strip(), value.strip()


def switch(text: str) -> bool:
    if text.lower() not in SWITCH:
        raise ValueError(f'"{text}" is neither yes nor no: write one of {", ".join(SWITCH)}')
    return SWITCH[text.lower()]


SWITCH: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


# --- the table ---------------------------------------------------------------------------------


class Option(NamedTuple):
    """One option. Of its kinds, `flag` has a --no- form and `clear` empties another's list."""

    name: str
    field: str
    help: str
    metavar: str = ""
    read: Callable[[str], Any] = _text
    kind: Literal["one", "many", "flag", "clear"] = "one"
    legacy: tuple[str, ...] = ()  # variables kept from elsewhere
    unset: str = "none"  # how the default None reads

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper().replace("-", "_")

    @property
    def holds_commas(self) -> bool:
        """Whether a comma may be part of one value, as it may of a header's."""
        return self.read is _header

    @property
    def declaration(self) -> str:
        """What the command line is told: `--name`, or `--name/--no-name`."""
        return f"{self.flag}/--no-{self.name}" if self.kind == "flag" else self.flag


GROUPS: Final[dict[str, tuple[Option, ...]]] = {
    "Listening": (
        Option(
            "host",
            "hosts",
            "Address to listen on; 0.0.0.0 is every IPv4 one, :: is every one.",
            "ADDRESS",
            kind="many",
            legacy=("HOST",),
        ),
        Option(
            "port",
            "port",
            "Port to listen on; 0 picks a free one.",
            "N",
            _integer,
            legacy=("PORT",),
        ),
        Option("base-path", "base_path", "Path under which the proxy is hosted.", "/PATH"),
        Option(
            "trusted-proxy",
            "trusted_proxies",
            "Network whose X-Forwarded-* is believed.",
            "CIDR",
            kind="many",
        ),
        Option(
            "dev",
            "dev",
            "For development: targets and pages on this machine are allowed, and every request"
            " is logged. It listens on loopback addresses only.",
            read=switch,
            kind="flag",
        ),
    ),
    "Who may ask": (
        Option(
            "allow-origin",
            "allow_origins",
            "Origin that may ask, and no other: exact, https://*.example.com, http://localhost:*,"
            " null, or self for the proxy's own. None means everyone.",
            "PATTERN",
            kind="many",
            legacy=("CORSANYWHERE_WHITELIST",),
        ),
        Option(
            "deny-origin",
            "deny_origins",
            "Origin that may not ask.",
            "PATTERN",
            kind="many",
            legacy=("CORSANYWHERE_BLACKLIST",),
        ),
        Option(
            "require-header",
            "require_headers",
            "Header of which a request must have at least one.",
            "NAME",
            kind="many",
        ),
        Option(
            "no-require-header", "require_headers", "Require no header.", read=switch, kind="clear"
        ),
        Option(
            "rate-limit",
            "rate_limit",
            "Requests that an origin may send: 50/3minutes, or"
            " '<max> <minutes> [exempt hosts or /regex/]'.",
            "SPEC",
            legacy=("CORSANYWHERE_RATELIMIT",),
        ),
    ),
    "What may be asked": (
        Option(
            "default-scheme",
            "default_scheme",
            "Scheme of a URL that has none: http (https on port 443), or https (http on port 80).",
            "SCHEME",
        ),
        Option(
            "allow-target",
            "allow_targets",
            "Target that may be asked for, and no other: host, *.host, with :port or without."
            " None means all.",
            "PATTERN",
            kind="many",
        ),
        Option(
            "deny-target",
            "deny_targets",
            "Target that may not be asked for.",
            "PATTERN",
            kind="many",
        ),
        Option(
            "allow-private",
            "allow_private",
            "Target that may be asked for although its name or address is not public; other"
            " targets stay as they are.",
            "PATTERN",
            kind="many",
        ),
        Option(
            "allow-network",
            "allow_networks",
            "Network to let through although it is not public.",
            "CIDR",
            kind="many",
        ),
        Option(
            "deny-network",
            "deny_networks",
            "Network to refuse although it is public.",
            "CIDR",
            kind="many",
        ),
        Option(
            "nat64",
            "nat64",
            "Let 64:ff9b::/96 through where the IPv4 address inside passes.",
            read=switch,
            kind="flag",
        ),
    ),
    "Headers": (
        Option(
            "remove-header",
            "remove_headers",
            "Request header to remove, besides cookies and the like.",
            "NAME",
            kind="many",
        ),
        Option(
            "set-header",
            "set_headers",
            "Request header to set.",
            "'NAME: VALUE'",
            _header,
            "many",
        ),
        Option(
            "forwarded-headers",
            "forwarded_headers",
            "Tell targets X-Forwarded-For, -Port and -Proto.",
            read=switch,
            kind="flag",
        ),
        Option(
            "cors-max-age",
            "cors_max_age",
            "How long browsers may keep a preflight; 0 is not sent.",
            "SECONDS",
            _integer,
        ),
    ),
    "Redirects": (
        Option(
            "redirect-same-origin",
            "redirect_same_origin",
            "Send a page that asks for its own origin there directly.",
            read=switch,
            kind="flag",
        ),
        Option(
            "max-redirects", "max_redirects", "Redirects followed for a request.", "N", _integer
        ),
        Option(
            "replay-bytes",
            "replay_bytes",
            "Largest body that is sent again after a 307 or 308.",
            "N",
            _integer,
        ),
    ),
    "Pages": (
        Option(
            "help-file",
            "help_text",
            "Page shown when no URL is asked for; .html is served as HTML.",
            "PATH",
            unset="built in",
        ),
    ),
    "TLS": (
        Option("tls-cert", "tls_cert", "Certificate to serve HTTPS with (PEM).", "PATH"),
        Option("tls-key", "tls_key", "Private key of --tls-cert (PEM, not encrypted).", "PATH"),
        Option(
            "ca-file",
            "ca_file",
            "Authorities to trust for targets (PEM).",
            "PATH",
            legacy=("SSL_CERT_FILE",),
            unset="the system's",
        ),
        Option(
            "insecure-targets",
            "insecure_targets",
            "Do not verify the certificates of targets.",
            read=switch,
            kind="flag",
            legacy=(NODE_TLS,),
        ),
    ),
    "Deadlines": tuple(
        Option(name, name.replace("-", "_"), text, "SECONDS", _seconds)
        for name, text in (
            ("connect-timeout", "To connect to a target, look-up and TLS included."),
            ("head-timeout", "For the head of a target's reply."),
            ("idle-timeout", "Silence in the middle of a body, of a reply or a request."),
            ("tunnel-timeout", "Silence in a WebSocket."),
            ("client-header-timeout", "For the head of a request."),
            ("client-idle-timeout", "Between the requests of a connection."),
            ("client-stall-timeout", "For a client that does not read its reply."),
            ("drain-timeout", "For requests in flight when the proxy is told to stop."),
        )
    ),
    "Limits": tuple(
        Option(name, name.replace("-", "_"), text, "N", _integer, unset=unset)
        for name, text, unset in (
            ("max-header-bytes", "Header block of a request, and of a target's reply.", ""),
            ("max-headers", "Fields of a request, and of a target's reply.", ""),
            ("max-url-bytes", "URL of a request.", ""),
            ("max-body-bytes", "Body of a request.", "no limit"),
            ("max-response-bytes", "Body of a reply.", "no limit"),
            ("max-connections", "Clients' connections at once.", "what the file descriptors allow"),
            (
                "max-connections-per-client",
                "Connections at once of one client: an IPv4 address or an IPv6 /64.",
                "a quarter of --max-connections, at least 8",
            ),
        )
    ),
}

OPTIONS: Final = tuple(option for group in GROUPS.values() for option in group)
