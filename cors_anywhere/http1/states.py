"""The life of a client's connection as a table: what may happen in each state, and its clock.

Owns: the states, the steps between them, and the two that a reply has of its own. Must not know:
octets, or who takes a step.

One state says how far the client's message is and whether more will be read; `Reply` says how far
the answer is. (h11 keeps the two sides apart likewise.)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from cors_anywhere.errors import IllegalStep

Step = Literal[
    "begin",  # the first octet of a head has come
    "head",  # a head is complete
    "expect",  # a head is complete, and the client waits for leave to send the body
    "ask",  # it has leave, or does not wait for it
    "hold",  # the receiver takes no more for now
    "release",  # it takes more
    "end",  # the message is complete
    "reply",  # the reply is complete
    "dropped",  # what was left of the message after that has been read
    "switch",  # the reply was a 101
    "refuse",  # the message is at fault: no other is read
    "close",
    "lost",  # the transport is gone
]

Clock = Literal["idle", "head", "body", "linger", "stall"]
"""What a state waits for at most; its seconds are a `ClientLimits`'s to say."""


class State:
    """One state. `clock` bounds the time in it. In one that `waits`, it is the client who keeps the
    proxy waiting; in one that is `over`, nothing that is read or written means anything any more.
    """

    __slots__ = ("_leads", "clock", "name", "over", "waits")

    def __init__(
        self, name: str, clock: Clock | None, *, waits: bool = False, over: bool = False
    ) -> None:
        self.name = name
        self.clock = clock
        self.waits = waits
        self.over = over
        self._leads: Mapping[Step, State] = {}

    def after(self, step: Step) -> State:
        """The state that a step leads to. Raises IllegalStep."""
        state = self._leads.get(step)
        if state is None:
            raise IllegalStep(f'the step "{step}" is not legal in the state {self.name}')
        return state

    def lead(self, steps: Mapping[Step, State]) -> None:
        """Says once which steps are legal."""
        self._leads = steps

    def __repr__(self) -> str:
        return self.name


IDLE = State("IDLE", "idle", waits=True)  # no request has begun
HEAD = State("HEAD", "head", waits=True)  # one has; the clock is not moved by what comes
WAITING = State("WAITING", None)  # the client waits for 100 (Continue): we are the slow ones
BODY = State("BODY", "body", waits=True)  # the clock starts anew with every piece
HELD = State("HELD", None)  # the receiver has enough of the body for now
WHOLE = State("WHOLE", None)  # the message is complete, the reply is not
DROPPING = State("DROPPING", "linger", waits=True)  # the reply is, the message is not
TUNNEL = State("TUNNEL", None)  # octets of another protocol; whoever carries them has a clock
TUNNEL_HELD = State("TUNNEL_HELD", None)
LINGERING = State("LINGERING", "linger", waits=True, over=True)  # for the client's end
CLOSING = State("CLOSING", "stall", waits=True, over=True)  # for what is written to be taken
CLOSED = State("CLOSED", None, over=True)

_ENDS: Mapping[Step, State] = {"refuse": LINGERING, "close": CLOSING, "lost": CLOSED}

TABLE: Mapping[State, Mapping[Step, State]] = {
    IDLE: {"begin": HEAD, "head": BODY, "expect": WAITING, **_ENDS},
    HEAD: {"head": BODY, "expect": WAITING, **_ENDS},
    WAITING: {"ask": BODY, "reply": LINGERING, **_ENDS},
    BODY: {"hold": HELD, "end": WHOLE, "reply": DROPPING, **_ENDS},
    HELD: {"release": BODY, "reply": DROPPING, **_ENDS},
    WHOLE: {"reply": IDLE, "switch": TUNNEL, **_ENDS},
    DROPPING: {"dropped": IDLE, **_ENDS},
    TUNNEL: {"hold": TUNNEL_HELD, "end": WHOLE, "reply": LINGERING, **_ENDS},
    TUNNEL_HELD: {"release": TUNNEL, "reply": LINGERING, **_ENDS},
    LINGERING: {"close": CLOSING, "lost": CLOSED},
    CLOSING: {"close": CLOSING, "lost": CLOSED},
    CLOSED: {},
}

for _state, _steps in TABLE.items():
    _state.lead(_steps)


class Reply(Enum):
    """How far the answer to the current request is. It may begin before the request is complete."""

    NONE = "there is no request, or its answer is complete"
    DUE = "no octet of it is sent"
    BEGUN = "its head is sent"
