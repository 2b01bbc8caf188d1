"""The command that lays dialplans out.

Owns arguments and output only.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.command.asking import AsJson, end, print_json, see_file
from controller.command.manner import Section, add
from controller.exits import FINDINGS, OK, USAGE

if TYPE_CHECKING:
    from controller.config.layout.files import Formatted


STDIN = "<stdin>"
_DASH = Path("-")


def add_commands(cli: typer.Typer) -> None:
    """Put it beside the others."""
    add(
        cli, format_files, Section.DIALPLANS, "callward fmt acme.yaml", "callward fmt --check dialplans",
        "callward fmt --diff acme.yaml",
        name="fmt", exits={FINDINGS: "a file is not YAML; with --check, or would be changed"},
        shape="[{file, changed, written, diff, findings}]",
    )  # fmt: skip


def format_files(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="dialplans, or folders of them; - is standard input"),
    ],
    check: Annotated[bool, typer.Option("--check", help="change nothing; exit with 1 if something would be")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="change nothing, show what would be")] = False,
    as_json: AsJson = False,
) -> None:
    """Lay dialplans out as the documentation does.

    Comments stay, and nothing that a file says changes: that is looked at before it is replaced.
    """
    from controller.config.layout import files

    done: list[Formatted] = []
    writes = not check and not diff
    try:
        found = [path if path == _DASH else see_file(path) for path in files.find_files(paths)]
        for path in found:
            if path == _DASH:
                one = files.format_bytes(sys.stdin.buffer.read(), STDIN)
            else:
                one = files.format_file(path)
                if writes and one.is_changed:
                    files.replace_file(path, one)
            done.append(one)
    except files.NothingToFormatError as error:
        end(str(error), USAGE)
    if as_json:
        _print_data(done, writes=writes)
    else:
        for one in done:
            _show(one, writes=writes, diff=diff)
    is_bad = any(one.findings or (check and one.is_changed) for one in done)
    raise typer.Exit(FINDINGS if is_bad else OK)


def _show(one: Formatted, *, writes: bool, diff: bool) -> None:
    from controller.config.diagnostics import render

    if one.findings:
        typer.echo(render(one.findings, {one.name: one.before}), err=True, nl=False)
    elif diff:
        typer.echo(_diff(one), nl=False)
    elif one.name == STDIN and writes:
        typer.echo(one.after, nl=False)
    elif one.is_changed:
        typer.echo(f"{one.name}: {'formatted' if writes else 'would be formatted'}")


def _diff(one: Formatted) -> str:
    import difflib

    before, after = (text.replace("\r\n", "\n").splitlines(keepends=True) for text in (one.before, one.after))
    if before and not before[-1].endswith("\n"):
        before[-1] += "\n\\ No newline at end of file\n"
    return "".join(difflib.unified_diff(before, after, one.name, one.name))


def _print_data(done: list[Formatted], *, writes: bool) -> None:
    from dataclasses import asdict

    data = [
        {
            "file": one.name,
            "changed": one.is_changed,
            "written": writes and one.is_changed and not one.findings and one.name != STDIN,
            "diff": _diff(one),
            "findings": [asdict(found) for found in one.findings],
        }
        for one in done
    ]
    print_json(data)
