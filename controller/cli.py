"""The commands. Plain verbs; exit codes 0 ok, 1 findings, 2 usage, 3 unreachable.

Owns arguments and output only: each command calls the functions that the daemon calls.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from controller import (
    __version__,
    cli_alerts,
    cli_cascades,
    cli_explain,
    cli_messages,
    cli_mqtt,
    cli_records,
    cli_simulate,
    cli_test,
    cli_what_if,
)
from controller.exits import FINDINGS, OK, UNREACHABLE, USAGE
from controller.files import DEFAULT_STATE_DIR
from controller.process import no_collection, run_quick

if TYPE_CHECKING:
    from controller.app import App
    from controller.broker.daemon import Daemon
    from controller.compiled import Compiled
    from controller.ops.daemon import Daemon as OpsDaemon

cli = typer.Typer(
    help="Keeps inbound calls from reaching a dead end.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Role(StrEnum):
    """What a daemon does."""

    CALLS = "calls"
    MESSAGES = "messages"
    OPS = "ops"  # what operators see of both
    ALL = "all"  # calls, and the other two in processes beside them; messages alone where the dialplan has no calls


config_cli = typer.Typer(help="Look at dialplans.", no_args_is_help=True, rich_markup_mode=None)
cli.add_typer(config_cli, name="config")

DialplanFile = Annotated[Path, typer.Argument(metavar="FILE", help="the dialplan (YAML)")]
TrunkName = Annotated[str, typer.Argument(metavar="TRUNK", help="a trunk of the dialplan")]
StateDir = Annotated[Path, typer.Option(help="where keys live, so that calls survive a restart")]


@cli.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(f"callward {__version__}")
        raise typer.Exit(OK)


@cli.command()
def run(
    file: DialplanFile,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    drain_timeout: Annotated[
        str,
        typer.Option(help="what calls that ring may take to finish after SIGTERM; default: 30s", show_default=False),
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
    from controller.app import DRAIN_TIMEOUT, App
    from controller.child import messages_command, role_command
    from controller.compiled import read_compiled

    patience = _read_time("--drain-timeout", drain_timeout) if drain_timeout else DRAIN_TIMEOUT
    wanted = _read_role(role)
    kept = read_compiled(file, state_dir)
    compiled = kept or _compile(file)
    has_calls = bool(compiled.dialplan.listen)
    if wanted is Role.CALLS and not has_calls:
        typer.echo(
            f"--role calls: {file} has messages alone; write 'listen' and 'trunks', or --role messages", err=True
        )
        raise typer.Exit(USAGE)
    app: App | Daemon | OpsDaemon
    run_loop: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    if wanted is Role.MESSAGES or (wanted is Role.ALL and not has_calls):
        from controller.broker.daemon import Daemon

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
    _serve(app, run_loop)


def _read_role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        typer.echo(f"--role: {text!r} is none; write calls, messages, ops or all", err=True)
        raise typer.Exit(USAGE) from None


def _serve(app: App | Daemon | OpsDaemon, run_loop: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    from controller.starting import StartError

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is ready: it reads the file as it is by then anyway
    try:
        app.build()
    except StartError as error:
        typer.echo(str(error), err=True)
        typer.echo("callward was not started", err=True)
        raise typer.Exit(UNREACHABLE) from None
    try:
        run_loop(app.serve())
    except StartError as error:  # what only the network shows
        typer.echo(str(error), err=True)
        raise typer.Exit(UNREACHABLE) from None
    finally:
        app.stop()


def _read_time(option: str, text: str) -> float:
    from controller.config.diagnostics import Mistake
    from controller.config.duration import parse_duration

    try:
        return parse_duration(text)
    except Mistake as mistake:
        typer.echo(f"{option}: {mistake.message}; {mistake.hint}", err=True)
        raise typer.Exit(USAGE) from None


def _compile(file: Path) -> Compiled:
    from controller.compiled import Compiled
    from controller.config import load, render

    with no_collection():
        loaded = load(file)
    findings = render(loaded.diagnostics, loaded.sources)
    if loaded.dialplan is None:
        typer.echo(findings, err=True)
        typer.echo("callward was not started", err=True)
        raise typer.Exit(FINDINGS)
    return Compiled(loaded.dialplan, findings, loaded.inputs)


@cli.command()
def check(
    file: DialplanFile,
    as_json: Annotated[bool, typer.Option("--json", help="findings and figures as JSON")] = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="findings as SARIF 2.1.0, for code hosts")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="warnings count as well: exit with 1")] = False,
) -> None:
    """Say what is wrong with a dialplan, or what it promises."""
    from controller.config import load
    from controller.config.sarif import to_sarif
    from controller.summary import print_check, to_check_json

    if as_json and as_sarif:
        typer.echo("--json and --sarif: name one of the two", err=True)
        raise typer.Exit(USAGE)
    with no_collection():
        loaded = load(file)
    if as_sarif:
        typer.echo(to_sarif(loaded.diagnostics, loaded.ignored))
    elif as_json:
        typer.echo(to_check_json(loaded))
    else:
        print_check(loaded)
    bad = loaded.dialplan is None or (strict and loaded.diagnostics)
    raise typer.Exit(FINDINGS if bad else OK)


@cli.command()
def schema(
    tests: Annotated[bool, typer.Option("--tests", help="that of tests of dialplans, *.test.yaml")] = False,
) -> None:
    """Print the JSON Schema of dialplans, for editors."""
    from controller.config.schema import show_schema

    if tests:
        from controller.scenario.model import TITLE, TestFileModel

        typer.echo(show_schema(TestFileModel, TITLE), nl=False)
    else:
        typer.echo(show_schema(), nl=False)


@config_cli.command()
def show(
    file: DialplanFile,
    numbers: Annotated[bool, typer.Option("--numbers", help="show the numbers of people as they are")] = False,
) -> None:
    """Print a dialplan to show around: joined with what it includes, without secrets, numbers masked."""
    from controller.config.show import show_file

    text, is_whole = show_file(file, numbers=numbers)
    typer.echo(text, nl=False, err=not is_whole)
    raise typer.Exit(OK if is_whole else FINDINGS)


@cli.command()
def reload(state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Have the running daemon take its file anew.

    As SIGHUP does; it keeps the old one where the new one is not whole.
    """
    answer = _ask(state_dir, "reload")
    if answer["text"]:
        typer.echo(answer["text"].rstrip("\n"), err=True)
    if not answer["ok"]:
        typer.echo("not reloaded; what runs goes on", err=True)
        raise typer.Exit(FINDINGS)
    typer.echo(f"reloaded: version {answer['version']}")


