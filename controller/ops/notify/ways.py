"""Which way a notifier of the dialplan takes. One line each: a new one is added here.

Owns the list, and the two that hand over to others: apprise (a library that is an extra) and MQTT (another consumer).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

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
_REMEMBERED = 1000  # entries that some of several have got


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
    """Whatever apprise knows. Each URL is told once, however often others have to be tried again."""

    def __init__(self, target: Apprise) -> None:
        self._urls = target.urls
        self._told: OrderedDict[int, set[str]] = OrderedDict()  # by the number of an entry that some have got

    async def deliver(self, entry: Entry) -> Result:
        """Have it told, in a thread: the library blocks."""
        if entry.what is What.UPDATE:
            return Done()
        try:
            import apprise
        except ImportError:
            return Again("apprise is not installed: pip install 'callward[apprise]'", refused=True)
        told = self._told.setdefault(entry.number, set()) if entry.number else set()  # a try has none
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        title, text = entry.notice["title"], entry.notice["text"]
        kind = apprise.NotifyType.SUCCESS if entry.what is What.RESOLVE else apprise.NotifyType.WARNING
        for url in self._urls:
            if url in told:
                continue
            teller = apprise.Apprise()
            if not teller.add(url):
                return Again("apprise does not know one of the URLs", refused=True)
            job = partial(teller.notify, body=text, title=title, notify_type=kind)
            if await run_aside(job, "apprise"):
                told.add(url)
        if len(told) < len(self._urls):
            return Again(f"apprise could not tell {len(self._urls) - len(told)} of {len(self._urls)}")
        self._told.pop(entry.number, None)
        return Done()

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
