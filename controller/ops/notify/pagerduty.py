"""PagerDuty, by its Events API v2: one alert there for each incident, by its deduplication key.

Owns the event. https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from controller.alerting.outbox import Done, Entry, Result
from controller.alerting.words import What
from controller.ops.notify.base import Poster
from controller.types.alerts import PagerDuty

_MOST_SUMMARY = 1024  # characters, as its documentation has it
_ACTIONS = (What.TRIGGER, What.ACKNOWLEDGE, What.RESOLVE)


class PagerDutyWay:
    """One service."""

    def __init__(self, target: PagerDuty) -> None:
        self._target = target
        self._poster = Poster()

    async def deliver(self, entry: Entry) -> Result:
        """Trigger, acknowledge or resolve."""
        if entry.what not in _ACTIONS:
            return Done()
        key = self._target.key
        return await self._poster.post(f"{self._target.url}/v2/enqueue", event_of(entry, key), secrets=(key,))

    async def close(self) -> None:
        """Let go of the connection."""
        await self._poster.close()


def event_of(entry: Entry, key: str) -> dict[str, Any]:
    """What is posted."""
    notice = entry.notice
    event: dict[str, Any] = {
        "routing_key": key,
        "event_action": entry.what.value,
        "dedup_key": f"callward-{notice['id']}",
    }
    if entry.what is What.TRIGGER:
        event["client"] = "callward"
        event["payload"] = {
            "summary": notice["title"][:_MOST_SUMMARY],
            "source": notice["cause"]["name"] or "callward",
            "severity": notice["severity"],
            "timestamp": datetime.fromtimestamp(notice["opened"], UTC).isoformat(),
            "component": notice["members"][0]["name"] if notice["members"] else "callward",
            "group": notice["route"],
            "class": notice["members"][0]["kind"] if notice["members"] else "callward",
            "custom_details": {"text": notice["text"], "count": notice["count"], "id": notice["id"]},
        }
    return event
