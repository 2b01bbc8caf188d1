"""Phones and PBXs without an address of their own: the whole engine asks them for a password, and nobody else."""

from __future__ import annotations

import collections
import random
import re

import pytest

from controller.engine import Engine
from controller.types import (
    DIALLED,
    REALM,
    Access,
    Chain,
    Dialplan,
    Fault,
    Listen,
    Path,
    Route,
    Stage,
    Target,
    Trunk,
    User,
)
from sip.account import Account, Tried
from sip.authenticator import hash_user
from sip.element import Element
from sip.message import Request, Response
from sip.seal import Seal
from sip.transaction import Hop
from tests.sip.wire import answer, answered, parsed, request
from tests.torture.mutants import mutate

UDP, TCP, INSIDE = Hop("192.0.2.10", 5060), Hop("192.0.2.10", 5062, "tcp"), Hop("192.0.2.10", 5070, "tcp", "inside")
PBX, CARRIER = Hop("192.0.2.50", 5060), Hop("192.0.2.60", 5060)
PHONE = Hop("198.51.100.7", 40_001, "tcp")
PASSWORDS = {"anna": "open sesame", "branch": "a longer one"}
VIA = "SIP/2.0/TCP 10.0.0.5:5060"
DESK, ABROAD = "sip:+15557000@192.0.2.10", "sip:+15559999@192.0.2.10"


def make_engine() -> Engine:
    """``anna`` is a phone, ``branch`` a PBX that may call out; carriers and the PBX at hq have addresses."""
    desk = Target("desk", (Path("desk via hq", "desk", "hq", f"sip:100@{PBX.host}:{PBX.port}"),))
    out = Target(
        "out",
        (Path("out via carrier", "out", "carrier", f"sip:{DIALLED}@{CARRIER.host}:{CARRIER.port}"),),
        dialled=True,
    )
    dialplan = Dialplan(
        version="test",
        listen=(
            Listen(*UDP[:2]),
            Listen(*TCP[:3], phones=True),
            Listen(*INSIDE[:3], name="inside", listener="inside"),
        ),
        trunks={
            "hq": Trunk("hq", *PBX[:2], probe=None),
            "carrier": Trunk("carrier", *CARRIER[:2], probe=None, carrier="c"),
            "branch": Trunk("branch", "192.0.2.70", 5060, probe=None),
        },
        chains={"desk": Chain("desk", (Stage((desk,)),)), "out": Chain("out", (Stage((out,)),))},
        routes={"+15557000": Route("+15557000", "desk")},
        outbound={"+1": {"branch": Route("+1", "out", prefix=True, outbound=True)}},
        access=Access.TRUNKS,
        users={
            name: User(name, hash_user(name, REALM, password), "branch" if name == "branch" else "")
            for name, password in PASSWORDS.items()
        },
    )
    element = Element(UDP, b"k" * 32, Seal({"1": bytes(range(32))}, "1"), None, TCP, INSIDE)
    hops = {"hq": PBX, "carrier": CARRIER, "branch": Hop("192.0.2.70", 5060)}
    count = iter(range(1000))
    return Engine(dialplan, element, hops, 0.0, token=lambda: f"token-{next(count)}")


class Line:
    """What somebody at an address sends and gets."""

    def __init__(
        self,
        engine: Engine,
        source: Hop = PHONE,
        user: str = "anna",
        password: str = "",
        now: float = 1.0,
        about: str = "",
    ) -> None:
        self.engine = engine
        self.source = source
        self.user = user
        self.account = Account(user, password or PASSWORDS.get(user, "?"), lambda nonce: "c0ffee")
        self.count = 0
        self.now = now
        self.about = about or user

    def send(self, data: bytes) -> list[tuple[Request | Response, Hop]]:
        """Send bytes; returns all that the engine sends at once."""
        self.engine.receive(data, self.source, self.now)
        sent = [((answered if data.startswith(b"SIP/2.0") else parsed)(data), hop) for data, hop in self.engine.outbox]
        self.engine.outbox.clear()
        return sent

    def make(self, method: str = "INVITE", uri: str = DESK, *extra: str, call: str = "call-1") -> Request:
        """A request of a new transaction."""
        self.count += 1
        return parsed(
            request(
                method,
                uri,
                via=VIA,
                branch=f"z9hG4bK-{self.about}-{self.count}",
                extra=extra,
                call_id=call,
                cseq=self.count,
            )
        )

    def ask(self, method: str = "INVITE", uri: str = DESK) -> Response:
        """Send a request without credentials; the one answer."""
        ((response, hop),) = self.send(self.make(method, uri).encode())
        assert isinstance(response, Response)
        assert hop == self.source
        return response

    def call(
        self, uri: str = DESK, method: str = "INVITE", *extra: str
    ) -> tuple[Request, list[tuple[Request | Response, Hop]]]:
        """Send a request, and again with credentials; the second one, and all that comes of it."""
        tried = Tried()
        assert self.account.learn(self.ask(method, uri), tried) == ""
        again = self.make(method, uri, *extra)
        self.account.dress(again, tried)
        return again, self.send(again.encode())


