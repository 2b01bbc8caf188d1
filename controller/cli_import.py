"""The commands that make a dialplan of what another system has.

Owns arguments and output only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.command.asking import AsJson, end, print_json, see_file, width_of_errors
from controller.command.manner import Section, add, make_group
from controller.exits import FINDINGS, OK, UNREACHABLE, USAGE

if TYPE_CHECKING:
    from controller.importers.draft import Draft
    from controller.importers.notes import Notes

Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="what that system exports; several belong together")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="write the dialplan there, if no such file exists", show_default=False
    ),
]
_EXITS = {
    FINDINGS: "a file cannot be read, or nothing in it can be taken over",
    UNREACHABLE: "the dialplan cannot be written",
}
_SHAPE = "{dialplan, notes: [{file, line, text}], findings: [{code, severity, ...}]}"


def add_commands(cli: typer.Typer) -> None:
    """Put them beside the others."""
    group = make_group("Make a dialplan of what another system has.", Section.DIALPLANS, no_args_is_help=True)
    add(
        group, freeswitch, Section.DIALPLANS, "callward import freeswitch public.xml -o acme.yaml",
        "callward import freeswitch public/*.xml gateways.xml > acme.yaml", exits=_EXITS, shape=_SHAPE,
    )  # fmt: skip
    add(
        group, freepbx, Section.DIALPLANS, "callward import freepbx asterisk.sql -o acme.yaml",
        "callward import freepbx trunks.csv routes.json > acme.yaml", exits=_EXITS, shape=_SHAPE,
    )  # fmt: skip
    cli.add_typer(group, name="import")


def freeswitch(files: Files, output: Output = None, as_json: AsJson = False) -> None:
    """Bridges of a FreeSWITCH or FusionPBX dialplan (XML).

    Numbers become routes, dial strings chains and outbound routes. What is not taken over is said on standard error, with
    file, line and reason.
    """
    from controller.importers.freeswitch import import_freeswitch

    _import("freeswitch", files, import_freeswitch, output, as_json=as_json)


def freepbx(files: Files, output: Output = None, as_json: AsJson = False) -> None:
    """Trunk sequences, inbound routes and ring groups of FreePBX.

    From its tables: a MySQL dump, CSV or JSON. What is not taken over is said on standard error, with file, line and reason.
    """
    from controller.importers.freepbx import import_freepbx

    _import("freepbx", files, import_freepbx, output, as_json=as_json)


def _import(
    system: str,
    files: list[Path],
    read: Callable[[Iterable[Path], Notes], Draft],
    output: Path | None,
    *,
    as_json: bool,
) -> None:
    from controller.config import compile_text, render
    from controller.importers.notes import Notes, UnreadableError

    paths = [see_file(path) for path in files]
    if output is not None and (output.exists() or output.is_symlink()):
        end(f"{output}: is there already; name another file", USAGE)
    notes = Notes()
    try:
        draft = read(paths, notes)
    except UnreadableError as error:
        end(str(error), FINDINGS)
    if not draft.routes:
        _print_notes(notes)
        end("nothing could be taken over: there is no number for which somebody is called", FINDINGS)
    made = f"Made by: callward import {system} {' '.join(path.name for path in paths)}"
    text = draft.write(made)
    loaded = compile_text(text, str(output or "dialplan"))
    if as_json:
        from dataclasses import asdict

        said = [{"file": at.file, "line": at.line, "text": text} for at, text in notes.sorted()]
        print_json({"dialplan": text, "notes": said, "findings": [asdict(found) for found in loaded.diagnostics]})
    elif output is None:
        typer.echo(text, nl=False)
    if output is not None:
        _write(output, text)
    if not as_json:
        _print_notes(notes)
        _print_sum(draft, len(notes), output)
    errors = [found for found in loaded.diagnostics if found.severity == "error"]
    if errors and not as_json:
        typer.echo(render(errors, loaded.sources, width_of_errors()), err=True, nl=False)
    raise typer.Exit(FINDINGS if errors else OK)


def _write(path: Path, text: str) -> None:
    """Never over a file that is there, be it made this moment."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        end(f"{path}: is there already; name another file", USAGE)
    except OSError as error:
        end(f"{path}: {(error.strerror or str(error)).lower()}; name another file", UNREACHABLE)


def _print_notes(notes: Notes) -> None:
    for at, text in notes.sorted():
        typer.echo(f"{at}: {text}", err=True)


def _print_sum(draft: Draft, lost: int, output: Path | None) -> None:
    counts = (("trunk", draft.trunks), ("endpoint", draft.endpoints), ("chain", draft.chains), ("route", draft.routes))
    made = ", ".join(_count(len(each), what) for what, each in counts)
    typer.echo(f"{made}; {_count(lost, 'note') if lost else 'no notes'} about what was not taken over", err=True)
    if output is not None:
        typer.echo(f"look for TODO in {output}, then: callward check {output}", err=True)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")
