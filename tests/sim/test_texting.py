"""Messages of our own over SIP, in virtual time: the whole engine, and phones that take them, refuse or say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

import pytest

from controller.scenario.network import Port
from controller.types import Auth, Identity, NumberFormat, Show
from controller.types.texts import TextNews, TextOrder
from controller.types.words import NumberForm
from sip import builder
from sip.message import Request
from sip.parser import parse_message
from sip.transaction import Hop
from tests.playbook import stage
from tests.sim.world import ENGINE, World

ORDER = TextOrder("sip/c1:0:1", "+15550142", "Your code is 123456", ("t1", "t2"), "+15557000")
CHALLENGE = 'WWW-Authenticate: Digest realm="trunk", nonce="n1", algorithm=SHA-256, qop="auth"'


@dataclass
class Phone:
    """Answers each MESSAGE with the next of its statuses, the last one again and again; 0 says nothing."""

    hop: Hop
    statuses: Sequence[int] = (200,)
    after: float = 0.0
    got: list[Request] = field(default_factory=list)
    outbox: list[tuple[bytes, Hop]] = field(default_factory=list)
    due: float = inf
    ready: list[tuple[bytes, Hop]] = field(default_factory=list)

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        request = parse_message(data)
        assert isinstance(request, Request)
        self.got.append(request)
        branches = dict.fromkeys(each.via.branch for each in self.got)
        status = self.statuses[min(len(branches), len(self.statuses)) - 1]
        if not status:
            return
        extra = [CHALLENGE] if status == 401 else []
        self.ready.append((builder.make_response(request, status, "phone", extra=extra).encode(), source))
        self.due = min(self.due, now + self.after)
        if not self.after:
            self.handle_timer(now)

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """Nothing to do."""

    def next_deadline(self) -> float:
        return self.due

    def handle_timer(self, now: float) -> None:
        self.outbox += self.ready
        self.ready.clear()
        self.due = inf


class Written(World):
    """A world with a phone behind each trunk, that keeps what became of messages."""

    def __init__(self, **statuses: Sequence[int]) -> None:
        super().__init__(stage("anna/t1,t2"))
        self.phones = {name: Phone(hop, statuses.get(name, (200,))) for name, hop in self.hops.items()}
        for phone in self.phones.values():
            self.network.join(phone, phone.hop)
        self.news: list[tuple[str, str]] = []

    def send(self, order: TextOrder = ORDER) -> str:
        why = self.engine.send_text(order, self.now)
        self.network.settle(ENGINE)
        self._take_news()
        return why

    def _take_news(self) -> None:
        self.news += [(str(item.state), item.cause) for item in self.engine.news if isinstance(item, TextNews)]
        super()._take_news()

    def got(self) -> list[str]:
        """Whose trunk passed on how many requests, retransmissions among them."""
        return [name for name, phone in self.phones.items() for _ in phone.got]

    def check_over(self) -> None:
        self.run_until(self.now + 700.0)
        assert not len(self.engine.texts)
        assert not len(self.engine.texts._layer)
        assert self.engine.texts.look_up(ORDER.key) is None
        assert self.engine.texts.next_deadline() == inf


def test_a_message_as_rfc_3428_has_it() -> None:
    world = Written()
    assert world.send() == ""
    world.run_until(1.0)
    assert world.news == [("delivered", "")]
    (request,) = world.phones["t1"].got
    assert (request.method, request.uri) == ("MESSAGE", "sip:+15550142@192.0.2.21:5060")
    assert request.body == b"Your code is 123456"
    assert [request.get(name) for name in ("content-type", "contact", "content-length")] == [
        "text/plain;charset=UTF-8",
        None,
        "19",
    ]
    assert "sip:+15557000@192.0.2.10" in str(request.get("from"))
    assert not world.phones["t2"].got
    world.check_over()


@pytest.mark.parametrize(
    ("first", "news", "asked"),
    [
        (202, ("taken", ""), ["t1"]),
        (503, ("delivered", ""), ["t1", "t2"]),
        (403, ("delivered", ""), ["t1", "t2"]),
        (404, ("failed", "404"), ["t1"]),
        (480, ("failed", "480"), ["t1"]),
        (603, ("failed", "603"), ["t1"]),
        (401, ("delivered", ""), ["t1", "t2"]),  # no credentials for it
    ],
)
def test_whose_turn_it_is(first: int, news: tuple[str, str], asked: list[str]) -> None:
    world = Written(t1=(first,))
    world.send()
    world.run_until(1.0)
    assert world.news == [news]
    assert world.got() == asked
    world.check_over()


def test_all_have_failed() -> None:
    world = Written(t1=(503,), t2=(500,))
    world.send()
    world.run_until(1.0)
    assert world.news == [("failed", "500")]
    world.check_over()


@pytest.mark.parametrize(
    "within", [4.0, 60.0]
)  # before and after the transaction gives up: timer F (RFC 3261 §17.1.2.2)
def test_where_nobody_answers_nothing_is_sent_a_second_time(within: float) -> None:
    world = Written(t1=(0,))
    world.send(replace(ORDER, within=within))
    world.run_until(40.0)
    assert world.news == [("unclear", "")]
    assert set(world.got()) == {"t1"}
    world.check_over()


def test_an_answer_that_comes_late_is_known_to_whoever_asks() -> None:
    world = Written()
    world.phones["t1"].after = 6.0
    world.send()
    world.run_until(5.0)
    assert world.news == [("unclear", "")]
    world.run_until(7.0)
    assert world.news == [("unclear", ""), ("delivered", "")]
    known = world.engine.texts.look_up(ORDER.key)
    assert known is not None
    assert known.state == "delivered"
    world.check_over()


def test_a_port_that_is_closed_leads_to_the_next_at_once() -> None:
    world = Written()
    world.set_port("t1", Port.CLOSED)
    world.send()
    world.run_until(0.1)
    assert world.news == [("delivered", "")]
    assert world.got() == ["t2"]
    world.check_over()


def test_the_same_key_sends_once() -> None:
    world = Written()
    for _ in range(3):
        assert world.send() == ""
        world.run_until(world.now + 1.0)
    assert world.got() == ["t1"]


def test_what_cannot_be_sent_is_said() -> None:
    world = Written()
    assert world.send(replace(ORDER, trunks=("nowhere",))) == "no trunk that could carry it"
    assert world.send(replace(ORDER, text="x" * 1001)) == "a text of more than 1000 octets"
    assert not world.got()


def test_credentials_numbers_and_who_writes() -> None:
    world = Written(t1=(401, 200))
    own = Identity(show=Show.NUMBER, number="+15557999", domain="our.example")
    form = NumberFormat(out=NumberForm.PLUS_LESS)
    trunk = replace(world._dialplan.trunks["t1"], auth=Auth("me", "secret"), identity=own, format=form)
    world._dialplan = replace(world._dialplan, trunks={**world._dialplan.trunks, "t1": trunk})
    world.engine.reload(world._dialplan, world.hops, world.now)
    world.send(replace(ORDER, sender=""))
    world.run_until(1.0)
    assert world.news == [("delivered", "")]
    first, second = world.phones["t1"].got
    assert first.uri == "sip:15550142@192.0.2.21:5060"
    assert "sip:15557999@our.example" in str(first.get("from"))
    assert first.get("authorization") is None
    assert 'username="me"' in str(second.get("authorization"))
    assert (second.call_id, second.cseq) == (first.call_id, (2, "MESSAGE"))
    world.check_over()


def test_an_answer_from_elsewhere_counts_for_nothing() -> None:
    world = Written(t1=(0,))
    world.send()
    world.run_until(0.1)
    forged = builder.make_response(world.phones["t1"].got[0], 200, "x")
    world.engine.receive(forged.encode(), world.hops["t2"], world.now)
    world.run_until(1.0)
    assert not world.news
