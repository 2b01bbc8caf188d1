"""`callward alerts`: what people were told, "I look after it", and a try of one notifier.

Owns arguments and output only, and which exit code says what.
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.command.asking import AsJson, StateDir, ask_daemon, complete_alert, end, make_console, print_json
from controller.command.manner import Section, add, make_group
from controller.exits import FINDINGS, OK, UNREACHABLE, USAGE
from controller.files import DEFAULT_STATE_DIR

_PATIENCE = 2.0  # seconds that `status` waits for them

_NO_DAEMON = {UNREACHABLE: "no daemon with alerts runs with that state folder"}
alerts_cli = make_group(
    "Show what is wrong now and who was told; look after it.", Section.DAEMON, "callward alerts", "callward alerts ack 4598e83a",
    exits={FINDINGS: "something is wrong now", **_NO_DAEMON},
    shape="{alerts: [{id, severity, title, opened, resolved, notified, ...}], undelivered}", invoke_without_command=True,
)  # fmt: skip


def add_commands(cli: typer.Typer) -> None:
    """Put them beside the others."""
    add(
        alerts_cli, acknowledge, Section.DAEMON, "callward alerts ack 4598e83a", "callward alerts ack 4598e83a --who anna",
        name="ack", exits=_NO_DAEMON, shape="{id, title, changed}",
    )  # fmt: skip
    add(
        alerts_cli, try_notifier, Section.DAEMON, "callward alerts test pager", name="test",
        exits={FINDINGS: "it could not be delivered", **_NO_DAEMON}, shape="{notifier, told}",
    )  # fmt: skip
    cli.add_typer(alerts_cli, name="alerts")


@alerts_cli.callback()
def alerts(
    context: typer.Context,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Show what is wrong now and who was told.

    Exit code 1 if something is.
    """
    if context.invoked_subcommand is not None:
        return
    answer = _ask(state_dir, "alerts")
    if as_json:
        print_json({"alerts": answer["alerts"], "undelivered": answer["undelivered"]})
    else:
        _print(answer["alerts"])
    is_open = any(each["resolved"] is None for each in answer["alerts"])
    raise typer.Exit(FINDINGS if is_open else OK)


def acknowledge(
    name: Annotated[str, typer.Argument(metavar="ID", help="as the alert says", autocompletion=complete_alert)],
    who: Annotated[str, typer.Option(metavar="NAME", help="who looks after it; default: this user")] = "",
    state_dir: StateDir = DEFAULT_STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Look after an alert: nobody else is called for it."""
    answer = _ask(state_dir, "acknowledge", id=name, who=who or getpass.getuser())
    if as_json:
        print_json({"id": name, "title": answer["title"], "changed": answer["changed"]})
        return
    typer.echo(f"{answer['title']}: {'yours now' if answer['changed'] else 'somebody looks after it already'}")


def try_notifier(
    notifier: Annotated[str, typer.Argument(metavar="NAME", help="a notifier of the dialplan")],
    state_dir: StateDir = DEFAULT_STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Tell by one notifier that nothing is wrong."""
    _ask(state_dir, "try notifier", notifier=notifier)
    if as_json:
        print_json({"notifier": notifier, "told": True})
        return
    typer.echo(f"{notifier} was told, and that it is over")


def count_alerts(state_dir: Path) -> dict[str, Any]:
    """For `callward status`: what is open, and what could not be delivered; nothing where there are no alerts."""
    from controller.control import OPS, ControlError, ask, is_served

    if not is_served(state_dir, OPS):
        return {}
    try:
        answer = ask(state_dir, "alerts", OPS, _PATIENCE)
    except ControlError:
        return {}
    if not answer["ok"]:
        return {}
    shown = [each["title"] for each in answer["alerts"] if each["resolved"] is None]
    return {"alerts": {"open": shown, "undelivered": answer["undelivered"]}}


def _ask(state_dir: Path, command: str, **more: str) -> dict[str, Any]:
    from controller.control import OPS, is_served

    if not is_served(state_dir, OPS):
        end(f"no daemon with 'alerts' runs with --state-dir {state_dir}", UNREACHABLE)
    answer = ask_daemon(state_dir, command, OPS, **more)
    if not answer["ok"]:
        text = answer["text"]
        if "does not know that command" in text:
            text = "there are no alerts by this dialplan: write 'alerts'"
        end(text, USAGE if command == "acknowledge" else FINDINGS)
    return answer


def _print(shown: list[dict[str, Any]]) -> None:
    from rich.markup import escape

    from controller.terminal import print_line

    console = make_console()
    if not shown:
        console.print("nothing is wrong, and nothing was")
    for each in shown:
        style = {"critical": "bold red", "warning": "yellow"}[each["severity"]]
        head = f"[{style}]{each['severity']}[/]" if each["resolved"] is None else "[dim]over[/]"
        since = datetime.fromtimestamp(each["opened"], UTC)
        print_line(
            console,
            f"[bold]{each['id']}[/] {head} {escape(each['title'])}, {since:%Y-%m-%d %H:%M:%S} UTC, {each['for']}",
        )
        if each["resolved"] is None:
            told = ", ".join(each["notified"]) or "nobody yet"
            by = f"; {each['acknowledged']} looks after it" if each["acknowledged"] else ""
            print_line(console, f"  told: {escape(told + by)}")
        for entry in each["undelivered"]:
            again = f", again in {entry['next']:.0f} s"
            print_line(
                console,
                f"  [bold red]not delivered[/] to {escape(entry['notifier'])}: {escape(entry['why'])}"
                f" ({entry['tries']} tries{again})",
            )
