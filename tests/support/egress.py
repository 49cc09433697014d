"""The proxy among addresses that are all this machine's: what it connects to, told as JSON.

Runs inside a namespace (netns.py). Owns: what is asked, and what of it is reported. Must not know:
what is right; tests/egress/test_table.py judges.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.dns import SILENT, Reply, alternating
from tests.support.forward_proxy import forward_proxy
from tests.support.listening import stop_listening
from tests.support.process import started
from tests.support.rows import ROWS, samples
from tests.support.wire import Client, Seen, client
from tests.support.world import PORTS, World, world

PUBLIC, OTHER_PUBLIC, PRIVATE = "8.8.8.8", "8.8.4.4", "10.1.2.3"
HANGING, QUICK = 200, 300
"""Look-ups that get no answer, and requests of others meanwhile."""

FORWARDER = f"{OTHER_PUBLIC}:8001"


async def fetch(connection: Client, url: str, *fields: str) -> Seen:
    """One request on a kept connection."""
    await connection.ask(url, fields=fields)
    return await connection.reply()


def told(seen: Seen) -> dict[str, Any]:
    """A reply, for the report."""
    return {"status": seen.status, "error": seen.error, "body": seen.body.decode("latin-1")}


def host(address: str) -> str:
    """An address as a URL writes it."""
    return f"[{address}]" if ":" in address else address


async def table() -> list[dict[str, Any]]:
    """A1: every sample of every row, as a literal and as a name, on both ports."""
    addresses = sorted({address for row in ROWS for address in samples(row)})
    names = {address: f"a{n}.table.example" for n, address in enumerate(addresses)}
    report = []
    async with world({name: Reply((address,)) for address, name in names.items()}) as here:
        with started() as proxy:
            async with client(proxy) as connection:
                for address, name in names.items():
                    for form, said in (("literal", host(address)), ("name", name)):
                        for port in PORTS:
                            here.target.connections.clear()
                            seen = await fetch(connection, f"http://{said}:{port}/")
                            asked = {"address": address, "form": form, "port": port}
                            made = {"connections": list(here.target.connections)}
                            report.append(asked | made | told(seen))
    return report


async def carried() -> list[dict[str, Any]]:
    """A7: every sample of every row as a literal, by way of the operator's own proxy."""
    report = []
    async with world({}) as here, forward_proxy() as forwarder:
        by = f"http://127.0.0.1:{forwarder.port}"
        with started(variables={"http_proxy": by, "https_proxy": by}) as proxy:
            async with client(proxy) as connection:
                for address in sorted({address for row in ROWS for address in samples(row)}):
                    for port in PORTS:
                        here.target.connections.clear()
                        forwarder.heads.clear()
                        seen = await fetch(connection, f"http://{host(address)}:{port}/")
                        asked = {"address": address, "form": "literal", "port": port}
                        made = {"connections": list(here.target.connections)}
                        carried = {"carried": len(forwarder.heads)}
                        report.append(asked | made | carried | told(seen))
    return report


async def flip() -> dict[str, Any]:
    """A2: 10 000 requests to a name that is public and private in turn, never cached."""
    replies: list[Seen] = []
    good, bad = (Reply((address,), ttl=0) for address in (PUBLIC, PRIVATE))
    async with world({"flip.example": alternating(good, bad)}) as here:
        with started() as proxy:

            async def some(count: int) -> None:
                async with client(proxy) as connection:
                    for number in range(count):
                        path = "keep" if number % 4 == 0 else ""
                        replies.append(await fetch(connection, f"http://flip.example/{path}"))

            await asyncio.gather(*(some(1250) for _ in range(8)))
        return {
            "connections": _counted(here.target.connections),
            "statuses": _counted([str(seen.status) for seen in replies]),
            "asked": here.dns.asked["flip.example", "A"],
            "shown": sum(PRIVATE.encode() in seen.body for seen in replies),
        }


async def mixed() -> list[dict[str, Any]]:
    """A3: names with addresses of both kinds."""
    answers = {
        "private-first.example": (PRIVATE, PUBLIC),
        "public-first.example": (PUBLIC, PRIVATE),
        "two-families.example": ("::1", "fd00::1", PUBLIC),
        "all-private.example": (PRIVATE, "::1"),
    }
    report = []
    async with world({name: Reply(answer) for name, answer in answers.items()}) as here:
        with started() as proxy:
            async with client(proxy) as connection:
                for name in answers:
                    here.target.connections.clear()
                    seen = await fetch(connection, f"http://{name}/")
                    report.append(
                        {"name": name, "connections": here.target.connections[:]} | told(seen)
                    )
    return report


