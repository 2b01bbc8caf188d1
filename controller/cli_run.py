"""The command that carries calls and messages.

Owns its arguments, and what is said where it cannot start.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from controller.command.asking import DialplanFile, StateDir, end, load_file, width_of_errors
from controller.command.manner import Section, add
from controller.exits import BUG, FINDINGS, UNREACHABLE, USAGE
from controller.files import DEFAULT_STATE_DIR

if TYPE_CHECKING:
    from controller.app import App
    from controller.broker.daemon import Daemon
    from controller.compiled import Compiled
    from controller.ops.daemon import Daemon as OpsDaemon


def add_commands(cli: typer.Typer) -> None:
    """Put it beside the others."""
    add(
        cli, run, Section.DAEMON,
        "callward run acme.yaml",
        "callward run acme.yaml --state-dir /tmp/callward --drain-timeout 10s",
        exits={
            FINDINGS: "the file has errors",
            UNREACHABLE: "a port is taken, a name is unknown, the state folder cannot be written",
        },
    )  # fmt: skip


class Role(StrEnum):
    """What a daemon does."""

    CALLS = "calls"
    MESSAGES = "messages"
    OPS = "ops"  # what operators see of both
    ALL = "all"  # calls, and the other two in processes beside them; messages alone where the dialplan has no calls


def run(
    file: DialplanFile,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    drain_timeout: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="what calls that ring may take to finish after SIGTERM; default: 30s",
            show_default=False,
        ),
    ] = "",
    role: Annotated[
        str,
        typer.Option(
            metavar="calls|messages|ops|all",
            help="what this daemon does: messages, and what operators see, are processes beside that for calls",
        ),
    ] = Role.ALL,
    end_with_stdin: Annotated[bool, typer.Option("--end-with-stdin", hidden=True)] = False,
) -> None:
    """Carry calls and messages by this dialplan until SIGTERM."""
    import asyncio

    from controller.app import DRAIN_TIMEOUT, App
    from controller.child import messages_command, role_command
    from controller.compiled import read_compiled

    patience = _read_time("--drain-timeout", drain_timeout) if drain_timeout else DRAIN_TIMEOUT
    wanted = _read_role(role)
    kept = read_compiled(file, state_dir)
    compiled = kept or _compile(file)
    has_calls = bool(compiled.dialplan.listen)
    if wanted is Role.CALLS and not has_calls:
        end(f"--role calls: {file} has messages alone; write 'listen' and 'trunks', or --role messages", USAGE)
    app: App | Daemon | OpsDaemon
    run_loop: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    if wanted is Role.MESSAGES or (wanted is Role.ALL and not has_calls):
        from controller.broker.daemon import Daemon
        from controller.process import run_quick

        app, run_loop = Daemon(compiled, state_dir, file, end_with_stdin=end_with_stdin), run_quick
        if wanted is Role.ALL and compiled.dialplan.ops is not None:
            typer.echo("messages alone: for what operators see start --role ops beside this process", err=True)
    elif wanted is Role.OPS:
        from controller.ops.daemon import Daemon as OpsDaemon

        app = OpsDaemon(compiled, state_dir, file, end_with_stdin=end_with_stdin)
    else:
        messages = messages_command(file, state_dir) if wanted is Role.ALL else ()
        ops = role_command("ops", file, state_dir) if wanted is Role.ALL else ()
        app = App(compiled, state_dir, file, patience, is_new=kept is None, messages=messages, ops=ops)
    if compiled.warnings and not end_with_stdin:  # whoever started us has shown them
        typer.echo(compiled.warnings, err=True)
    try:
        _serve(app, run_loop)
    except typer.Exit:
        raise
    except Exception:  # noqa: BLE001  # of the daemon: its log has to show where
        traceback.print_exc()
        raise typer.Exit(BUG) from None


def _read_role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        end(f"--role: {text!r} is none; write calls, messages, ops or all", USAGE)


def _serve(app: App | Daemon | OpsDaemon, run_loop: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    from controller.starting import StartError

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is ready: it reads the file as it is by then anyway
    try:
        app.build()
    except StartError as error:
        typer.echo(str(error), err=True)
        end("callward was not started", UNREACHABLE)
    try:
        run_loop(app.serve())
    except StartError as error:  # what only the network shows
        end(str(error), UNREACHABLE)
    finally:
        app.stop()


def _read_time(option: str, text: str) -> float:
    from controller.config.diagnostics import Mistake
    from controller.config.duration import parse_duration

    try:
        return parse_duration(text)
    except Mistake as mistake:
        end(f"{option}: {mistake.message}; {mistake.hint}", USAGE)


def _compile(file: Path) -> Compiled:
    from controller.compiled import Compiled
    from controller.config import render

    loaded = load_file(file)
    if loaded.dialplan is None:
        typer.echo(render(loaded.diagnostics, loaded.sources, width_of_errors()), err=True)
        end("callward was not started", FINDINGS)
    return Compiled(loaded.dialplan, render(loaded.diagnostics, loaded.sources), loaded.inputs)
