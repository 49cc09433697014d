"""The files of TLS: which is to blame, and why."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable
from typing import NamedTuple

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cors_anywhere.config.certificates import (
    Unusable,
    check_authorities,
    check_certificate,
    check_key,
    check_pair,
    lifetime,
)

BEGINS = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
ENDS = datetime.datetime(2020, 2, 3, 4, 5, tzinfo=datetime.UTC)


class Files(NamedTuple):
    """Paths of what operators give, right and wrong."""

    authority: str
    certificate: str
    chain_backwards: str
    key: str
    both: str
    other_key: str
    rsa_key: str
    short_certificate: str
    short_key: str
    encrypted_key: str
    encrypted_old_key: str
    der_certificate: str
    der_key: str
    damaged_certificate: str
    damaged_key: str
    text: str
    missing: str


def self_signed(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "proxy.test")])
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, BEGINS, ENDS)
    return built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("proxy.test", not_before=BEGINS, not_after=ENDS)
    other = authority.issue_cert("proxy.test")
    certificate, key_pem = issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()
    key = load_pem_private_key(key_pem, password=None)
    locked = BestAvailableEncryption(b"pw")
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    contents = {
        "authority": authority.cert_pem.bytes(),
        "certificate": certificate,
        "chain_backwards": authority.cert_pem.bytes() + certificate,
        "key": key_pem,
        "both": key_pem + certificate,
        "other_key": other.private_key_pem.bytes(),
        "rsa_key": made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "short_certificate": self_signed(short),
        "short_key": short.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "encrypted_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked),
        "encrypted_old_key": key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, locked
        ),
        "der_certificate": ssl.PEM_cert_to_DER_cert(certificate.decode()),
        "der_key": key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "damaged_certificate": certificate.replace(b"-\nM", b"-\nA", 1),
        "damaged_key": key_pem.replace(b"-\nM", b"-\nA", 1),
        "text": b"Hello",
    }
    for name, octets in contents.items():
        (folder / name).write_bytes(octets)
    return Files(*(str(folder / name) for name in Files._fields))


def blamed(check: Callable[..., None], *paths: str) -> tuple[str, str]:
    """The setting, and the text about it."""
    with pytest.raises(Unusable) as raised:
        check(*paths)
    assert "_ssl.c" not in raised.value.text
    assert any(path in raised.value.text for path in paths)
    return raised.value.setting, raised.value.text


def test_files_that_fit_are_not_blamed(files: Files) -> None:
    check_authorities(files.authority)
    for certificate, key in ((files.certificate, files.key), (files.both, files.both)):
        check_certificate(certificate)
        check_key(key)
        check_pair(certificate, key)


@pytest.mark.parametrize(
    ("check", "name", "setting", "why"),
    [
        (check_authorities, "text", "ca_file", "holds no certificates: give a PEM file"),
        (check_authorities, "missing", "ca_file", "No such file"),
        (check_authorities, "damaged_certificate", "ca_file", "damaged"),
        (check_certificate, "missing", "tls_cert", "No such file"),
        (check_certificate, "text", "tls_cert", "a line -----BEGIN CERTIFICATE-----"),
        (check_certificate, "key", "tls_cert", "are the two swapped?"),
        (check_certificate, "der_certificate", "tls_cert", "convert it to PEM"),
        (check_key, "missing", "tls_key", "No such file"),
        (check_key, "text", "tls_key", "a line -----BEGIN PRIVATE KEY-----"),
        (check_key, "certificate", "tls_key", "are the two swapped?"),
        (check_key, "der_key", "tls_key", "convert it to PEM"),
        (check_key, "encrypted_key", "tls_key", "is encrypted"),
        (check_key, "encrypted_old_key", "tls_key", "is encrypted"),
    ],
)
def test_a_file_that_is_no_such_thing_is_blamed(
    files: Files, check: Callable[[str], None], name: str, setting: str, why: str
) -> None:
    where, text = blamed(check, getattr(files, name))
    assert where == setting
    assert why in text


@pytest.mark.parametrize(
    ("certificate", "key", "setting", "why"),
    [
        ("certificate", "other_key", "tls_key", "does not belong to the first certificate"),
        ("certificate", "rsa_key", "tls_key", "does not belong to the first certificate"),
        ("chain_backwards", "key", "tls_key", "own certificate comes first"),
        ("short_certificate", "short_key", "tls_cert", "too short to be safe"),
        ("damaged_certificate", "key", "tls_cert", "damaged"),
        ("certificate", "damaged_key", "tls_key", "damaged"),
    ],
)
def test_of_two_files_that_do_not_fit_one_is_blamed(
    files: Files, certificate: str, key: str, setting: str, why: str
) -> None:
    where, text = blamed(check_pair, getattr(files, certificate), getattr(files, key))
    assert where == setting
    assert why in text


def test_the_lifetime_of_a_certificate_is_read_though_it_is_over(files: Files) -> None:
    assert lifetime(files.certificate, files.key) == (BEGINS.timestamp(), ENDS.timestamp())
