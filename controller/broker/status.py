"""What `callward status` shows of the daemon for messages, as plain data; `status_messages` shows it to people.

Must not judge.
"""

from __future__ import annotations

from typing import Any

from controller.broker.broker import Broker
from controller.broker.callbacks import Callbacks
from controller.broker.outcomes import Evidence
from controller.messages.bursts import Bursts
from controller.types import Dialplan
from controller.types.messages import Messaging

_UNKNOWN = {"gate": "open", "apart": {}, "estimate": 0.0, "samples": 0.0, "why": "too little is known"}


def collect_status(
    dialplan: Dialplan,
    listen: str,
    store_lost: str,
    broker: Broker,
    evidence: Evidence,
    callbacks: Callbacks,
    bursts: Bursts,
    now: float,
) -> dict[str, Any]:
    """The picture at ``now``; ``store_lost``: why, or ""."""
    messaging = dialplan.messaging
    return {
        "answers": True,
        "listen": listen,
        "version": dialplan.version,
        "store": {"lost": store_lost},
        "counters": dict(broker.counters),
        "callbacks": dict(callbacks.counters),
        "bursts": bursts.shows(now),
        "patterns": evidence.learnt(now),
        "providers": _providers(messaging, broker, evidence, now) if messaging is not None else [],
    }


def _providers(messaging: Messaging, broker: Broker, evidence: Evidence, now: float) -> list[dict[str, Any]]:
    waiting = broker.waiting()
    rows = {row["provider"]: row for row in evidence.view(now)}
    return [
        {
            "provider": name,
            "channel": provider.channel.value,
            "waiting": waiting.get(name, 0),
            "alive": evidence.is_alive(name),
            **rows.get(name, _UNKNOWN),
        }
        for name, provider in messaging.providers.items()
    ]