def statuses(sent: list[tuple[Request | Response, Hop]]) -> list[int]:
    return [message.status for message, _ in sent if isinstance(message, Response)]


def invites(sent: list[tuple[Request | Response, Hop]]) -> list[tuple[str, Hop]]:
    return [(message.uri, hop) for message, hop in sent if isinstance(message, Request)]


def test_stranger_is_asked_and_nothing_is_remembered_of_him() -> None:
    engine = make_engine()
    for method in ("INVITE", "OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE", "BREW"):
        response = Line(engine).ask(method)
        assert response.status == 401
        assert "algorithm=SHA-256" in response.require("www-authenticate")
        assert "stale" not in response.require("www-authenticate")
    assert len(engine.plane._layer) == 0


def test_right_password_lets_a_phone_call_the_numbers_of_the_dialplan() -> None:
    engine = make_engine()
    _, sent = Line(engine).call()
    assert statuses(sent) == [100]
    assert invites(sent) == [("sip:100@192.0.2.50:5060", PBX)]


def test_phone_that_belongs_to_no_trunk_does_not_call_out_and_one_of_a_pbx_does() -> None:
    engine = make_engine()
    _, sent = Line(engine).call(ABROAD)
    assert statuses(sent) == [100, 404]
    _, sent = Line(engine, user="branch").call(ABROAD)
    assert invites(sent) == [("sip:+15559999@192.0.2.60:5060", CARRIER)]


@pytest.mark.parametrize(("user", "password"), [("anna", "wrong"), ("nobody", "wrong")])
def test_wrong_password_and_unknown_user_get_the_answer_of_whoever_says_nothing(user: str, password: str) -> None:
    engine = make_engine()
    line = Line(engine, user=user, password=password)
    again, sent = line.call()
    ((response, _),) = sent

    def shape(response: Response, made_for: Request) -> bytes:
        """All but what differs between any two answers: the nonce, and what is copied from the request."""
        text = response.encode().decode().replace(made_for.via.branch, "BRANCH").replace(response.to_tag, "TAG")
        return re.sub(r'nonce="[^"]*"|CSeq: \d+', "", text).encode()

    plain = line.make()
    ((silent, _),) = line.send(plain.encode())
    assert isinstance(response, Response)
    assert isinstance(silent, Response)
    assert shape(response, again) == shape(silent, plain)
    assert len(engine.plane._layer) == 0


def test_same_bytes_again_are_asked_again() -> None:
    engine = make_engine()
    line = Line(engine)
    again, _ = line.call()
    replay = again.encode().replace(again.via.branch.encode(), b"z9hG4bK-replay")
    for source in (PHONE, PHONE._replace(port=40_002), Hop("203.0.113.1", 40_001, "tcp")):
        line.source = source
        ((response, _),) = line.send(replay)
        assert isinstance(response, Response)
        assert response.status == 401
        assert "stale=true" in response.require("www-authenticate")


def test_other_listeners_are_silent_to_strangers() -> None:
    engine = make_engine()
    for source in (Hop("198.51.100.7", 5060), Hop("198.51.100.7", 40_001, "tcp", "inside")):
        line = Line(engine, source)
        for method in ("INVITE", "OPTIONS", "REGISTER"):
            assert line.send(line.make(method).encode()) == []


def test_trunk_is_not_asked_on_a_listener_for_phones() -> None:
    engine = make_engine()
    line = Line(engine, Hop(CARRIER.host, 33_000, "tcp"))
    sent = line.send(line.make().encode())
    assert statuses(sent) == [100]
    assert invites(sent) == [("sip:100@192.0.2.50:5060", PBX)]


def test_password_gives_nobody_the_rights_of_another_trunk_than_his() -> None:
    """A user's trunk counts, not the address that he happens to come from; who comes from a trunk's is not asked."""
    engine = make_engine()
    line = Line(engine, Hop("192.0.2.70", 33_000, "tcp"))
    sent = line.send(line.make("INVITE", ABROAD).encode())
    assert invites(sent) == [("sip:+15559999@192.0.2.60:5060", CARRIER)]


