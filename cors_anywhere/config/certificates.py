"""The files of TLS: whether they can be used, and if not, which of them is to blame and why.

Owns: reading them once before anything listens, and the sentences about them.
Must not know: options, or who serves with them later.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Final, NamedTuple

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_CERTIFICATES: Final = frozenset((b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"))
_SEQUENCE: Final = b"\x30"  # how DER and PKCS #12 begin (X.690 section 8.9)
_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which the ssl module does not name

_WHY: Final = {
    "KEY_VALUES_MISMATCH": (
        "tls_key",
        '"{key}" does not belong to the first certificate in "{certificate}": give the key that'
        " it was made with; the server's own certificate comes first in its file",
    ),
    "EE_KEY_TOO_SMALL": (
        "tls_cert",
        '"{certificate}" has a key that is too short to be safe: make one of 2048 bits (RSA) or'
        " 256 (EC)",
    ),
    "CA_MD_TOO_WEAK": (
        "tls_cert",
        '"{certificate}" is signed with a digest that is no longer safe: have it signed with'
        " SHA-256",
    ),
}
_WHY["KEY_TYPE_MISMATCH"] = _WHY["KEY_VALUES_MISMATCH"]
_WHY["NO_CERTIFICATE_ASSIGNED"] = _WHY["KEY_VALUES_MISMATCH"]  # OpenSSL: none of its type
_WHY["EE_MD_TOO_WEAK"] = _WHY["CA_MD_TOO_WEAK"]


class Unusable(Exception):
    """A file that cannot be used: the setting to blame, and the text about it."""

    def __init__(self, setting: str, text: str) -> None:
        super().__init__(setting, text)
        self.setting = setting
        self.text = text


class Lifetime(NamedTuple):
    """When a certificate is valid, in seconds since the epoch."""

    begins: float
    ends: float


def unreadable(path: str, error: OSError) -> str:
    """The sentence about a file that cannot be read."""
    return f'"{path}" cannot be read ({error.strerror}): give the path of a readable file'


def check_authorities(path: str) -> None:
    """Load the authorities that targets are verified by. Raises Unusable."""
    if not _CERTIFICATES & _labels("ca_file", path):
        raise Unusable("ca_file", f'"{path}" holds no certificates: give a PEM file')
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise Unusable("ca_file", f'"{path}" has a certificate that is damaged') from error


def check_certificate(path: str) -> None:
    """Look whether a file holds a certificate to serve with. Raises Unusable."""
    labels = _labels("tls_cert", path)
    if _CERTIFICATES & labels:
        return
    if any(label.endswith(b"PRIVATE KEY") for label in labels):
        raise Unusable(
            "tls_cert", f'"{path}" holds a private key and no certificate: are the two swapped?'
        )
    raise Unusable("tls_cert", f'"{path}" holds no certificate: {_fix(path, "CERTIFICATE")}')


def check_key(path: str) -> None:
    """Look whether a file holds a private key to serve with. Raises Unusable."""
    labels = _labels("tls_key", path)
    keys = {label for label in labels if label.endswith(b"PRIVATE KEY")}
    if not keys and _CERTIFICATES & labels:
        raise Unusable(
            "tls_key", f'"{path}" holds a certificate and no private key: are the two swapped?'
        )
    if not keys:
        raise Unusable("tls_key", f'"{path}" holds no private key: {_fix(path, "PRIVATE KEY")}')
    # RFC 1421 section 4.6.1.1 for the older form.
    if b"ENCRYPTED PRIVATE KEY" in keys or b"4,ENCRYPTED" in Path(path).read_bytes():
        raise Unusable(
            "tls_key",
            f'"{path}" is encrypted, and nobody is there to give its password: write an unencrypted'
            " copy (openssl pkey -in FILE -out COPY)",
        )


def check_pair(certificate: str, key: str) -> None:
    """Load a certificate with its key, both looked at already. Raises Unusable."""
    try:
        _serving(certificate, key)
    except (OSError, ValueError) as error:
        setting, text = _WHY.get(getattr(error, "reason", ""), ("", ""))
        if setting:
            raise Unusable(setting, text.format(certificate=certificate, key=key)) from error
        setting, path = ("tls_key", key) if _is_sound(certificate) else ("tls_cert", certificate)
        raise Unusable(
            setting, f'"{path}" is damaged: its PEM text holds nothing usable; copy it again'
        ) from error


def lifetime(certificate: str, key: str) -> Lifetime | None:
    """When the certificate is valid; None when no TLS client would say.

    The ssl module tells the dates of a peer's certificate only. So the two are made peers, in
    memory: the client trusts exactly this certificate, and looks at no clock.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    client.load_verify_locations(cadata=_first_certificate(certificate))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there)
    serving = _serving(certificate, key).wrap_bio(there, back, server_side=True)
    for side in (asking, serving, asking, serving):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            return None
    dates = asking.getpeercert() or {}
    ends = (ssl.cert_time_to_seconds(str(dates[name])) for name in ("notBefore", "notAfter"))
    return Lifetime(*ends)


def _serving(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # An empty password: an encrypted key is a mistake, not a question on the terminal.
    context.load_cert_chain(certificate, key, password="")
    return context


def _is_sound(certificate: str) -> bool:
    try:
        ssl.create_default_context(cadata=_first_certificate(certificate))
    except (ssl.SSLError, ValueError):
        return False
    return True


def _first_certificate(path: str) -> str:
    blocks = _BLOCK.finditer(Path(path).read_bytes())
    first = next((block[0] for block in blocks if block[1] in _CERTIFICATES), b"")
    return first.decode("ascii", "replace")


def _labels(setting: str, path: str) -> set[bytes]:
    try:
        return {block[1] for block in _BLOCK.finditer(Path(path).read_bytes())}
    except OSError as error:
        raise Unusable(setting, unreadable(path, error)) from error


def _fix(path: str, label: str) -> str:
    if Path(path).read_bytes()[:1] == _SEQUENCE:
        return "it is in binary form (DER or PKCS #12), convert it to PEM with openssl"
    return f"give a PEM file, which has a line -----BEGIN {label}-----"
