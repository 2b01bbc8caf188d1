from __future__ import annotations

import json

from controller.messages.telling import Telling, show
from controller.types.cascades import TellClient
from controller.types.messages import Callback, Client
from tests.messages.playbook import EPOCH, make_cascade, make_plan

SENT = TellClient("sent", details={"attempt": 1, "step": 1, "channel": "sms"})
DONE = TellClient("completed", final=True)


def test_tenant_hears_the_end_alone_or_all_of_it() -> None:
    cascade = make_cascade(make_plan("sms/sms-1"))
    telling = Telling({"acme": Client("acme", Callback("https://a.example", "key"))})
    assert telling.hear(cascade, SENT, EPOCH) == ""
    assert telling.hear(cascade, DONE, EPOCH)
    telling.clients = {"acme": Client("acme", Callback("https://a.example", "key", transitions=True))}
    assert telling.hear(cascade, SENT, EPOCH)
    telling.clients = {"acme": Client("acme")}
    assert telling.hear(cascade, DONE, EPOCH) == ""
    telling.clients = {}
    assert telling.hear(cascade, DONE, EPOCH) == ""


def test_body_says_what_happened_and_how_the_cascade_is() -> None:
    body = json.loads(show(make_cascade(make_plan("sms/sms-1")), SENT, EPOCH + 0.25))
    assert body == {
        "type": "cascade.sent",
        "timestamp": "2025-11-21T04:40:00.250Z",
        "data": {
            "id": "c1", "status": "active", "reason": "", "attempts": 0, "cost": 0, "verified": False,
            "attempt": 1, "step": 1, "channel": "sms",
        },
    }  # fmt: skip
