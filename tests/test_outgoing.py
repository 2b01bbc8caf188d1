"""What the process for calls says of orders that it does not know: whether it would know them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from controller import clock, placing
from controller.channels.base import Refused, Submission, Unclear
from controller.channels.orders import judge_unknown
from controller.messages.ids import make_id
from controller.outgoing import Outgoing
from controller.placing import Placer
from sip.transaction import Hop

NOON = 1_763_700_000.0


def test_an_order_that_may_be_forgotten_may_have_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ran all the time, and yet cannot say: the call ended, and was forgotten. It must not ring again."""
    now = NOON
    monkeypatch.setattr(clock, "epoch", lambda: now)
    engine: Any = SimpleNamespace(placer=Placer(Hop("127.0.0.1", 5060), lambda: "x"))
    outgoing = Outgoing(lambda: engine, lambda: None, "life")

    def ask(begun: float) -> Submission:
        key = f"{make_id(begun, b'0123456789')}:1:1"
        return judge_unknown(key, asyncio.run(outgoing.placed({"key": f"voice/{key}"})))

    assert ask(NOON + 10.0) == Refused("404")
    assert isinstance(ask(NOON - 10.0), Unclear), "an earlier life may have had it"
    now += placing.REMEMBER + 60.0
    assert isinstance(ask(NOON + 10.0), Unclear), "this life may have had it, and have forgotten it"
    assert ask(NOON + 120.0) == Refused("404")
