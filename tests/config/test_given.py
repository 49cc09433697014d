"""What the operator gave: which source wins, and what it is called in a message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cors_anywhere.config.given import Given, gather
from cors_anywhere.config.options import OPTIONS
from cors_anywhere.config.problems import Problem


def environment(**variables: str) -> Given:
    return gather({}, variables)


def test_nothing_given_leaves_every_default() -> None:
    given = gather({"port": None, "allow-origin": (), "nat64": None}, {})
    assert (given.values, given.mistakes) == ({}, [])


@pytest.mark.parametrize("option", [item for item in OPTIONS if item.kind == "one"])
def test_every_option_has_its_variable(option: Any) -> None:
    variable = "CORSANYWHERE_" + option.name.upper().replace("-", "_")
    assert environment(**{variable: " 7 "}).values == {option.field: option.read("7")}


MANY = [item for item in OPTIONS if item.kind == "many" and item.separator == ","]


@pytest.mark.parametrize("option", MANY)
def test_what_may_be_repeated_takes_commas_in_its_variable(option: Any) -> None:
    variable = "CORSANYWHERE_" + option.name.upper().replace("-", "_")
    given = environment(**{variable: " h: a:1=x , h: b:2=y,,"})
    assert given.values == {option.field: (option.read("h: a:1=x"), option.read("h: b:2=y"))}


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("50 3, 10/second by target", ("50 3", "10/second by target")),
        ("50 3 a.org,b.org", ("50 3 a.org,b.org",)),
        ("50 3 /a{1,2}/,100/hour,9 9,8 per day,@", None),
        ("50/minute /a{1,2}/ ,100/hour,9 9", ("50/minute /a{1,2}/", "100/hour", "9 9")),
    ],
)
def test_limits_in_a_variable_are_separated_by_the_commas_that_are_in_none(
    text: str, limits: tuple[str, ...] | None
) -> None:
    given = environment(CORSANYWHERE_RATE_LIMIT=text)
    assert given.values.get("rate_limits") == limits if limits else given.mistakes


@pytest.mark.parametrize(
    "text",
    ["1GB/hour by client, 500MB/minute by target", "1GB/hour by client,500MB/minute by target"],
)
def test_so_are_limits_of_octets(text: str) -> None:
    given = environment(CORSANYWHERE_BYTE_LIMIT=text)
    assert given.values["byte_limits"] == ("1GB/hour by client", "500MB/minute by target")


NAMES = [option for option in OPTIONS if option.kind == "many" and not option.holds_commas]


@pytest.mark.parametrize("option", NAMES, ids=lambda option: option.name)
def test_a_comma_on_the_command_line_separates_nothing_and_is_a_mistake(option: Any) -> None:
    given = gather({option.name: ("a,b", "c=d")}, {})
    (mistake,) = given.mistakes
    assert mistake.setting == option.flag
    assert f"repeat the option, as in {option.flag} a {option.flag} b " in mistake.text
    assert option.variable in mistake.text


def test_a_comma_is_part_of_a_header() -> None:
    given = gather({"set-header": ("A: b, c",)}, {})
    assert (given.values, given.mistakes) == ({"set_headers": (("A", "b, c"),)}, [])


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
@pytest.mark.parametrize("text", ["", "  "])
def test_an_option_that_is_given_empty_is_a_mistake(option: Any, text: str) -> None:
    if option.kind in ("flag", "clear"):
        return
    (mistake,) = gather({option.name: (text,)}, {}).mistakes
    assert mistake.setting == option.flag
    assert mistake.text.startswith("is empty: ")


def test_who_empties_the_required_headers_is_told_how_to_require_none() -> None:
    (mistake,) = gather({"require-header": ("",)}, {}).mistakes
    assert "--no-require-header" in mistake.text


@pytest.mark.parametrize("option", [item for item in OPTIONS if item.kind == "many"])
@pytest.mark.parametrize("text", [",", " , ,"])
def test_a_variable_of_commas_alone_is_a_mistake(option: Any, text: str) -> None:
    (mistake,) = environment(**{option.variable: text}).mistakes
    assert mistake.setting == option.variable
    assert mistake.text.startswith("holds commas alone: ")


def test_of_an_option_given_twice_the_last_counts_and_that_is_told() -> None:
    given = gather({"port": ("1", "2")}, {})
    assert (given.values, given.mistakes) == ({"port": 2}, [])
    assert given.doubts == [Problem("--port", "was given 2 times: the last one counts")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, True) for text in ("1", "true", "TRUE", "yes", "on", " On ")),
        *((text, False) for text in ("0", "false", "no", "off")),
    ],
)
def test_a_switch_reads_the_usual_words(text: str, value: bool) -> None:
    assert environment(CORSANYWHERE_NAT64=text).values == {"nat64": value}


LEGACY = [
    ("HOST", "::, 127.0.0.1", "hosts", ("::", "127.0.0.1")),
    ("PORT", "80", "port", 80),
    ("CORSANYWHERE_WHITELIST", "a, b", "allow_origins", ("a", "b")),
    ("CORSANYWHERE_BLACKLIST", "a,b", "deny_origins", ("a", "b")),
    ("CORSANYWHERE_RATELIMIT", "50 3 /a{1,2}/", "rate_limits", ("50 3 /a{1,2}/",)),
    ("SSL_CERT_FILE", "ca.pem", "ca_file", "ca.pem"),
    ("NODE_TLS_REJECT_UNAUTHORIZED", "0", "insecure_targets", True),
    ("http_proxy", "http://a", "http_proxy", "http://a"),
    ("HTTPS_PROXY", "http://a", "https_proxy", "http://a"),
    ("ALL_PROXY", "http://a", "all_proxy", "http://a"),
    ("no_proxy", "a,b", "no_proxy", "a,b"),
]


@pytest.mark.parametrize(("variable", "text", "setting", "value"), LEGACY)
def test_the_variables_of_before_are_kept(
    variable: str, text: str, setting: str, value: object
) -> None:
    given = environment(**{variable: text})
    assert (given.values, given.source(setting)) == ({setting: value}, variable)


@pytest.mark.parametrize("variable", [row[0] for row in LEGACY] + ["CORSANYWHERE_NAT64"])
@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_counts_as_unset(variable: str, text: str) -> None:
    assert environment(**{variable: text}).values == {}


@pytest.mark.parametrize("text", ["1", "false", "no"])
def test_only_zero_turns_the_verification_of_node_off(text: str) -> None:
    assert environment(NODE_TLS_REJECT_UNAUTHORIZED=text).values == {}


def test_an_option_beats_its_variable_which_beats_the_one_kept() -> None:
    variables = {"PORT": "1", "CORSANYWHERE_PORT": "2"}
    assert gather({"port": ("3",)}, variables).values == {"port": 3}
    assert gather({}, variables).values == {"port": 2}
    assert gather({"port": None}, {"PORT": "1"}).values == {"port": 1}


def test_a_bad_value_that_is_beaten_does_no_harm() -> None:
    given = gather({"port": ("3",)}, {"PORT": "x"})
    assert (given.values, given.mistakes) == ({"port": 3}, [])


def test_a_flag_turned_off_beats_a_variable_that_turns_it_on() -> None:
    variables = {"NODE_TLS_REJECT_UNAUTHORIZED": "0", "CORSANYWHERE_NAT64": "1"}
    given = gather({"insecure-targets": False, "nat64": False}, variables)
    assert given.values == {"insecure_targets": False, "nat64": False}


def test_the_lower_case_proxy_variable_wins() -> None:
    assert environment(HTTP_PROXY="http://upper", http_proxy="http://lower").values == {
        "http_proxy": "http://lower"
    }


@pytest.mark.parametrize(
    ("stated", "variables", "required"),
    [
        ({"no-require-header": True}, {}, ()),
        ({"no-require-header": True}, {"CORSANYWHERE_REQUIRE_HEADER": "a"}, ()),
        ({}, {"CORSANYWHERE_NO_REQUIRE_HEADER": "1"}, ()),
        ({}, {"CORSANYWHERE_NO_REQUIRE_HEADER": "0"}, None),
        ({"require-header": ("a",)}, {"CORSANYWHERE_NO_REQUIRE_HEADER": "1"}, ("a",)),
        (
            {},
            {"CORSANYWHERE_REQUIRE_HEADER": "a", "CORSANYWHERE_NO_REQUIRE_HEADER": "0"},
            ("a",),
        ),
    ],
)
def test_required_headers_can_be_none(
    stated: dict[str, Any], variables: dict[str, str], required: tuple[str, ...] | None
) -> None:
    given = gather(stated, variables)
    assert (given.values.get("require_headers"), given.mistakes) == (required, [])


def test_requiring_headers_and_none_is_a_contradiction() -> None:
    given = gather({"require-header": ("a",), "no-require-header": True}, {})
    assert given.mistakes == [
        Problem("--no-require-header", "contradicts --require-header: give one of them")
    ]


@pytest.mark.parametrize(
    ("name", "text", "fix"),
    [
        ("port", "x", "write digits only"),
        ("port", "1_0", "write digits only"),
        ("port", "8080.5", "write digits only"),
        ("port", "٨٠", "write digits only"),
        ("help-file", "a\0", "NUL"),
        ("head-timeout", "30s", "30 or 0.5"),
        ("head-timeout", "nan", "30 or 0.5"),
        ("head-timeout", "1e3", "30 or 0.5"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_fix(name: str, text: str, fix: str) -> None:
    (mistake,) = gather({name: (text,)}, {}).mistakes
    assert mistake.setting == f"--{name}"
    assert fix in mistake.text


def test_a_mistake_in_a_variable_names_the_variable() -> None:
    assert [
        mistake.setting for mistake in environment(PORT="x", CORSANYWHERE_NAT64="y").mistakes
    ] == [
        "PORT",
        "CORSANYWHERE_NAT64",
    ]


def test_each_bad_item_of_a_list_is_a_mistake_and_none_is_repeated() -> None:
    given = gather({"set-header": ("A: 1", "secret", "also secret")}, {})
    assert given.values == {"set_headers": (("A", "1"),)}
    assert [mistake.setting for mistake in given.mistakes] == ["--set-header", "--set-header"]
    assert "secret" not in str(given.mistakes)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("A: b: c", ("A", "b: c")),
        ("A:b", ("A", "b")),
        ("  A :  b  ", ("A", "b")),
        ("A:", ("A", "")),
    ],
)
def test_a_header_is_a_name_and_a_value(text: str, header: tuple[str, str]) -> None:
    assert gather({"set-header": (text,)}, {}).values == {"set_headers": (header,)}


# --- files of values ------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[str], str]:
    """Keeps a text in a file, and names that as an option does."""

    def keep(text: str) -> str:
        path = tmp_path / "values.txt"
        path.write_text(text)
        return f"@{path}"

    return keep


Kept = Callable[[str], str]


@pytest.mark.parametrize("option", [item for item in OPTIONS if item.kind == "many"])
@pytest.mark.parametrize("by", ["option", "variable"])
def test_what_may_be_repeated_is_read_from_a_file(option: Any, by: str, kept: Kept) -> None:
    named = kept("# said\nh: a:1=x\n\nh: b:2=y\n")
    if by == "option":
        given = gather({option.name: (named,)}, {})
    else:
        given = environment(**{option.variable: named})
    assert given.values == {option.field: (option.read("h: a:1=x"), option.read("h: b:2=y"))}
    assert given.places == {option.field: (f"{named}:2", f"{named}:4")}
    assert (given.mistakes, given.files) == ([], [named[1:]])


@pytest.mark.parametrize("option", [item for item in OPTIONS if item.kind == "one"])
@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_single_value_is_read_from_a_file(option: Any, by: str, kept: Kept) -> None:
    named = kept("# said\n 7 \n")
    if by == "option":
        given = gather({option.name: (named,)}, {})
    else:
        given = environment(**{option.variable: named})
    assert given.values == {option.field: option.read("7")}
    assert given.source(option.field).endswith(f" {named}:2")


def test_files_and_values_may_be_mixed(kept: Kept) -> None:
    named = kept("b\nc\n")
    assert gather({"deny-target": ("a", named, "d")}, {}).values["deny_targets"] == tuple("abcd")
    mixed = environment(CORSANYWHERE_DENY_TARGET=f"a, {named} ,d")
    assert mixed.values["deny_targets"] == tuple("abcd")


def test_a_header_with_commas_is_read_from_the_file_of_a_variable(kept: Kept) -> None:
    given = environment(CORSANYWHERE_SET_HEADER=kept("Accept: a, b\n"))
    assert given.values == {"set_headers": (("Accept", "a, b"),)}


def test_a_single_option_takes_one_value_of_a_file(kept: Kept) -> None:
    named = kept("1\n\n2\n3")
    (mistake,) = gather({"port": (named,)}, {}).mistakes
    assert mistake.setting == f"--port {named}:3"
    assert "--port takes one" in mistake.text


@pytest.mark.parametrize(
    ("option", "content", "fix"),
    [("port", "80\n", ""), ("port", "\n", "give a value"), ("allow-origin", "#", "at least one")],
)
def test_a_file_without_a_value_is_a_mistake(
    option: str, content: str, fix: str, kept: Kept
) -> None:
    named = kept(content)
    found = [(item.setting, fix in item.text) for item in gather({option: (named,)}, {}).mistakes]
    assert found == ([(f"--{option} {named}", True)] if fix else [])


def test_a_deny_list_may_be_empty_for_a_while_and_that_is_told(kept: Kept) -> None:
    named = kept("# nobody\n")
    given = gather({"deny-target": (named,)}, {})
    assert (given.values, given.mistakes) == ({"deny_targets": ()}, [])
    assert given.said() == [f"--deny-target {named}: holds no value, so it denies nothing"]


@pytest.mark.parametrize(
    ("option", "content", "text"),
    [
        ("set-header", "a: b\nc\n", "has no colon"),
        ("deny-target", "a\nb,c\n", "write each value on a line of its own"),
        ("deny-target", "a\nb\0c\n", "NUL"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    option: str, content: str, text: str, kept: Kept
) -> None:
    named = kept(content)
    (mistake,) = environment(**{f"CORSANYWHERE_{option.upper().replace('-', '_')}": named}).mistakes
    assert mistake.setting.endswith(f" {named}:2")
    assert text in mistake.text


def test_a_file_that_cannot_be_read_is_a_mistake_beside_the_others() -> None:
    given = gather({"allow-origin": ("@/none",), "port": ("x",), "deny-target": ("@",)}, {})
    assert [mistake.setting for mistake in given.mistakes] == [
        "--port",
        "--allow-origin @/none",
        "--deny-target @",
    ]


def test_only_the_source_that_wins_is_read() -> None:
    given = gather({"port": ("@/none", "3")}, {"PORT": "@/none"})
    assert (given.values, given.mistakes, given.files) == ({"port": 3}, [], [])


def test_a_doubled_at_sign_begins_a_value() -> None:
    assert gather({"help-file": ("@@page.txt",)}, {}).values == {"help_text": "@page.txt"}


def test_a_switch_is_never_in_a_file() -> None:
    (mistake,) = environment(CORSANYWHERE_NAT64="@x").mistakes
    assert mistake.text.startswith('"@x" is neither yes nor no')
