"""The listening sockets, and what TLS is spoken on them.

Owns: which addresses and families are bound, and the TLS context. Must not know: who is accepted.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence

from cors_anywhere.config.settings import Settings
from cors_anywhere.process.unix import bind_unix
from cors_anywhere.tokens import split_port


def bind(settings: Settings) -> list[socket.socket]:
    """Takes the port on every address of the hosts, and the Unix socket if one is given; raises
    OSError. Nothing listens yet."""
    sockets = _bind_hosts(settings.hosts, settings.port)
    if settings.unix is not None:
        try:
            sockets.append(bind_unix(settings.unix, int(settings.unix_mode, 8)))
        except OSError:
            for sock in sockets:
                sock.close()
            raise
    return sockets


def _bind_hosts(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Takes the port on every address of the hosts; raises OSError.

    `::` takes IPv4 connections too (RFC 3493 section 5.3), unless an IPv4 address is named beside
    it, which then has them.
    """
    sockets: list[socket.socket] = []
    found = [
        info
        for host in hosts
        for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    ]
    dual = not any(family == socket.AF_INET for family, *_ in found)
    try:
        for family, kind, proto, _, address in dict.fromkeys(found):
            sock = socket.socket(family, kind, proto)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                alone = not (dual and address[0] == "::")
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, alone)
            sock.bind((address[0], port, *address[2:]))
            port = port or sock.getsockname()[1]  # the same one on every address
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def bind_admin(settings: Settings) -> list[socket.socket]:
    """Takes the address of the operator's listener, if there is one; raises OSError."""
    if settings.admin is None:
        return []
    if settings.admin.startswith("unix:"):
        path = settings.admin.removeprefix("unix:")
        return [bind_unix(path, int(settings.unix_mode, 8))]
    host, port = split_port(settings.admin)
    assert port is not None  # the settings were checked
    return _bind_hosts([host.strip("[]")], int(port))


def server_tls(settings: Settings) -> ssl.SSLContext | None:
    """The context of an HTTPS listener, or None. Raises OSError or ssl.SSLError.

    TLS 1.3, or 1.2 with forward secrecy and authenticated encryption (RFC 9325 section 4.2), which
    every browser that runs `fetch` has had for years.
    """
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    context.set_alpn_protocols(["http/1.1"])
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context
