"""The commands. Plain verbs; exit codes 0 ok, 1 findings, 2 usage, 3 unreachable.

Owns which there are. Each file `cli_*` has the arguments and the output of some; what they do is done by the functions that
the daemon calls, and imported when they are called, so that `callward --help` stays quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from controller import (
    __version__,
    cli_alerts,
    cli_cascades,
    cli_check,
    cli_daemon,
    cli_demo,
    cli_explain,
    cli_fmt,
    cli_import,
    cli_messages,
    cli_records,
    cli_relay,
    cli_run,
    cli_simulate,
    cli_test,
    cli_top,
    cli_what_if,
)
from controller.command.manner import make_root
from controller.exits import FINDINGS, OK, UNREACHABLE, USAGE

__all__ = ["FINDINGS", "OK", "UNREACHABLE", "USAGE", "cli", "main"]

cli = make_root("Keeps inbound calls from reaching a dead end.")


@cli.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(f"callward {__version__}")
        raise typer.Exit(OK)


# In the order of the help, section by section.
cli_check.add_commands(cli)
cli_explain.add_commands(cli)
cli_what_if.add_commands(cli)
cli_test.add_commands(cli)
cli_fmt.add_commands(cli)
cli_import.add_commands(cli)
cli_run.add_commands(cli)
cli_daemon.add_commands(cli)
cli_top.add_commands(cli)
cli_alerts.add_commands(cli)
cli_records.add_commands(cli)
cli_cascades.add_commands(cli)
cli_messages.add_commands(cli)
cli_demo.add_commands(cli)
cli_relay.add_commands(cli)
cli_simulate.add_commands(cli)


def main() -> None:
    """Entry point of the `callward` command."""
    cli()


if __name__ == "__main__":
    main()
