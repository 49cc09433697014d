"""Fails where a request costs 10 % more instructions than is recorded in guard.json.

Owns: the count, and its record for each form of the proxy, Python minor and architecture. Must not
know: time, which the machine decides.

What is counted: all user-space instructions of the proxy's process for one GET of 1 KiB with the 14
fields of a browser, one request at a time on kept connections, by callgrind, switched on once the
proxy is warm. Four runs of each form, the machine busy with other work, lay within 0.5 % of each
other; a form takes about 10 s. Time spreads tenfold more here, `perf stat` finds no counters on
virtual machines, and a count of allocations would not see what does not allocate. What the kernel
does for the proxy's system calls is not seen.

`--record` writes the record anew: do so on purpose, with the reason in the commit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from peers import COMPILED_PYTHON, ROOT, assert_form
from servers import HERE, Command, find, free_port, spawn, stop, wait_for

RECORD = HERE / "guard.json"
MARGIN = 0.10
WARM, COUNTED = 100, 300
PATIENCE = 120.0
"""Seconds for the proxy to listen, ten times what it takes under callgrind."""

FIELDS = (
    *("Connection: keep-alive", 'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"'),
    *("sec-ch-ua-mobile: ?0", 'sec-ch-ua-platform: "Linux"'),
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
    *("Accept: application/json, text/plain, */*", "Accept-Language: en-GB,en;q=0.9,de;q=0.8"),
    *("Accept-Encoding: gzip, deflate, br, zstd", "Origin: https://app.example"),
    *("Referer: https://app.example/dashboard", "Sec-Fetch-Dest: empty"),
    *("Sec-Fetch-Mode: cors", "Sec-Fetch-Site: cross-site"),
)
REPLY = (
    b"HTTP/1.1 200 OK\r\nServer: target\r\nDate: Wed, 25 Nov 2026 00:00:00 GMT\r\n"
    b"Content-Type: application/octet-stream\r\nContent-Length: 1024\r\nConnection: keep-alive\r\n"
    b'Last-Modified: Wed, 25 Nov 2026 00:00:00 GMT\r\nETag: "1"\r\nAccept-Ranges: bytes\r\n\r\n'
    + bytes(1024)
)


def main() -> None:
    """Counts each form, and compares or records."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="write what is counted to guard.json")
    options = parser.parse_args()
    if not COMPILED_PYTHON.exists():
        sys.exit("The compiled form is missing: `make compiled`")
    counted = {
        key("compiled"): count("compiled", str(COMPILED_PYTHON), {}),
        key("plain"): count("plain", sys.executable, {"PYTHONPATH": str(ROOT)}),
    }
    record: dict[str, int] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    if options.record:
        RECORD.write_text(json.dumps(record | counted, indent=2, sort_keys=True) + "\n")
        record |= counted
    failed = [said for name, now in counted.items() if (said := judge(name, now, record.get(name)))]
    if failed:
        sys.exit("\n".join(failed))


def key(form: str) -> str:
    """What a record holds for: another Python or processor takes another number of instructions."""
    minor = ".".join(platform.python_version_tuple()[:2])
    return f"{form}, Python {minor}, {platform.machine()}"


def judge(name: str, now: int, recorded: int | None) -> str:
    """What is wrong with a count, or nothing; prints how it compares."""
    if recorded is None:
        print(
            f"{name}: {now} instructions per request; none are recorded: `make guard ARGS=--record`"
        )
        return ""
    change = now / recorded - 1
    print(f"{name}: {now} instructions per request, {change:+.1%} against {recorded} recorded")
    if now <= recorded * (1 + MARGIN):
        return ""
    return (
        f"{name}: a request costs {change:+.1%}, more than {MARGIN:.0%}. Make it cheaper, or say "
        "in the commit what it pays for and record it: `make guard ARGS=--record`"
    )


# --- counting --------------------------------------------------------------------------------


def count(form: str, python: str, environ: dict[str, str]) -> int:
    """Instructions per request."""
    with (
        tempfile.TemporaryDirectory(prefix="cors-anywhere-guard-") as name,
        target() as target_port,
    ):
        directory, port = Path(name), free_port()
        process = spawn(
            directory, form, min(os.sched_getaffinity(0)), _command(python, port, environ)
        )
        try:
            wait_for(directory, form, process, port, PATIENCE)
            assert_form(form, process)
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
                _ask(client, target_port, WARM)
                _control(process, "--instr=on")
                _ask(client, target_port, WARM)
                _control(process, "--zero")
                _ask(client, target_port, COUNTED)
                _control(process, "--dump")
        finally:
            stop(process)
        totals = re.search(r"^totals: (\d+)", (directory / "callgrind.out.1").read_text(), re.M)
        assert totals, "callgrind wrote no totals"
        return int(totals[1]) // COUNTED


def _command(python: str, port: int, environ: dict[str, str]) -> Command:
    words = [find("valgrind"), "--tool=callgrind", "--instr-atstart=no"]
    words += ["--callgrind-out-file=callgrind.out", python, "-m", "cors_anywhere"]
    words += ["--host", "127.0.0.1", "--port", str(port), "--allow-network", "127.0.0.0/8"]
    # Strings' hashes decide how many steps a look-up takes.
    return Command(words, {"PYTHONHASHSEED": "0", **environ})


def _control(process: subprocess.Popen[bytes], word: str) -> None:
    command = [find("callgrind_control"), word, str(process.pid)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
    if "OK" not in done.stdout:
        sys.exit(f"callgrind does not obey {word}:\n{done.stdout}{done.stderr}")


def _ask(client: socket.socket, target_port: int, times: int) -> None:
    head = (f"GET /http://127.0.0.1:{target_port}/1024 HTTP/1.1", "Host: 127.0.0.1", *FIELDS)
    request = "\r\n".join((*head, "", "")).encode()
    for _ in range(times):
        client.sendall(request)
        got = b""
        while len(got.partition(b"\r\n\r\n")[2]) < 1024:
            read = client.recv(1 << 16)
            assert read, f"the proxy went away: {got!r}"
            got += read
        assert got.startswith(b"HTTP/1.1 200 "), got


@contextmanager
def target() -> Iterator[int]:
    """A target that gives the same reply to every request; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_serve, args=(listener,), daemon=True).start()
        port: int = listener.getsockname()[1]
        yield port


def _serve(listener: socket.socket) -> None:
    """Serves the first connection; the proxy keeps it."""
    connection, _ = listener.accept()
    with connection:
        waiting = b""
        while read := connection.recv(1 << 16):
            *asked, waiting = (waiting + read).split(b"\r\n\r\n")
            connection.sendall(REPLY * len(asked))


if __name__ == "__main__":
    main()
