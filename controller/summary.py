"""What `callward check` prints of a dialplan that compiles: figures an operator should see before a bad night.

Owns the tables and their JSON twin; the arithmetic is config.figures'.
"""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.config import Loaded, render, to_json
from controller.config.address import ip_version
from controller.config.figures import detection_time, stage_starts, worst_wait
from controller.expiry import show_day
from controller.terminal import make_console, make_table
from controller.types import Access, AliveOn, Chain, Dialplan, Trunk
from controller.types.messages import Messaging
from controller.wording import address_of, count_routes, show_seconds
from sip.uri import bracketed

LOSSY = 0.36  # of probes: 20 % of packets each way


def print_check(loaded: Loaded) -> None:
    """What `check` says of a file, for people: findings, then figures or how many errors there are."""
    console = make_console()
    if loaded.diagnostics:
        width = console.width if console.is_terminal else 0
        console.out(render(loaded.diagnostics, loaded.sources, width), highlight=False)
    if loaded.ignored:
        said = "is" if len(loaded.ignored) == 1 else "are"
        console.out(f"{_count(len(loaded.ignored), 'finding')} {said} ignored, as the file says\n", highlight=False)
    if loaded.dialplan is not None:
        print_summary(loaded.dialplan, console)
        return
    errors = sum(1 for found in loaded.diagnostics if found.severity == "error")
    console.out(f"{_count(errors, 'error')}; callward will not start with this file", highlight=False)


def to_check_json(loaded: Loaded) -> str:
    """The same for machines."""
    return json.dumps(
        {
            "findings": json.loads(to_json(loaded.diagnostics)),
            "ignored": [
                found | {"reason": reason}
                for found, reason in zip(json.loads(to_json(loaded.ignored)), loaded.ignored.values(), strict=True)
            ],
            "summary": summary(loaded.dialplan) if loaded.dialplan else None,
        },
        indent=1,
    )


def summary(dialplan: Dialplan) -> dict[str, Any]:
    """The figures as plain data, times in seconds."""
    return {
        "version": dialplan.version,
        "routes": count_routes(dialplan),
        "access": str(dialplan.access),
        "certificates": [
            {"listener": f"tls:{bracketed(listen.host)}:{listen.port}", "names": [*tls.names], "until": tls.until}
            for listen in dialplan.listen
            if (tls := listen.tls) is not None
        ],
        "trunks": [_trunk(trunk) for trunk in dialplan.trunks.values()],
        "chains": [_chain(chain) for chain in dialplan.chains.values()],
        "cascades": _cascades(dialplan.messaging) if dialplan.messaging else [],
    }


def print_summary(dialplan: Dialplan, console: Console) -> None:
    """The same as tables."""
    figures = summary(dialplan)
    if not dialplan.listen:
        _print_messages_alone(dialplan, console)
        return
    written = sum(not chain.stages[-1].targets[-1].dialled for chain in dialplan.chains.values())  # not outbound routes
    console.print(
        f"[bold]ok[/bold]  {_count(figures['routes'], 'route')}, {_count(written, 'chain')}, "
        f"{_count(len(dialplan.trunks), 'trunk')}, version {dialplan.version}"
    )
    figures_of = ("probed every", "dead after", "at 20 % loss")
    trunks = make_table("trunk", "address", *figures_of, right=figures_of, whole=("address",))
    for row in figures["trunks"]:
        every, dead, lossy = row["every"], row["detection"], row["detection_lossy"]
        trunks.add_row(
            row["name"],
            escape(row["address"]),
            show_seconds(every) if every else "never",
            show_seconds(dead) if dead else "calls only",
            show_seconds(lossy) if lossy else "-",
        )
    chains = make_table(
        "chain",
        "stages",
        "last stage after",
        "all over after",
        "ends with",
        right=("stages", "last stage after", "all over after"),
    )
    for row in figures["chains"]:
        chains.add_row(
            row["name"],
            str(row["stages"]),
            show_seconds(row["last_stage"]),
            show_seconds(row["worst_wait"]),
            row["ends_with"],
        )
    console.print()
    console.print(trunks)
    if figures["chains"]:
        console.print()
        console.print(chains)
    if figures["cascades"]:
        console.print()
        console.print(_table_of_cascades(figures["cascades"]))
    if figures["certificates"]:
        shown = make_table("listener", "shows a certificate of", "until", whole=("until",))
        for row in figures["certificates"]:
            names = ", ".join(row["names"]) or "nobody"
            shown.add_row(escape(row["listener"]), escape(names), show_day(row["until"]))
        console.print()
        console.print(shown)
    console.print()
    _print_access(dialplan, console)


