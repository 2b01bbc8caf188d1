"""Daemons that always say the same, on the sockets of a state folder: what they say was invented, how they say it is real.

`python -m tests.top.canned FOLDER` plays them until Ctrl-C, for a look with `callward top --state-dir FOLDER`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from controller import clock
from controller.control import FILE, MESSAGES, OPS, Answer, ControlServer, Request, open_control
from controller.feed import FILE as FEED
from controller.feed import MESSAGES as MESSAGES_FEED
from controller.feed import Feed

T = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


def _trunk(name: str, state: str, since: float, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "group": "",
        "domain": "",
        "address": "udp:192.0.2.10:5060",
        "carrier": "",
        "site": "",
        "state": state,
        "for": since,
        "heard": 0.1,
        "round_trip": 0.0123,
        "loss": 0.0,
        "code": "PROBE_OK",
        "why": "a probe was answered",
        "paged": False,
        "calls": None,
        **more,
    }


def _calls(gate: str, why: str) -> dict[str, Any]:
    return {
        "gate": gate,
        "estimate": 0.9,
        "samples": 30.0,
        "why": why,
        "answered": 0.82,
        "rings_after": 1.34,
        "short": 0.1,
    }


SILENT = "16 probes in a row unanswered, nothing heard for 0.78 s"
TRUNKS = [
    _trunk("hq-pbx", "up", 93_600.0, site="hq"),
    _trunk("branch-pbx", "down", 161.0, site="branch", code="PROBE_TIMEOUT", why=SILENT, round_trip=0.0017, loss=0.02),
    _trunk("carrier-a", "up", 7_300.0, carrier="a", calls=_calls("open", "")),
    _trunk(
        "carrier-b",
        "degraded",
        45.0,
        carrier="b",
        code="AUTH",
        why="it refused our credentials twice",
        loss=0.31,
        round_trip=1.2,
    ),
    _trunk("carrier-c", "up", 400.0, carrier="c", calls=_calls("parked", "drained by an operator")),
    _trunk("carrier-with-a-very-long-name-of-32", "unknown", 3.0, round_trip=None, code="", why="nothing heard yet"),
    _trunk("carrier-d", "suspect", 0.2, carrier="d", code="PROBE_TIMEOUT", why="a probe was not answered: confirming"),
]
STATUS: dict[str, Any] = {
    "version": "560b8f7d40af",
    "listen": ["udp:192.0.2.1:5060"],
    "calls": 1,
    "up": 3,
    "counters": {},
    "uplink": "",
    "registrations": [
        {
            "trunk": "carrier-d",
            "account": "us@d",
            "bound": False,
            "registrar": "",
            "for": 9.0,
            "left": None,
            "why": "403 Forbidden",
        }
    ],
    "names": [],
    "limits": [
        {
            "of": "trunk carrier-a",
            "calls": 3,
            "in": 1,
            "most": 30,
            "most_out": None,
            "most_in": None,
            "cps": None,
            "full": "",
        }
    ],
    "trunks": TRUNKS,
    "messages": {"answers": True},
}
PROVIDERS: list[dict[str, Any]] = [
    {"provider": "sms-1", "channel": "sms", "waiting": 12, "alive": True, "gate": "open", "estimate": 0.97, "samples": 210.0, "why": ""},
    {"provider": "whatsapp-1", "channel": "whatsapp", "waiting": 0, "alive": True, "gate": "held", "estimate": 0.2, "samples": 41.0,
     "why": "31 of 41 were not delivered in US"},
]  # fmt: skip
MESSAGES_STATUS: dict[str, Any] = {
    "version": "560b8f7d40af",
    "store": {"lost": ""},
    "counters": {"sent": 251},
    "providers": PROVIDERS,
}


def _attempt(
    path: str, at: float, milestone: str, cause: str, ended: float | None, stage: int = 1, **more: Any
) -> dict[str, Any]:
    return {"path": path, "at": at, "milestone": milestone, "cause": cause, "rang": None, "hedge": False, "stage": stage,
            "beside": 0, "ended": ended, **more}  # fmt: skip


def _call(
    at: float, attempts: list[dict[str, Any]], winner: str | None, cause: str, status: int, seconds: float
) -> dict[str, Any]:
    return {"call": f"call-at-{at:.0f}@192.0.2.10;z9hG4bK1;192.0.2.10:5060", "did": "+15557000", "caller": "+12025550123",
            "from_trunk": "carrier-a", "moment": at, "chain": "sales", "status": status, "winner": winner, "cause": cause,
            "refusal": "", "seconds": seconds, "attempts": attempts, "skipped": [], "demoted": [], "decisions": [],
            "panic": False, "version": "560b8f7d40af"}  # fmt: skip


LOST = _attempt("front-desk via branch-pbx", 0.0, "none", "TRUNK_DOWN", 0.8)
WON = _attempt("anna-mobile via carrier-a", 0.25, "answered", "", 4.2, beside=1, rang=1.4)
REFUSED = _attempt("front-desk via hq-pbx", 0.0, "alerting", "486", 2.0, rang=0.2)
#: Seconds before T, which daemon, kind, and what.
EVENTS: list[tuple[float, str, str, dict[str, Any]]] = [
    (3000.0, FEED, "trunk", {"trunk": "hq-pbx", "old": "up", "new": "down", "code": "PORT_CLOSED", "why": "3 packets refused", "at": 1.0}),
    (2800.0, FEED, "trunk", {"trunk": "hq-pbx", "old": "down", "new": "up", "code": "PROBE_OK", "why": "5 probes in a row", "at": 2.0}),
    (700.0, FEED, "call", _call(T - 702.0, [REFUSED], None, "EXHAUSTED", 486, 2.0)),
    (400.0, FEED, "quality", {"target": "carrier-c", "region": [], "old": "open", "new": "parked", "at": 1.0, "why": "drained by an operator"}),
    (161.0, FEED, "trunk", {"trunk": "branch-pbx", "old": "suspect", "new": "down", "code": "PROBE_TIMEOUT", "why": SILENT, "at": 3.0}),
    (156.0, FEED, "page", {"trunk": "branch-pbx", "code": "PROBE_TIMEOUT", "why": SILENT, "since": 1.0, "at": 6.0}),
    (150.0, FEED, "call", _call(T - 154.2, [LOST, WON], "anna-mobile via carrier-a", "", 200, 4.2)),
    (60.0, FEED, "call", _call(T - 64.2, [LOST, WON], "anna-mobile via carrier-a", "", 200, 4.2)),
    (50.0, FEED, "call", _call(T - 53.0, [REFUSED], None, "WITHDRAWN", 487, 3.0)),
    (100.0, MESSAGES_FEED, "cascade", {"cascade": "01m8jd9qdhgrfy7a2r2ascafb6", "tenant": "acme", "status": "completed", "reason": "",
                                       "created": T - 112.5, "ended": T - 100.0, "country": "DE", "operator": "", "use_case": "login",
                                       "sends": ["whatsapp-1", "sms-1"], "winner": "sms-1", "cost": 0.04}),
    (30.0, MESSAGES_FEED, "quality", {"target": "whatsapp-1", "region": ["US"], "old": "open", "new": "held", "at": 4.0, "why": "31 of 41 were not delivered"}),
]  # fmt: skip
LIVE = {
    "ringing": [
        {"call": "live-1@192.0.2.10;z9hG4bK2;192.0.2.10:5060", "did": "+15557000", "caller": "+12025550199", "from_trunk": "carrier-a",
         "moment": T - 6.0, "chain": "sales", "seconds": 6.0,
         "attempts": [{"path": "front-desk via branch-pbx", "at": 0.0, "milestone": "none", "cause": "TRUNK_DOWN", "open": False},
                      {"path": "anna-mobile via carrier-a", "at": 0.25, "milestone": "alerting", "cause": "", "open": True}]}
    ],
    "up": [{"trunk": "carrier-a", "seconds": 80.0}, {"trunk": "carrier-a", "seconds": 20.0}, {"trunk": "hq-pbx", "seconds": 4.0}],
    "more": {"ringing": 0, "up": 0},
}  # fmt: skip
DONE, RUNS = "01m8jd9pa2373ecr3gh37t9v4q", "01m8jd9s4xhrvm0z59p18385em"
_SENDS = [
    {
        "attempt": 1,
        "step": 1,
        "channel": "whatsapp",
        "provider": "whatsapp-1",
        "phase": "over",
        "milestone": "accepted",
    },
    {"attempt": 2, "step": 2, "channel": "sms", "provider": "sms-1", "phase": "sent", "milestone": "delivered"},
]


def _cascade(
    name: str, status: str, created: str, ended: str | None, winner: int | None, attempts: list[dict[str, Any]]
) -> dict[str, Any]:
    return {"id": name, "tenant": "acme", "status": status, "reason": "", "step": len(attempts), "steps": 3, "created": created,
            "expires": "2027-01-15T08:03:00.000Z", "ended": ended, "cascade": "otp", "use_case": "login", "country": "US",
            "cost": 0.031, "winner": winner, "attempts": attempts}  # fmt: skip


CASCADES = [
    _cascade(RUNS, "active", "2027-01-15T07:59:50.000Z", None, None, _SENDS[:1]),
    _cascade(DONE, "completed", "2027-01-15T07:58:00.000Z", "2027-01-15T07:58:16.500Z", 2, _SENDS),
]
EXPLANATION = {
    "cascade": CASCADES[1],
    "skipped": [{"step": 3, "what": "mail", "why": "no mail address is given"}],
    "history": [
        {"at": "2027-01-15T07:58:00.001Z", "event": "sending", "reason": "", "attempt": 1, "provider": "whatsapp-1"},
        {"at": "2027-01-15T07:58:00.200Z", "event": "accepted", "reason": "", "attempt": 1, "provider": "whatsapp-1"},
        {
            "at": "2027-01-15T07:58:15.001Z",
            "event": "timed_out",
            "reason": "15 s",
            "attempt": 1,
            "provider": "whatsapp-1",
        },
        {"at": "2027-01-15T07:58:15.002Z", "event": "sending", "reason": "", "attempt": 2, "provider": "sms-1"},
        {"at": "2027-01-15T07:58:16.500Z", "event": "delivered", "reason": "", "attempt": 2, "provider": "sms-1"},
    ],
}


@asynccontextmanager
async def canned(state_dir: Path) -> AsyncIterator[list[str]]:
    """All three of them, and what they were told to do."""
    told: list[str] = []

    def says(**answer: Any) -> Any:
        async def command(_: Request) -> Answer:
            return {"ok": True, **answer}

        return command

    async def act(request: Request) -> Answer:
        told.append(f"{request['command']} {request['trunk']}")
        return {"ok": True, "changed": True}

    ours = {"status": says(status=STATUS), "calls": says(calls=LIVE), "drain": act, "undrain": act}
    theirs = {
        "status": says(status=MESSAGES_STATUS | {"messages": MESSAGES_STATUS}),
        "cascades": says(cascades=CASCADES),
        "cascade": says(explanation=EXPLANATION),
    }
    alerts = [
        {"title": title, "resolved": resolved}
        for title, resolved in (("site branch is down", None), ("carrier-b is slow", T - 60.0))
    ]
    console = {"alerts": says(alerts=alerts, undelivered=0)}
    faults: list[BaseException] = []
    async with AsyncExitStack() as stack:
        for file, commands in ((FILE, ours), (MESSAGES, theirs), (OPS, console)):
            server = ControlServer(open_control(state_dir, file), commands, faults.append)
            stack.callback(server.close)
            await server.start()
        for name in (FEED, MESSAGES_FEED):
            feed = Feed(state_dir, lambda news: news, name)
            stack.callback(feed.close)
            feed.start(asyncio.get_running_loop())
            for before, source, kind, data in EVENTS:
                if source == name:
                    feed.tell((kind, data), T - before)
        yield told
    assert not faults, faults


async def _play(folder: Path) -> None:
    async with canned(folder):
        await asyncio.Event().wait()


if __name__ == "__main__":
    clock.epoch = lambda: T  # type: ignore[assignment]
    Path(sys.argv[1]).mkdir(exist_ok=True)
    asyncio.run(_play(Path(sys.argv[1])))
