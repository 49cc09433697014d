"""The operator's choices: frozen, and valid once they exist.

Owns: every setting's name and default, and the mistakes of settings that belong together.
Must not know: the command line, the environment or the file system (cli.py); what the choices lead
to (policy.py, egress.py, serving.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from cors_anywhere.config.checks import CHECKS, LIST_CHECKS, list_texts, proxy, texts
from cors_anywhere.rules.outbound import OutboundProxies


class Problem(NamedTuple):
    """A mistake in one setting: what it is, and how to put it right."""

    setting: str  # the field's name
    text: str


class SettingsError(ValueError):
    """All the mistakes in a set of settings."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"{setting}: {text}" for setting, text in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every choice an operator has. Raises SettingsError, with all mistakes, when made.

    Times are in seconds, sizes in bytes. The README's table of options explains each.
    """

    host: str = "127.0.0.1"
    port: int = 8080  # 0: any that is free
    base_path: str = ""
    trusted_proxies: tuple[str, ...] = ()  # networks
    tls_cert: str | None = None  # a path, as the next two
    tls_key: str | None = None

    allow_origins: tuple[str, ...] = ()  # none: everyone
    deny_origins: tuple[str, ...] = ()
    require_headers: tuple[str, ...] = ("origin", "x-requested-with")
    rate_limit: str | None = None
    redirect_same_origin: bool = True
    cors_max_age: int = 0  # 0: not sent
    help_text: str | None = None  # None: the built-in page
    help_type: str = "text/plain"

    allow_targets: tuple[str, ...] = ()  # none: all
    deny_targets: tuple[str, ...] = ()
    allow_networks: tuple[str, ...] = ()
    deny_networks: tuple[str, ...] = ()
    nat64: bool = False
    insecure_targets: bool = False
    ca_file: str | None = None

    remove_headers: tuple[str, ...] = ()  # besides those that are always removed
    set_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold secrets
    forwarded_headers: bool = False
    max_redirects: int = 5
    replay_bytes: int = 65536

    connect_timeout: float = 5.0
    head_timeout: float = 30.0
    idle_timeout: float = 30.0
    client_header_timeout: float = 10.0
    client_idle_timeout: float = 60.0
    client_stall_timeout: float = 60.0
    drain_timeout: float = 30.0

    max_header_bytes: int = 32768
    max_url_bytes: int = 16384
    max_body_bytes: int | None = None  # None: no limit, as in the next
    max_response_bytes: int | None = None
    max_connections: int | None = None  # None: what the file descriptors allow

    http_proxy: str | None = field(default=None, repr=False)  # may hold passwords
    https_proxy: str | None = field(default=None, repr=False)
    all_proxy: str | None = field(default=None, repr=False)
    no_proxy: str = ""

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise SettingsError(problems)
        for name in LIST_CHECKS:
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def _problems(self) -> Iterator[Problem]:
        for name, check in CHECKS.items():
            for text in texts(check, getattr(self, name)):
                yield Problem(name, text)
        for name, check in LIST_CHECKS.items():
            for text in list_texts(check, getattr(self, name)):
                yield Problem(name, text)
        if self.tls_key is None and self.tls_cert is not None:
            yield Problem("tls_key", "is missing: a certificate needs its private key, give both")
        if self.tls_cert is None and self.tls_key is not None:
            yield Problem("tls_cert", "is missing: a private key needs its certificate, give both")
        if self.all_proxy and not (self.http_proxy and self.https_proxy):  # else it is not used
            for text in texts(proxy, self.all_proxy):
                yield Problem("all_proxy", text)

    def outbound_proxies(self) -> OutboundProxies:
        """The operator's own HTTP proxies, ready to be chosen from."""
        return OutboundProxies(self.http_proxy, self.https_proxy, self.all_proxy, self.no_proxy)
