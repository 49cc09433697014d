"""The command line: what is read from it, what it shows, and all that is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from cors_anywhere import __version__
from cors_anywhere.config.options import GROUPS, OPTIONS
from cors_anywhere.config.problems import Problem
from cors_anywhere.form import form
from cors_anywhere.process.arguments import command


class Seen:
    """What the command would have run with."""

    def __init__(self, *args: str) -> None:
        self.stated: dict[str, Any] = {}
        self.mistakes: list[Problem] = []
        self.check = False
        self.status = command(self._run).main(args, standalone_mode=False)

    def _run(self, stated: dict[str, Any], mistakes: list[Problem], check: bool) -> int:
        self.stated, self.mistakes, self.check = stated, mistakes, check
        return 7

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(problem.setting, problem.text) for problem in self.mistakes]


def test_values_come_as_text_by_the_name_of_their_option() -> None:
    seen = Seen("--port", "x", "--allow-origin", "a", "--allow-origin=b", "--nat64", "--check")
    assert (seen.stated["port"], seen.stated["allow-origin"]) == (("x",), ("a", "b"))
    assert (seen.stated["nat64"], seen.stated["dev"], seen.check) == (True, None, True)
    assert (seen.status, seen.mistakes) == (7, [])


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--allow-orgin", "x"], [("--allow-orgin", "is no option: is --allow-origin meant?")]),
        (["--allow-orgin=x"], [("--allow-orgin", "is no option: is --allow-origin meant?")]),
        (["--qqqqqqqqqqqq"], [("--qqqqqqqqqqqq", "is no option")]),
        (
            ["--", "--port", "1"],
            [("--port", "stands behind --, where no options are: remove the --")],
        ),
        (["--nat64", "--no-nat64"], [("--no-nat64", "contradicts --nat64: give one of them")]),
        (["-p", "80"], [("-p", "is no option")]),
        (["what"], [('"what"', "belongs to no option: remove it, or quote blanks in a value")]),
        (["--nat64=1"], [("--nat64", "takes no value: write --nat64 alone")]),
        (["--port"], [("--port", "has no value: write it after a blank, as in --port VALUE")]),
    ],
)
def test_what_cannot_be_read_is_a_mistake(args: list[str], told: list[tuple[str, str]]) -> None:
    assert Seen(*args).told == told


def test_reading_goes_on_after_every_mistake() -> None:
    seen = Seen("--nat64=1", "--wat", "v", "stray", "--host", "h", "--no-dev=x", "--port")
    wrong = {"--nat64", "--no-dev", "--port", "--wat", '"stray"'}
    assert {where for where, _ in seen.told} == wrong
    assert seen.stated["host"] == ("h",)


def test_a_value_that_looks_like_an_option_is_a_value() -> None:
    seen = Seen("--set-header", "--nat64", "--port", "1")
    assert (seen.stated["set-header"], seen.stated["port"]) == (("--nat64",), ("1",))


def test_the_help_groups_all_options_and_shows_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert Seen("--help").status == Seen("-h").status == 0
    text = capsys.readouterr().out
    assert all(f"\n{title}:\n" in text for title in GROUPS)
    assert all(f"  {option.flag} " in text for option in OPTIONS)
    assert "[default: 127.0.0.1]" in text
    assert (
        "\n  --max-redirects N               Redirects followed for a request. [default:\n" in text
    )


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert Seen("--version").status == 0
    assert capsys.readouterr().out == f"cors-anywhere {__version__} ({form()})\n"
