"""The operator's choices: frozen, and valid once they exist.

Owns: every setting's name and default, and the mistakes of settings that belong together.
Must not know: how text becomes values (given.py) or files become text (files.py); what the choices
lead to (policy.py, egress, serving.py).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from cors_anywhere.config import dev
from cors_anywhere.config.checks import CHECKS, LIST_CHECKS, proxy, read_list
from cors_anywhere.config.contradictions import idle_words, nothing_works
from cors_anywhere.config.environment import unknown_variables
from cors_anywhere.config.files import load_files
from cors_anywhere.config.given import Given, gather
from cors_anywhere.config.problems import Problem, SettingsError
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.rules.addresses import Network
from cors_anywhere.rules.origins import OriginPattern
from cors_anywhere.rules.outbound import OutboundProxies
from cors_anywhere.rules.targets import TargetPattern

LOG = logging.getLogger("cors_anywhere")


class Compiled(NamedTuple):
    """The settings that have a grammar of their own, each parsed once for the rules. What `dev`
    allows is among them."""

    allow_origins: tuple[OriginPattern, ...]
    deny_origins: tuple[OriginPattern, ...]
    allow_targets: tuple[TargetPattern, ...]
    deny_targets: tuple[TargetPattern, ...]
    allow_private: tuple[TargetPattern, ...]
    allow_networks: tuple[Network, ...]
    deny_networks: tuple[Network, ...]
    trusted_proxies: tuple[Network, ...]
    rate_limit: RateLimit | None
    outbound_proxies: OutboundProxies


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every choice an operator has. Raises SettingsError, with all mistakes, when made.

    Times are in seconds, sizes in bytes. The README's table of options explains each.
    """

    hosts: tuple[str, ...] = ("127.0.0.1",)
    port: int = 8080  # 0: any that is free
    base_path: str = ""
    trusted_proxies: tuple[str, ...] = ()  # networks
    tls_cert: str | None = None  # a path, as the next two
    tls_key: str | None = None
    dev: bool = False  # for one developer's machine: local targets, local pages, a log

    allow_origins: tuple[str, ...] = ()  # none: everyone
    deny_origins: tuple[str, ...] = ()
    require_headers: tuple[str, ...] = ("origin", "x-requested-with")
    rate_limit: str | None = None
    redirect_same_origin: bool = True
    cors_max_age: int = 0  # 0: not sent
    help_text: str | None = None  # None: the built-in page
    help_type: str = "text/plain"

    default_scheme: str = "http"  # of a URL without one: http or https
    allow_targets: tuple[str, ...] = ()  # none: all
    deny_targets: tuple[str, ...] = ()
    allow_private: tuple[str, ...] = ()  # targets
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
    head_timeout: float = 120.0
    idle_timeout: float = 120.0
    tunnel_timeout: float = 600.0
    client_header_timeout: float = 10.0
    client_idle_timeout: float = 60.0
    client_stall_timeout: float = 60.0
    drain_timeout: float = 30.0

    max_header_bytes: int = 32768
    max_headers: int = 200
    max_url_bytes: int = 16384
    max_body_bytes: int | None = None  # None: no limit, as in the next
    max_response_bytes: int | None = None
    max_connections: int | None = None  # None: what the file descriptors allow
    max_connections_per_client: int | None = None  # None: a quarter of those, at least 8

    http_proxy: str | None = field(default=None, repr=False)  # may hold passwords
    https_proxy: str | None = field(default=None, repr=False)
    all_proxy: str | None = field(default=None, repr=False)
    no_proxy: str = ""

    compiled: Compiled = field(init=False, repr=False, compare=False)
    doubts: tuple[Problem, ...] = field(init=False, repr=False, compare=False)  # valid, yet idle

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Settings from the variables that the command reads. Raises SettingsError, whose problems
        name the variables."""
        given = gather({}, environ)
        settings = cls.from_given(given)
        if settings is None or given.mistakes:
            raise SettingsError(tuple(given.mistakes))
        for doubt in (*given.said(), *unknown_variables(environ)):
            LOG.warning("%s", doubt)
        return settings

    @classmethod
    def from_given(cls, given: Given) -> Self | None:
        """The settings, their files read; None, and their mistakes among the given ones, when they
        cannot be made."""
        load_files(given)
        try:
            settings = cls(**given.values)
        except SettingsError as error:
            for problem in error.problems:
                given.blame(*problem)
            return None
        for doubt in settings.doubts:
            given.doubt(*doubt)
        return settings

    def __post_init__(self) -> None:
        problems: list[Problem] = []
        read = self._read(problems)
        problems += [*_contradictions(self), *nothing_works(read)]
        if problems:
            raise SettingsError(tuple(problems))
        for name in LIST_CHECKS:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "compiled", _compile(self, read))
        object.__setattr__(self, "doubts", tuple(idle_words(read)))

    def _read(self, problems: list[Problem]) -> dict[str, Any]:
        """Every setting as the value that is worked with; what cannot be read is a problem."""
        read: dict[str, Any] = {}
        checks = dict(CHECKS)
        if self.all_proxy and not (self.http_proxy and self.https_proxy):
            # Read only then: a desktop that sets all three, with a SOCKS proxy for the rest, is
            # served by the first two.
            checks["all_proxy"] = proxy
        for name, check in checks.items():
            try:
                read[name] = check(getattr(self, name))
            except ValueError as error:
                problems.append(Problem(name, str(error)))
        for name, check in LIST_CHECKS.items():
            mistakes: list[str] = []
            read[name] = read_list(check, getattr(self, name), mistakes)
            problems += [Problem(name, text) for text in mistakes]
        return read


def _contradictions(settings: Settings) -> Iterator[Problem]:
    """What is wrong with settings that belong together."""
    if settings.tls_key is None and settings.tls_cert is not None:
        yield Problem("tls_key", "is missing: a certificate needs its private key, give both")
    if settings.tls_cert is None and settings.tls_key is not None:
        yield Problem("tls_cert", "is missing: a private key needs its certificate, give both")
    for host in settings.hosts if settings.dev else ():
        if not dev.is_local(host):
            yield Problem(
                "hosts",
                f'"{host}" is beyond this machine, where --dev would let anybody read what is'
                " served on it: give a loopback address, or leave --dev out",
            )


def _compile(settings: Settings, read: dict[str, Any]) -> Compiled:
    proxies = OutboundProxies(
        read["http_proxy"], read["https_proxy"], read.get("all_proxy"), settings.no_proxy
    )
    named = {name: read[name] for name in Compiled._fields if name in read}
    if settings.dev:
        named["allow_origins"] = named["allow_origins"] or dev.ORIGINS
        named["allow_private"] += dev.TARGETS
        named["allow_networks"] += dev.NETWORKS
    return Compiled(outbound_proxies=proxies, **named)
