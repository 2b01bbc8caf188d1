"""The commands that talk with the daemon that runs: its status, its file, its trunks.

Owns arguments and output only, and which exit code says what.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from controller import cli_alerts, cli_mqtt
from controller.command.asking import AsJson, StateDir, ask_daemon, complete_trunk, end, make_console, print_json
from controller.command.manner import Section, add
from controller.exits import FINDINGS, OK, UNREACHABLE, USAGE
from controller.files import DEFAULT_STATE_DIR

TrunkName = Annotated[
    str, typer.Argument(metavar="TRUNK", help="a trunk of the dialplan", autocompletion=complete_trunk)
]
#: Seconds: a test call has its own limit, and its turn.
_DRILL = 600.0
_NO_DAEMON = {UNREACHABLE: "no daemon runs with that state folder"}


def add_commands(cli: typer.Typer) -> None:
    """Put them beside the others."""
    add(
        cli, status, Section.DAEMON, "callward status", "callward status --json | jq .down",
        exits={FINDINGS: "a trunk or a provider is down", **_NO_DAEMON},
        shape="{version, listen, calls, trunks: [{name, state, for, heard, address, code, ...}], down, messages, ...}",
    )  # fmt: skip
    add(
        cli, reload, Section.DAEMON, "callward check acme.yaml && callward reload",
        exits={FINDINGS: "the new file is not whole; what runs goes on", **_NO_DAEMON},
        shape="{ok, version, text}",
    )  # fmt: skip
    add(
        cli, drain, Section.DAEMON, "callward drain carrier-a", exits=_NO_DAEMON, shape="{trunk, changed}",
    )  # fmt: skip
    add(
        cli, undrain, Section.DAEMON, "callward undrain carrier-a", exits=_NO_DAEMON, shape="{trunk, changed}",
    )  # fmt: skip
    add(
        cli, drill, Section.DAEMON, "callward drill carrier-a",
        exits={FINDINGS: "the call did not end as it should", **_NO_DAEMON},
        shape="{trunk, passed, calls: [{trunk, passed, what, seconds}]}",
    )  # fmt: skip
    add(
        cli, rotate, Section.DAEMON, "callward rotate-keys --state-dir /var/lib/callward", name="rotate-keys",
        exits={UNREACHABLE: "there are no keys, or they cannot be written"},
        shape="{calls: {current, open}, messages: {current, open}}",
    )  # fmt: skip


def status(
    whole: Annotated[
        bool, typer.Option("--all", help="all of it, also where the terminal has not as many lines")
    ] = False,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Show how the running daemon sees its trunks.

    And its providers of messages. Exit code 1 if one of either is down.
    """
    answer = _ask(state_dir, "status")
    if not answer["ok"]:
        end(answer["text"], UNREACHABLE)
    found = answer["status"] | cli_alerts.count_alerts(state_dir) | cli_mqtt.see_mqtt(state_dir)
    if as_json:
        print_json(found)
    else:
        from controller.status_table import print_status

        print_status(found, make_console(), whole=whole)
    raise typer.Exit(FINDINGS if _is_bad(found) else OK)


def _is_bad(status: dict[str, Any]) -> bool:
    """Whether something is down that should not be: a trunk, the process for messages, its store, a provider."""
    messages = status.get("messages")
    if status.get("down") or messages is None:
        return bool(status.get("down"))
    if not messages["answers"] or messages["store"]["lost"]:
        return True
    return any(row["gate"] == "held" or row["alive"] is False for row in messages["providers"])


def reload(state_dir: StateDir = DEFAULT_STATE_DIR, as_json: AsJson = False) -> None:
    """Have the running daemon take its file anew.

    As SIGHUP does; it keeps the old one where the new one is not whole.
    """
    answer = _ask(state_dir, "reload")
    if as_json:
        print_json(answer)
    else:
        if answer["text"]:
            typer.echo(answer["text"].rstrip("\n"), err=True)
        if answer["ok"]:
            typer.echo(f"reloaded: version {answer['version']}")
        else:
            typer.echo("not reloaded; what runs goes on", err=True)
    raise typer.Exit(OK if answer["ok"] else FINDINGS)


