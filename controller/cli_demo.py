"""The command that shows what callward does.

Owns its arguments and output only.
"""

from __future__ import annotations

from typing import Annotated

import typer

from controller.command.manner import Section, add
from controller.exits import FINDINGS, OK


def add_commands(cli: typer.Typer) -> None:
    """Put it beside the others."""
    add(
        cli, demo, Section.TOOLS, "callward demo", "callward demo --once", "callward demo --no-browser",
        exits={FINDINGS: "it went wrong, or could not begin"},
    )  # fmt: skip


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="tell the story once and end; exit code 1 if it went wrong")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="open the console in a browser, if one can be seen from here")
    ] = True,
) -> None:
    """Show a call that fails over, before your eyes.

    The real daemon among simulated carriers, phones and providers on this machine; then calls and codes go on, and you break what
    you like, here or in the console.
    """
    from controller.demo import DemoError, run_demo

    try:
        well = run_demo(once=once, browser=browser)
    except DemoError as error:
        typer.echo(f"the demo cannot go on: {error}", err=True)
        well = False
    raise typer.Exit(OK if well else FINDINGS)
