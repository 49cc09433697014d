"""The command: command line and environment to Settings to a serving proxy.

Owns: click, what is printed where, and the exit status.
Must not know: how an option is spelt (options.py) or what it means (settings.py), or how to serve.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click

from cors_anywhere.config.announce import listening_line, listening_urls, warnings
from cors_anywhere.config.given import Given, gather, unknown_variables
from cors_anywhere.config.options import GROUPS, Option
from cors_anywhere.config.startup import Server, make_settings, take_port

USAGE_ERROR: Final = 2
INTERRUPTED: Final = 130  # as a shell reports a process that SIGINT ended

_ABOUT: Final = """\
Serve a CORS proxy: a page asks http://HOST:PORT/<url> and may read the reply."""

_EPILOG: Final = """\
Every option has an environment variable, CORSANYWHERE_ALLOW_ORIGIN for --allow-origin; options that
may be repeated take commas there. Also read: HOST, PORT, CORSANYWHERE_WHITELIST,
CORSANYWHERE_BLACKLIST, CORSANYWHERE_RATELIMIT, NODE_TLS_REJECT_UNAUTHORIZED=0, SSL_CERT_FILE,
http_proxy, https_proxy, all_proxy and no_proxy. An option beats its variable."""


def main(
    args: Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
    server: Server | None = None,
) -> int:
    """Run the command and return its exit status: 0, or 2 when the configuration is wrong.

    `args` are those of the process by default, `env` is the process's environment.
    """

    def run(*, check: bool, **stated: Any) -> int:
        environment = os.environ if env is None else env
        return serve(_by_option_name(stated), environment, server or _real_server(), check=check)

    try:
        status: int = _command(run).main(args, "cors-anywhere", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    return status


def serve(
    stated: Mapping[str, Any], environment: Mapping[str, str], server: Server, *, check: bool
) -> int:
    """Serve with what was given, or say everything that is wrong with it. `check` stops there."""
    given = gather(stated, environment)
    settings = make_settings(given)
    sockets = take_port(given, settings, server)
    wrong = settings is None or bool(given.mistakes)
    if wrong or check:
        for opened in sockets:
            opened.close()
    if settings is None or wrong:
        _report(given)
        return USAGE_ERROR
    if check:
        click.echo("The configuration is valid.")
        return 0

    urls = listening_urls(settings, sockets)

    def announce() -> None:
        click.echo(listening_line(settings, urls))
        insecure_by = given.source("insecure_targets")
        for warning in (
            *warnings(settings, sockets, insecure_by),
            *unknown_variables(environment),
        ):
            click.echo(f"Warning: {warning}", err=True)

    return server.run(settings, sockets, on_listening=announce)


def _report(given: Given) -> None:
    count = len(given.mistakes)
    click.echo(f"cors-anywhere: {count} mistake{'s' if count > 1 else ''} to correct:", err=True)
    for where, text in given.mistakes:
        click.echo(f"  {where}: {text}", err=True)


class _Command(click.Command):
    """A command whose help shows its options in their groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {param.name: param.get_help_record(ctx) for param in self.get_params(ctx)}
        for title, group in GROUPS.items():
            with formatter.section(title):
                rows = (records.pop(option.name.replace("-", "_"), None) for option in group)
                formatter.write_dl([row for row in rows if row])
        with formatter.section("Other"):
            formatter.write_dl([row for row in records.values() if row])


def _command(run: Callable[..., int]) -> click.Command:
    declared: list[click.Parameter] = [
        _parameter(option) for group in GROUPS.values() for option in group
    ]
    version = click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Show the version and exit.",
    )
    check = click.Option(
        ["--check"], is_flag=True, help="Say whether the configuration is valid, and exit."
    )
    return _Command(
        "cors-anywhere",
        params=[*declared, check, version],
        callback=run,
        help=_ABOUT,
        epilog=_EPILOG,
    )


def _parameter(option: Option) -> click.Option:
    """Every value is taken as text: reading it is ours, so that all mistakes come together."""
    default = f" [default: {option.default}]" if option.default else ""
    names = [option.declaration, option.name.replace("-", "_")]
    if option.kind in ("flag", "clear"):
        return click.Option(names, is_flag=True, default=None, help=option.help + default)
    return click.Option(
        names,
        type=str,
        multiple=option.kind == "many",
        metavar=option.metavar + ("…" if option.kind == "many" else ""),
        help=option.help + default,
    )


def _by_option_name(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in stated.items()}


def _print_version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if not asked:
        return
    from cors_anywhere import __version__  # noqa: PLC0415 - only read when asked for

    click.echo(f"cors-anywhere {__version__}")
    ctx.exit()


def _real_server() -> Server:
    from cors_anywhere.process import serving  # noqa: PLC0415 - --help and --version need none of it

    return serving
