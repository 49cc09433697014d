"""The table of a connection's life."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import IllegalStep
from cors_anywhere.http1.states import (
    BODY,
    CLOSED,
    CLOSING,
    DROPPING,
    HELD,
    IDLE,
    LINGERING,
    TABLE,
    TUNNEL,
    WAITING,
    WHOLE,
    State,
    Step,
)


def after(*steps: Step) -> State:
    """The state of a new connection after these steps."""
    state = IDLE
    for step in steps:
        state = state.after(step)
    return state


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        (("head", "end", "reply"), IDLE),
        (("begin", "head", "end", "reply"), IDLE),
        (("head", "hold", "release", "end"), WHOLE),
        (("head", "hold", "reply", "dropped"), IDLE),
        (("head", "reply"), DROPPING),
        (("expect", "ask", "end", "reply"), IDLE),
        (("expect", "reply"), LINGERING),
        (("head", "end", "switch", "hold", "release"), TUNNEL),
        (("head", "end", "switch", "end", "reply", "close"), CLOSING),
        (("head", "end", "switch", "reply"), LINGERING),
        (("head", "refuse", "close", "lost"), CLOSED),
    ],
)
def test_these_steps_lead_there(steps: tuple[Step, ...], state: State) -> None:
    assert after(*steps) is state


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (IDLE, "end"),
        (IDLE, "reply"),
        (IDLE, "ask"),
        (WAITING, "end"),
        (BODY, "head"),
        (BODY, "switch"),
        (HELD, "end"),
        (WHOLE, "hold"),
        (WHOLE, "head"),
        (DROPPING, "reply"),
        (LINGERING, "head"),
        (LINGERING, "refuse"),
        (CLOSING, "refuse"),
        (CLOSED, "close"),
    ],
)
def test_any_other_step_is_an_error_that_names_it_and_the_state(state: State, step: Step) -> None:
    with pytest.raises(IllegalStep, match=f'"{step}" is not legal in the state {state}'):
        state.after(step)


def test_whatever_happens_a_connection_can_be_lost() -> None:
    assert all(state is CLOSED or state.after("lost") is CLOSED for state in TABLE)


def test_wherever_the_client_is_waited_for_there_is_a_clock_and_nowhere_else() -> None:
    assert [state for state in TABLE if state.waits is not (state.clock is not None)] == []


def test_a_connection_that_is_over_never_serves_again() -> None:
    over = {state for state in TABLE if state.over}
    assert {led for state in over for led in TABLE[state].values()} <= over


def test_every_state_can_be_reached() -> None:
    assert {IDLE} | {led for steps in TABLE.values() for led in steps.values()} == set(TABLE)
