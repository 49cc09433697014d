"""Certificates: an authority of the tests' own, and what it issues.

Owns: where they are kept. Must not know: who shows them to whom.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

import trustme


class Tls(NamedTuple):
    """A certificate for targets, and the authority that the proxy trusts."""

    ca_file: str
    context: ssl.SSLContext


def make_tls(directory: Path, *names: str) -> Tls:
    """A new authority, and a certificate for these hosts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return Tls(str(directory / "ca.pem"), context)
