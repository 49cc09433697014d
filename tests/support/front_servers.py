"""nginx, Caddy and HAProxy, set up by the blocks that the documents show.

Owns: taking a block from its document, completing it as that says, and the server's life. Must not
know: what is asked through it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import trustme

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "cors.example.com"
SECONDS: Final = 20.0
"""After which a server that does not listen has failed."""

PATH: Final = os.environ["PATH"] + ":/usr/sbin"  # where Debian keeps servers


class Server(NamedTuple):
    """A front server. In its texts PORT, PROXY and HERE stand for the port to listen on, that of
    the proxy, and a directory of the test's."""

    document: str
    to_complete: Mapping[str, str]  # what is each operator's own, and what it is here
    file: str  # that BLOCK goes into
    check: str
    run: str


SERVERS: Final = {
    "nginx": Server(
        "docs/deploy.md",
        {
            "listen 443 ssl http2;": "listen 127.0.0.1:PORT ssl http2;",
            "/etc/ssl/certs/cors.example.com.pem": "HERE/chain.pem",
            "/etc/ssl/private/cors.example.com.key": "HERE/key.pem",
            "http://127.0.0.1:8080": "http://127.0.0.1:PROXY",
        },
        "pid HERE/pid; error_log stderr; events {} http { access_log off;"
        " client_body_temp_path HERE/body; proxy_temp_path HERE/proxy; fastcgi_temp_path HERE/f;"
        " uwsgi_temp_path HERE/u; scgi_temp_path HERE/s;\nBLOCK\n}\n",
        "nginx -t -p HERE -e stderr -c HERE/file",
        "nginx -p HERE -e stderr -c HERE/file -g daemon\0off;",
    ),
    "caddy": Server(
        "docs/deploy.md",
        {
            "cors.example.com {\n": "https://cors.example.com:PORT {\n"
            "bind 127.0.0.1\ntls HERE/chain.pem HERE/key.pem\n",
            "127.0.0.1:8080": "127.0.0.1:PROXY",
        },
        "{\nadmin off\nauto_https disable_redirects\n}\nBLOCK",
        "caddy validate --adapter caddyfile --config HERE/file",
        "caddy run --adapter caddyfile --config HERE/file",
    ),
    "haproxy": Server(
        "docs/deploy.md",
        {
            "bind :443": "bind 127.0.0.1:PORT",
            "/etc/haproxy/cors.example.com.pem": "HERE/both.pem",
            "127.0.0.1:8080": "127.0.0.1:PROXY",
        },
        "BLOCK",
        "haproxy -c -f HERE/file",
        "haproxy -db -f HERE/file",
    ),
}


def installed(name: str) -> bool:
    """Whether the server is there."""
    return shutil.which(name, path=PATH) is not None


def executable(name: str) -> str:
    """Where the server's program is. Raises AssertionError where it is not."""
    found = shutil.which(name, path=PATH)
    assert found is not None, f"there is no {name}"
    return found


def environment(here: Path) -> dict[str, str]:
    """What a server is started with."""
    return {**os.environ, "PATH": PATH, "HOME": str(here)}


def block(name: str, document: str | None = None) -> str:
    """What a document shows for this server."""
    text = (ROOT / (document or SERVERS[name].document)).read_text("utf-8")
    (found,) = re.findall(rf"^```{name}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return str(found)


def completed(name: str, values: Mapping[str, str]) -> str:
    """The block with what is each operator's own, in the file that it goes into."""
    server, text = SERVERS[name], block(name)
    for shown, here in server.to_complete.items():
        assert text.count(shown) == 1, shown
        text = text.replace(shown, here)
    return _filled(server.file.replace("BLOCK", text), values)


@contextmanager
def front_server(
    name: str,
    proxy: int,
    authority: trustme.CA,
    here: Path,
    instead: Mapping[str, str] = {},
) -> Iterator[int]:
    """A running server before the proxy on this port; its own port. `instead` has what takes the
    place of parts of its completed block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    certificate = authority.issue_cert(HOST)
    certificate.cert_chain_pems[0].write_to_path(str(here / "chain.pem"))
    certificate.private_key_pem.write_to_path(str(here / "key.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(here / "both.pem"))
    values = {"PORT": str(port), "PROXY": str(proxy), "HERE": str(here)}
    text = completed(name, values)
    for former, new in instead.items():
        assert text.count(former) == 1, former
        text = text.replace(former, new)
    (here / "file").write_text(text, "utf-8")
    checked = subprocess.run(
        _words(SERVERS[name].check, values),
        env=environment(here),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    with (here / "log").open("w") as log:
        process = subprocess.Popen(
            _words(SERVERS[name].run, values), env=environment(here), stdout=log, stderr=log
        )
    with process:
        try:
            _wait_for(process, port, here / "log")
            yield port
        finally:
            process.terminate()


def _filled(text: str, values: Mapping[str, str]) -> str:
    for token, value in values.items():
        text = text.replace(token, value)
    return text


def _words(command: str, values: Mapping[str, str]) -> list[str]:
    return [_filled(word, values).replace("\0", " ") for word in command.split(" ")]


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Returns when the server listens, which it tells nobody."""
    end = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError(log.read_text())
