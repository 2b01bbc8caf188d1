"""The stand on which messages are tortured: a whole engine whose default route rings one phone.

Owns the verdict, which is nothing but what comes out of ``outbox``: forwarded, answered, or silence. After each
message a plain OPTIONS from somebody else must be answered: whatever came, the engine is alive.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from controller.engine import Engine
from controller.types import Access, Chain, Dialplan, Listen, Route, Trunk
from sip.digest import Algorithm, hash_a1, make_challenge, parse_credentials, verify
from sip.element import Element
from sip.message import Request, Response
from sip.parser import parse_message
from sip.transaction import Hop
from tests.planes.bench import AUTH, HOPS, T1
from tests.playbook import stage
from tests.sip import wire

SENDER = Hop("192.0.2.99", 5099)
STRANGER = Hop("203.0.113.66", 5060)
PHONE = Hop("192.0.2.77", 5060)  # asks whether we are alive


@dataclass
class Verdict:
    """What a message led to. Requests that we answered with a 1xx first count by their final."""

    forwarded: list[Request] = field(default_factory=list)
    passed_back: list[tuple[Response, Hop]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def statuses(self) -> list[int]:
        """Statuses of our answers, 100 left out."""
        return [response.status for response, _ in self.passed_back if response.status > 100]

    @property
    def is_silence(self) -> bool:
        """Whether nothing at all came out."""
        return not self.forwarded and not self.passed_back

    def __str__(self) -> str:
        if self.forwarded:
            return "forwarded"
        return " ".join(map(str, self.statuses)) or "silence"


def dialplan(access: Access | None = None, *, asks: bool = False) -> Dialplan:
    """Every number rings one phone behind one trunk; those who write to us are in the network of another one. Both may
    want credentials (``asks``)."""
    return Dialplan(
        "torture",
        (Listen(wire.LOCAL.host, wire.LOCAL.port),),
        {
            name: Trunk(
                name,
                hop.host,
                hop.port,
                probe=None,
                sources=("192.0.2.64/26",) if name == "t2" else (),
                auth=AUTH if asks else None,
            )
            for name, hop in HOPS.items()
        },
        {"all": Chain("all", (stage("anna/t1"),))},
        {},
        Route("*", "all"),
        access=access,
    )


class Stand:
    """An engine under torture."""

    #: Messages that a fresh stand judged in this test, and how: conftest has each judged over TCP as well.
    seen: ClassVar[list[tuple[bytes, Verdict]]] = []

    def __init__(
        self, element: Element | None = None, access: Access | None = None, plan: Dialplan | None = None
    ) -> None:
        dice = random.Random(4475)
        self.now = 0.0
        self.asked = 0
        self.plain = access is None and plan is None
        self.asks = plan is not None and any(trunk.auth for trunk in plan.trunks.values())
        self.engine = Engine(
            plan or dialplan(access),
            element or wire.make_element(),
            HOPS,
            self.now,
            token=lambda: f"{dice.getrandbits(96):024x}",
        )

    def judge(self, data: bytes, source: Hop = SENDER) -> Verdict:
        """Let a message in; what came out because of it, and proof that the engine lives on."""
        self.engine.receive(data, source, self.now)
        verdict = read_verdict(self.take())
        if not self.asked and source == SENDER and self.plain:
            self.seen.append((data, verdict))
        self.check_alive()
        return verdict

    def challenge(self, request: Request, nonce: str = "n1") -> Request:
        """What the trunk gets that wanted credentials for a request: the same once more, with them."""
        line = make_challenge("carrier", nonce, Algorithm.SHA256, proxy=True)
        self.engine.receive(wire.answer(request, 407, extra=[line]), T1, self.now)
        requests = [other for other in read_verdict(self.take()).forwarded if other.method != "ACK"]
        (again,) = requests
        (found,) = (one for one in parse_credentials(again, proxy=True) if one.nonce == nonce)
        ha1 = hash_a1(found.algorithm, AUTH.user, found.realm, AUTH.password)
        assert verify(found, ha1, again.method, again.body)
        return again

    def check_alive(self) -> None:
        """A plain OPTIONS gets its 200."""
        self.asked += 1
        number = f"alive-{self.asked}"
        data = wire.request("OPTIONS", via="SIP/2.0/UDP 192.0.2.77", branch=f"z9hG4bK-{number}", call_id=number)
        self.engine.receive(data, PHONE, self.now)
        ((answer, hop),) = self.take()
        assert hop == PHONE
        assert answer.startswith(b"SIP/2.0 200 ")

    def wait(self, seconds: float) -> list[tuple[bytes, Hop]]:
        """Let time pass; what was sent meanwhile."""
        until = self.now + seconds
        while (due := self.engine.next_deadline()) <= until:
            self.now = max(self.now, due)
            self.engine.handle_timer(self.now)
        self.now = until
        return self.take()

    def take(self) -> list[tuple[bytes, Hop]]:
        """What was sent since this was last asked."""
        sent = list(self.engine.outbox)
        self.engine.outbox.clear()
        return sent


def read_verdict(outbox: Iterable[tuple[bytes, Hop]]) -> Verdict:
    """What was sent; requests go to trunks and nowhere else."""
    verdict = Verdict()
    for sent, hop in outbox:
        verdict.raw.append(sent)
        message = parse_message(sent)
        if isinstance(message, Request):
            assert hop in HOPS.values(), f"sent to {hop}"
            verdict.forwarded.append(message)
        else:
            verdict.passed_back.append((message, hop))
    return verdict


def judge(data: bytes, source: Hop = SENDER) -> Verdict:
    """The verdict of a fresh engine."""
    return Stand().judge(data, source)


def compare_behind_edge(data: bytes, verdict: Verdict) -> None:
    """With the edge switched on a trunk is judged as ever; a stranger gets silence, and leaves nothing behind."""
    stand = Stand(access=Access.TRUNKS)
    assert stand.judge(data, STRANGER).is_silence, "a stranger was answered"
    assert len(stand.engine.plane._layer) == 1, "of the OPTIONS that asks whether we are alive"
    assert str(Stand(access=Access.TRUNKS).judge(data)) == str(verdict)


def message(text: str, body: bytes = b"") -> bytes:
    r"""A message written as lines of text; ``\r\n`` ends each, and an empty line the last."""
    return wire.encode(text.strip("\n").split("\n"), body)


def answers(request: Request, status: int, *extra: str) -> bytes:
    """What the phone answers to what was forwarded to it."""
    return wire.answer(request, status, extra=extra)


def opaque(data: bytes, but: Iterable[str] = ("via", "max-forwards", "record-route", "route")) -> list[bytes]:
    """Header lines and body that a proxy must leave as they are."""
    parsed = parse_message(data)
    owned = frozenset(but)
    kept = [line for name, line in zip(parsed.names, parsed.lines, strict=True) if name not in owned]
    return [*(line.encode("utf-8", "surrogateescape") for line in kept), parsed.body]


__all__ = [
    "HOPS",
    "PHONE",
    "SENDER",
    "STRANGER",
    "T1",
    "Stand",
    "Verdict",
    "answers",
    "compare_behind_edge",
    "judge",
    "message",
    "opaque",
    "read_verdict",
]
