"""The command that is a bad network.

Owns its arguments and output only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.command.asking import end, see_file
from controller.command.manner import Section, add
from controller.exits import FINDINGS, UNREACHABLE, USAGE


def add_commands(cli: typer.Typer) -> None:
    """Put it beside the others."""
    add(
        cli, relay, Section.TOOLS,
        "callward relay --listen 127.0.0.1:5070 --to 192.0.2.10:5060 --loss 20%",
        "callward relay --listen 127.0.0.1:5070 --to 192.0.2.10:5060 --delay 80ms",
        exits={FINDINGS: "the script has errors", UNREACHABLE: "it cannot listen there, or a name is unknown"},
    )  # fmt: skip


def relay(
    listen: Annotated[str, typer.Option(metavar="IP:PORT", help="where to listen")],
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="where everything goes")],
    udp: Annotated[bool, typer.Option("--udp", help="relay UDP; the default")] = False,
    tcp: Annotated[bool, typer.Option("--tcp", help="relay TCP")] = False,
    seed: Annotated[int, typer.Option(help="the same seed, the same fate of every packet")] = 1,
    loss: Annotated[str, typer.Option(metavar="SHARE", help="of the packets lost each way: 20%")] = "",
    burst: Annotated[str, typer.Option(metavar="PACKETS", help="losses come together, so many on average: 8")] = "",
    delay: Annotated[str, typer.Option(metavar="TIME", help="each way: 40ms")] = "",
    jitter: Annotated[str, typer.Option(metavar="TIME", help="up to so much more: 20ms")] = "",
    reorder: Annotated[str, typer.Option(metavar="SHARE", help="held back for 100ms: 1%")] = "",
    duplicate: Annotated[str, typer.Option(metavar="SHARE", help="arrive twice: 1%")] = "",
    corrupt: Annotated[str, typer.Option(metavar="SHARE", help="have one bit flipped: 1%")] = "",
    truncate: Annotated[str, typer.Option(metavar="SHARE", help="lose their end: 1%")] = "",
    rate: Annotated[str, typer.Option(metavar="RATE", help="of a slow line: 64kbit")] = "",
    script: Annotated[Path | None, typer.Option(metavar="FILE", help="phases (YAML), see docs/relay.md")] = None,
    pcap: Annotated[Path | None, typer.Option(metavar="FILE", help="write what goes by on both sides")] = None,
) -> None:
    """Be a bad network between any two that speak UDP or TCP.

    Until SIGTERM; its counters are printed then, and on SIGUSR1.
    """
    import asyncio
    import sys

    from controller.config.diagnostics import Mistake
    from controller.relay.relay import RelayError, Settings, read_address, serve
    from controller.relay.script import Phase, load_script, read_impairment

    written = {
        "loss": loss, "burst": burst, "delay": delay, "jitter": jitter, "reorder": reorder, "duplicate": duplicate,
        "corrupt": corrupt, "truncate": truncate, "rate": rate,
    }  # fmt: skip
    try:
        source, target = read_address("--listen", listen), read_address("--to", to)
        line = read_impairment({name: text for name, text in written.items() if text})
    except Mistake as mistake:
        end(f"{mistake.message}; {mistake.hint}", USAGE)
    phases: tuple[Phase, ...] = ()
    if script is not None:
        see_file(script)
        loaded = load_script(script, line, line)
        if loaded.diagnostics:
            end(loaded.render(), FINDINGS)
        phases = loaded.phases
    settings = Settings(source, target, udp or not tcp, tcp, seed, Phase(0.0, line, line), phases, pcap)
    try:
        asyncio.run(serve(settings, sys.stderr))
    except RelayError as error:
        end(str(error), UNREACHABLE)
