"""The session in virtual time: what is promised of submits, receipts and a peer that is gone."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from smpp34 import DeliverSm

from controller.channels import smpp_pdu as pdus
from controller.channels.smpp_session import (
    MAX_UNCONFIRMED,
    WINDOW_FULL,
    Answered,
    Bound,
    Closed,
    Delivered,
    Event,
    LateAnswer,
    NotSent,
    Session,
    State,
    SubmitFields,
    Unanswered,
)
from controller.types.smpp import Smpp

SETTINGS = Smpp("smsc.example", 2775, "acme", "secret", window=2, enquire=15.0, timeout=10.0)
FIELDS = SubmitFields("ACME", 5, 0, "15550100", 1, b"hello")


def written(session: Session) -> list[tuple[int, int, int]]:
    """Command, status and sequence of what is written."""
    return [(pdu.command, pdu.status, pdu.sequence) for pdu in pdus.Framer().feed(session.take())]


def open_session() -> Session:
    session = Session(SETTINGS, pdus.BIND_TRANSCEIVER, 0.0)
    assert written(session) == [(pdus.BIND_TRANSCEIVER, 0, 1)]
    session.receive(pdus.pdu(0x80000009, 1, body=b"smsc\0"), 0.0)
    assert session.pop_events() == [Bound()]
    return session


def answer(sequence: int, ref: str = "r", status: int = 0) -> bytes:
    return pdus.pdu(0x80000004, sequence, status, ref.encode() + b"\0")


def test_window() -> None:
    session = open_session()
    for token in range(4):
        session.submit(token, FIELDS, 1.0)
    assert written(session) == [(4, 0, 2), (4, 0, 3)]
    session.receive(answer(3, "b"), 2.0)
    assert session.pop_events() == [Answered(1, 0, "b")]
    assert written(session) == [(4, 0, 4)]
    session.receive(answer(2, "a") + answer(4, "", 0x58), 2.5)
    assert session.pop_events() == [Answered(0, 0, "a"), Answered(2, 0x58, "")]
    assert written(session) == [(4, 0, 5)]


def test_behind_a_full_window_nothing_waits_for_ever() -> None:
    session = open_session()
    for token in range(3):
        session.submit(token, FIELDS, float(token))
    session.receive(pdus.pdu(pdus.ENQUIRE_LINK, 9), 9.0)
    session.handle_timer(11.5)
    assert session.pop_events() == [Unanswered(0, "timeout"), Unanswered(1, "timeout")]
    assert written(session)[-2:] == [(4, 0, 4), (pdus.ENQUIRE_LINK, 0, 5)]


def test_an_answer_that_comes_late_is_told() -> None:
    session = open_session()
    session.submit(7, FIELDS, 0.0)
    session.receive(pdus.pdu(pdus.ENQUIRE_LINK, 1), 9.0)
    session.handle_timer(10.0)
    session.receive(answer(2, "late") + answer(2, "twice"), 11.0)
    assert session.pop_events() == [Unanswered(7, "timeout"), LateAnswer(7, 0, "late")]


def test_a_generic_nack_is_an_answer() -> None:
    session = open_session()
    session.submit(7, FIELDS, 0.0)
    session.receive(pdus.pdu(pdus.GENERIC_NACK, 2, 3), 0.1)
    assert session.pop_events() == [Answered(7, 3, "")]


def test_silence_is_asked_and_then_the_end() -> None:
    session = open_session()
    session.take()
    assert session.deadline() == 15.0
    session.handle_timer(15.0)
    assert written(session) == [(pdus.ENQUIRE_LINK, 0, 2)]
    session.receive(pdus.pdu(0x80000015, 2), 16.0)
    assert session.deadline() == 31.0
    session.handle_timer(31.0)
    session.handle_timer(41.0)
    assert session.pop_events() == [Closed("nothing heard for 25.0 s", silent=True)]
    assert session.deadline() == float("inf")


def test_half_open_is_noticed_sooner_while_something_is_unanswered() -> None:
    session = open_session()
    session.submit(1, FIELDS, 100.0 - 100.0)
    assert session.deadline() == 2.0
    session.handle_timer(2.0)
    assert session.deadline() == 10.0  # the submit's
    session.handle_timer(10.0)
    session.handle_timer(12.0)
    assert session.pop_events() == [Unanswered(1, "timeout"), Closed("nothing heard for 12.0 s", silent=True)]


def test_refused_bind() -> None:
    session = Session(SETTINGS, pdus.BIND_TRANSCEIVER, 0.0)
    session.receive(pdus.pdu(0x80000009, 1, 0x0E), 0.0)
    assert session.pop_events() == [Closed("bind refused: ESME_RINVPASWD", refused=True)]
    session = Session(SETTINGS, pdus.BIND_TRANSCEIVER, 0.0)
    session.receive(pdus.pdu(0x80000009, 1, 0x05), 0.0)
    assert session.pop_events() == [Closed("bind refused: ESME_RALYBND")]


def test_no_answer_to_the_bind() -> None:
    session = Session(SETTINGS, pdus.BIND_TRANSCEIVER, 5.0)
    assert session.deadline() == 15.0
    session.handle_timer(15.0)
    assert session.pop_events() == [Closed("no answer to the bind", silent=True)]


def test_unbind_of_the_smsc_leaves_time_for_answers() -> None:
    session = open_session()
    for token in range(3):
        session.submit(token, FIELDS, 0.0)
    session.take()
    session.receive(pdus.pdu(pdus.UNBIND, 77), 1.0)
    assert written(session) == [(0x80000006, 0, 77)]
    session.submit(3, FIELDS, 1.0)
    session.receive(answer(2, "a"), 1.1)
    session.lose("the connection was lost")
    assert session.pop_events() == [
        NotSent(2, "unbound by the SMSC"),
        NotSent(3, "not bound"),
        Answered(0, 0, "a"),
        Unanswered(1, "the connection was lost"),
        Closed("the connection was lost"),
    ]


def test_a_receipt_is_acknowledged_when_its_owner_says_so() -> None:
    session = open_session()
    session.receive(DeliverSm("1", "2", b"hi", sequence_number=5).encode(), 1.0)
    (event,) = session.pop_events()
    assert isinstance(event, Delivered)
    assert event.message.short_message == b"hi"
    assert not session.take()
    session.confirm(5, taken=True)
    session.confirm(5, taken=True)
    assert written(session) == [(0x80000005, 0, 5)]


def test_so_many_unconfirmed_and_no_more() -> None:
    session = open_session()
    for sequence in range(1, MAX_UNCONFIRMED + 2):
        session.receive(DeliverSm("1", "2", b"hi", sequence_number=sequence).encode(), 1.0)
    assert len(session.pop_events()) == MAX_UNCONFIRMED
    assert written(session) == [(0x80000005, pdus.THROTTLED, MAX_UNCONFIRMED + 1)]


def test_what_is_not_known_is_refused_and_what_is_broken_too() -> None:
    session = open_session()
    broken = bytearray(DeliverSm("1", "2", b"hello", sequence_number=5).encode()[:-3])
    struct.pack_into(">I", broken, 0, len(broken))
    session.receive(bytes(broken) + pdus.pdu(0x103, 6) + pdus.pdu(pdus.ALERT_NOTIFICATION, 7), 1.0)
    assert written(session) == [(0x80000005, pdus.INVALID_OPTIONALS, 5), (pdus.GENERIC_NACK, 3, 6)]
    session.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n", 1.0)
    assert isinstance(session.pop_events()[-1], Closed)


@given(st.data())
def test_every_submit_has_one_end(data: st.DataObject) -> None:
    """Whatever the other side says, in whatever pieces, and whenever it is gone."""
    session, now, token, events = open_session(), 0.0, 0, list[Event]()
    piece = st.one_of(
        st.integers(1, 12).map(answer),
        st.builds(answer, st.integers(1, 12), st.just(""), st.sampled_from([0x58, 0x14, 0x08, 0x400])),
        st.integers(1, 99).map(lambda sequence: DeliverSm("1", "2", b"x", sequence_number=sequence).encode()),
        st.sampled_from([pdus.pdu(pdus.ENQUIRE_LINK, 1), pdus.pdu(pdus.UNBIND, 1), pdus.pdu(pdus.GENERIC_NACK, 2, 3)]),
        st.binary(max_size=20),
    )
    for step in data.draw(st.lists(st.sampled_from("stttrrrcl"), max_size=40)):
        if step == "s":
            session.submit(token, FIELDS, now)
            token += 1
        elif step == "t":
            now += data.draw(st.sampled_from([0.1, 2.0, 9.0, 11.0]))
            session.handle_timer(now)
        elif step == "r":
            for byte in data.draw(piece):
                session.receive(bytes((byte,)), now)
        elif step == "c":
            session.confirm(data.draw(st.integers(1, 99)), taken=data.draw(st.booleans()))
        elif data.draw(st.booleans()):
            session.lose("gone")
        events += session.pop_events()
        assert session.state is State.CLOSED or session.deadline() >= now - 11.0
    session.lose("gone")
    events += session.pop_events()
    ends = [event.token for event in events if isinstance(event, Answered | NotSent | Unanswered)]
    assert sorted(ends) == [*range(token)]
    assert sum(isinstance(event, Closed) for event in events) == 1
    given_up = {event.token for event in events if isinstance(event, Unanswered)}
    late = [event.token for event in events if isinstance(event, LateAnswer)]
    assert {*late} <= given_up
    assert len(late) == len({*late})


def test_behind_a_full_window_nothing_waits_longer_than_it_is_of_use() -> None:
    session = open_session()
    for token in range(2):
        session.submit(token, FIELDS, 0.0)
    session.submit(2, FIELDS, 0.0, lifetime=60.0)
    session.submit(3, FIELDS, 0.0, lifetime=1.0)
    assert len(written(session)) == 2
    session.receive(answer(2) + answer(3), 2.0)  # the process was stopped meanwhile: no timer came before
    assert session.pop_events() == [Answered(0, 0, "r"), Answered(1, 0, "r"), NotSent(3, WINDOW_FULL)]
    assert written(session) == [(4, 0, 4)]
