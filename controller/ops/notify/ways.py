"""Which way a notifier of the dialplan takes. One line each: a new one is added here.

Owns the list, and the two that hand over to others: apprise (a library that is an extra) and MQTT (another consumer).
"""

from __future__ import annotations

from collections.abc import Callable

from controller.alerting.outbox import Again, Done, Entry, Result
from controller.alerting.words import What
from controller.ops.consumers import HandOver
from controller.ops.notify.alertmanager import AlertmanagerWay
from controller.ops.notify.base import Way
from controller.ops.notify.chat import SlackWay, WebhookWay
from controller.ops.notify.mail import MailWay
from controller.ops.notify.pagerduty import PagerDutyWay
from controller.supervise import run_aside
from controller.types.alerts import (
    Alertmanager,
    Apprise,
    Email,
    Mqtt,
    PagerDuty,
    Slack,
    Target,
    Webhook,
)

#: Those that want to know of each change, and forget what is not repeated.
LIVE = (Alertmanager, Mqtt)


def make_way(target: Target, hand_over: Callable[[str], HandOver | None]) -> Way:
    """``hand_over(name)``: how to hand a notice to another consumer; None where there is none."""
    match target:
        case Alertmanager():
            return AlertmanagerWay(target)
        case PagerDuty():
            return PagerDutyWay(target)
        case Webhook():
            return WebhookWay(target)
        case Slack():
            return SlackWay(target)
        case Email():
            return MailWay(target)
        case Apprise():
            return AppriseWay(target)
        case Mqtt():
            return MqttWay(lambda: hand_over("mqtt"))


class AppriseWay:
    """Whatever apprise knows."""

    def __init__(self, target: Apprise) -> None:
        self._urls = target.urls

    async def deliver(self, entry: Entry) -> Result:
        """Have it told, in a thread: the library blocks."""
        if entry.what is What.UPDATE:
            return Done()
        try:
            import apprise
        except ImportError:
            return Again("apprise is not installed: pip install 'callward[apprise]'", refused=True)
        teller = apprise.Apprise()
        if not all(teller.add(url) for url in self._urls):
            return Again("apprise does not know one of the URLs", refused=True)
        title, text = entry.notice["title"], entry.notice["text"]
        kind = apprise.NotifyType.SUCCESS if entry.what is What.RESOLVE else apprise.NotifyType.WARNING
        told = await run_aside(lambda: teller.notify(body=text, title=title, notify_type=kind), "apprise")
        return Done() if told else Again("apprise could not tell all of them")

    async def close(self) -> None:
        """There is nothing to let go of."""


class MqttWay:
    """The broker of `mqtt`: another consumer has the connection."""

    def __init__(self, hand_over: Callable[[], HandOver | None]) -> None:
        self._hand_over = hand_over

    async def deliver(self, entry: Entry) -> Result:
        """Hand it over."""
        hand_over = self._hand_over()
        if hand_over is None:
            return Again("there is no 'mqtt' in the dialplan", refused=True)
        if await hand_over(entry.notice, entry.what.value):
            return Done()
        return Again("the broker did not take it")

    async def close(self) -> None:
        """There is nothing to let go of."""
