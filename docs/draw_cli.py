"""Draws docs/cli.md from the commands themselves: `python docs/draw_cli.py`.

Owns the wording of that page, and no fact about any command: these stand where the command does. A test holds the checked-in
page equal to what this gives.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import typer.main

from controller.cli import cli
from controller.command.manner import Section

PAGE = Path(__file__).with_name("cli.md")

INTRODUCTION = """\
# The command line

This page is drawn from the commands by [`draw_cli.py`](draw_cli.py): do not edit it. `callward COMMAND --help` shows the
options of each.

**All commands alike.** What was asked for goes to standard output, what is wrong to standard error: what, where, what to do.
`--json` prints one document (or one a line, where things happen one after the other) and changes no exit code. On a
terminal of 80 columns a table leaves out what would break its rows; elsewhere a row is one line, for `grep`. Colours are left out
where the output is no terminal, or `NO_COLOR` is set. Who ends a command by Ctrl-C, or stops to read its output as `head`
does, sees nothing of it but the prompt.

| exit code | means |
|---|---|
| 0 | ok |
| 1 | findings: something is wrong with a file, or down, or not as it should be |
| 2 | wrong usage: an argument, or the file that it names is not there |
| 3 | unreachable: no daemon, no API, no state folder to do it with |
| 70 | a bug in callward: please report it, with what `CALLWARD_TRACEBACK=1` shows beside it |
| 130, 141 | ended by Ctrl-C; by a reader that went away |

**Which daemon.** `--state-dir FOLDER` (`/var/lib/callward` unless told otherwise) is the state folder of the daemon that is
meant, and it must be its user, or root, who asks. Commands about messages ask the API at `--url` or `CALLWARD_URL`, with the
token that is in `CALLWARD_TOKEN` or in a file (`--token-file`).

**Completion.** `callward --install-completion` has bash, zsh or fish complete commands, options and, while a daemon runs, the
names of its trunks; `--show-completion` prints the same, to be put elsewhere.
"""


def draw() -> str:
    """The page."""
    root: Any = typer.main.get_command(cli)
    parts = [INTRODUCTION]
    entries = list(_walk(root, ()))
    for section in Section:
        parts.append(f"## {section}\n")
        parts += [_entry(path, command) for path, command in entries if command.manner.section is section]
    return "\n".join(parts)


def _walk(group: Any, path: tuple[str, ...]) -> Any:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        here = (*path, name)
        if not hasattr(command, "commands") or command.invoke_without_command:
            yield here, command
        if hasattr(command, "commands"):
            yield from _walk(command, here)


def _entry(path: tuple[str, ...], command: Any) -> str:
    wanted = [_argument(param) for param in command.params if param.param_type_name == "argument"]
    text = inspect.cleandoc(command.help or "")
    lines = [f"### callward {' '.join((*path, *wanted))}", "", *text.splitlines(), "", "```"]
    lines += [*command.manner.examples, "```", ""]
    facts = [f"exit code {code}: {text}" for code, text in sorted(command.manner.exits.items())]
    if command.manner.shape:
        facts.append(f"`--json`: {_code(command.manner.shape)}")
    lines += [f"* {fact}" for fact in facts]
    return "\n".join(lines) + "\n" * (1 + bool(facts))


def _argument(param: Any) -> str:
    name = str(param.metavar or param.name).upper() + ("..." if param.nargs != 1 else "")
    return name if param.required else f"[{name}]"


def _code(shape: str) -> str:
    """Shapes as code, the words around them as they are."""
    out, depth = "", 0
    for sign in shape:
        if sign == "{" and not depth:
            out += "`"
        depth += (sign == "{") - (sign == "}")
        out += sign
        if sign == "}" and not depth:
            out += "`"
    return out


if __name__ == "__main__":
    PAGE.write_text(draw(), encoding="utf-8")
