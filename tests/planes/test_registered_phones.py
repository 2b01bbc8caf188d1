"""Phones that have registered are called, over the connection on which they did: the whole engine."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from controller.engine import MOVE_AFTER, Engine
from controller.types import Chain, Path, Registered, Route, Stage, Target, TargetState, Trunk
from sip.message import Request, Response
from sip.transaction import Hop
from tests.planes.test_phones import PBX, PHONE, UDP, Line, make_engine, statuses
from tests.sip.wire import answer, request

CONTACT = "sip:anna@10.0.0.5:5062;transport=tcp"


def make() -> Engine:
    """As in `test_phones`, and anna's phone has a trunk: where she registers."""
    engine = make_engine()
    plan = engine.switchboard.dialplan
    phone = Target("phone", (Path("phone via anna", "phone", "anna", "sip:anna@0.0.0.0:0;transport=tcp"),))
    trunk = Trunk("anna", "0.0.0.0", 0, "tcp", probe=None, registered=True, nat=True)
    plan = replace(
        plan,
        trunks=MappingProxyType({**plan.trunks, "anna": trunk}),
        users={**plan.users, "anna": replace(plan.users["anna"], trunk="anna")},
        chains={**plan.chains, "phone": Chain("phone", (Stage((phone,)),))},
        routes={**plan.routes, "+15557001": Route("+15557001", "phone")},
    )
    engine.reload(plan, {"hq": PBX, "carrier": Hop("192.0.2.60", 5060), "branch": Hop("192.0.2.70", 5060)}, 0.0)
    return engine


def register(engine: Engine, source: Hop = PHONE, now: float = 1.0, *lines: str, about: str = "r") -> Response:
    """Anna registers; the answer."""
    line = Line(engine, source, now=now, about=f"{about}{now}")
    _, sent = line.call("sip:192.0.2.10", "REGISTER", *(lines or (f"Contact: <{CONTACT}>;expires=300",)))
    (response,) = [message for message, hop in sent if isinstance(message, Response) and hop == source]
    engine.handle_timer(now + MOVE_AFTER)
    engine.outbox.clear()
    return response


def ring(engine: Engine, now: float, about: str) -> list[tuple[Request | Response, Hop]]:
    """The PBX calls anna's number."""
    line = Line(engine, PBX, now=now, about=about)
    return line.send(line.make("INVITE", "sip:+15557001@192.0.2.10", call=about).encode())


def forwarded(sent: list[tuple[Request | Response, Hop]]) -> list[tuple[str, Hop]]:
    return [(message.uri, hop) for message, hop in sent if isinstance(message, Request)]


def state(engine: Engine) -> tuple[TargetState, str]:
    health = engine.board.view.trunks["anna"]
    return health.state, health.code


def test_phone_that_has_registered_is_called_by_its_own_name_over_its_connection() -> None:
    engine = make()
    assert state(engine) == (TargetState.DEGRADED, "NOT_REGISTERED")
    response = register(engine)
    assert (response.status, response.get("contact")) == (200, f"<{CONTACT}>;expires=120")
    assert state(engine)[0] is TargetState.UP
    sent = ring(engine, 2.0, "one")
    assert forwarded(sent) == [(CONTACT, PHONE)]
    assert statuses(sent) == [100]
    told = [item for item in engine.news if isinstance(item, Registered)]
    assert [(item.trunk, item.bound) for item in told] == [("anna", True)]


def test_phone_that_has_not_registered_is_passed_over_at_once() -> None:
    engine = make()
    sent = ring(engine, 1.0, "one")
    assert forwarded(sent) == []
    engine.handle_timer(1.0)
    assert any(data.startswith((b"SIP/2.0 4", b"SIP/2.0 5")) for data, _ in engine.outbox)


def test_phone_that_moves_is_called_where_it_is_now() -> None:
    engine = make()
    register(engine)
    elsewhere = Hop("203.0.113.9", 33_333, "tcp")
    register(engine, elsewhere, 3.0)
    assert forwarded(ring(engine, 4.0, "two")) == [(CONTACT, elsewhere)]


def test_binding_ends_with_its_time_its_connection_or_its_word() -> None:
    for how in ("time", "connection", "word"):
        engine = make()
        register(engine)
        if how == "time":
            now = engine.bindings.due
            engine.handle_timer(now)
        elif how == "connection":
            now = 3.0
            engine.introduce(PHONE, ())
        else:
            now = 3.0
            register(engine, PHONE, now, "Contact: *", "Expires: 0")
        engine.handle_timer(now + MOVE_AFTER)
        assert state(engine) == (TargetState.DEGRADED, "NOT_REGISTERED"), how
        assert forwarded(ring(engine, now + 1.0, "three")) == [], how


def test_request_within_the_call_goes_over_the_connection_whatever_the_contact_says() -> None:
    engine = make()
    register(engine)
    sent = ring(engine, 2.0, "one")
    ((invite, _),) = [(message, hop) for message, hop in sent if isinstance(message, Request)]
    phone = Line(engine, PHONE, now=3.0)
    sent = phone.send(answer(invite, 200, extra=[f"Contact: <{CONTACT}>"]))
    (ok,) = [message for message, hop in sent if hop == PBX and isinstance(message, Response)]
    routes = [f"Route: {value}" for value in reversed(ok.get_all("record-route"))]
    bye = request("BYE", CONTACT, branch="z9hG4bK-bye", to_tag="callee", call_id=ok.call_id, cseq=90, extra=routes)
    line = Line(engine, PBX, now=4.0)
    assert forwarded(line.send(bye)) == [(CONTACT, PHONE)]


def test_address_of_a_phone_is_nobody_elses_passport() -> None:
    """Whoever shares the address of a phone, as behind its NAT, is asked for a password, and over UDP hears nothing."""
    engine = make()
    register(engine)
    neighbour = Line(engine, Hop(PHONE.host, 55_555, "tcp"), now=5.0, about="n")
    assert neighbour.ask("INVITE").status == 401
    over_udp = Line(engine, Hop(PHONE.host, 5060), now=6.0, about="u")
    assert over_udp.send(over_udp.make().encode()) == []


def test_dialplan_that_is_read_anew_knows_where_phones_are() -> None:
    engine = make()
    register(engine)
    plan, hops = engine._written
    engine.reload(replace(plan, version="next"), hops, 5.0)
    assert forwarded(ring(engine, 6.0, "one")) == [(CONTACT, PHONE)]


def test_user_without_such_a_trunk_is_no_phone_to_be_called() -> None:
    engine = make()
    line = Line(engine, PHONE, user="branch", now=1.0)
    _, sent = line.call("sip:192.0.2.10", "REGISTER", f"Contact: <{CONTACT}>")
    assert statuses(sent) == [405]
    assert UDP.transport == "udp"
