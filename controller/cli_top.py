"""`callward top`: how everything is, in a terminal, for as long as somebody looks.

Owns arguments and output only, and which exit code says what.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from controller.command.asking import AsJson, StateDir, ask_daemon, end, print_json
from controller.command.manner import Section, add
from controller.exits import OK, UNREACHABLE, USAGE
from controller.files import DEFAULT_STATE_DIR


def add_commands(cli: typer.Typer) -> None:
    """Put it beside the others."""
    add(
        cli, top, Section.DAEMON, "callward top", "callward top --json | jq '.alarms'",
        exits={UNREACHABLE: "no daemon runs with that state folder"},
        shape="{head, alarms, trunks, providers, figures, live, calls, cascades, timeline: [{at, what, who, state, text}]}",
    )  # fmt: skip


def top(
    state_dir: StateDir = DEFAULT_STATE_DIR,
    numbers: Annotated[bool, typer.Option("--numbers", help="show the numbers of people as they are")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch trunks, calls and messages in this terminal.

    Trunks and providers with their last hour, calls of this moment, cascades, and what failed over and why; a key drains. Press ?
    for the keys. With --json one picture, and no more.
    """
    from controller.control import MESSAGES, is_served

    if not is_served(state_dir) and not is_served(state_dir, MESSAGES):
        ask_daemon(state_dir, "status")  # which says why not
    if as_json:
        import asyncio

        from controller.top.once import take_picture

        found = asyncio.run(take_picture(state_dir, whole=numbers))
        if found is None:
            end(f"the daemon of {state_dir} did not answer; its log may say why", UNREACHABLE)
        print_json(found)
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        end("top wants a terminal; --json prints one picture", USAGE)
    from controller.top.app import Top

    app = Top(state_dir, whole=numbers)
    app.run(mouse=False)  # what stands there can be marked and copied as in any other program
    raise typer.Exit(app.return_code or OK)
