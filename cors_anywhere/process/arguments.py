"""The command line: what click is told, and what is made of arguments that it cannot read.

Owns: how options are declared and shown, and that reading goes on after a mistake, so that all of
them are told at once.
Must not know: what a value means (options/), or what is done with it (command.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Final

import click

from cors_anywhere.config.manual import default_in_words
from cors_anywhere.config.option import Option
from cors_anywhere.config.options import GROUPS
from cors_anywhere.config.problems import Problem
from cors_anywhere.form import form

Run = Callable[[dict[str, Any], list[Problem], bool], int]
"""What the command does: of the values by option name, the mistakes of the command line itself,
and whether it is a check only, it makes the exit status."""

_ABOUT: Final = """\
Serve a CORS proxy: a page asks http://HOST:PORT/<url> and may read the reply.

`cors-anywhere healthcheck` says by its exit status whether the proxy with the same options answers.

`cors-anywhere doctor URL` says why a page may not read a URL without one."""

_EPILOG: Final = """\
Every option has an environment variable, CORSANYWHERE_ALLOW_ORIGIN for --allow-origin; options that
may be repeated take commas there. Also read: HOST, PORT, CORSANYWHERE_WHITELIST,
CORSANYWHERE_BLACKLIST, CORSANYWHERE_RATELIMIT, NODE_TLS_REJECT_UNAUTHORIZED=0, SSL_CERT_FILE,
http_proxy, https_proxy, all_proxy and no_proxy. An option beats its variable.

A value may be kept in a file: @PATH stands for the values in it, one a line; blank lines and lines
that begin with # are none. A value that itself begins with @ is written with @@."""

_MISTAKES: Final = "cors_anywhere.mistakes"
"""Where click's context keeps them."""


def command(run: Run) -> click.Command:
    """The command, which ends by `run`."""

    def callback(*, check: bool, **stated: Any) -> int:
        mistakes: list[Problem] = click.get_current_context().meta[_MISTAKES]
        return run(_by_option_name(stated), mistakes, check)

    declared: list[click.Parameter] = [
        _parameter(option) for group in GROUPS.values() for option in group
    ]
    check = click.Option(
        ["--check"], is_flag=True, help="Say whether the configuration is valid, and exit."
    )
    version = click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Show the version and exit.",
    )
    return _Command(
        "cors-anywhere",
        params=[*declared, check, version],
        callback=callback,
        help=_ABOUT,
        epilog=_EPILOG,
        context_settings={
            "ignore_unknown_options": True,
            "allow_extra_args": True,
            "help_option_names": ["-h", "--help"],
        },
    )


def _by_option_name(stated: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in stated.items()}


def _parameter(option: Option) -> click.Option:
    """Every value is taken as text: reading it is ours, so that all mistakes come together."""
    words = default_in_words(option)
    default = f" [default: {words}]" if words else ""
    names = [option.declaration, option.name.replace("-", "_")]
    if option.kind in ("flag", "clear"):
        return click.Option(names, is_flag=True, default=None, help=option.help + default)
    return click.Option(
        names,
        type=str,
        multiple=True,  # also where one is enough: given twice, it is worth a warning
        metavar=option.metavar + ("…" if option.kind == "many" else ""),
        help=option.help + default,
    )


def _print_version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if not asked:
        return
    from cors_anywhere import __version__  # noqa: PLC0415 - only read when asked for

    click.echo(f"cors-anywhere {__version__} ({form()})")
    ctx.exit()


class _Command(click.Command):
    """A command whose help shows its options in their groups, and that reads on after a mistake."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        mistakes: list[Problem] = []
        args = list(args)
        while True:
            try:
                left = super().parse_args(ctx, list(args))
            except click.BadOptionUsage as error:
                mistakes.append(_usage(error))
                args = _without(args, error.option_name)
            else:
                mistakes += self._contradictions(args)
                ctx.meta[_MISTAKES] = [*mistakes, *_not_understood(left, self._names())]
                return left

    def _contradictions(self, args: list[str]) -> Iterator[Problem]:
        for param in self.params:
            for off in param.secondary_opts:
                if off in args and param.opts[0] in args:
                    yield Problem(off, f"contradicts {param.opts[0]}: give one of them")

    def _names(self) -> list[str]:
        return [name for param in self.params for name in (*param.opts, *param.secondary_opts)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {param.name: param.get_help_record(ctx) for param in self.get_params(ctx)}
        for title, group in GROUPS.items():
            with formatter.section(title):
                rows = (records.pop(option.name.replace("-", "_"), None) for option in group)
                formatter.write_dl([row for row in rows if row])
        with formatter.section("Other"):
            formatter.write_dl([row for row in records.values() if row])


def _usage(error: click.BadOptionUsage) -> Problem:
    """The two things that click says of an option it knows: it has a value, or it has none."""
    name = error.option_name
    if "=" in error.message or "not take" in error.message:
        return Problem(name, f"takes no value: write {name} alone")
    return Problem(name, f"has no value: write it after a blank, as in {name} VALUE")


def _without(args: list[str], option: str) -> list[str]:
    """The arguments but for the option that cannot be read, which is the last of its name."""
    last = max(at for at, text in enumerate(args) if text.partition("=")[0] == option)
    return args[:last] + args[last + 1 :]


def _not_understood(left: Sequence[str], known: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with the arguments that were left over."""
    before = ""
    for text in left:
        name = text.partition("=")[0]
        if name in known:  # click reads nothing behind --
            yield Problem(name, "stands behind --, where no options are: remove the --")
        elif name.startswith("-"):
            near = get_close_matches(name, known, n=1)
            yield Problem(name, "is no option" + (f": is {near[0]} meant?" if near else ""))
        elif not before.startswith("-") or "=" in before:  # else it is that option's value
            yield Problem(
                f'"{text}"', "belongs to no option: remove it, or quote blanks in a value"
            )
        before = text
