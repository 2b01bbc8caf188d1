"""What `callward status` shows: how the daemon sees its trunks right now.

Owns the picture as plain data; `status_table` shows it to people. Must not judge.
"""

from __future__ import annotations

from math import inf
from typing import Any

from controller.engine import Engine
from controller.health.detector import Detector
from controller.health.readmission import Stage
from controller.health.score import Row
from controller.health.signals import Signal
from controller.registration import Row as Registration
from controller.resolver.book import Book, show_address
from controller.rules.conditions import is_down
from controller.rules.usage import Share
from controller.trust import Trust
from controller.types import TrunkHealth
from controller.wording import address_of
from sip.uri import bracketed

Status = dict[str, Any]


def collect_status(
    engine: Engine, now: float, trust: Trust | None = None, names: Book | None = None, *, brief: bool = False
) -> Status:
    """The picture at ``now``; times are seconds. ``names`` is what is believed of DNS. ``brief``: of numbers with limits
    those alone that have calls, for whoever asks every second."""
    dialplan = engine.switchboard.dialplan
    quality = {row.target: row for row in engine.scores.view(now) if not row.region}
    return {
        "version": dialplan.version,
        "listen": show_listeners(engine),
        "calls": len(engine.plane),
        "counters": dict(engine.plane.counters),
        "edge": {
            **engine.edge.counters,
            "turned_away": engine.overload.turned_away,
            "withheld": engine.edge.credit.withheld,
            "shed": engine.edge.pressure.shed,
        },
        "trunks": [
            {
                **_trunk(detector, engine.board.view.trunks[detector.trunk.name], now),
                "calls": _calls(quality.get(detector.trunk.name), engine.signals.by_trunk.get(detector.trunk.name)),
            }
            for detector in engine.board.detectors()
        ],
        "registrations": [_registration(row, now) for row in engine.registrations.rows(now)],
        "names": _names(names, now) if names is not None else [],
        "down": _down(engine),
        "late_timers": engine.late_timers,
        "overloaded": engine.overload.is_on,
        "silent_relay": _silent_relay(engine),
        "uplink": engine.board.view.uplink,
        "up": len(engine.switchboard.usage.up),  # calls that were answered and are not known to be over
        "limits": [_share(share) for share in engine.switchboard.usage.view(now, brief=brief)],
        "certificates": trust.show() if trust is not None else [],
    }


def _names(names: Book, now: float) -> list[dict[str, Any]]:
    return [
        {
            "name": str(question),
            "trunks": list(names.trunks_of(question)),
            "addresses": [show_address(address) for address in belief.addresses()],
            "answered": None if belief.answered_at is None else round(now - belief.answered_at, 3),  # ago
            "next": round(max(0.0, belief.due - now), 3),
            "stale": bool(belief.why),
            "why": belief.why,
        }
        for question, belief in names.beliefs.items()
    ]


def _down(engine: Engine) -> list[str]:
    """The trunks that are down, by the names that operators gave them: those with several addresses when all are."""
    names = dict.fromkeys(detector.trunk.group or detector.trunk.name for detector in engine.board.detectors())
    return [name for name in names if is_down(engine.board.view, name)]


def _silent_relay(engine: Engine) -> str:
    """The media relay, where it does not answer; else ""."""
    relay = engine.plane.anchoring.relay
    return f"{relay.media.host}:{relay.media.port}" if relay is not None and relay.silent else ""


def show_listeners(engine: Engine) -> list[str]:
    """Each listener: its transport, what it is bound to, its name, and what peers are told instead."""
    shown = []
    ours = engine.element.listeners
    for listen in engine.switchboard.dialplan.listen:
        hop = ours.get((listen.transport, listen.listener))
        if hop is None:
            continue
        port = listen.port or hop.port
        name = f" {listen.name}" if listen.name else ""
        told = "" if (listen.host, port) == hop[:2] else f" as {bracketed(hop.host)}:{hop.port}"
        shown.append(f"{listen.transport}:{bracketed(listen.host)}:{port}{name}{told}")
    return shown


def _share(share: Share) -> dict[str, Any]:
    limits = share.limits
    return {
        "of": share.of,
        "calls": share.outward + share.inward,
        "in": share.inward,
        "most": limits.calls,
        "most_out": limits.outward,
        "most_in": limits.inward,
        "cps": limits.cps,
        "full": share.why,
    }


def _registration(row: Registration, now: float) -> dict[str, Any]:
    return {
        "trunk": row.trunk,
        "account": row.account,
        "bound": row.bound,
        "registrar": row.registrar,
        "for": round(now - row.since, 3) if row.since < inf else None,  # in this state; None before the first answer
        "left": round(row.until - now, 3) if row.bound else None,  # until it would have to be refreshed at the latest
        "why": row.why,
    }


def _trunk(detector: Detector, health: TrunkHealth, now: float) -> dict[str, Any]:
    trunk = detector.trunk
    heard = detector.alive_at
    return {
        "name": trunk.name,
        "group": trunk.group,
        "domain": trunk.domain,
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
