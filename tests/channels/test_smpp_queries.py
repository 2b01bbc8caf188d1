"""Whom an SMSC is asked about, in virtual time: nobody whose receipt came, each a few times at most, submits first."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.channels import smpp_pdu as pdus
from controller.channels import smpp_queries as module
from controller.channels.smpp_queries import TRIES, Queries, Query
from controller.channels.smpp_receipts import Receipt, read_state
from controller.channels.smpp_session import Bound, Session, SubmitFields, Told
from controller.types.smpp import Smpp
from controller.types.words import Milestone

SETTINGS = Smpp("smsc.example", 2775, "acme", "secret", window=2, timeout=10.0, query=8.0)
FIELDS = SubmitFields("ACME", 5, 0, "15550100", 1, b"hello")


def one(ref: str = "a") -> Query:
    return Query(ref.upper(), ref, 5, 0, "ACME")


def test_a_message_is_asked_about_later_each_time_and_then_no_more() -> None:
    queries = Queries(8.0)
    queries.accepted(one(), 100.0)
    asked = []
    while (now := queries.deadline()) < inf:
        assert not queries.due(now - 0.1)
        (query,) = queries.due(now)
        asked.append((now, query.ref, query.asked))
    assert asked == [(108.0, "a", 1), (124.0, "a", 2), (156.0, "a", 3)]
    assert not len(queries)


def test_nobody_is_asked_who_said_it_or_where_nobody_wants_it() -> None:
    queries = Queries(8.0)
    queries.accepted(one("a"), 0.0)
    queries.accepted(one("b"), 1.0)
    queries.settled("a")
    queries.settled("never heard of")
    assert queries.deadline() == 9.0
    never = Queries(0.0)
    never.accepted(one(), 0.0)
    assert never.deadline() == inf


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    queries = Queries(8.0)
    for number in range(10):
        queries.accepted(one(str(number)), 0.0)
    assert [query.ref for query in queries.due(8.0)] == ["0", "1", "2"]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans(), st.floats(0, 20)), max_size=40))
def test_each_is_asked_about_a_few_times_and_never_once_it_is_settled(
    events: list[tuple[str, bool, float]],
) -> None:
    queries, now = Queries(4.0), 0.0
    settled: set[str] = set()
    counts: dict[str, int] = {}
    for number, (name, is_new, wait) in enumerate(events):
        now += wait
        for query in queries.due(now):
            assert query.ref not in settled
            counts[query.ref] = counts.get(query.ref, 0) + 1
        if is_new:
            queries.accepted(one(f"{name}{number}"), now)
        else:
            gone = {ref for ref in queries._open if ref.startswith(name)}
            settled |= gone
            for ref in gone:
                queries.settled(ref)
    assert max(counts.values(), default=0) <= TRIES


def open_session() -> Session:
    session = Session(SETTINGS, pdus.BIND_TRANSCEIVER, 0.0)
    session.receive(pdus.pdu(0x80000009, 1, body=b"smsc\0"), 0.0)
    assert session.pop_events() == [Bound()]
    session.take()
    return session


def answered(sequence: int, state: int, *, status: int = 0, body: bytes | None = None) -> bytes:
    return pdus.pdu(0x80000003, sequence, status, b"A\0\0" + bytes((state, 7)) if body is None else body)


def test_a_question_and_its_answer() -> None:
    session = open_session()
    query = one()
    session.query(query, 1.0)
    (pdu,) = pdus.Framer().feed(session.take())
    assert (pdu.command, pdu.body) == (pdus.QUERY_SM, b"A\0\x05\0ACME\0")
    session.receive(answered(pdu.sequence, 2), 2.0)
    assert session.pop_events() == [Told(query, 2, 7)]
    session.receive(answered(pdu.sequence, 2), 2.0)  # twice
    assert not session.pop_events()


@pytest.mark.parametrize(
    "answer",
    [
        lambda sequence: answered(sequence, 2, status=0x67),
        lambda sequence: answered(sequence, 2, body=b"A\0"),
        lambda sequence: answered(sequence, 2, body=b""),
        lambda sequence: pdus.pdu(pdus.GENERIC_NACK, sequence, pdus.INVALID_COMMAND),
    ],
)
def test_an_smsc_that_does_not_know_says_nothing(answer: object) -> None:
    session = open_session()
    session.query(one(), 1.0)
    assert callable(answer)
    session.receive(answer(2), 2.0)
    assert not session.pop_events()
    assert not session._queries


def test_questions_leave_the_window_to_submits_and_the_unanswered_are_forgotten() -> None:
    session = open_session()
    session.submit(1, FIELDS, 1.0)
    session.query(one("a"), 1.0)
    session.query(one("b"), 1.0)  # no room
    assert [pdu.command for pdu in pdus.Framer().feed(session.take())] == [pdus.SUBMIT_SM, pdus.QUERY_SM]
    session.submit(2, FIELDS, 1.0)  # it does not wait for questions
    assert [pdu.command for pdu in pdus.Framer().feed(session.take())] == [pdus.SUBMIT_SM]
    session.receive(pdus.pdu(0x80000004, 2, 0, b"r\0") + pdus.pdu(0x80000004, 4, 0, b"s\0"), 2.0)
    session.query(one("c"), 11.0)
    session.query(one("d"), 11.0)
    assert [query.ref for query, _ in session._queries.values()] == ["c", "d"]


@pytest.mark.parametrize(
    ("state", "error", "receipt"),
    [
        (1, 0, Receipt("r", Milestone.ALERTING, "", "ENROUTE/000")),
        (2, 0, Receipt("r", Milestone.ANSWERED, "", "DELIVRD/000")),
        (5, 69, Receipt("r", None, "absent", "UNDELIV/069")),
        (5, 1, Receipt("r", None, "undelivered", "UNDELIV/001")),
        (7, 0, None),  # it may have forgotten it
        (99, 0, None),
    ],
)
def test_what_a_state_means(state: int, error: int, receipt: Receipt | None) -> None:
    assert read_state("r", state, error, {"069": "absent"}) == receipt
