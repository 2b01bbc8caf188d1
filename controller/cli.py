"""The commands. Plain verbs; exit codes 0 ok, 1 findings, 2 usage, 3 unreachable.

Owns arguments and output only: each command calls the functions that the daemon calls.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from controller import __version__

OK, FINDINGS, USAGE, UNREACHABLE = 0, 1, 2, 3
DEFAULT_STATE_DIR = Path("/var/lib/callward")

cli = typer.Typer(
    help="Keeps inbound calls from reaching a dead end.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

DialplanFile = Annotated[Path, typer.Argument(metavar="FILE", help="the dialplan (YAML)")]
StateDir = Annotated[Path, typer.Option(help="where keys live, so that calls survive a restart")]


@cli.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(f"callward {__version__}")
        raise typer.Exit(OK)


@cli.command()
def run(file: DialplanFile, state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Carry calls by this dialplan until SIGTERM."""
    from controller.app import App, StartError
    from controller.config import load, render

    loaded = load(file)
    if loaded.diagnostics:
        typer.echo(render(loaded.diagnostics), err=True)
    if loaded.dialplan is None:
        typer.echo("callward was not started", err=True)
        raise typer.Exit(FINDINGS)
    app = App(loaded.dialplan, state_dir)
    try:
        app.build()
    except StartError as error:
        typer.echo(str(error), err=True)
        typer.echo("callward was not started", err=True)
        raise typer.Exit(UNREACHABLE) from None
    try:
        asyncio.run(app.serve())
    finally:
        app.stop()


def main() -> None:
    """Entry point of the `callward` command."""
    cli()


if __name__ == "__main__":
    sys.exit(main())