def drain(trunk: TrunkName, state_dir: StateDir = DEFAULT_STATE_DIR, as_json: AsJson = False) -> None:
    """Send calls another way than over this trunk.

    New ones, and wherever another way leads; calls that are up finish.
    """
    done, already = "drained: calls go there only where nothing else leads", "was drained already"
    _act_on(trunk, state_dir, "drain", done, already, as_json=as_json)


def undrain(trunk: TrunkName, state_dir: StateDir = DEFAULT_STATE_DIR, as_json: AsJson = False) -> None:
    """Give a drained trunk its calls back, in steps."""
    done, already = "undrained: its calls come back in steps", "was not drained"
    _act_on(trunk, state_dir, "undrain", done, already, as_json=as_json)


def _act_on(trunk: str, state_dir: Path, command: str, done: str, already: str, *, as_json: bool) -> None:
    answer = _ask(state_dir, command, trunk=trunk)
    if not answer["ok"]:
        end(answer["text"], USAGE)
    if as_json:
        print_json({"trunk": trunk, "changed": answer["changed"]})
    else:
        typer.echo(f"{trunk} {done if answer['changed'] else already}")


def drill(trunk: TrunkName, state_dir: StateDir = DEFAULT_STATE_DIR, as_json: AsJson = False) -> None:
    """Make a test call over a trunk, and say what came of it.

    A real call to its test number ('deep' in the dialplan), hung up once it is answered. Exit code 1 if it failed.
    """
    answer = _ask(state_dir, "drill", _DRILL, trunk=trunk)
    if not answer["ok"]:
        end(answer["text"], USAGE)
    if as_json:
        print_json({"trunk": trunk, "passed": answer["passed"], "calls": answer["calls"]})
    else:
        for call in answer["calls"]:
            typer.echo(f"{call['trunk']} {'passed' if call['passed'] else 'failed'}: {call['what']}")
    raise typer.Exit(OK if answer["passed"] else FINDINGS)


def rotate(state_dir: StateDir = DEFAULT_STATE_DIR, as_json: AsJson = False) -> None:
    """Seal with a new key; older seals still open.

    New calls, and what is kept of messages. Restart the daemon afterwards.
    """
    from controller.keys import FILE, KEPT, KeyFileError, rotate_keys
    from controller.privacy import rotate_keyring

    try:
        keyring = rotate_keyring(state_dir)
        keys = None if keyring is not None and not (state_dir / FILE).exists() else rotate_keys(state_dir)
    except KeyFileError as error:
        end(str(error), UNREACHABLE)
    if as_json:
        calls = keys and {"current": keys.current, "open": len(keys.seals)}
        messages = keyring and {"current": keyring.current, "open": len(keyring.data)}
        print_json({"calls": calls, "messages": messages})
        return
    if keys is not None:
        typer.echo(
            f"key {keys.current} seals from the next start on; {len(keys.seals)} of at most {KEPT} keys still open seals"
        )
    if keyring is not None:
        typer.echo(f"messages: data key {keyring.current} seals from the next start on; {len(keyring.data)} keys open")


def _ask(state_dir: Path, command: str, patience: float = 0.0, /, **more: str) -> dict[str, Any]:
    """The daemon for calls; where there is none that for messages, of what it knows."""
    from controller.control import FILE, MESSAGES, is_served

    alone = is_served(state_dir, MESSAGES) and not is_served(state_dir)
    if alone and command not in {"status", "reload"}:
        end(f"{command} is for trunks, and the daemon of {state_dir} carries messages alone", USAGE)
    return ask_daemon(state_dir, command, MESSAGES if alone else FILE, patience, **more)
