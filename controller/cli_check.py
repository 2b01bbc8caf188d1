"""The commands that look at one dialplan: what is wrong with it, what it says, its language.

Owns arguments and output only.
"""

from __future__ import annotations

from typing import Annotated

import typer

from controller.command.asking import DialplanFile, end, load_file, see_file
from controller.command.manner import Section, add, make_group
from controller.exits import FINDINGS, OK, USAGE


def add_commands(cli: typer.Typer) -> None:
    """Put them beside the others."""
    add(
        cli, check, Section.DIALPLANS, "callward check acme.yaml", "callward check acme.yaml --strict",
        "callward check acme.yaml --sarif > acme.sarif",
        exits={FINDINGS: "the file has errors; with --strict, or warnings"},
        shape="{findings: [{file, line, col, severity, message, hint, code, ...}], ignored, summary}",
    )  # fmt: skip
    add(
        cli, schema, Section.DIALPLANS, "callward schema > callward.schema.json",
        "callward schema --tests > callward.test.schema.json",
    )  # fmt: skip
    config = make_group("Look at dialplans.", Section.DIALPLANS, no_args_is_help=True)
    add(
        config, show, Section.DIALPLANS, "callward config show acme.yaml", exits={FINDINGS: "the file has errors"},
    )  # fmt: skip
    cli.add_typer(config, name="config")


def check(
    file: DialplanFile,
    as_json: Annotated[bool, typer.Option("--json", help="findings and figures as JSON")] = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="findings as SARIF 2.1.0, for code hosts")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="warnings count as well: exit with 1")] = False,
) -> None:
    """Say what is wrong with a dialplan, or what it promises."""
    from controller.config.sarif import to_sarif
    from controller.summary import print_check, to_check_json

    if as_json and as_sarif:
        end("--json and --sarif: name one of the two", USAGE)
    loaded = load_file(file)
    if as_sarif:
        typer.echo(to_sarif(loaded.diagnostics, loaded.ignored))
    elif as_json:
        typer.echo(to_check_json(loaded))
    else:
        print_check(loaded)
    bad = loaded.dialplan is None or (strict and loaded.diagnostics)
    raise typer.Exit(FINDINGS if bad else OK)


def schema(
    tests: Annotated[bool, typer.Option("--tests", help="that of tests of dialplans, *.test.yaml")] = False,
) -> None:
    """Print the JSON Schema of dialplans, for editors."""
    from controller.config.schema import show_schema

    if tests:
        from controller.scenario.model import TITLE, WORDS, TestFileModel

        typer.echo(show_schema(TestFileModel, TITLE, WORDS), nl=False)
    else:
        typer.echo(show_schema(), nl=False)


def show(
    file: DialplanFile,
    numbers: Annotated[bool, typer.Option("--numbers", help="show the numbers of people as they are")] = False,
) -> None:
    """Print a dialplan to show around, without secrets.

    Joined with what it includes, numbers masked.
    """
    from controller.config.show import show_file

    see_file(file)
    text, is_whole = show_file(file, numbers=numbers)
    typer.echo(text, nl=False, err=not is_whole)
    raise typer.Exit(OK if is_whole else FINDINGS)
