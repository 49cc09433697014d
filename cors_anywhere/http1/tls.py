"""TLS over a connected socket, for either side, in little memory.

Owns: the handshake, and the buffer that octets are decrypted from. Must not know: certificates, or
what travels inside.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio.sslproto import SSLProtocol

from cors_anywhere.http1.transport import READ_BYTES, shared_buffer


class _LeanTls(SSLProtocol):
    """asyncio's TLS without the 256 KiB that it keeps for each connection.

    What comes in is handed to OpenSSL at once, so this needs no buffer of its own either.
    """

    max_size = READ_BYTES

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.BaseProtocol,
        context: ssl.SSLContext,
        done: asyncio.Future[None],
        server_hostname: str | None,
        seconds: int | None,
        session: ssl.SSLSession | None,
    ) -> None:
        super().__init__(
            loop,
            protocol,
            context,
            done,
            server_side=server_hostname is None,
            server_hostname=server_hostname,
            ssl_handshake_timeout=seconds,
        )
        if session is not None:
            self._sslobj.session = session  # type: ignore[attr-defined]  # as in the base class
        self._ssl_buffer = bytearray()  # the base class's own is not used
        self._ssl_buffer_view = shared_buffer()

    def get_buffer(self, n: int) -> memoryview:
        """Where the transport puts what it reads."""
        return self._ssl_buffer_view


async def start_tls(
    sock: socket.socket,
    protocol: asyncio.BaseProtocol,
    context: ssl.SSLContext,
    *,
    server_hostname: str | None = None,
    seconds: int | None = None,
    session: ssl.SSLSession | None = None,
) -> None:
    """Shakes hands over `sock`, whose connection `protocol` then has.

    With `server_hostname` as the client who expects that name, without as the server. `seconds`
    bounds the handshake (None: asyncio's 60); `session` is one of the same context to resume, where
    the event loop is asyncio's. Raises OSError, ssl.SSLError among them; the socket
    is closed then.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, asyncio.BaseEventLoop):  # uvloop has a TLS of its own
        await _start_others(loop, sock, protocol, context, server_hostname, seconds)
        return
    done = loop.create_future()
    tls = _LeanTls(loop, protocol, context, done, server_hostname, seconds, session)
    transport, _ = await loop.create_connection(lambda: tls, sock=sock)
    try:
        await done
    except BaseException:
        transport.abort()
        raise


async def _start_others(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    protocol: asyncio.BaseProtocol,
    context: ssl.SSLContext,
    server_hostname: str | None,
    seconds: int | None,
) -> None:
    if server_hostname is None:
        await loop.connect_accepted_socket(
            lambda: protocol, sock, ssl=context, ssl_handshake_timeout=seconds
        )
    else:
        await loop.create_connection(
            lambda: protocol,
            sock=sock,
            ssl=context,
            server_hostname=server_hostname,
            ssl_handshake_timeout=seconds,
        )


def was_cut(transport: asyncio.Transport) -> bool:
    """Whether the end that has come over TLS came without close_notify: anybody can forge a FIN
    (RFC 9112 section 9.8).

    asyncio tells of both ends alike; OpenSSL reads nothing more after the one, and after the other
    still waits for octets.
    """
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return False
    try:
        return bool(tls.read(1))
    except ssl.SSLError:
        return True
