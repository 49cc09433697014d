"""A page in a real Firefox, steered by WebDriver BiDi over a plain WebSocket.

Owns: Firefox's life and one connection to it. Must not know: what the page is used for.

Its messages of CORS carry their category in the window of the browser itself only, so that one is
asked too; Firefox allows it where it was started for tests.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
FLAGS = ("--headless", "--no-remote", "--remote-debugging-port=0", "--remote-allow-system-access")
PREFERENCES: dict[str, bool | str] = {
    "services.settings.server": "data:,#nothing/v1",  # nothing is asked of its maker
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "dom.disable_open_during_load": False,  # pages may open windows
    "network.dns.localDomains": "app.test,proxy.test",  # not trustworthy, as "localhost" is
    "security.warn_submit_secure_to_insecure": False,  # so nobody is asked about a form to it
}
_NEW_MESSAGES = """
(async () => {
  const marks = (one) => one.message.includes("MARK");
  const marked = () => Services.console.getMessageArray().some(marks);
  await new Promise((done) => {
    const listener = { observe() {
      if (marked()) { Services.console.unregisterListener(listener); done(); }
    } };
    Services.console.registerListener(listener);
    listener.observe();
  });
  const found = Services.console.getMessageArray();
  Services.console.reset();
  return found.filter((one) => one instanceof Ci.nsIScriptError && !marks(one))
    .map(({ category, errorMessage }) => [category, errorMessage]);
})()
"""


class Message(NamedTuple):
    """A line of the console: CORSMissingAllowOrigin2, and the sentence."""

    category: str
    text: str


class Page:
    """A page, and the window that it is in."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self._page = self._window = ""

    async def begin(self) -> None:
        wanted = {"alwaysMatch": {"acceptInsecureCerts": True}}  # the tests' own authority
        await self.call("session.new", capabilities=wanted)
        self._page = (await self.call("browsingContext.getTree"))["contexts"][0]["context"]
        windows = await self.call("browsingContext.getTree", **{"moz:scope": "chrome"})
        self._window = windows["contexts"][0]["context"]

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a command. Commands follow each other."""
        self._number += 1
        await self._connection.send(
            json.dumps({"id": self._number, "method": method, "params": params})
        )
        async with asyncio.timeout(60):
            while True:
                message = json.loads(await self._connection.recv())
                if message.get("id") == self._number:
                    break
        if "error" in message:
            raise RuntimeError(f"{message['error']}: {message['message']}")
        return message["result"]

    async def evaluate(self, expression: str) -> Any:
        """The value of a script's expression, awaited where it is a promise."""
        return await self._evaluated(self._page, expression)

    async def open(self, url: str, wait: str = "complete") -> None:
        """Done when the page has loaded, or at once (`none`)."""
        await self.call("browsingContext.navigate", context=self._page, url=url, wait=wait)

    async def messages(self) -> list[Message]:
        """What the console said since this was last asked.

        A page's messages come to the window later, but in their order: one of ours ends them.
        """
        mark = f"mark {self._number}."
        await self.evaluate(f"reportError(new Error({json.dumps(mark)}))")
        said = await self._evaluated(self._window, _NEW_MESSAGES.replace("MARK", mark))
        return [Message(category, text) for category, text in said]

    async def _evaluated(self, context: str, expression: str) -> Any:
        awaited = f"Promise.resolve({expression.strip()})"
        came = await self.call(
            "script.evaluate",
            expression=f"{awaited}.then((value) => JSON.stringify(value))",
            target={"context": context},
            awaitPromise=True,
        )
        assert came["type"] == "success", came
        text = came["result"].get("value")
        return None if text is None else json.loads(text)


@asynccontextmanager
async def page(url: str, profile: Path) -> AsyncIterator[Page]:
    """A page at a URL, in a browser of its own whose files are in `profile`."""
    async with (
        _browser(profile) as address,
        connect(address, max_size=None) as connection,
    ):
        found = Page(connection)
        await found.begin()
        await found.open(url)
        yield found


@asynccontextmanager
async def browser(url: str, profile: Path) -> AsyncIterator[None]:
    """A browser that is opening a URL."""
    async with page("about:blank", profile) as opened:
        await opened.open(url, wait="none")
        yield


@asynccontextmanager
async def _browser(profile: Path) -> AsyncIterator[str]:
    """Where it is steered."""
    assert FIREFOX is not None
    profile.mkdir(exist_ok=True)
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines))
    process = await asyncio.create_subprocess_exec(
        *(FIREFOX, *FLAGS, "--profile", str(profile), "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield await _debugger(profile)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _debugger(profile: Path) -> str:
    """Where it listens; Firefox writes that to a file, which may be half written."""
    async with asyncio.timeout(60):
        while True:
            try:
                told = json.loads((profile / "WebDriverBiDiServer.json").read_text())
                return f"ws://{told['ws_host']}:{told['ws_port']}/session"
            except (FileNotFoundError, ValueError):
                await asyncio.sleep(0.05)
