"""What `callward status` shows: how the daemon sees its trunks right now.

Owns the picture as plain data (made in the daemon) and as tables (made by the command). Must not judge.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from controller.engine import Engine
from controller.health.detector import Detector
from controller.health.readmission import Stage
from controller.health.score import Row
from controller.health.signals import Signal
from controller.summary import address_of, make_table, show_seconds
from controller.types import TargetState, TrunkHealth
from sip.transaction import Hop
from sip.uri import bracketed

Status = dict[str, Any]

_STYLES = {"up": "green", "degraded": "yellow", "suspect": "yellow", "down": "bold red", "unknown": "dim"}


def collect_status(engine: Engine, now: float) -> Status:
    """The picture at ``now``; times are seconds."""
    dialplan = engine.switchboard.dialplan
    quality = {row.target: row for row in engine.scores.view(now) if not row.region}
    return {
        "version": dialplan.version,
        "listen": [show_listener(hop) for hop in engine.element.listeners.values()],
        "calls": len(engine.plane),
        "counters": dict(engine.plane.counters),
        "trunks": [
            {
                **_trunk(detector, engine.board.view.trunks[detector.trunk.name], now),
                "calls": _calls(quality.get(detector.trunk.name), engine.signals.by_trunk.get(detector.trunk.name)),
            }
            for detector in engine.board.detectors()
        ],
        "uplink": engine.board.view.uplink,
    }


def show_listener(hop: Hop) -> str:
    """A listener of ours: its transport and address, and its name if it needs one."""
    name = f" ({hop.listener})" if hop.listener else ""
    return f"{hop.transport}:{bracketed(hop.host)}:{hop.port}{name}"


def _trunk(detector: Detector, health: TrunkHealth, now: float) -> dict[str, Any]:
    trunk = detector.trunk
    heard = detector.alive_at
    return {
        "name": trunk.name,
        "address": address_of(trunk),
        "carrier": trunk.carrier,
        "site": trunk.site,
        "state": str(health.state),
        "for": round(now - health.since, 3),
        "heard": round(now - heard, 3) if heard > 0 else None,
        "round_trip": round(detector.round_trip.mean, 4) if detector.round_trip.bound else None,
        "loss": round(detector.loss.share, 3),
        "code": health.code,
        "why": detector.why,
        "paged": detector.paged,
    }


def _calls(quality: Row | None, signal: Signal | None) -> dict[str, Any] | None:
    """What calls say about a trunk; shares 0 .. 1. None while there were none."""
    if quality is None or (signal is None and quality.state == Stage.OPEN):
        return None
    return {
        "gate": quality.state,  # open, held, canary, rising, parked
        "estimate": round(quality.estimate, 3),  # of those that will come through
        "samples": round(quality.samples, 1),
        "why": quality.why,
        "answered": _rounded(signal.answer_ratio if signal else None),
        "rings_after": _rounded(signal.post_dial_delay if signal else None),
        "short": _rounded(signal.short if signal else None),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def print_status(status: Status, console: Console) -> None:
    """The same for people."""
    trunks = status["trunks"]
    down = sum(trunk["state"] == TargetState.DOWN for trunk in trunks)
    calls = status["calls"]
    console.print(
        f"[bold]{len(trunks) - down} of {len(trunks)} trunks[/bold] usable, {calls} call{'' if calls == 1 else 's'} being"
        f" set up, version {status['version']}, on {', '.join(status['listen'])}"
    )
    table = make_table(
        "trunk", "state", "for", "heard", "round trip", "address", "why",
        right=("for", "heard", "round trip"), whole=("state", "for", "heard", "address"),
    )  # fmt: skip
    for trunk in trunks:
        state = trunk["state"]
        table.add_row(
            trunk["name"],
            f"[{_STYLES.get(state, '')}]{state}[/]",
            show_span(trunk["for"]),
            "never" if trunk["heard"] is None else show_span(trunk["heard"]),
            "-" if trunk["round_trip"] is None else f"{trunk['round_trip'] * 1000:.1f} ms",
            trunk["address"],
            trunk["code"] or "-",
        )
    console.print()
    console.print(table)
    if status["uplink"]:
        console.print(f"\n[bold red]{status['uplink']}[/]: trunks are used as written, whatever their state")
    if any(trunk["calls"] for trunk in trunks):
        console.print()
        console.print(_table_of_calls(trunks))


def _table_of_calls(trunks: list[dict[str, Any]]) -> Table:
    figures = ("come through", "answered", "ring after", "short")
    table = make_table("trunk", "calls", *figures, "why", right=figures, whole=("calls", *figures))
    for trunk in trunks:
        calls = trunk["calls"]
        if not calls:
            continue
        after = calls["rings_after"]
        table.add_row(
            trunk["name"],
            "all" if calls["gate"] == "open" else f"[yellow]{calls['gate']}[/]",
            f"{calls['estimate']:.0%}",
            _percent(calls["answered"]),
            "-" if after is None else show_seconds(after),
            _percent(calls["short"]),
            calls["why"],
        )
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def show_span(seconds: float) -> str:
    """A span of time, however long, with the unit that suits it."""
    if seconds < 60:
        return show_seconds(seconds)
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