def test_credentials_for_us_go_no_further_and_others_do() -> None:
    engine = make_engine()
    line = Line(engine)
    tried = Tried()
    line.account.learn(line.ask(), tried)
    other = 'Authorization: Digest username="x", realm="else", nonce="n", uri="u", response="r"'
    again = line.make("INVITE", DESK, other, 'Proxy-Authorization: Digest username="y", realm="far"')
    line.account.dress(again, tried)
    assert len(again.get_lines("authorization")) == 2
    (forwarded,) = [message for message, _ in line.send(again.encode()) if isinstance(message, Request)]
    assert forwarded.get_lines("authorization") == [other.partition(": ")[2]]
    assert "proxy-authorization" in forwarded.names


@pytest.mark.parametrize("method", ["ACK", "INVITE", "BYE"])
def test_credentials_for_us_go_no_further_within_a_call(method: str) -> None:
    """An ACK has those of its INVITE (RFC 3261 §22.1): whoever gets them can guess passwords at leisure."""
    engine = make_engine()
    line, pbx = Line(engine), Line(engine, PBX)
    invite, sent = line.call()
    (forwarded,) = [message for message, _ in sent if isinstance(message, Request)]
    sent = pbx.send(answer(forwarded, 200, extra=["Contact: <sip:100@192.0.2.50:5060>"]))
    (ok,) = [message for message, hop in sent if hop == PHONE and isinstance(message, Response)]
    routes = [f"Route: {value}" for value in reversed(ok.get_all("record-route"))]
    ours = next(line for line in invite.lines if line.startswith("Authorization"))
    other = ours.replace(REALM, "else")
    data = request(
        method, "sip:100@192.0.2.50:5060", via=VIA, branch="z9hG4bK-more", to_tag="callee", call_id=ok.call_id,
        cseq=invite.cseq[0] + (method != "ACK"), extra=[*routes, ours, other],
    )  # fmt: skip
    (passed,) = [message for message, _ in line.send(data) if isinstance(message, Request)]
    assert [each for each in passed.lines if each.startswith("Authorization")] == [other]


def test_within_a_call_nobody_is_asked_again() -> None:
    engine = make_engine()
    line, pbx = Line(engine), Line(engine, PBX)
    invite, sent = line.call()
    (forwarded,) = [message for message, _ in sent if isinstance(message, Request)]
    sent = pbx.send(answer(forwarded, 200, extra=["Contact: <sip:100@192.0.2.50:5060>"]))
    (ok,) = [message for message, hop in sent if hop == PHONE and isinstance(message, Response)]
    routes = [f"Route: {value}" for value in reversed(ok.get_all("record-route"))]
    for method, cseq in (("ACK", invite.cseq[0]), ("INFO", 90), ("BYE", 91)):
        data = request(
            method, "sip:100@192.0.2.50:5060", via=VIA, branch=f"z9hG4bK-{method}", to_tag="callee", call_id=ok.call_id,
            cseq=cseq, extra=routes,
        )  # fmt: skip
        ((message, hop), *_) = line.send(data)
        assert isinstance(message, Request)
        assert (message.method, hop) == (method, PBX)


@pytest.mark.parametrize(
    ("lines", "hop"),
    [
        (["Contact: <sip:anna@10.0.0.5:5060;transport=tcp>"], PHONE),  # behind NAT: only its connection leads there
        (["Contact: <sip:anna@198.51.100.7:5060;transport=tcp>"], Hop("198.51.100.7", 5060, "tcp")),
        (
            ["Contact: <sip:anna@10.0.0.5:5060;transport=tcp>", "Record-Route: <sip:198.51.100.7;transport=tcp;lr>"],
            Hop("198.51.100.7", 5060, "tcp"),  # a proxy of its own, which knows where it is
        ),
        (["Contact: <tel:+15550100>"], PHONE),
    ],
)
def test_the_other_side_can_hang_up_on_a_phone_behind_nat(lines: list[str], hop: Hop) -> None:
    engine = make_engine()
    line, pbx = Line(engine), Line(engine, PBX)
    tried = Tried()
    line.account.learn(line.ask(), tried)
    again = line.make("INVITE", DESK, *lines)
    line.account.dress(again, tried)
    (forwarded,) = [message for message, _ in line.send(again.encode()) if isinstance(message, Request)]
    pbx.send(answer(forwarded, 200, extra=["Contact: <sip:100@192.0.2.50:5060>"]))
    routes = [f"Route: {value}" for value in forwarded.get_all("record-route")]
    data = request(
        "BYE", lines[0][10:-1].replace("tel:", "sip:"), via="SIP/2.0/UDP 192.0.2.50:5060", branch="z9hG4bK-bye", caller_tag=";tag=callee",
        to_tag="caller", call_id=forwarded.call_id, cseq=1, extra=routes,
    )  # fmt: skip
    ((message, target),) = pbx.send(data)
    assert isinstance(message, Request)
    assert (message.method, target) == ("BYE", hop)