@cli.command()
def drain(trunk: TrunkName, state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Send calls another way than over this trunk.

    New ones, and wherever another way leads; calls that are up finish.
    """
    _act_on(trunk, state_dir, "drain", "drained: calls go there only where nothing else leads", "was drained already")


@cli.command()
def undrain(trunk: TrunkName, state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Give a drained trunk its calls back, in steps."""
    _act_on(trunk, state_dir, "undrain", "undrained: its calls come back in steps", "was not drained")


def _act_on(trunk: str, state_dir: Path, command: str, done: str, already: str) -> None:
    answer = _ask(state_dir, command, trunk=trunk)
    if not answer["ok"]:
        typer.echo(answer["text"], err=True)
        raise typer.Exit(USAGE)
    typer.echo(f"{trunk} {done if answer['changed'] else already}")


@cli.command()
def status(
    state_dir: StateDir = DEFAULT_STATE_DIR,
    as_json: Annotated[bool, typer.Option("--json", help="the same as JSON")] = False,
) -> None:
    """Show how the running daemon sees its trunks.

    And its providers of messages. Exit code 1 if one of either is down.
    """
    from rich.console import Console

    from controller.status_table import is_bad, print_status

    answer = _ask(state_dir, "status")
    if not answer["ok"]:
        typer.echo(answer["text"], err=True)
        raise typer.Exit(UNREACHABLE)
    found = answer["status"] | cli_alerts.count_alerts(state_dir) | cli_mqtt.see_mqtt(state_dir)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        print_status(found, Console(highlight=False, emoji=False))
    raise typer.Exit(FINDINGS if is_bad(found) else OK)


@cli.command("rotate-keys")
def rotate(state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Seal with a new key; older seals still open.

    New calls, and what is kept of messages. Restart the daemon afterwards.
    """
    from controller.keys import FILE, KEPT, KeyFileError, rotate_keys
    from controller.privacy import rotate_keyring

    try:
        keyring = rotate_keyring(state_dir)
        keys = None if keyring is not None and not (state_dir / FILE).exists() else rotate_keys(state_dir)
    except KeyFileError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNREACHABLE) from None
    if keys is not None:
        typer.echo(
            f"key {keys.current} seals from the next start on; {len(keys.seals)} of at most {KEPT} keys still open seals"
        )
    if keyring is not None:
        typer.echo(f"messages: data key {keyring.current} seals from the next start on; {len(keyring.data)} keys open")


@cli.command()
def relay(
    listen: Annotated[str, typer.Option(metavar="IP:PORT", help="where to listen")],
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="where everything goes")],
    udp: Annotated[bool, typer.Option("--udp", help="relay UDP; the default")] = False,
    tcp: Annotated[bool, typer.Option("--tcp", help="relay TCP")] = False,
    seed: Annotated[int, typer.Option(help="the same seed, the same fate of every packet")] = 1,
    loss: Annotated[str, typer.Option(metavar="SHARE", help="of the packets lost each way: 20%")] = "",
    burst: Annotated[str, typer.Option(metavar="PACKETS", help="losses come together, so many on average: 8")] = "",
    delay: Annotated[str, typer.Option(metavar="TIME", help="each way: 40ms")] = "",
    jitter: Annotated[str, typer.Option(metavar="TIME", help="up to so much more: 20ms")] = "",
    reorder: Annotated[str, typer.Option(metavar="SHARE", help="held back for 100ms: 1%")] = "",
    duplicate: Annotated[str, typer.Option(metavar="SHARE", help="arrive twice: 1%")] = "",
    corrupt: Annotated[str, typer.Option(metavar="SHARE", help="have one bit flipped: 1%")] = "",
    truncate: Annotated[str, typer.Option(metavar="SHARE", help="lose their end: 1%")] = "",
    rate: Annotated[str, typer.Option(metavar="RATE", help="of a slow line: 64kbit")] = "",
    script: Annotated[Path | None, typer.Option(metavar="FILE", help="phases (YAML), see docs/relay.md")] = None,
    pcap: Annotated[Path | None, typer.Option(metavar="FILE", help="write what goes by on both sides")] = None,
) -> None:
    """Be a bad network between any two that speak UDP or TCP.

    Until SIGTERM; its counters are printed then, and on SIGUSR1.
    """
    import sys

    from controller.config.diagnostics import Mistake
    from controller.relay.relay import RelayError, Settings, read_address, serve
    from controller.relay.script import Phase, load_script, read_impairment

    written = {
        "loss": loss, "burst": burst, "delay": delay, "jitter": jitter, "reorder": reorder, "duplicate": duplicate,
        "corrupt": corrupt, "truncate": truncate, "rate": rate,
    }  # fmt: skip
    try:
        source, target = read_address("--listen", listen), read_address("--to", to)
        line = read_impairment({name: text for name, text in written.items() if text})
    except Mistake as mistake:
        typer.echo(f"{mistake.message}; {mistake.hint}", err=True)
        raise typer.Exit(USAGE) from None
    phases: tuple[Phase, ...] = ()
    if script is not None:
        loaded = load_script(script, line, line)
        if loaded.diagnostics:
            typer.echo(loaded.render(), err=True)
            raise typer.Exit(FINDINGS)
        phases = loaded.phases
    settings = Settings(source, target, udp or not tcp, tcp, seed, Phase(0.0, line, line), phases, pcap)
    try:
        asyncio.run(serve(settings, sys.stderr))
    except RelayError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNREACHABLE) from None


@cli.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="tell the story once and end; exit code 1 if it went wrong")
    ] = False,
) -> None:
    """Show a call that fails over, before your eyes.

    The real daemon, and simulated carriers and phones on this machine.
    """
    from controller.demo import DemoError, run_demo

    try:
        well = run_demo(once=once)
    except DemoError as error:
        typer.echo(f"the demo cannot go on: {error}", err=True)
        well = False
    raise typer.Exit(OK if well else FINDINGS)


def _ask(state_dir: Path, command: str, **more: str) -> dict[str, Any]:
    from controller.control import FILE, MESSAGES, ControlError, ask, is_served

    alone = is_served(state_dir, MESSAGES) and not is_served(state_dir)
    if alone and command not in {"status", "reload"}:
        typer.echo(f"{command} is for trunks, and the daemon of {state_dir} carries messages alone", err=True)
        raise typer.Exit(USAGE)
    try:
        return ask(state_dir, command, MESSAGES if alone else FILE, **more)
    except ControlError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNREACHABLE) from None


cli_alerts.add_commands(cli)
cli_cascades.add_commands(cli)
cli_explain.add_commands(cli)
cli_messages.add_commands(cli)
cli_records.add_commands(cli)
cli_simulate.add_commands(cli)
cli_test.add_commands(cli)
cli_what_if.add_commands(cli)


def main() -> None:
    """Entry point of the `callward` command."""
    cli()


if __name__ == "__main__":
    main()
