"""The table of options: complete, and consistent with the settings."""

from __future__ import annotations

from cors_anywhere.config.options import DEFAULTS, OPTIONS, PROXY_VARIABLES, markdown_table


def test_every_setting_can_be_given() -> None:
    by_option = {option.field for option in OPTIONS}
    assert by_option | {*PROXY_VARIABLES, "help_type"} == set(DEFAULTS)  # the help file tells that


def test_no_name_is_used_twice() -> None:
    names = [option.name for option in OPTIONS]
    variables = [name for option in OPTIONS for name in (option.variable, *option.legacy)]
    assert len(set(names)) == len(names)
    assert len(set(variables)) == len(variables)


def test_what_may_be_repeated_is_a_tuple_and_a_flag_a_bool() -> None:
    types = {"many": tuple, "clear": tuple, "flag": bool}
    for option in OPTIONS:
        assert isinstance(DEFAULTS[option.field], types.get(option.kind, object)), option.name


def test_the_table_for_the_readme_has_a_row_for_each_option() -> None:
    lines = markdown_table().splitlines()
    assert len(lines) == 2 + len(OPTIONS)
    assert "| `--port N` | `CORSANYWHERE_PORT`, `PORT` | 8080 |" in lines[3]
