"""The commands that say what would become of a call, and of a message.

Owns arguments and output only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.command.asking import AsJson, DialplanFile, end, load_dialplan, make_console, print_json
from controller.command.manner import Section, add
from controller.exits import FINDINGS, OK, UNREACHABLE, USAGE


def add_commands(cli: typer.Typer) -> None:
    """Put them beside the others."""
    add(
        cli, explain, Section.DIALPLANS, "callward explain acme.yaml +15557000",
        "callward explain acme.yaml +15557000 --down hq-pbx --at 2026-12-24T18:30",
        exits={FINDINGS: "the file has errors", UNREACHABLE: "there is no such state folder"},
        shape="{did, caller, trunk, moment, rule, where, chain, stages: [...], order, worst, over_after, status, refused, ...}",
    )  # fmt: skip
    add(
        cli, explain_message, Section.DIALPLANS, "callward explain-message acme.yaml +14155550100 --cascade otp",
        name="explain-message", exits={FINDINGS: "the file has errors; or nothing would be sent"},
        shape="{country, operator, cascade, policies, window, refused, steps: [...], excluded, order, worst, over_after, ...}",
    )  # fmt: skip


def explain_message(
    file: DialplanFile,
    to: Annotated[str, typer.Argument(metavar="NUMBER|ADDRESS", help="to whom; a made-up one will do")],
    cascade: Annotated[str, typer.Option(metavar="NAME", help="which cascade; default: as policy says")] = "",
    tenant: Annotated[str, typer.Option(metavar="NAME", help="who asks")] = "",
    use_case: Annotated[str, typer.Option(metavar="NAME", help="what for")] = "",
    operator: Annotated[str, typer.Option(metavar="MCCMNC", help="the network, if it is known")] = "",
    premium: Annotated[bool, typer.Option("--premium", help="of class premium")] = False,
    risk: Annotated[float, typer.Option(metavar="0..1", min=0.0, max=1.0, help="score of fraud")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Say where a message would go, and why nowhere else.

    Policies, providers in their order, and everybody who is not used; as long as nothing is known of how well they do.
    """
    from controller import clock
    from controller.explain import message

    dialplan = load_dialplan(file)
    words = {"cascade": cascade, "tenant": tenant, "use_case": use_case, "operator": operator}
    try:
        found = message.explain_message(dialplan, to, clock.epoch(), premium=premium, risk=risk, **words)
    except message.MessageQuestionError as error:
        end(str(error), USAGE)
    if as_json:
        print_json(found)
    else:
        message.print_message(found, make_console())
    raise typer.Exit(FINDINGS if found["refused"] else OK)


def explain(
    file: DialplanFile,
    did: Annotated[str, typer.Argument(metavar="DID", help="the called number")],
    at: Annotated[str, typer.Option(metavar="TIME", help="when, as 2026-12-24T18:30; default: now")] = "",
    caller: Annotated[str, typer.Option("--from", metavar="CALLER", help="the caller's number")] = "",
    from_trunk: Annotated[
        str, typer.Option(metavar="NAME", help="the trunk it comes from, as calls of a PBX outward do")
    ] = "",
    down: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="a trunk, site or carrier that is down")
    ] = None,
    degraded: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="a trunk, site or carrier that is degraded")
    ] = None,
    full: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="a trunk that is full; did and tenant: the number's own")
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="of a daemon: with the addresses of names that it knows")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what would become of a call.

    The rule, each stage, what is skipped and why, the order of attempts and the worst wait.
    """
    from controller import clock
    from controller import explain as explaining
    from controller.resolver.store import last_addresses
    from controller.rules.expand import expand
    from controller.rules.numbers import read_number
    from controller.types import Offer

    dialplan = load_dialplan(file)
    if not dialplan.listen:
        end("no calls come in by this dialplan: 'callward explain-message' asks about its messages", USAGE)
    if state_dir is not None:
        if not state_dir.is_dir():
            end(f"{state_dir}: no such folder; is --state-dir another one?", UNREACHABLE)
        dialplan = expand(dialplan, last_addresses(dialplan, state_dir))
    try:
        view = explaining.assume_down(dialplan, down or (), degraded or ())
        trunk = explaining.check_trunk(dialplan, from_trunk)
        usage = explaining.assume_full(dialplan, full or ())
        moment = explaining.parse_moment(dialplan, at) if at else clock.epoch()
    except explaining.QuestionError as error:
        end(str(error), USAGE)
    form = dialplan.trunks[trunk].format if trunk else None  # as the plane reads what comes from there
    did, caller = read_number(form, did, called=True), read_number(form, caller)
    found = explaining.explain(dialplan, Offer("explain", did, caller, moment, trunk), view, usage=usage)
    if as_json:
        print_json(explaining.to_data(found))
    else:
        explaining.print_explanation(found, dialplan, make_console())
