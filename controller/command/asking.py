"""What most commands begin with: a file that is read, a daemon that is asked, and how either ends them.

Owns those words and their exit codes, and the arguments that mean the same everywhere.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from controller.exits import FINDINGS, UNREACHABLE, USAGE
from controller.files import DEFAULT_STATE_DIR

if TYPE_CHECKING:
    from rich.console import Console

    from controller.config import Loaded
    from controller.types import Dialplan

_PATIENCE = 1.0  # seconds that a shell waits for names

DialplanFile = Annotated[Path, typer.Argument(metavar="FILE", help="the dialplan (YAML)")]
StateDir = Annotated[
    Path, typer.Option(metavar="FOLDER", envvar="CALLWARD_STATE_DIR", help="the daemon's state folder")
]
AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]


def end(text: str, code: int) -> NoReturn:
    """Say what is wrong where people look for it, and end the command."""
    typer.echo(text, err=True)
    raise typer.Exit(code)


def see_file(path: Path) -> Path:
    """A file that a command names must be there: whoever mistypes it has no findings to read."""
    try:
        path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        end(f"{path}: {reason.lower()}; check the path", USAGE)
    if path.is_dir():
        end(f"{path}: a folder; name a file in it", USAGE)
    if not os.access(path, os.R_OK):
        end(f"{path}: permission denied; check who may read it", USAGE)
    return path


def load_file(file: Path) -> Loaded:
    """What is in a file, with or without findings; ends the command where it is not there."""
    from controller.config import load
    from controller.process import no_collection

    see_file(file)
    with no_collection():
        return load(file)


def load_dialplan(file: Path) -> Dialplan:
    """The dialplan of a file; its errors end the command."""
    from controller.config import render

    loaded = load_file(file)
    if loaded.dialplan is None:
        end(render(loaded.diagnostics, loaded.sources, width_of_errors()), FINDINGS)
    return loaded.dialplan


def width_of_errors() -> int:
    """Columns of the terminal that shows them; 0 where it is none."""
    return get_terminal_size().columns if sys.stderr.isatty() else 0


def ask_daemon(state_dir: Path, command: str, file: str = "", patience: float = 0.0, /, **more: str) -> dict[str, Any]:
    """The answer of the daemon with this state folder; no answer ends the command. ``file`` names its socket, ``patience`` is
    in seconds, 0 for what most commands take."""
    from controller.control import FILE, PATIENCE, ControlError, ask

    try:
        return ask(state_dir, command, file or FILE, patience or PATIENCE, **more)
    except ControlError as error:
        end(str(error), UNREACHABLE)


def print_json(data: Any) -> None:
    """As all commands print it."""
    typer.echo(json.dumps(data, indent=1))


def make_console() -> Console:
    """What tables are printed on."""
    from controller.terminal import make_console

    return make_console()


def complete_trunk(context: typer.Context, incomplete: str) -> list[str]:
    """For the shell: the trunks of the daemon that runs, if one does."""
    from controller.control import FILE

    trunks = _ask_soon(context, "status", FILE).get("status", {}).get("trunks", ())
    return sorted({name for trunk in trunks if (name := trunk["group"] or trunk["name"]).startswith(incomplete)})


def complete_alert(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """For the shell: what is wrong now and nobody looks after."""
    from controller.control import OPS

    alerts = _ask_soon(context, "alerts", OPS).get("alerts", ())
    free = [each for each in alerts if each["resolved"] is None and not each["acknowledged"]]
    return [(each["id"], each["title"]) for each in free if each["id"].startswith(incomplete)]


def _ask_soon(context: typer.Context, command: str, file: str) -> dict[str, Any]:
    """Whoever waits at a prompt is told nothing rather than an error."""
    from controller.control import ControlError, ask

    state_dir = Path(context.params.get("state_dir") or DEFAULT_STATE_DIR)
    try:
        return ask(state_dir, command, file, _PATIENCE)
    except ControlError:
        return {}
