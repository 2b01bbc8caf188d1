"""The command that says what would become of a message.

Owns arguments and output only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from controller.exits import FINDINGS, OK, USAGE


def add_commands(cli: typer.Typer) -> None:
    """Put it beside the others."""
    cli.command("explain-message")(explain_message)


def explain_message(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the dialplan (YAML)")],
    to: Annotated[str, typer.Argument(metavar="NUMBER|ADDRESS", help="to whom; a made-up one will do")],
    cascade: Annotated[str, typer.Option(metavar="NAME", help="which cascade; default: as policy says")] = "",
    tenant: Annotated[str, typer.Option(metavar="NAME", help="who asks")] = "",
    use_case: Annotated[str, typer.Option(metavar="NAME", help="what for")] = "",
    operator: Annotated[str, typer.Option(metavar="MCCMNC", help="the network, if it is known")] = "",
    premium: Annotated[bool, typer.Option("--premium", help="of class premium")] = False,
    risk: Annotated[float, typer.Option(metavar="0..1", min=0.0, max=1.0, help="score of fraud")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="the explanation as JSON")] = False,
) -> None:
    """Say where a message would go, and why nowhere else.

    Policies, providers in their order, and everybody who is not used; as long as nothing is known of how well they do.
    """
    from rich.console import Console

    from controller import clock
    from controller.config import load, render
    from controller.explain import message

    loaded = load(file)
    if loaded.dialplan is None:
        typer.echo(render(loaded.diagnostics, loaded.sources), err=True)
        raise typer.Exit(FINDINGS)
    words = {"cascade": cascade, "tenant": tenant, "use_case": use_case, "operator": operator}
    try:
        found = message.explain_message(loaded.dialplan, to, clock.epoch(), premium=premium, risk=risk, **words)
    except message.MessageQuestionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(USAGE) from None
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        message.print_message(found, Console(highlight=False, emoji=False))
    raise typer.Exit(FINDINGS if found["refused"] else OK)
