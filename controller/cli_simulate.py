"""The command that stands in for providers of messages.

Owns its arguments and output only.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from controller.exits import FINDINGS, UNREACHABLE, USAGE


def add_commands(cli: typer.Typer) -> None:
    """Put it beside the others."""
    cli.command()(simulate)


def simulate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the dialplan (YAML)")],
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[PROVIDER:]NAME=SHARE", help="what goes wrong, see docs/simulate.md: refuse=5%, delay=1s"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="the same seed, the same fate of every message")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="what comes, as lines of JSON")] = False,
) -> None:
    """Be the providers of a dialplan's messages.

    Those that it looks for on this machine. Until SIGTERM: prints where they listen and every message that comes, and in the end what became of them.
    """
    from controller.config import load_models
    from controller.config.diagnostics import Mistake
    from controller.simulate.options import read_faults
    from controller.simulate.serve import serve
    from controller.simulate.town import TownError, plan_town

    loaded = load_models(file)
    if isinstance(loaded, str):
        typer.echo(loaded, err=True)
        raise typer.Exit(FINDINGS)
    try:
        town = plan_town(loaded[1].messaging, loaded[0].providers)
        faults = read_faults(fault or (), town.providers)
    except Mistake as mistake:
        typer.echo(f"--fault: {mistake.message}; {mistake.hint}", err=True)
        raise typer.Exit(USAGE) from None
    except TownError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FINDINGS) from None
    try:
        asyncio.run(serve(town, faults, seed, sys.stdout, as_json=as_json))
    except OSError as error:
        typer.echo(f"cannot listen: {error.strerror or error}", err=True)
        raise typer.Exit(UNREACHABLE) from None
