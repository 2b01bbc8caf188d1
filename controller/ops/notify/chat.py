"""A URL of one's own (JSON, signed), and a channel of Slack (text).

Owns both bodies. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from controller import clock
from controller.alerting.outbox import Done, Entry, Result
from controller.alerting.words import What
from controller.ops.notify.base import Poster
from controller.signing import signed_headers
from controller.types.alerts import Slack, Webhook

_MOST_TEXT = 3000  # characters: Slack folds what is longer


class WebhookWay:
    """One URL."""

    def __init__(self, target: Webhook) -> None:
        self._target = target
        self._poster = Poster()

    async def deliver(self, entry: Entry) -> Result:
        """Post the whole notice. Its ``webhook-id`` is the same whenever it is tried again."""
        body = json.dumps({**entry.notice, "what": entry.what.value, "missed": entry.missed}, sort_keys=True)
        digest = hashlib.sha256(body.encode()).hexdigest()[:12]
        number = f"{entry.notice['id']}.{digest}"
        headers = signed_headers(self._target.secret, number, int(clock.epoch()), body)
        return await self._poster.post(self._target.url, body, headers)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._poster.close()


class SlackWay:
    """One channel."""

    def __init__(self, target: Slack) -> None:
        self._target = target
        self._poster = Poster()

    async def deliver(self, entry: Entry) -> Result:
        """Write a message."""
        if entry.what is What.UPDATE:
            return Done()
        return await self._poster.post(self._target.url, message_of(entry))

    async def close(self) -> None:
        """Let go of the connection."""
        await self._poster.close()


def message_of(entry: Entry) -> dict[str, Any]:
    """A message: the title, and the text below it."""
    notice = entry.notice
    text = f"*{_escape(notice['title'])}*"
    if entry.missed:
        text += "\n(this could not be told before)"
    if entry.what is not What.ACKNOWLEDGE:
        text += f"\n{_escape(notice['text'])}"
    return {"text": text[:_MOST_TEXT]}


def _escape(text: str) -> str:
    """These three are what Slack gives a meaning to: names must not call a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
