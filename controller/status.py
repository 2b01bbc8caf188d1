"""What `callward status` shows: how the daemon sees its trunks right now.

Owns the picture as plain data (made in the daemon) and as tables (made by the command). Must not judge.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console

from controller.engine import Engine
from controller.health.detector import Detector
from controller.summary import address_of, make_table, show_seconds
from controller.types import TargetState

Status = dict[str, Any]

_STYLES = {"up": "green", "suspect": "yellow", "down": "bold red", "unknown": "dim"}


def collect_status(engine: Engine, now: float) -> Status:
    """The picture at ``now``; times are seconds."""
    dialplan = engine.switchboard.dialplan
    return {
        "version": dialplan.version,
        "listen": [f"{transport}:{host}:{port}" for host, port, transport in engine.element.locals.values()],
        "calls": len(engine.plane),
        "counters": dict(engine.plane.counters),
        "trunks": [_trunk(detector, now) for detector in engine.board.detectors()],
    }


def _trunk(detector: Detector, now: float) -> dict[str, Any]:
    trunk = detector.trunk
    heard = detector.alive_at
    return {
        "name": trunk.name,
        "address": address_of(trunk),
        "carrier": trunk.carrier,
        "site": trunk.site,
        "state": str(detector.state),
        "for": round(now - detector.since, 3),
        "heard": round(now - heard, 3) if heard > 0 else None,
        "round_trip": round(detector.round_trip.mean, 4) if detector.round_trip.bound else None,
        "loss": round(detector.loss.share, 3),
        "code": detector.code,
        "paged": detector.paged,
    }


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


def show_span(seconds: float) -> str:
    """A span of time, however long, with the unit that suits it."""
    if seconds < 60:
        return show_seconds(seconds)
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