def _print_messages_alone(dialplan: Dialplan, console: Console) -> None:
    assert dialplan.messaging is not None
    messaging = dialplan.messaging
    counts = [_count(len(messaging.providers), "provider"), _count(len(messaging.cascades), "cascade")]
    console.print(f"[bold]ok[/bold]  messages alone: {', '.join(counts)}, version {dialplan.version}")
    if messaging.cascades:
        console.print()
        console.print(_table_of_cascades(_cascades(messaging)))


def _print_access(dialplan: Dialplan, console: Console) -> None:
    """Who may call: what is let in, beside what everybody sees in the table of trunks."""
    _print_sources(dialplan, console)
    for ours in dialplan.listen:
        if ours.phones:
            users = len(dialplan.users)
            who = f"{users} user{'' if users == 1 else 's'}"
            where = f"{ours.transport}:{bracketed(ours.host)}:{ours.port}"
            console.print(f"  {escape(where)}: strangers are asked for a password ({who})", highlight=False)
    for trunk in dialplan.trunks.values():
        if trunk.register is not None:
            account = f"sip:{trunk.register.user}@{trunk.register.domain}"
            console.print(
                f"  {trunk.name}: registers as {escape(account)}, called by that from anywhere", highlight=False
            )


def _print_sources(dialplan: Dialplan, console: Console) -> None:
    is_open = [(ours.access or dialplan.access) is Access.ANYONE for ours in dialplan.listen]
    for ours, anyone in zip(dialplan.listen, is_open, strict=True):
        if anyone:
            where = f"{ours.transport}:{bracketed(ours.host)}:{ours.port}"
            console.print(f"[bold]anyone[/bold] who reaches {escape(where)} may call", highlight=False)
    if all(is_open):
        return
    elsewhere = "elsewhere " if any(is_open) else ""
    console.print(
        f"{elsewhere}calls are taken from the addresses of trunks; anybody else gets no answer at all", highlight=False
    )
    for trunk in dialplan.trunks.values():
        if trunk.sources:
            console.print(f"  {trunk.name}: from {escape(', '.join(trunk.sources))} as well", highlight=False)
        elif ip_version(trunk.host) is None:
            console.print(
                f"  {trunk.name}: from what {trunk.host} resolves to; name other networks in 'sources'", highlight=False
            )


def _trunk(trunk: Trunk) -> dict[str, Any]:
    probe = trunk.probe
    decides = probe if probe and probe.alive_on is not AliveOn.CALLS_ONLY else None
    return {
        "name": trunk.name,
        "address": address_of(trunk),
        "sources": list(trunk.sources),
        "every": probe.every if probe else None,
        "detection": detection_time(decides) if decides else None,
        "detection_lossy": detection_time(decides, LOSSY) if decides else None,
    }


def _chain(chain: Chain) -> dict[str, Any]:
    last = chain.stages[-1].targets[-1]
    return {
        "name": chain.name,
        "stages": len(chain.stages),
        "last_stage": stage_starts(chain)[-1],
        "worst_wait": worst_wait(chain),
        "ends_with": "the dialled number"
        if last.dialled
        else f"{last.endpoint} (live)"
        if last.live
        else last.endpoint,
    }


def _cascades(messaging: Messaging) -> list[dict[str, Any]]:
    """Figures of each cascade; ``silent``: how long it takes if every first provider is silent."""
    rows = []
    for cascade in messaging.cascades.values():
        named = {name for step in cascade.steps for name in step.providers}
        channels = {step.channel for step in cascade.steps if not step.providers}
        used = [each for each in messaging.providers.values() if each.name in named or each.channel in channels]
        rows.append(
            {
                "name": cascade.name,
                "steps": [step.channel.value for step in cascade.steps],
                "providers": len(used),
                "upstreams": len({each.upstream or each.name for each in used}),
                "silent": sum(step.wait for step in cascade.steps),
                "window": cascade.window,
            }
        )
    return rows


def _table_of_cascades(rows: list[dict[str, Any]]) -> Table:
    right = ("upstreams", "all silent", "window")
    table = make_table("cascade", "steps", *right, right=right)
    for row in rows:
        times = (show_seconds(row["silent"]), show_seconds(row["window"]))
        table.add_row(row["name"], ", ".join(row["steps"]), str(row["upstreams"]), *times)
    return table


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
