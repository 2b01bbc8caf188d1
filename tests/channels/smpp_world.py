"""What tests of SMPP share: an account at a simulated SMSC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from controller.channels.base import Message
from controller.channels.smpp import SmppAdapter
from controller.simulate.smsc import Smsc
from controller.types.messages import Channel, Provider
from controller.types.smpp import Smpp
from tests.channels.desk import Desk


def account(port: int, **settings: Any) -> Provider:
    fields = {"timeout": 5.0, "enquire": 5.0} | settings
    return Provider("sms-1", Channel.SMS, "smpp", Smpp("127.0.0.1", port, "acme", "secret", **fields))


def text(words: str = "Your code is 123456", key: str = "c1:0:1", to: str = "+15550100", **more: Any) -> Message:
    return Message(key, Channel.SMS, to, words, **({"sender": "ACME"} | more))


@asynccontextmanager
async def bound(smsc: Smsc, **settings: Any) -> AsyncIterator[tuple[SmppAdapter, Desk]]:
    """An account that is bound to a simulated SMSC; both are gone afterwards."""
    desk = Desk()
    adapter = SmppAdapter(account(await smsc.start(), **settings), Random(1))
    await adapter.start(desk.take)
    try:
        await desk.alive()
        yield adapter, desk
    finally:
        await adapter.close()
        await smsc.close()
