"""What pages use works through the proxy, in real browsers, as its own documents show it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.browsers.site import Came, run
from tests.browsers.targets import PART


@pytest.fixture(scope="module")
def came(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Came]:
    yield asyncio.run(run(engine, "libraries.js", tmp_path_factory.mktemp("libraries")))


@pytest.mark.parametrize(
    ("library", "told"),
    [
        ("axios", ["PATCH", "k", '{"asked":1}', "yes"]),
        ("ky", ["POST", "k", '{"asked":1}', "yes"]),
        ("jQuery", ["DELETE", "k", ""]),
        ("superagent", ["PUT", "k", '{"asked":1}', "yes"]),
    ],
)
def test_a_client_sends_methods_headers_and_bodies(came: Came, library: str, told: object) -> None:
    assert came.results[library] == told


def test_axios_reads_the_targets_error(came: Came) -> None:
    assert came.results["axios, an error"] == [404, "of the target"]


def test_axios_sees_an_uploads_progress(came: Came) -> None:
    assert came.results["axios, an upload's progress"] == [3_000_000, 3_000_000]


def test_rss_parser_reads_a_feed(came: Came) -> None:
    assert came.results["rss-parser"] == ["News", ["First", "Second"]]


def test_isomorphic_git_clones_by_its_own_convention(came: Came) -> None:
    assert came.results["isomorphic-git"] == ["told", 2]


def test_hls_finds_a_films_parts_by_relative_urls(came: Came) -> None:
    assert came.results["hls.js"] == [True, len(PART)]


def test_dash_plays_a_film_of_parts_to_its_end(came: Came) -> None:
    """Its pixels across, its seconds, and that every part came through the proxy."""
    assert came.results["dash.js"] == [160, 4, True]


def test_sqlite_finds_a_row_without_reading_the_database(came: Came) -> None:
    """What it read is less than a tenth."""
    assert came.results["sql.js-httpvfs"] == [20, True]
    assert len(came.ranges["data.sqlite"]) > 1


def test_pdf_reads_a_document_by_ranges(came: Came) -> None:
    assert came.results["pdf.js"] == 1
    assert came.ranges["large.pdf"]


def test_swagger_ui_tries_an_operation(came: Came) -> None:
    assert came.results["swagger-ui"].startswith("200")


def test_leaflet_shows_tiles_whose_pixels_can_be_read(came: Came) -> None:
    assert came.results["leaflet"] == [[], [255, 0, 0, 255]]


@pytest.mark.parametrize("library", ["tus-js-client", "tus-js-client, any URL"])
def test_tus_uploads_in_parts(came: Came, library: str) -> None:
    assert came.results[library] is True
