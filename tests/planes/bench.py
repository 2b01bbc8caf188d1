"""A test bench for the embedded plane: real datagrams in, what it sends out, no network and no health.

Owns the wiring and the collecting; requests and responses come from tests.sip.wire.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controller.credentials import Accounts
from controller.planes.embedded import EmbeddedPlane
from controller.switchboard import Switchboard
from controller.types import Auth, CallRecord, Chain, Dialplan, Listen, Route, Stage, Trunk
from sip.element import Element
from sip.message import Request, Response
from sip.parser import parse_message
from sip.timing import Deadlines
from sip.transaction import Hop
from tests.playbook import stage
from tests.sip import wire

T1, T2, T3 = Hop("192.0.2.21", 5060), Hop("192.0.2.22", 5060), Hop("192.0.2.23", 5060)
HOPS = {"t1": T1, "t2": T2, "t3": T3}


AUTH = Auth("callward", "hunter2")


def dialplan(*stages: Stage, version: str = "v1", asking: Iterable[str] = ()) -> Dialplan:
    """One chain for the number that tests.sip.wire calls; the trunks that are ``asking`` have credentials."""
    return Dialplan(
        version,
        (Listen(wire.LOCAL.host, wire.LOCAL.port),),
        {name: Trunk(name, hop.host, hop.port, auth=AUTH if name in asking else None) for name, hop in HOPS.items()},
        {"sales": Chain("sales", stages or (stage("anna/t1,t2"),))},
        {"+15557000": Route("+15557000", "sales")},
    )


class Bench:
    """A plane and its world. Each call returns what was sent because of it: (message, where to)."""

    def __init__(self, *stages: Stage, element: Element | None = None, asking: Iterable[str] = ()) -> None:
        self.deadlines = Deadlines()
        element = element or wire.make_element()
        self.switchboard = Switchboard(dialplan(*stages, asking=asking))
        self.accounts = Accounts(element.cnonce_of)
        self.accounts.swap(self.switchboard.dialplan.trunks)
        self.plane = EmbeddedPlane(self.switchboard, element, HOPS, self.deadlines, accounts=self.accounts)
        self.now = 0.0

    def receive(self, data: bytes, source: Hop = wire.CALLER) -> list[tuple[Request | Response, Hop]]:
        """A datagram comes in."""
        self.plane.receive(data, source, self.now)
        return self.take()

    def call(self, **options: Any) -> list[tuple[Request | Response, Hop]]:
        """An INVITE comes in; options as in `wire.request_lines`."""
        return self.receive(wire.request("INVITE", **options))

    def answer(self, request: Request, status: int, source: Hop = T1, **options: Any) -> list[Any]:
        """A phone answers what it got."""
        return self.receive(wire.answer(request, status, **options), source)

    def wait_until(self, when: float) -> list[tuple[Request | Response, Hop]]:
        """Time passes."""
        while (due := self.deadlines.next_deadline()) <= when:
            self.now = max(self.now, due)
            self.deadlines.fire_due(self.now)
            self.plane.drain(self.now)
        self.now = when
        return self.take()

    def take(self) -> list[tuple[Request | Response, Hop]]:
        """What was sent since this was last asked."""
        sent = [(parse_message(data), hop) for data, hop in self.plane.outbox]
        self.plane.outbox.clear()
        return sent

    @property
    def record(self) -> CallRecord:
        """The one record of the one call."""
        (record,) = self.plane.records
        return record


def requests(sent: Iterable[tuple[Request | Response, Hop]], method: str = "INVITE") -> list[Request]:
    """The requests among what was sent."""
    return [message for message, _ in sent if isinstance(message, Request) and message.method == method]


def statuses(sent: Iterable[tuple[Request | Response, Hop]], to: Hop = wire.CALLER) -> list[int]:
    """The responses that went to somebody."""
    return [message.status for message, hop in sent if isinstance(message, Response) and hop[:2] == to[:2]]
