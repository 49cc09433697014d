"""The README and the guide say what is so: options, variables, dependencies, links, examples."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from configparser import ConfigParser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from cors_anywhere.config.manual import markdown_table
from cors_anywhere.config.options import OPTIONS, PROXY_VARIABLES
from cors_anywhere.doctor.command import command as doctor
from tests.support.fronts import Front
from tests.support.process import started

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
TEXTS = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
}
OPTIONS_PAGE = TEXTS["docs/options.md"]
LINKS = [
    (name, link)
    for name, text in sorted(TEXTS.items())
    for link in dict.fromkeys(re.findall(r"\]\(([^)\s]+)\)", text))
    if "://" not in link
]


def section(title: str, text: str = README) -> str:
    """The text under a heading, its subsections included."""
    found = re.search(rf"^(#+) {re.escape(title)}\n", text, re.MULTILINE)
    assert found is not None, title
    rest = text[found.end() :]
    following = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def required(group: str) -> list[str]:
    """The packages that setup.cfg requires for a group."""
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = (
        config["options"]["install_requires"]
        if group == "run"
        else config["options.extras_require"][group]
    )
    return re.findall(r"^([a-z-]+)", lines, re.MULTILINE)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_options_are_those_of_the_command() -> None:
    found = re.search(r"<!-- options: .*? -->\n(.*?)<!-- /options -->", README, re.DOTALL)
    assert found is not None
    assert found[1] == markdown_table()


def test_variables_that_come_from_elsewhere_are_explained() -> None:
    known = {name for option in OPTIONS for name in option.legacy} | {*PROXY_VARIABLES}
    rows = re.findall(
        r"^\| (`.*?) \|", section("Environment variables", OPTIONS_PAGE), re.MULTILINE
    )
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == known


def test_each_dependency_has_a_row_that_says_what_for() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| .+ \|$", section("Dependencies"), re.MULTILINE)
    assert rows == required("run")


@pytest.mark.parametrize("package", [*required("test"), *required("check"), *required("docs")])
def test_each_tool_is_named(package: str) -> None:
    assert f"`{package}`" in section("Dependencies")


@pytest.mark.parametrize(("name", "link"), LINKS)
def test_links_lead_somewhere(name: str, link: str) -> None:
    path, _, fragment = link.partition("#")
    file = ((ROOT / name).parent / path).resolve() if path else ROOT / name
    assert file.exists()
    if fragment:
        headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
        assert fragment in map(anchor, headings)


GUIDE = "".join(text for name, text in TEXTS.items() if not name.startswith("docs/adr"))


@pytest.mark.parametrize("option", sorted(set(re.findall(r"(?<!-)--[a-z][a-z0-9-]*", GUIDE))))
def test_options_in_the_text_exist(option: str) -> None:
    names = {option.flag for option in OPTIONS}
    names |= {name for parameter in doctor.params for name in parameter.opts}
    names |= {f"--no-{option.name}" for option in OPTIONS if option.kind == "flag"}
    foreign = {"--help", "--version", "--check"}  # the command line's
    foreign |= {
        "--rm",
        "--build",
        "--detach",
        "--now",
        "--namespace",
        "--filename",
        "--bind",
        "--kill-whom",
        "--signal",
    }  # of other programs
    assert option in names | foreign


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: the test says what was wrong."""


@pytest.fixture
def hello(tmp_path: Path) -> Iterator[int]:
    """The port of the first example's server, which Python's own module runs."""
    (tmp_path / "hello.json").write_text('{"hello": "world"}\n')
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_first_example_is_answered_as_it_says(hello: int) -> None:
    example = section("See the headers")
    (options,) = re.findall(r"^make run ARGS=(.*)$", example, re.MULTILINE)
    (origin, shown) = re.findall(r"-H 'Origin: (.*?)' http.*?\n(.*?)```", example, re.DOTALL)[0]
    shown_head, _, shown_body = shown.partition("\n\n")
    status, *fields = shown_head.splitlines()
    with started(*options.split()) as proxy:
        reply = Front("command", proxy.port).ask(
            f"http://127.0.0.1:{hello}/hello.json", f"Origin: {origin}"
        )
    assert f"HTTP/1.1 {reply.status} {reply.reason}" == status
    assert [name for name, _ in reply.fields] == [
        field.partition(":")[0].lower() for field in fields
    ]
    assert reply.text == shown_body
    told = dict(field.lower().split(": ", 1) for field in fields)
    for name in ("access-control-allow-origin", "access-control-expose-headers", "content-length"):
        assert reply.get(name) == told[name]


def test_the_example_of_a_tornado_application_serves() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    assert asyncio.run(ask(namespace["make_app"](), "/proxy/iscorsneeded")) == b"no"


async def ask(application: Application, path: str) -> bytes:
    sock, port = bind_unused_port()
    server = HTTPServer(application)
    server.add_sockets([sock])
    try:
        reply = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}{path}")
    finally:
        server.stop()
    return reply.body
