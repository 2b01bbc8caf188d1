"""A MESSAGE outside a call: taken from trunks that carry messages, and from nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.planes.texts import LARGEST, WAITING
from controller.types.messages import ByTrunks, Channel, Messaging, Provider
from controller.types.texts import TextReceived
from sip.message import Response
from sip.transaction import Hop
from tests.planes.bench import HOPS, T1, T2, Bench
from tests.planes.bench import statuses as statuses_to
from tests.sip import wire

PHONES = Provider("phones", Channel.SIP, "sip", ByTrunks(("t1", "t3")))
CALLS = Provider("calls", Channel.VOICE, "voice", ByTrunks(("t2",)))


def bench() -> Bench:
    """Messages come by t1 and t3."""
    made = Bench()
    dialplan = made.switchboard.dialplan
    made.switchboard.swap(replace(dialplan, messaging=Messaging({"phones": PHONES, "calls": CALLS}, {})))
    made.plane.swap_hops(HOPS)
    return made


def send(made: Bench, data: bytes, source: Hop = T1) -> list[int]:
    return statuses_to(made.receive(data, source), to=source._replace(port=5070))


def message(
    text: bytes = b"stop", *, kind: str = "text/plain", call_id: str = "m1", extra: tuple[str, ...] = ()
) -> bytes:
    lines = (f"Content-Type: {kind}", f"Content-Length: {len(text)}", *extra)
    asked = wire.request_lines("MESSAGE", call_id=call_id, branch=f"z9hG4bK-{call_id}", extra=lines)
    return wire.encode(asked, text)


def test_a_message_of_a_person_is_taken_once() -> None:
    made = bench()
    assert send(made, message("ja, größer".encode())) == [202]
    assert send(made, message("ja, größer".encode())) == [202]  # it comes again, and is no other
    (text,) = made.plane.texts.received
    assert text == TextReceived("phones", text.ref, "alice", "+15557000", "ja, größer")
    assert "größer" not in repr(text)
    made.receive(message(call_id="m2"), T1)
    assert len({each.ref for each in made.plane.texts.received}) == 2
    again = bench()  # another life: the same message has the same name
    again.receive(message("ja, größer".encode()), T1)
    assert again.plane.texts.received[0].ref == text.ref


def test_nobody_else_may_send_one() -> None:
    made = bench()
    assert send(made, message(), T2) == [405]  # a trunk for calls
    assert send(made, message(call_id="m2"), wire.CALLER) == [405]  # a stranger
    assert send(Bench(), message()) == [405]  # a dialplan of calls alone
    assert not made.plane.texts.received


@pytest.mark.parametrize(
    ("data", "status", "header"),
    [
        (message(kind="message/cpim"), 415, "accept"),
        (message(kind="text/plain;charset=koi8-r"), 415, "accept"),
        (message(kind='Text/Plain; Charset="UTF-8"'), 202, ""),
        (message(extra=("Content-Encoding: gzip",)), 415, "accept-encoding"),
        (message(b"x" * LARGEST), 202, ""),
        (message(b"x" * (LARGEST + 1)), 513, ""),
        (message(extra=("Require: recipient-list-message",)), 420, "unsupported"),
        (message(b"\xff\xfe"), 202, ""),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, status: int, header: str) -> None:
    made = bench()
    ((answer, _),) = made.receive(data, T1)
    assert isinstance(answer, Response)
    assert answer.status == status
    assert not header or answer.get(header)
    assert len(made.plane.texts.received) == (status == 202)


def test_who_is_not_heard_is_told_so() -> None:
    made = bench()
    for number in range(WAITING):
        made.receive(message(call_id=f"m{number}"), T1)
    assert send(made, message(call_id="more")) == [503]
    made.plane.texts.received.clear()
    assert send(made, message(call_id="again")) == [202]
