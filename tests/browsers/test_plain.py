"""What a page does without any library works through the proxy, in real browsers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browsers import media
from tests.browsers.site import Came, from_file, run


@pytest.fixture(scope="module")
def came(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Came]:
    yield asyncio.run(run(engine, "plain.js", tmp_path_factory.mktemp("plain")))


def test_every_method_passes_with_its_header(came: Came) -> None:
    assert came.results["methods"] == [
        *("GET", True, "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
    ]


def test_authorization_passes(came: Came) -> None:
    assert came.results["authorization"] == "Bearer t"


def test_credentials_are_not_agreed_to_unasked(came: Came) -> None:
    assert came.results["credentials"] == "TypeError"


def test_credentials_are_agreed_to_where_the_operator_does(came: Came) -> None:
    assert came.results["with credentials"] is True


def test_octets_arrive_as_they_are(came: Came) -> None:
    assert came.results["octets"] is True


@pytest.mark.parametrize("coding", ["gzip", "brotli", "zstd"])
def test_a_coded_body_is_decoded_by_the_browser(came: Came, coding: str) -> None:
    assert came.results[coding] == "hello"


def test_a_range_is_asked_for(came: Came) -> None:
    assert came.results["range"] == [206, "%PDF-1.4", "bytes 0-7"]


def test_events_arrive_with_their_ids(came: Came) -> None:
    assert came.results["events"] == [[str(number), f"event {number}"] for number in range(3)]


def test_an_uploads_progress_is_seen(came: Came) -> None:
    assert came.results["upload"] == ["2000000", 2_000_000]


def test_an_aborted_request_ends_at_the_target_too(came: Came) -> None:
    assert came.results["abort"] == ["AbortError", True]


def test_a_redirect_is_followed_for_the_page(came: Came) -> None:
    assert came.results["redirect"] == [True, False, "plain text"]


def test_a_refusal_is_read(came: Came) -> None:
    assert came.results["refusal"] == [403, True]


def test_a_socket_carries_text_and_octets_and_its_end(came: Came) -> None:
    assert came.results["socket"] == ["text", [1, 2, 255], 4000, True]


def test_a_video_is_played_from_a_later_part_by_ranges(came: Came) -> None:
    """Of a film whose target gives what comes later to nobody who does not ask for it; its pixels
    may be read."""
    assert came.results["video"] == [320, media.SECONDS, 0.9 * media.SECONDS, 255]
    first, *later = came.ranges["film.webm"]
    assert first == "bytes=0-"
    assert any(int(asked[6:].partition("-")[0]) > media.AT_ONCE for asked in later)


def test_a_font_is_loaded(came: Came) -> None:
    assert came.results["font"] == "loaded"


def test_a_wasm_module_is_compiled_while_it_comes(came: Came) -> None:
    assert came.results["wasm"] == 0


def test_an_images_pixels_are_read(came: Came) -> None:
    assert came.results["canvas"] == [255, 0, 0, 255]


def test_a_module_is_imported(came: Came) -> None:
    assert came.results["a module script"] == "imported"


def test_a_script_becomes_a_worker_of_the_page(came: Came) -> None:
    assert came.results["a blob's worker"] == "works"


def test_a_frame_without_an_origin_reads(came: Came) -> None:
    assert came.results["a sandboxed frame"] == ["null", "plain text"]


def test_a_page_that_was_opened_as_a_file_reads(engine: str, tmp_path: Path) -> None:
    assert asyncio.run(from_file(engine, tmp_path)) == ["null", "plain text"]


def test_a_page_that_demands_leave_to_embed_gets_it(came: Came) -> None:
    """Of `Cross-Origin-Embedder-Policy: require-corp`, for an image without crossorigin."""
    assert came.results["a page that demands it"] == "loaded"
