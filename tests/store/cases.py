"""What tests of stores share: requests that are ready to be kept, and the events of one send."""

from __future__ import annotations

from typing import Any

from controller.channels.base import Report
from controller.messages.cascade import Cascade
from controller.rules.run import Run
from controller.store.base import Applied, Facts, Kept, NewCascade, Store
from controller.types import Milestone, Plan
from controller.types.cascades import Circumstances, SendAccepted, SendMessage
from tests.messages.playbook import EPOCH, make_plan, make_terms

PLAN = make_plan("whatsapp/wa-1", "sms/sms-1,sms-2")
CALM = Circumstances()
FACTS = Facts(use_case="login", country="US", operator="310260", operator_source="range", cascade="otp")


def make_new(
    name: str = "c1",
    *,
    key: str = "",
    body: str = "hash",
    tenant: str = "acme",
    plan: Plan = PLAN,
    person: bytes = b"index of ann",
    at: float = EPOCH,
    **terms: Any,
) -> NewCascade:
    """A request that was never seen."""
    cascade = Cascade(name, tenant, "", Run(plan), make_terms(plan, **terms), created=at)
    return NewCascade(
        cascade,
        plan,
        key,
        body,
        f'{{"id": "{name}"}}',
        FACTS,
        {"phone": b"sealed number of " + name.encode()},
        {"phone": person},
        b"sealed text of " + name.encode(),
    )


async def begin(store: Store, name: str = "c1", *, at: float = EPOCH, **given: Any) -> SendMessage:
    """Have a request accepted; its first send."""
    admission = await store.accept(make_new(name, at=at, **given), at)
    assert isinstance(admission, Kept)
    return next(command for command in admission.commands if isinstance(command, SendMessage))


async def take_ref(store: Store, name: str, attempt: int, ref: str, at: float) -> Applied:
    """The provider took it, under this name."""
    applied = await store.apply(name, SendAccepted(attempt, ref), at, CALM)
    assert applied is not None
    return applied


def delivered(ref: str = "", provider: str = "wa-1", **given: Any) -> Report:
    """A good report."""
    return Report(provider, ref, Milestone.ANSWERED, **given)


def lost(ref: str, provider: str = "wa-1", cause: str = "undelivered") -> Report:
    """A bad one."""
    return Report(provider, ref, None, cause)
