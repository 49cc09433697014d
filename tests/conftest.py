"""One family of targets and proxies for every test.

Owns: their life. A site lives for a module and has forgotten everything before each test; a proxy
lives for a module on each front in turn, with what the module states as `SETTINGS` (or gives by a
fixture `settings`). Must not know: what is asked, or what is right.

A second proxy of a module is a fixture of its own that takes `kind`. A test that a front cannot
pass is not collected there: `@only("command")`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from cors_anywhere.form import PLAIN, form
from tests.support.fronts import FRONTS, OPEN, Front, front
from tests.support.site import Site, site
from tests.support.tls import Tls, make_tls

NAMES = ("example.com", "api.example.com", "www.example.org", "xn--bcher-kva.example.com")
"""Whom the forwarder plays over TLS, besides 127.0.0.1."""


def pytest_configure() -> None:
    """The form of the code that is meant to be tested is the one that was loaded."""
    wanted = os.environ.get("CORSANYWHERE_TEST_FORM", PLAIN)
    if form() != wanted:
        raise pytest.UsageError(f"these tests are to run on the {wanted} form, and it is {form()}")


@pytest.fixture(scope="session", autouse=True)
def _quick_starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hundreds of proxies begin in a run: none of them reads all the system's authorities, of whom
    no target here has a certificate, nor compiles its modules anew because Python was told to leave
    no bytecode in the tree."""
    directory = tmp_path_factory.mktemp("starts")
    authorities = directory / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(authorities))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authorities))
        if sys.dont_write_bytecode:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(directory))
        yield


# --- targets --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _target() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest.fixture(scope="module")
def _other() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest.fixture(scope="module")
def _secure(tls: Tls) -> Iterator[Site]:
    with site(tls.context) as running:
        yield running


@pytest.fixture(scope="module")
def forwarding(tls: Tls) -> Iterator[Site]:
    """The forwarder, for what lives as long as a module."""
    with site(tunnelled=tls.context) as running:
        yield running


@pytest.fixture
def target(_target: Site) -> Site:
    """A target that records what it is asked."""
    _target.clear()
    return _target


@pytest.fixture
def other(_other: Site) -> Site:
    """Another origin."""
    _other.clear()
    return _other


@pytest.fixture
def secure(_secure: Site) -> Site:
    """A target of https."""
    _secure.clear()
    return _secure


@pytest.fixture
def forwarder(forwarding: Site) -> Site:
    """A forward proxy that plays all targets itself, those of https too."""
    forwarding.clear()
    return forwarding


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate for targets, and the authority that a proxy may trust."""
    return make_tls(tmp_path_factory.mktemp("tls"), "127.0.0.1", *NAMES)


# --- proxies --------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=FRONTS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which front a proxy is behind."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the module's proxy is set to."""
    chosen: dict[str, Any] = getattr(request.module, "SETTINGS", OPEN)
    return chosen


@pytest.fixture(scope="module")
def proxy(kind: str, settings: dict[str, Any]) -> Iterator[Front]:
    """The module's proxy."""
    with front(kind, **settings) as running:
        yield running
