"""The options of TLS, towards clients and targets."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import NODE_TLS, Option, switch

OPTIONS: Final = (
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
)