def test_caller_may_give_up() -> None:
    engine = make_engine()
    line, pbx = Line(engine), Line(engine, PBX)
    invite, sent = line.call()
    (forwarded,) = [message for message, _ in sent if isinstance(message, Request)]
    pbx.send(answer(forwarded, 180))
    cancel = request("CANCEL", DESK, via=VIA, branch=invite.via.branch, call_id=invite.call_id, cseq=invite.cseq[0])
    sent = line.send(cancel)
    assert 200 in statuses(sent)
    assert ("CANCEL", PBX) in [(message.method, hop) for message, hop in sent if isinstance(message, Request)]


@pytest.mark.parametrize(("user", "uri", "hop"), [("anna", DESK, PBX), ("branch", ABROAD, CARRIER)])
def test_caller_may_give_up_in_another_life(user: str, uri: str, hop: Hop) -> None:
    """A CANCEL proves nobody, but it has to do for whoever the INVITE proved."""
    line = Line(make_engine(), user=user)
    invite, sent = line.call(uri)
    (forwarded,) = [message for message, _ in sent if isinstance(message, Request)]
    line.engine = make_engine()
    cancel = request(
        "CANCEL", uri, via=VIA, branch=invite.via.branch, call_id=invite.call_id, cseq=invite.cseq[0],
        extra=["Route: <sip:203.0.113.5;lr>"],
    )  # fmt: skip
    found = [(message, where) for message, where in line.send(cancel) if isinstance(message, Request)]
    assert [(each.method, each.via.branch, where) for each, where in found] == [("CANCEL", forwarded.via.branch, hop)]
    assert "route" not in found[0][0].names


def test_nobody_gets_a_call_in_by_a_to_tag() -> None:
    """A request within a dialog is not asked for a password, so it must have our seal."""
    engine = make_engine()
    line = Line(engine)
    for method in ("INVITE", "REFER", "MESSAGE"):
        data = request(method, DESK, via=VIA, branch=f"z9hG4bK-{method}", to_tag="made-up")
        sent = line.send(data)
        assert not invites(sent)
        assert statuses(sent)[-1] in {403, 481}


def test_registration_of_a_phone_is_refused_in_words_of_its_own() -> None:
    engine = make_engine()
    _, sent = Line(engine).call("sip:192.0.2.10", "REGISTER")
    assert statuses(sent) == [405]


def test_mutated_requests_of_strangers_ring_nobody_and_leave_nothing_behind() -> None:
    """Whole requests, with credentials that were good once: the engine lives, and nobody is rung by any of them."""
    engine = make_engine()
    dice = random.Random(7)
    line = Line(engine)
    used, _ = line.call()
    engine.outbox.clear()
    calls = len(engine.plane)
    kinds = collections.Counter[str]()
    for number in range(3_000):
        now = 2.0 + number / 10  # within what the edge lets a stranger send
        if number % 100 == 0:
            used, _ = Line(engine, PHONE, user="branch", now=now, about=f"m{number}").call(ABROAD)
            calls = len(engine.plane)
            engine.outbox.clear()
        fresh = used.encode().replace(used.via.branch.encode(), b"z9hG4bK-again-%d" % number)
        engine.receive(mutate(fresh, dice), PHONE._replace(port=50_000 + number % 50), now)
        for data, hop in engine.outbox:
            assert not (data.startswith(b"INVITE") and hop != PHONE), data
            kinds[data.split(b" ", 2)[1].decode() if data.startswith(b"SIP/2.0") else "request"] += 1
        engine.outbox.clear()
        assert len(engine.plane) <= calls
    assert not [item for item in engine.news if isinstance(item, Fault)]
    assert kinds["401"] > 300
    assert kinds["100"] == 0
    assert Line(engine, now=1000.0).ask("OPTIONS").status == 401, "alive"
