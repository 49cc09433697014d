"""The options of deadlines, in seconds."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, seconds

OPTIONS: Final = tuple(
    Option(name, name.replace("-", "_"), said, "SECONDS", seconds)
    for name, said in (
        ("connect-timeout", "To connect to a target, look-up and TLS included."),
        ("head-timeout", "For the head of a target's reply."),
        ("idle-timeout", "Silence in the middle of a body, of a reply or a request."),
        ("tunnel-timeout", "Silence in a WebSocket."),
        ("client-header-timeout", "For the head of a request."),
        ("client-idle-timeout", "Between the requests of a connection."),
        ("client-stall-timeout", "For a client that does not read its reply."),
        (
            "shutdown-delay",
            "When the proxy is told to stop, it goes on accepting for this long: until load"
            " balancers have noticed.",
        ),
        ("drain-timeout", "For requests in flight when the proxy is told to stop."),
    )
)
