"""Where frames end, however their octets are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_anywhere.http1.frames import Frames, close_frame
from tests.support.growth import assert_linear


def frame(size: int, *, masked: bool = False, opcode: int = 2) -> bytes:
    """A frame of `size` octets, as RFC 6455 section 5.2 lays it out."""
    mask = 0x80 if masked else 0
    if size < 126:
        head = bytes((0x80 | opcode, mask | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, mask | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, mask | 127)) + size.to_bytes(8, "big")
    return head + (b"mask" if masked else b"") + b"x" * size


SIZES = st.sampled_from((0, 1, 125, 126, 127, 65535, 65536))


@given(st.lists(st.tuples(SIZES, st.booleans()), max_size=4), st.data())
def test_a_frame_ends_where_it_ends_however_it_is_cut(
    frames: list[tuple[int, bool]], data: st.DataObject
) -> None:
    whole = [frame(size, masked=masked) for size, masked in frames]
    stream = b"".join(whole)
    ends = {sum(map(len, whole[: n + 1])) for n in range(len(whole))}
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    follower, at = Frames(), 0
    for cut in [*cuts, len(stream)]:
        ended = follower.feed(stream[at:cut])
        behind = [end for end in ends if at < end <= cut]
        assert ended == (max(behind) - at if behind else 0)
        at = cut
        assert follower.between == (at in ends or at == 0)


@pytest.mark.parametrize(("opcode", "closing"), [(8, True), (1, False), (9, False)])
def test_a_close_frame_is_known_by_its_opcode(opcode: int, closing: bool) -> None:
    follower = Frames()
    follower.feed(frame(2, opcode=opcode))
    assert follower.closing is closing


def test_the_close_that_we_send_says_going_away() -> None:
    assert close_frame(masked=False) == b"\x88\x02\x03\xe9"


def test_the_close_that_we_send_to_a_target_is_masked() -> None:
    octets = close_frame(masked=True)
    assert octets[:2] == b"\x88\x82"
    key, hidden = octets[2:6], octets[6:]
    assert bytes(a ^ b for a, b in zip(hidden, key, strict=False)) == b"\x03\xe9"


# --- cost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [b"\x82\x00", b"\x82\x01x", b"\x82\x80mask", b"\x82\x7e\x00\x00", b"\x82\x7f" + bytes(8)],
    ids=["empty", "octet", "masked", "16-bit", "64-bit"],
)
@pytest.mark.parametrize("read", [65536, 1])
def test_following_small_frames_costs_what_their_octets_cost(frame: bytes, read: int) -> None:
    def follow(octets: bytes) -> None:
        follower = Frames()
        for start in range(0, len(octets), read):
            follower.feed(octets[start : start + read])

    assert_linear(
        f"Frames, {frame!r}, reads of {read}",
        lambda size: frame * (size // len(frame)),
        follow,
        65536 if read > 1 else 8192,
    )
