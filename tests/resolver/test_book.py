"""All names of a dialplan: who asks what, what is told, and what is kept over a restart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from controller.resolver.book import SETTLE, Book
from controller.resolver.question import Answer, LookupFailed, Question, questions_of
from controller.resolver.store import FILE, last_addresses, read_addresses, write_addresses
from controller.types import Address, Dialplan, Listen, Register, Trunk

LISTEN = (Listen("192.0.2.10", 5060), Listen("192.0.2.10", 5060, "tcp"), Listen("192.0.2.10", 5061, "tls"))
ONE, TWO = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060, rank=1)
SERVICE = Trunk("carrier", "sbc.example", 5060, service=("udp", "tcp"))
PLAN = Dialplan(
    "v",
    LISTEN,
    {
        "carrier": SERVICE,
        "same": replace(SERVICE, name="same", host="SBC.example."),
        "other": Trunk("other", "sbc.example", 5080),
        "pbx": Trunk("pbx", "192.0.2.30", 5060),
    },
    {},
    {},
)


def nobody(_: Address) -> None:
    """Health knows nothing."""


def filled(now: float = 100.0) -> Book:
    book = Book()
    book.follow(PLAN, now)
    book.take({question: Answer((ONE, TWO), 60.0) for question in book.beliefs}, nobody, now)
    return book


def test_trunks_that_ask_the_same_share_one_answer() -> None:
    book = filled()
    assert [str(question) for question in book.beliefs] == ["sbc.example", "sbc.example:5080"]
    assert book.addresses() == dict.fromkeys(["carrier", "same", "other"], (ONE, TWO))
    assert book.trunks_of(next(iter(book.beliefs))) == ("carrier", "same")


def test_a_dialplan_of_addresses_asks_nothing() -> None:
    book = Book()
    book.follow(replace(PLAN, trunks={"pbx": PLAN.trunks["pbx"]}), 0.0)
    assert book.beliefs == {}
    assert book.due(1e9) == []


def test_a_registrar_has_a_name_of_its_own() -> None:
    register = Register(
        "account",
        "sip.example",
        registrars=("sip:reg.example;transport=tcp", "sip:192.0.2.9", "sip:reg2.example:5070", "sips:reg3.example"),
    )
    trunk = Trunk("pbx", "192.0.2.30", 5060, register=register)
    plan = replace(PLAN, trunks={"pbx": trunk})
    asked = questions_of(plan)
    assert asked.trunks == {}
    assert asked.hosts == {
        "reg.example": Question("reg.example", 5060, "tcp", (), (("tcp", 4),)),
        "reg2.example": Question("reg2.example", 5070, "udp", (), (("udp", 4),)),
        "reg3.example": Question("reg3.example", 5061, "tls", (), (("tls", 4),)),
    }
    book = Book()
    book.follow(plan, 0.0)
    book.take({asked.hosts["reg.example"]: Answer((ONE, TWO), 60.0)}, nobody, 0.0)
    assert book.hosts() == {"reg.example": ("192.0.2.1", "192.0.2.2")}
    assert book.addresses() == {}


def test_what_changes_is_told_and_what_does_not_is_not() -> None:
    book = filled()
    question = next(iter(book.beliefs))
    assert book.take({question: Answer((ONE, TWO), 60.0)}, nobody, 200.0) == []
    (lost,) = book.take({question: LookupFailed("no answer")}, nobody, 300.0)
    assert (lost.name, lost.trunks, lost.lost, lost.why) == ("sbc.example", ("carrier", "same"), True, "no answer")
    assert book.take({question: LookupFailed("still none")}, nobody, 400.0) == []
    (back,) = book.take({question: Answer((TWO,), 60.0)}, nobody, 500.0)
    assert (back.lost, back.old, back.new) == (
        False, ("udp:192.0.2.1:5060", "udp:192.0.2.2:5060"), ("udp:192.0.2.2:5060",),
    )  # fmt: skip


def test_an_answer_for_a_name_that_left_meanwhile_is_passed_over() -> None:
    book = filled()
    gone = next(iter(book.beliefs))
    book.follow(replace(PLAN, trunks={"other": PLAN.trunks["other"]}), 200.0)
    assert book.take({gone: Answer((ONE,), 60.0)}, nobody, 200.0) == []
    assert book.addresses() == {"other": (ONE, TWO)}


def test_a_later_life_knows_what_this_one_did(tmp_path: Path) -> None:
    write_addresses(filled().dump(160.0), tmp_path, 5000.0)
    later = Book()
    read_addresses(later, tmp_path, 20.0, 5030.0)  # thirty seconds later, and the clock began anew
    later.follow(PLAN, 20.0)
    assert later.addresses() == filled().addresses()
    belief = next(iter(later.beliefs.values()))
    assert (belief.answered_at, belief.due) == (20.0 - 30.0 - 60.0, 20.0 + SETTLE)
    assert last_addresses(PLAN, tmp_path) == filled().addresses()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        '{"format": 2, "names": []}',
        '{"format": 1}',
        '{"format": 1, "written": 0, "names": [[1]]}',
        json.dumps({"format": 1, "written": 0, "names": [["h", 1, "udp", [], [], {"listed": ["x"]}]]}),
    ],
)
def test_a_file_that_cannot_be_read_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    book = Book()
    read_addresses(book, tmp_path, 0.0, 0.0)
    assert book.known() == {}
    read_addresses(book, tmp_path / "nowhere", 0.0, 0.0)
    write_addresses([], tmp_path / "nowhere", 0.0)