async def redirects() -> dict[str, Any]:
    """A4: from a public target to each forbidden row, to itself, and to another origin."""
    refused = [samples(row)[len(samples(row)) // 2] for row in ROWS]
    to = [f"http://{host(address)}/" for address in refused]
    to += ["http://private.example/", "http://localhost/", "http://metadata.internal/"]
    report = []
    async with world({"private.example": Reply((PRIVATE,))}) as here:
        with started() as proxy:
            async with client(proxy) as connection:
                for url in to:
                    here.target.connections.clear()
                    seen = await fetch(connection, f"http://{PUBLIC}/?to={url}")
                    made = {"url": url, "connections": here.target.connections[:]}
                    report.append(made | told(seen))
                here.target.connections.clear()
                hops = await _redirected_for_ever(here, connection)
                here.target.requests.clear()
                url = f"http://{PUBLIC}/?to=http://{OTHER_PUBLIC}/"
                await fetch(connection, url, "Authorization: Basic eDp5", "Cookie: a=b")
    return {
        "refused": report,
        "hops": hops,
        "heads": [request.fields for request in here.target.requests],
    }


async def _redirected_for_ever(here: World, connection: Client) -> int:
    """How many requests a chain of nine redirects causes."""
    url = f"http://{PUBLIC}/end"
    for n in range(9):
        url = f"http://{PUBLIC}/{n}?to=" + url.replace("%", "%25").replace("?", "%3F")
    here.target.requests.clear()
    await fetch(connection, url)
    return len(here.target.requests)


async def loops() -> dict[str, Any]:
    """A5: the proxy asked for itself, directly and by a way around."""
    nesting = 20
    async with world({}) as here:
        with started("--host", "0.0.0.0", "--allow-network", "0.0.0.0/0") as proxy:
            accepted = 0

            async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                nonlocal accepted
                accepted += 1
                back, forth = await asyncio.open_connection("127.0.0.1", proxy.port)
                await asyncio.gather(_copy(reader, forth), _copy(back, writer))

            own = ("127.0.0.1", "127.9.9.9", "0.0.0.0", PRIVATE, PUBLIC)
            server = await asyncio.start_server(forward, *FORWARDER.split(":"))
            async with client(proxy) as connection:
                direct = [
                    {"host": host} | told(await fetch(connection, f"http://{host}:{proxy.port}/"))
                    for host in own
                ]
                around = f"http://{FORWARDER}/" * nesting + f"http://{PUBLIC}/"
                seen = await fetch(connection, around)
            await stop_listening(server)
    return {
        "direct": direct,
        "around": told(seen) | {"hops": accepted, "connections": here.target.connections},
    }


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(65536):
        writer.write(octets)
    writer.close()


async def slow() -> dict[str, Any]:
    """A6: others' requests, each with a look-up of its own, while look-ups hang."""
    loop = asyncio.get_running_loop()
    zone = {"*.slow.example": SILENT, "*.quick.example": Reply((PUBLIC,))}
    async with world(zone) as here:
        with started("--connect-timeout", "60") as proxy:  # however busy the machine is
            given_up: list[int] = []

            async def hang(number: int) -> None:
                async with client(proxy) as connection:
                    while True:  # c-ares ends them after some seconds
                        name = f"n{number}-{len(given_up)}.slow.example"
                        given_up.append((await fetch(connection, f"http://{name}/")).status)

            hanging: list[asyncio.Task[None]] = []
            for number in range(HANGING):
                hanging.append(asyncio.create_task(hang(number)))
                # An A and an AAAA question each. Not more at once than a socket holds: what is lost
                # is asked again after seconds.
                while len(here.dns.asked) < 2 * number:
                    await asyncio.sleep(0.001)
            took: list[float] = []
            statuses: list[str] = []
            async with client(proxy) as connection:
                for _ in range(QUICK):
                    began = loop.time()
                    seen = await fetch(connection, f"http://n{len(took)}.quick.example/")
                    took.append(loop.time() - began)
                    statuses.append(str(seen.status))
            pending = sum(not task.done() for task in hanging)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
    took.sort()
    return {
        "statuses": _counted(statuses),
        "hanging": pending,
        "given up": given_up,
        "p50": took[len(took) // 2],
        "p99": took[len(took) * 99 // 100],
    }


def _counted(values: list[str]) -> dict[str, int]:
    return {value: values.count(value) for value in sorted(set(values))}


SCENARIOS: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
    scenario.__name__: scenario
    for scenario in (table, carried, flip, mixed, redirects, loops, slow)
}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(SCENARIOS[sys.argv[1]]())))
