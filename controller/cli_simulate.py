"""The command that stands in for providers of messages.

Owns its arguments and output only.
"""

from __future__ import annotations

from typing import Annotated

import typer

from controller.command.asking import DialplanFile, end, see_file
from controller.command.manner import Section, add
from controller.exits import FINDINGS, UNREACHABLE, USAGE


def add_commands(cli: typer.Typer) -> None:
    """Put it beside the others."""
    add(
        cli, simulate, Section.TOOLS, "callward simulate dialplans/messages-simulated.yaml",
        "callward simulate acme.yaml --fault whatsapp-1:refuse=100%",
        exits={FINDINGS: "the file has errors, or nothing that can be simulated", UNREACHABLE: "it cannot listen there"},
        shape="a line {...} for each thing that happens",
    )  # fmt: skip


def simulate(
    file: DialplanFile,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[PROVIDER:]NAME=SHARE", help="what goes wrong, see docs/simulate.md: refuse=5%, delay=1s"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="the same seed, the same fate of every message")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="what comes, as lines of JSON")] = False,
) -> None:
    """Be the providers of a dialplan's messages.

    Those that it looks for on this machine. Until SIGTERM: prints where they listen and every message that comes, and in the end what became of them.
    """
    import asyncio
    import sys

    from controller.config import load_models
    from controller.config.diagnostics import Mistake
    from controller.simulate.options import read_faults
    from controller.simulate.serve import serve
    from controller.simulate.town import TownError, plan_town

    loaded = load_models(see_file(file))
    if isinstance(loaded, str):
        end(loaded, FINDINGS)
    try:
        town = plan_town(loaded[1].messaging, loaded[0].providers)
        faults = read_faults(fault or (), town.providers)
    except Mistake as mistake:
        end(f"--fault: {mistake.message}; {mistake.hint}", USAGE)
    except TownError as error:
        end(str(error), FINDINGS)
    try:
        asyncio.run(serve(town, faults, seed, sys.stdout, as_json=as_json))
    except OSError as error:
        end(f"cannot listen: {error.strerror or error}", UNREACHABLE)
