"""Two of the real command behind HAProxy, set up as docs/deploy.md says, restarted one by one."""

from __future__ import annotations

import re
import signal
import ssl
import threading
from collections import Counter
from contextlib import AbstractContextManager, ExitStack
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import trustme

from tests.support import PATIENCE
from tests.support.front_servers import block, front_server, installed
from tests.support.needs import needs
from tests.support.process import Command, command, free_ports
from tests.support.site import Site
from tests.support.waiting import eventually

SERVED: Final = r'cors_anywhere_requests_total{outcome="served",status="2xx"} (.+)'
CLIENTS: Final = 4
EACH: Final = 20
"""Requests of each client that have to be answered between one event and the next."""


class Crowd:
    """Clients that ask again and again, each on a connection of its own, and what they got."""

    def __init__(self, port: int, authority: trustme.CA, url: str) -> None:
        self.got: Counter[str] = Counter()
        self._port, self._url = port, url
        self._trust = ssl.create_default_context()
        self._trust.check_hostname = False
        authority.configure_trust(self._trust)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self) -> bool:
        """Whether many more requests have been answered since."""
        before = self.got.total()
        return eventually(lambda: self.got.total() > before + CLIENTS * EACH)

    def _ask(self) -> None:
        while not self._ended.wait(0.01):
            connection = HTTPSConnection(
                "127.0.0.1", self._port, timeout=PATIENCE, context=self._trust
            )
            try:
                connection.request("GET", f"/{self._url}", headers={"Origin": "https://a.test"})
                self.got[str(connection.getresponse().status)] += 1
            except (OSError, HTTPException) as error:
                self.got[repr(error)] += 1
            finally:
                connection.close()


class Instance:
    """One of the proxies, at ports of its own."""

    def __init__(self) -> None:
        self.port, self.admin = free_ports(2)

    def started(self) -> AbstractContextManager[Command]:
        places = ("--host", "127.0.0.1", "--port", str(self.port))
        admin = ("--admin", f"127.0.0.1:{self.admin}")
        return command(*places, *admin, "--shutdown-delay", "3", "--trusted-proxy", "127.0.0.1/32")

    def has_served(self) -> bool:
        """Whether HAProxy has taken it up."""
        with urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=PATIENCE) as shown:
            (count,) = re.findall(SERVED, shown.read().decode())
            return float(count) > 0


def test_one_by_one_they_are_restarted_and_no_request_fails(target: Site, tmp_path: Path) -> None:
    needs(installed("haproxy"), "haproxy")
    authority, pair = trustme.CA(), (Instance(), Instance())
    lines = block("haproxy-servers", "docs/deploy.md").rstrip()
    for shown, one in zip(("10.0.0.11", "10.0.0.12"), pair, strict=True):
        lines = lines.replace(f"{shown}:8080 port 9090", f"127.0.0.1:{one.port} port {one.admin}")
    instead = {f"    server proxy 127.0.0.1:{pair[0].port}": lines}
    with ExitStack() as stack:
        running = [stack.enter_context(one.started()) for one in pair]
        port = stack.enter_context(
            front_server("haproxy", pair[0].port, authority, tmp_path, instead)
        )
        crowd = stack.enter_context(Crowd(port, authority, target.url + "/"))
        for number, one in enumerate(pair):
            assert crowd.goes_on()
            running[number].process.send_signal(signal.SIGTERM)
            assert running[number].process.wait(60) == 0
            assert crowd.goes_on()
            running[number] = stack.enter_context(one.started())
            assert eventually(one.has_served)
        assert set(crowd.got) == {"200"}
