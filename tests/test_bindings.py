"""Where phones are: what a registrar for one phone a trunk answers, and what a dialplan looks like with it."""

from __future__ import annotations

from math import inf

import pytest

from controller.bindings import LEAST, MOST, Bindings, called_there
from controller.types import Dialplan, Trunk
from sip.errors import RemoteProtocolError
from sip.message import Request
from sip.transaction import Hop
from tests.sip.wire import parsed, request

AWAY, ELSEWHERE = Hop("198.51.100.7", 40_001, "tcp"), Hop("198.51.100.8", 40_002, "tls")
CONTACT = "sip:anna@10.0.0.5:5062;transport=tcp;ob"
PLAN = Dialplan(
    version="test",
    listen=(),
    trunks={"phone": Trunk("phone", "0.0.0.0", 0, "tcp", registered=True), "pbx": Trunk("pbx", "192.0.2.50", 5060)},
    chains={},
    routes={},
)
HOPS = {"phone": Hop("0.0.0.0", 0, "tcp"), "pbx": Hop("192.0.2.50", 5060)}


def register(*lines: str) -> Request:
    return parsed(request("REGISTER", "sip:192.0.2.10", extra=lines))


def test_phone_is_bound_to_its_connection_for_as_long_as_is_granted() -> None:
    bindings = Bindings()
    status, lines = bindings.register(register(f"Contact: <{CONTACT}>;expires=3600"), "phone", AWAY, 10.0)
    assert (status, lines) == (200, (f"Contact: <{CONTACT}>;expires={MOST:.0f}",))
    assert bindings.moved == {"phone"}
    assert bindings.due == 10.0 + MOST
    dialplan, hops = bindings.place(PLAN, HOPS)
    assert hops == {"phone": AWAY, "pbx": HOPS["pbx"]}
    phone = dialplan.trunks["phone"]
    assert (phone.host, phone.port, phone.transport, phone.contact) == (*AWAY[:3], CONTACT)
    assert dialplan.trunks["pbx"] is PLAN.trunks["pbx"]
    bindings.expire(10.0 + MOST)
    assert not bindings.is_bound("phone")
    assert bindings.due == inf


def test_trunk_of_nobody_has_no_address() -> None:
    dialplan, hops = Bindings().place(PLAN, HOPS)
    assert hops == {"pbx": HOPS["pbx"]}
    assert dialplan.trunks["phone"].contact == ""


def test_dialplan_without_such_trunks_is_left_as_it_is() -> None:
    plan = Dialplan(version="", listen=(), trunks={"pbx": PLAN.trunks["pbx"]}, chains={}, routes={})
    assert Bindings().place(plan, HOPS) == (plan, HOPS)
    assert Bindings().place(plan, HOPS)[0] is plan


def test_refresh_moves_nobody_and_another_connection_does() -> None:
    bindings = Bindings()
    bindings.register(register(f"Contact: <{CONTACT}>"), "phone", AWAY, 0.0)
    bindings.moved.clear()
    bindings.register(register(f"Contact: <{CONTACT}>"), "phone", AWAY, 50.0)
    assert bindings.moved == set()
    bindings.expire(MOST)
    assert bindings.is_bound("phone")
    assert bindings.due == 50.0 + MOST
    bindings.register(register(f"Contact: <{CONTACT}>"), "phone", ELSEWHERE, 60.0)
    assert bindings.moved == {"phone"}


@pytest.mark.parametrize(
    "lines",
    [("Contact: *", "Expires: 0"), (f"Contact: <{CONTACT}>;expires=0",), (f"Contact: <{CONTACT}>", "Expires: 0")],
)
def test_binding_is_taken_away(lines: tuple[str, ...]) -> None:
    bindings = Bindings()
    bindings.register(register(f"Contact: <{CONTACT}>"), "phone", AWAY, 0.0)
    assert bindings.register(register(*lines), "phone", AWAY, 1.0) == (200, ())
    assert not bindings.is_bound("phone")


def test_lost_connection_takes_those_away_who_are_on_it() -> None:
    bindings = Bindings()
    bindings.register(register(f"Contact: <{CONTACT}>"), "phone", AWAY, 0.0)
    bindings.register(register("Contact: <sip:ben@10.0.0.6>"), "other", ELSEWHERE, 0.0)
    bindings.lose(AWAY)
    assert (bindings.is_bound("phone"), bindings.is_bound("other")) == (False, True)


def test_question_without_contact_is_answered() -> None:
    bindings = Bindings()
    assert bindings.register(register(), "phone", AWAY, 0.0) == (200, ())
    bindings.register(register(f"Contact: <{CONTACT}>;expires=100"), "phone", AWAY, 0.0)
    assert bindings.register(register(), "phone", AWAY, 40.0) == (200, (f"Contact: <{CONTACT}>;expires=60",))


def test_too_brief_is_said() -> None:
    bindings = Bindings()
    assert bindings.register(register(f"Contact: <{CONTACT}>;expires=5"), "phone", AWAY, 0.0) == (
        423,
        (f"Min-Expires: {LEAST:.0f}",),
    )
    assert not bindings.is_bound("phone")


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:anna@10.0.0.5",
        "<mailto:anna@example.com>",
        "<sip:a b@c>",
        "*, <sip:x@10.0.0.1>",
        "<sip:a@b?Route=c>",
        f"<sip:{'a' * 300}@b>",
    ],
)
def test_contact_that_is_no_address_is_refused(contact: str) -> None:
    bindings = Bindings()
    with pytest.raises(RemoteProtocolError):
        bindings.register(register(f"Contact: {contact}"), "phone", AWAY, 0.0)
    assert not bindings.is_bound("phone")


def test_trunk_that_left_the_dialplan_is_forgotten() -> None:
    bindings = Bindings()
    bindings.register(register(f"Contact: <{CONTACT}>"), "gone", AWAY, 0.0)
    bindings.place(PLAN, HOPS)
    assert not bindings.is_bound("gone")


@pytest.mark.parametrize(
    ("address", "contact", "uri"),
    [
        ("sip:anna@0.0.0.0:0;transport=tcp", CONTACT, CONTACT),
        ("sip:+15550123@0.0.0.0:0;transport=tcp", CONTACT, "sip:+15550123@10.0.0.5:5062;transport=tcp;ob"),
        ("sip:100@0.0.0.0:0", "sips:branch@pbx.example", "sips:100@pbx.example"),
        ("sip:100@0.0.0.0:0", "sip:10.0.0.5:5062", "sip:10.0.0.5:5062"),
    ],
)
def test_somebody_there_is_called_as_the_other_side_knows_itself(address: str, contact: str, uri: str) -> None:
    assert called_there(address, contact) == uri
