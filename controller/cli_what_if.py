"""The commands that compare: what if something is down, and what another dialplan would change.

Owns arguments and output only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.exits import FINDINGS, OK, USAGE

if TYPE_CHECKING:
    from controller.types import Dialplan


def add_commands(cli: typer.Typer) -> None:
    """Put them beside the others."""
    cli.command("what-if")(what_if)
    cli.command()(diff)


def what_if(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the dialplan (YAML)")],
    down: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="what is down: carrier:X, site:X, trunk:X, provider:X, upstream:X"),
    ] = None,
    degraded: Annotated[list[str] | None, typer.Option(metavar="NAME", help="what is degraded, named alike")] = None,
    full: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="a trunk that is full; did and tenant: each number's own")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="each single thing down in turn, the worst first")] = False,
    at: Annotated[str, typer.Option(metavar="TIME", help="when, as 2026-12-24T18:30; default: now")] = "",
    caller: Annotated[str, typer.Option("--from", metavar="CALLER", help="the caller's number")] = "",
    tenant: Annotated[str, typer.Option(metavar="NAME", help="who sends messages")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="the answer as JSON, with every number")] = False,
) -> None:
    """Say whom it would hurt if something were down.

    Every number, route and cascade that would fare otherwise, and who would reach nobody.

    Exit code 1 if anybody could not be reached at all.
    """
    from rich.console import Console

    from controller import clock
    from controller.explain.assumed import Assumed, read_things
    from controller.explain.question import QuestionError, parse_moment
    from controller.explain.what_if import WhatIf
    from controller.explain.what_if_text import print_answer, print_ranking

    dialplan = _load(file)
    if every == bool(down or degraded or full):
        typer.echo("name what is down, by --down carrier:X and the like, or ask for --all", err=True)
        raise typer.Exit(USAGE)
    console = Console(highlight=False, emoji=False)
    try:
        moment = parse_moment(dialplan, at) if at else clock.epoch()
        assumed = Assumed(
            read_things(dialplan, down or ()), read_things(dialplan, degraded or ()), tuple(dict.fromkeys(full or ()))
        )
        question = WhatIf(dialplan, moment, caller, tenant)
        answers = question.compare_all() if every else [question.compare(assumed)]
    except QuestionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(USAGE) from None
    if as_json:
        data = [answer.to_data() for answer in answers]
        typer.echo(json.dumps({"at": moment, "answers": data} if every else {"at": moment, **data[0]}, indent=1))
    elif every:
        print_ranking(answers, dialplan, moment, console)
    else:
        print_answer(answers[0], dialplan, moment, console)
    raise typer.Exit(FINDINGS if any(answer.is_bad for answer in answers) else OK)


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="a dialplan (YAML)")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="another one")],
    as_json: Annotated[bool, typer.Option("--json", help="the same as JSON, with every number")] = False,
) -> None:
    """Say what another dialplan would change, number by number.

    Routes and cascades, in words of chains, stages and targets. Exit code 1 if anything differs.
    """
    from rich.console import Console

    from controller.explain.diff import diff as compare
    from controller.explain.diff_text import print_diff

    found = compare(_load(old), _load(new))
    if as_json:
        typer.echo(json.dumps(found.to_data(), indent=1))
    else:
        print_diff(found, Console(highlight=False, emoji=False))
    raise typer.Exit(OK if found.is_same else FINDINGS)


def _load(file: Path) -> Dialplan:
    from controller.config import load, render

    loaded = load(file)
    if loaded.dialplan is None:
        typer.echo(render(loaded.diagnostics, loaded.sources), err=True)
        raise typer.Exit(FINDINGS)
    return loaded.dialplan
