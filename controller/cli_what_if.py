"""The commands that compare: what if something is down, and what another dialplan would change.

Owns arguments and output only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.command.asking import AsJson, DialplanFile, end, load_dialplan, make_console, print_json
from controller.command.manner import Section, add
from controller.exits import FINDINGS, OK, USAGE


def add_commands(cli: typer.Typer) -> None:
    """Put them beside the others."""
    add(
        cli, what_if, Section.DIALPLANS, "callward what-if acme.yaml --down carrier:a", "callward what-if acme.yaml --all",
        name="what-if", exits={FINDINGS: "somebody could not be reached at all; or the file has errors"},
        shape="{at, down, degraded, full, calls, cascades}; with --all {at, answers: [...]}",
    )  # fmt: skip
    add(
        cli, diff, Section.DIALPLANS, "callward diff /etc/callward/acme.yaml new.yaml",
        exits={FINDINGS: "they differ; or one of them has errors"}, shape="{same, routes, new, gone, changed, cascades, other}",
    )  # fmt: skip


def what_if(
    file: DialplanFile,
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
    as_json: AsJson = False,
) -> None:
    """Say whom it would hurt if something were down.

    Every number, route and cascade that would fare otherwise, and who would reach nobody.

    Exit code 1 if anybody could not be reached at all.
    """
    from controller import clock
    from controller.explain.assumed import Assumed, read_things
    from controller.explain.question import QuestionError, parse_moment
    from controller.explain.what_if import WhatIf
    from controller.explain.what_if_text import print_answer, print_ranking

    dialplan = load_dialplan(file)
    if every == bool(down or degraded or full):
        end("name what is down, by --down carrier:X and the like, or ask for --all", USAGE)
    console = make_console()
    try:
        moment = parse_moment(dialplan, at) if at else clock.epoch()
        assumed = Assumed(
            read_things(dialplan, down or ()), read_things(dialplan, degraded or ()), tuple(dict.fromkeys(full or ()))
        )
        question = WhatIf(dialplan, moment, caller, tenant)
        answers = question.compare_all() if every else [question.compare(assumed)]
    except QuestionError as error:
        end(str(error), USAGE)
    if as_json:
        data = [answer.to_data() for answer in answers]
        print_json({"at": moment, "answers": data} if every else {"at": moment, **data[0]})
    elif every:
        print_ranking(answers, dialplan, moment, console)
    else:
        print_answer(answers[0], dialplan, moment, console)
    raise typer.Exit(FINDINGS if any(answer.is_bad for answer in answers) else OK)


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="a dialplan (YAML)")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="the one that it is compared with")],
    as_json: AsJson = False,
) -> None:
    """Say what another dialplan would change, number by number.

    Routes and cascades, in words of chains, stages and targets. Exit code 1 if anything differs.
    """
    from controller.explain.diff import diff as compare
    from controller.explain.diff_text import print_diff

    found = compare(load_dialplan(old), load_dialplan(new))
    if as_json:
        print_json(found.to_data())
    else:
        print_diff(found, make_console())
    raise typer.Exit(OK if found.is_same else FINDINGS)
