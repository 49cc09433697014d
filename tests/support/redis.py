"""A real Redis on loopback, which is stopped, killed and started again.

Owns: its process. Must not know: what is kept in it.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import PATIENCE
from tests.support.needs import needs

_IN_MEMORY = ("--save", "", "--appendonly", "no", "--daemonize", "no")


class RedisServer:
    """A Redis in memory alone, on a port that it keeps."""

    def __init__(self, program: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *options: str) -> None:
        """Returns when it answers."""
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", *_IN_MEMORY, *options],
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                assert self.ask("PING") == b"+PONG\r\n"
                return
            except ConnectionError:
                time.sleep(0.01)
        raise TimeoutError("redis-server did not start")

    def ask(self, *words: str) -> bytes:
        """Sends one command; the first line of what it answers."""
        parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as sock:
            sock.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return sock.makefile("rb").readline()

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Ends it at once, with all that it holds."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A Redis for one test or a module of them."""
    program = shutil.which("redis-server")
    needs(program, "redis-server")
    server = RedisServer(program or "")
    server.start()
    try:
        yield server
    finally:
        server.signal(signal.SIGCONT) if server._process else None
        server.kill()
