"""The command that tests dialplans.

Owns arguments and output only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.command.asking import AsJson, end, print_json
from controller.command.manner import Section, add
from controller.exits import FINDINGS, OK, USAGE


def add_commands(cli: typer.Typer) -> None:
    """Put it beside the others."""
    add(
        cli, play_tests, Section.DIALPLANS, "callward test dialplans", "callward test acme.test.yaml -k night",
        name="test", exits={FINDINGS: "a test does not hold, or a file has errors"}, shape="{passed, failed, seconds, findings, tests: [{file, line, name, passed, differences, seen}]}",
    )  # fmt: skip


def play_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE|FOLDER", help="files of tests, dialplans, or folders; default: this folder"),
    ] = None,
    only: Annotated[str, typer.Option("-k", metavar="NAME", help="only tests with this in their name")] = "",
    as_json: AsJson = False,
) -> None:
    """Play the tests that stand beside dialplans.

    NAME.test.yaml says how trunks, people and providers are, and what must become of a call or a message then. All of it is
    played in virtual time.
    """
    from controller import clock
    from controller.scenario import report, run

    begun = clock.monotonic()
    try:
        results = run.run_tests(run.find_files(paths or [Path()]), only)
    except run.NothingToTestError as error:
        end(str(error), USAGE)
    seconds = clock.monotonic() - begun
    if as_json:
        print_json(report.to_data(results, seconds))
    else:
        typer.echo(report.show_results(results, seconds), nl=False)
    raise typer.Exit(FINDINGS if results.failed or results.findings else OK)
