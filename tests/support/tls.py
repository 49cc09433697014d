"""Certificates: an authority of the tests' own, and what it issues.

Owns: where they are kept. Must not know: who shows them to whom.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

import trustme


class Tls(NamedTuple):
    """A certificate with its key, the authority behind it, and what either side makes of them."""

    ca_file: str
    cert: str
    key: str
    context: ssl.SSLContext  # of who shows the certificate
    trust: ssl.SSLContext  # of who trusts the authority

    def fresh(self) -> ssl.SSLContext:
        """Another context of who shows the certificate, to be changed at will."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.cert, self.key)
        return context


def make_tls(directory: Path, *names: str) -> Tls:
    """A new authority, and a certificate for these hosts."""
    authority = trustme.CA()
    issued = authority.issue_cert(*names)
    ca_file, cert, key = (str(directory / name) for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca_file)
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued.configure_cert(context)
    trust = ssl.create_default_context(cafile=ca_file)
    return Tls(ca_file, cert, key, context, trust)
