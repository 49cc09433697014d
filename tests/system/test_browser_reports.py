"""Whom a real browser tells of what is asked for through the proxy (Network Error Logging)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import tornado.web
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from cors_anywhere import Settings, serve
from tests.support.browser import CHROMIUM, SECONDS, chromium, listening
from tests.support.needs import needs
from tests.support.tls import make_tls

PAGE: Final = """<script type="module">
for (const path of {paths}) await fetch(path, {{ mode: "no-cors" }});
</script>"""


class Collector(tornado.web.RequestHandler):
    """Where reports go."""

    def initialize(self, reported: list[str], came: asyncio.Condition) -> None:
        self.reported, self.came = reported, came

    def set_default_headers(self) -> None:
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("Access-Control-Allow-Headers", "*")

    def options(self) -> None:
        self.set_status(204)

    async def post(self) -> None:
        self.reported += [report["url"] for report in json.loads(self.request.body)]
        async with self.came:
            self.came.notify_all()


class Reporting(tornado.web.RequestHandler):
    """A site that wants to be told of every request."""

    def initialize(self, collector: str, page: list[str], collected: Collected) -> None:
        self.collector, self.page, self.collected = collector, page, collected

    async def get(self, path: str) -> None:
        group = {"group": "all", "max_age": 1000, "endpoints": [{"url": self.collector}]}
        policy = {"report_to": "all", "max_age": 1000, "success_fraction": 1.0}
        self.set_header("Report-To", json.dumps(group))
        self.set_header("NEL", json.dumps(policy))
        if path == "page":
            self.set_header("Content-Type", "text/html")
            self.write(PAGE.format(paths=json.dumps(self.page)))
        elif path == "second":  # not before what was reported with the first has come
            await self.collected.report_of("/first")


class Collected:
    """The URLs that were reported."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.came = asyncio.Condition()

    async def report_of(self, path: str) -> None:
        """Waits for it."""
        async with self.came:
            await self.came.wait_for(lambda: any(url.endswith(path) for url in self.urls))


async def reported(directory: Path) -> list[str]:
    """The URLs of which a browser told the collector."""
    tls = make_tls(directory, "proxy.test", "direct.test", "collector.test")
    collected, page = Collected(), list[str]()
    settings = Settings(
        port=0,
        tls_cert=tls.cert,
        tls_key=tls.key,
        allow_networks=("127.0.0.0/8",),
        require_headers=(),
    )
    takes = {"reported": collected.urls, "came": collected.came}
    collector = tornado.web.Application([("/", Collector, takes)])
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        port = await enter(listening(collector, tls.context))
        told = {"collector": f"https://collector.test:{port}/", "page": page}
        site = tornado.web.Application([("/(.*)", Reporting, told | {"collected": collected})])
        through = (await enter(serve(settings))).port
        target = f"http://127.0.0.1:{await enter(listening(site))}"
        direct = f"https://direct.test:{await enter(listening(site, tls.context))}"
        proxied = f"https://proxy.test:{through}/{target}"
        page += [f"{proxied}/a", f"{proxied}/b", "/first", f"{proxied}/c", "/second"]
        rules = "--host-resolver-rules=MAP *.test 127.0.0.1"
        trust = f"--ignore-certificate-errors-spki-list={key_hash(tls.cert)}"
        flags = (rules, trust, "--short-reporting-delay")
        async with chromium(f"{direct}/page", directory / "profile", *flags):
            async with asyncio.timeout(SECONDS):
                await collected.report_of("/second")
    return collected.urls


def key_hash(certificate: str) -> str:
    """What a browser knows a certificate's key by."""
    key = load_pem_x509_certificate(Path(certificate).read_bytes()).public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()


def test_no_target_is_told_what_else_is_asked_for_through_the_proxy(tmp_path: Path) -> None:
    needs(CHROMIUM, "chromium")
    urls = asyncio.run(reported(tmp_path))
    assert {url.rpartition("/")[2] for url in urls if "direct.test" in url} >= {"first", "second"}
    assert [url for url in urls if "proxy.test" in url] == []
