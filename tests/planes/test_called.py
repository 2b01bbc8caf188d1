"""Which number a call is for where the Request-URI does not say, and whose call it is."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from controller.engine import Engine
from controller.news import show_news
from controller.records.reading import Reader, Wanted
from controller.records.rows import Batch, call_row
from controller.records.scrub import call_id_of
from controller.records.store import FILE, Store
from controller.types import CallRecord, DidFrom, Register, Trunk
from controller.under_way import collect_calls
from sip.message import Request
from sip.transaction import Hop
from tests.planes.test_phones import CARRIER, PBX, Line, make_engine

ACCOUNT = "sip:15557000@192.0.2.10"
ELSEWHERE = Hop("203.0.113.77", 5060)


def make(did_from: DidFrom, *, register: bool = False, calls_out: bool = False) -> Engine:
    """The carrier says in its own way which number is called."""
    engine = make_engine()
    plan = engine.switchboard.dialplan
    carrier = replace(
        plan.trunks["carrier"],
        did_from=did_from,
        register=Register("15557000", "carrier.example") if register else None,
    )
    outbound = plan.outbound
    if calls_out:
        outbound = {"+1": {**outbound["+1"], "carrier": outbound["+1"]["branch"]}}
    trunks: dict[str, Trunk] = {**plan.trunks, "carrier": carrier}
    plan = replace(plan, trunks=MappingProxyType(trunks), outbound=outbound)
    engine.reload(plan, {"hq": PBX, "carrier": CARRIER, "branch": Hop("192.0.2.70", 5060)}, 0.0)
    engine.outbox.clear()
    return engine


def call(
    engine: Engine, uri: str, *lines: str, to: str = "sip:+15557000@example.com", source: Hop = CARRIER
) -> tuple[str, str]:
    """Somebody calls; the number and the trunk as the record has them."""
    line = Line(engine, source, about="c")
    invite = line.make("INVITE", uri, *lines)
    invite.set("to", f"To: <{to}>")
    line.send(invite.encode())
    if len(engine.plane):
        (going,) = engine.plane._calls.by_offer.values()
        return going.offer.did, going.offer.trunk
    (record,) = [item for item in engine.news if isinstance(item, CallRecord)]
    return record.offer.did, record.offer.trunk


@pytest.mark.parametrize(
    ("did_from", "did"),
    [
        (DidFrom.AUTO, "15557000"),
        (DidFrom.REQUEST_URI, "15557000"),
        (DidFrom.TO, "+15557000"),
        (DidFrom.CALLED_PARTY, "+15557009"),
    ],
)
def test_number_stands_where_the_dialplan_says(did_from: DidFrom, did: str) -> None:
    engine = make(did_from)
    assert call(engine, ACCOUNT, "P-Called-Party-ID: <sip:+15557009@example.com>") == (did, "carrier")


@pytest.mark.parametrize("to", ["sip:carrier.example", "mailto:x@example.com"])
def test_request_uri_is_what_is_left_where_there_is_none(to: str) -> None:
    assert call(make(DidFrom.TO), ACCOUNT, to=to)[0] == "15557000"
    assert call(make(DidFrom.CALLED_PARTY), ACCOUNT, to=to)[0] == "15557000"


def test_trunks_of_others_are_read_as_usual() -> None:
    assert call(make(DidFrom.TO), "sip:+15557000@192.0.2.10", to="sip:else@example.com", source=PBX) == (
        "+15557000",
        "hq",
    )


def test_contact_of_ours_names_its_trunk_but_opens_no_way_out() -> None:
    """Who was told our Contact is a caller of that trunk, wherever he calls from; calling out takes its address."""
    for calls_out, trunk in ((False, "carrier"), (True, "")):
        engine = make(DidFrom.AUTO, register=True, calls_out=calls_out)
        (user,) = engine.registrations.accounts
        assert call(engine, f"sip:{user}@192.0.2.10", source=ELSEWHERE) == ("+15557000", trunk)
    engine = make(DidFrom.AUTO, register=True, calls_out=True)
    (user,) = engine.registrations.accounts
    line = Line(engine, ELSEWHERE, about="out")
    invite = line.make("INVITE", f"sip:{user}@192.0.2.10")
    invite.set("to", "To: <sip:+15559999@example.com>")
    assert not [message for message, _ in line.send(invite.encode()) if isinstance(message, Request)]


def test_number_to_tel_is_read() -> None:
    assert call(make(DidFrom.TO), ACCOUNT, to="tel:+1-555-7000;phone-context=x")[0] == "+15557000"


@pytest.mark.parametrize("number", ["+15557000", "\udcff"])
def test_what_is_no_utf8_in_a_call_spoils_nothing_that_is_kept_or_shown(number: str, tmp_path: Path) -> None:
    """Anybody may call so; files, terminals and JSON take nothing but text."""
    engine = make(DidFrom.TO)
    line = Line(engine, CARRIER, about="c")
    invite = line.make("INVITE", ACCOUNT)
    invite.set("to", f"To: <sip:{number}@example.com>")
    invite.set("from", "From: <sip:\udcffx@example.com>;tag=1")
    invite.set("call-id", "Call-ID: \udce9@host")
    line.send(invite.encode())
    shown = json.dumps(collect_calls(engine, 2.0), ensure_ascii=False).encode()
    for record in [item for item in engine.news if isinstance(item, CallRecord)]:
        with closing(Store(tmp_path / FILE)) as store:
            store.write(Batch([call_row(show_news(record)[1], "life", 1)]))
        (found,) = Reader(tmp_path).calls(Wanted())
        assert found["call"] == call_id_of(invite.encode())  # its messages have that name too
        shown = json.dumps(found, ensure_ascii=False).encode()
    assert "\ufffdx".encode() in shown
