"""The table of options: complete, and consistent with the settings."""

from __future__ import annotations

from cors_anywhere.config.manual import DEFAULTS
from cors_anywhere.config.options import OPTIONS, PROXY_VARIABLES


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
