"""`cors-anywhere doctor`: what it is asked, and its exit status.

Owns: its options and what is printed where. Must not know: how a diagnosis is made.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import ada_url
import click

from cors_anywhere.doctor.console import recognise
from cors_anywhere.doctor.fixes import SERVERS
from cors_anywhere.doctor.report import as_json, as_text, recognised_text
from cors_anywhere.doctor.vocabulary import ERROR, FOLLOW, MANUAL, Diagnosis, Question, Verdict
from cors_anywhere.messages import Fields
from cors_anywhere.tokens import is_field_value, is_token

WORKS, DOES_NOT, USAGE = 0, 1, 2
PROXY: Final = "http://localhost:8080"
"""Where `make run` serves: the line that is advised unless --via names another proxy."""

_ABOUT: Final = """\
Say why a page may not read URL, as a browser would, step by step.

It is a local tool: it reaches this machine and private networks without an option. Exit status: 0
it works, 1 it does not, 2 the question was wrong."""


def run(args: Sequence[str]) -> int:
    """Runs it with these arguments; the exit status."""
    try:
        status: int = command.main(list(args), "cors-anywhere doctor", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return USAGE
    except click.Abort:
        return 130
    return status


@click.command(help=_ABOUT, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("url", required=False)
@click.option("--origin", default="https://app.example", metavar="ORIGIN", help="The page's.")
@click.option("--method", default="GET", metavar="METHOD", help="As fetch() is given it.")
@click.option("--header", multiple=True, metavar="'NAME: VALUE'", help="That the script sets.")
@click.option("--credentials", is_flag=True, help="The credentials mode is include.")
@click.option("--no-cors", is_flag=True, help="The mode is no-cors, as of an <img>.")
@click.option("--redirect", type=click.Choice((FOLLOW, ERROR, MANUAL)), default=FOLLOW)
@click.option("--send", is_flag=True, help="Really send a method that may change something.")
@click.option("--via", metavar="PROXY", help="Walk the way through this CORS proxy, too.")
@click.option("--server", type=click.Choice(SERVERS), help="Show the lines that mend it there.")
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object.")
@click.option("--explain", metavar="MESSAGE", help="Explain a message of a browser's console.")
def command(
    url: str | None,
    explain: str | None,
    via: str | None,
    as_object: bool,
    server: str | None,
    **stated: Any,
) -> int:
    if explain is not None:
        return _explain(explain, as_object=as_object)
    if url is None:
        raise click.UsageError("give the URL that the page fetches, or --explain MESSAGE")
    question = _question(url, **stated)
    questions = [question]
    if via is not None:
        base = via.rstrip("/")
        questions.append(question._replace(url=f"{base}/{url}", via=True))
    found = asyncio.run(_diagnose(questions))
    proxy = via.rstrip("/") if via is not None else PROXY
    _print(found, proxy, server, as_object=as_object)
    return WORKS if found[-1].verdict is Verdict.WORKS else DOES_NOT


def _question(
    url: str,
    *,
    origin: str,
    method: str,
    header: Sequence[str],
    credentials: bool,
    no_cors: bool,
    redirect: str,
    send: bool,
) -> Question:
    if not is_token(method):
        raise click.UsageError(f'--method: "{method}" is no method')
    return Question(
        url, _origin(origin), method, _fields(header), credentials, redirect, no_cors, send
    )


def _origin(text: str) -> str:
    """An origin as browsers serialise it; a page's whole URL will do."""
    if text == "null":
        return text
    try:
        url = ada_url.URL(text)
    except ValueError:
        url = None
    if url is None or url.protocol not in ("http:", "https:"):
        raise click.UsageError(f'--origin: "{text}" is no origin: write https://host')
    return str(url.origin)


def _fields(stated: Sequence[str]) -> Fields:
    fields: list[tuple[str, str]] = []
    for text in stated:
        name, colon, value = text.partition(":")
        if not colon or not is_token(name.strip()) or not is_field_value(value.strip()):
            raise click.UsageError(f"--header: \"{text}\" is no field: write 'Name: value'")
        fields.append((name.strip(), value.strip()))
    return fields


async def _diagnose(questions: Sequence[Question]) -> list[Diagnosis]:
    from cors_anywhere.doctor import asking  # noqa: PLC0415 - --explain needs no network

    async with asking.local_egress() as (egress, resolver):
        return [
            await asking.diagnose(each, asking.EgressAsker(egress, asking.local_plan, resolver))
            for each in questions
        ]


def _print(found: Sequence[Diagnosis], proxy: str, server: str | None, *, as_object: bool) -> None:
    if as_object:
        shown = as_json(found[0], proxy)
        if len(found) > 1:
            shown["via"] = as_json(found[1], proxy)
        click.echo(json.dumps(shown, indent=2, ensure_ascii=True))
        return
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for number, diagnosis in enumerate(found):
        if number:
            click.echo(f"\nThrough {proxy}:\n")
        for line in as_text(diagnosis, proxy, colour=colour, server=server):
            click.echo(line, color=colour)


def _explain(message: str, *, as_object: bool) -> int:
    found = recognise(message)
    if found is None:
        raise click.UsageError(
            "--explain: this is no message of CORS that Chromium, Firefox or Safari prints: paste"
            " the whole line, from its first word"
        )
    if as_object:
        click.echo(json.dumps(found._asdict(), indent=2, ensure_ascii=True))
    else:
        for line in recognised_text(found):
            click.echo(line)
    return WORKS
