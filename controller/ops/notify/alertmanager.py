"""Alertmanager, by its API v2: one alert for each member of an incident, so that it may group and silence as it likes.

Owns labels and annotations. An alert that is not told again ends by itself there: if we die, nothing lasts for ever.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from controller import clock
from controller.alerting.incidents import REFRESH
from controller.alerting.notices import Notice
from controller.alerting.outbox import Done, Entry, Result
from controller.alerting.words import What
from controller.ops.notify.base import Poster
from controller.types.alerts import Alertmanager

#: Seconds that an alert lasts without being told again: it may be missed twice.
LASTS = 3 * REFRESH


class AlertmanagerWay:
    """One Alertmanager."""

    def __init__(self, target: Alertmanager) -> None:
        self._url = target.url + "/api/v2/alerts"
        self._poster = Poster()

    async def deliver(self, entry: Entry) -> Result:
        """Tell how all members are."""
        if entry.what is What.ACKNOWLEDGE:
            return Done()  # it has silences, which people make there
        return await self._poster.post(self._url, alerts_of(entry.notice, clock.epoch()))

    async def close(self) -> None:
        """Let go of the connection."""
        await self._poster.close()


def alerts_of(notice: Notice, now: float) -> list[dict[str, Any]]:
    """One for each member. Labels stay the same for as long as it lasts."""
    found = []
    for member in notice["members"]:
        ended = member["ended"] if member["ended"] is not None else notice["resolved"]
        labels = {
            "alertname": f"Callward{str(member['kind']).capitalize()}",
            "kind": member["kind"],
            "name": member["name"],
            "severity": member["severity"],
            "incident": notice["id"],
            **member["labels"],
        }
        found.append(
            {
                "labels": labels,
                "annotations": {"summary": notice["title"], "description": member["why"] or notice["title"]},
                "startsAt": _stamp(member["since"]),
                "endsAt": _stamp(now + LASTS if ended is None else ended),
            }
        )
    return found


def _stamp(epoch: float) -> str:
    """As RFC 3339 has it."""
    return datetime.fromtimestamp(epoch, UTC).isoformat()
