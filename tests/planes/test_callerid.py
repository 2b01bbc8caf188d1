"""Whose number a trunk is shown, and that neither side of the dialog ever sees the other's version."""

from __future__ import annotations

import pytest

from sip.message import Message, Request, Response
from sip.transaction import Hop
from tests.planes.bench import requests
from tests.planes.facing import ANNA, DID, MOBILE, PBX, PSTN, Facing
from tests.sip import wire

CALLER_AS_SENT = '"Bob" <sip:+14155551234@pstn.example>'
OWN = f"<sip:{DID}@192.0.2.10>"


def from_of(message: Message) -> str:
    return message.require("from")


def to_of(message: Message) -> str:
    return message.require("to")


# --------------------------------------------------------------------------- whose number


@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        ("", CALLER_AS_SENT),
        ("caller_id: pass", CALLER_AS_SENT),
        ("caller_id: own", OWN),
        ('caller_id: {number: "+12125551000"}', "<sip:+12125551000@192.0.2.10>"),
        ('caller_id: {show: own, name: "Acme"}', f'"Acme" {OWN}'),
        (
            'caller_id: {number: "+12125551000", name: "A \\"B\\" \\\\", domain: carrier.example}',
            '"A \\"B\\" \\\\" <sip:+12125551000@carrier.example>',
        ),
        ('caller_id: {show: own, domain: "[2001:db8::1]"}', f"<sip:{DID}@[2001:db8::1]>"),
        ("caller_id: own, format: {out: national, country: US}", "<sip:2125557000@192.0.2.10>"),
        ("format: {out: plus-less}", '"Bob" <sip:14155551234@pstn.example>'),
    ],
)
def test_a_carrier_is_shown_what_its_policy_says(policy: str, shown: str) -> None:
    invite = Facing(mobile=policy).ring(caller=CALLER_AS_SENT)
    assert from_of(invite) == f"{shown};tag=caller"
    assert len(invite.get_all("from")) == 1


def test_a_call_outward_shows_a_number_of_ours_or_that_of_the_trunk() -> None:
    own = 'caller_id: {show: own, number: "+12125551000"}'
    for caller, shown in ((DID, DID), ("+14155559999", "+12125551000"), ("100", "+12125551000")):
        invite = Facing(mobile=own).ring(ANNA, f"<sip:{caller}@pbx>", PBX)
        assert from_of(invite) == f"<sip:{shown}@192.0.2.10>;tag=caller"
    invite = Facing(mobile="caller_id: own").ring(ANNA, "<sip:100@pbx>", PBX)
    assert from_of(invite) == "<sip:100@pbx>;tag=caller", "there is no number of ours to show"


def test_each_trunk_has_its_own_policy() -> None:
    bench = Facing("    - ring: [desk]", mobile="caller_id: own")
    assert from_of(bench.ring(caller=CALLER_AS_SENT)) == f"{CALLER_AS_SENT};tag=caller"
    bench = Facing(mobile="caller_id: own")
    first = bench.ring(caller=CALLER_AS_SENT)
    (second,) = requests(bench.answer(first, 503, MOBILE))
    assert from_of(second) == f"{CALLER_AS_SENT};tag=caller"


def test_a_number_comes_in_one_form_and_goes_out_in_another() -> None:
    bench = Facing(
        "    - ring: [desk]",
        pstn="format: {out: national, country: US}",
        pbx='format: {out: plus-less, prefix: "9"}',
    )
    invite = bench.ring("2125557000", '"Bob" <sip:4155551234;npdi@pstn.example;user=phone>')
    assert from_of(invite) == '"Bob" <sip:14155551234;npdi@pstn.example;user=phone>;tag=caller'
    assert to_of(invite) == "<sip:12125557000@192.0.2.10>"
    ringing, _ = bench.answer(invite, 180, PBX)[0]
    assert from_of(ringing) == '"Bob" <sip:4155551234;npdi@pstn.example;user=phone>;tag=caller'
    assert to_of(ringing) == "<sip:2125557000@192.0.2.10>;tag=callee"


# --------------------------------------------------------------------------- the dialog


class Dialog:
    """A call that is up between the carrier that called and a mobile which is shown another From and To."""

    def __init__(self, **keys: str) -> None:
        keys = keys or {"mobile": "caller_id: own, format: {out: national, country: US}"}
        self.bench = Facing(**keys)
        self.invite = self.bench.ring(caller=CALLER_AS_SENT)
        contact = [f"Contact: <sip:anna@{MOBILE.host}>"]
        ((answer, _),) = self.bench.answer(self.invite, 200, MOBILE, extra=contact)
        assert isinstance(answer, Response)
        self.answer = answer
        self.cseq = 10

    def of_caller(self, method: str, **more: str) -> Request:
        """A request of the caller; what the callee gets of it."""
        return self.send(method, from_of(self.answer), to_of(self.answer), self.answer, PSTN, **more)

    def of_callee(self, method: str, **more: str) -> Request:
        """A request of the callee; what the caller gets of it."""
        to = f"{to_of(self.invite)};tag=callee"
        return self.send(method, to, from_of(self.invite), self.invite, MOBILE, **more)

    def send(self, method: str, sender: str, receiver: str, knows: Message, source: Hop, extra: str = "") -> Request:
        self.cseq += 1
        target = f"sip:x@{(PSTN if source is MOBILE else MOBILE).host}"
        self.last = [
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {source.host};branch=z9hG4bK{method}{self.cseq}",
            "Max-Forwards: 70",
            f"From: {sender}",
            f"To: {receiver}",
            f"Call-ID: {self.invite.call_id}",
            f"CSeq: {self.cseq} {method}",
            *(f"Route: {value}" for value in knows.get_all("record-route")),
            *([extra] if extra else []),
        ]
        sent = self.bench.receive(wire.encode(self.last), source)
        (request,) = [message for message, _ in sent if isinstance(message, Request)]
        return request


IN_DIALOG = ["ACK", "BYE", "INVITE", "UPDATE", "INFO", "PRACK", "REFER", "NOTIFY", "MESSAGE"]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("method", IN_DIALOG)
def test_each_side_sees_the_from_and_to_it_knows_in_every_request_of_the_dialog(method: str, restart: bool) -> None:
    dialog = Dialog()
    if restart:
        dialog.bench.start()
    to_callee = dialog.of_caller(method)
    assert from_of(to_callee) == from_of(dialog.invite)
    assert to_of(to_callee) == f"{to_of(dialog.invite)};tag=callee"
    to_caller = dialog.of_callee(method)
    assert from_of(to_caller) == to_of(dialog.answer)
    assert to_of(to_caller) == from_of(dialog.answer)
    assert from_of(dialog.answer) == f"{CALLER_AS_SENT};tag=caller"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("status", [200, 481, 488])
def test_each_side_gets_its_own_from_and_to_back_in_responses(status: int, restart: bool) -> None:
    dialog = Dialog()
    for request, source in ((dialog.of_caller("UPDATE"), MOBILE), (dialog.of_callee("UPDATE"), PSTN)):
        written = wire.parsed(wire.encode(dialog.last)) if source is PSTN else None
        if restart:
            dialog.bench.start()
        ((response, hop),) = dialog.bench.answer(request, status, source)
        assert isinstance(response, Response)
        if written is not None:
            assert (from_of(response), to_of(response)) == (from_of(written), to_of(written))
        else:
            assert (from_of(response), to_of(response)) == (from_of(dialog.answer), to_of(dialog.answer))
        assert hop.host == (PSTN.host if source is MOBILE else MOBILE.host)


@pytest.mark.parametrize("status", [180, 200, 486])
def test_what_rang_through_a_restart_answers_in_the_callers_words(status: int) -> None:
    bench = Facing(mobile="caller_id: own, format: {out: national, country: US}")
    invite = bench.ring(caller=CALLER_AS_SENT)
    bench.start()
    sent = bench.answer(invite, status, MOBILE)
    response = next(message for message, _ in sent if isinstance(message, Response))
    assert from_of(response) == f"{CALLER_AS_SENT};tag=caller"
    assert to_of(response) == f"<sip:{DID}@192.0.2.10>;tag=callee"
    if status == 486:  # the caller's ACK ends here, ours is made of the response
        (ack,) = requests(sent, "ACK")
        assert (from_of(ack), ack.uri) == (from_of(invite), invite.uri)


def test_a_cancel_of_a_past_life_looks_like_its_invite() -> None:
    bench = Facing(mobile="caller_id: own, format: {out: national, country: US}")
    invite = bench.ring(caller=CALLER_AS_SENT)
    bench.start()
    lines = wire.request_lines("CANCEL", f"sip:{DID}@192.0.2.10", via=f"SIP/2.0/UDP {PSTN.host}")
    lines = [f"From: {CALLER_AS_SENT};tag=caller" if line.startswith("From") else line for line in lines]
    lines = [f"To: <sip:{DID}@192.0.2.10>" if line.startswith("To:") else line for line in lines]
    cancels = requests(bench.receive(wire.encode(lines), PSTN), "CANCEL")
    cancel = next(each for each in cancels if each.uri == invite.uri)
    assert (from_of(cancel), to_of(cancel)) == (from_of(invite), to_of(invite))
    assert cancel.via.branch == invite.via.branch
    ((response, _),) = bench.answer(cancel, 200, MOBILE)
    assert from_of(response) == f"{CALLER_AS_SENT};tag=caller"


def test_an_invite_that_is_repeated_into_another_life_is_dressed_alike() -> None:
    bench = Facing(mobile="caller_id: own, diversion: true", pstn="trusted: false")
    first = bench.ring(caller=CALLER_AS_SENT)
    bench.start()
    assert bench.ring(caller=CALLER_AS_SENT).encode() == first.encode()


def test_cancel_and_ack_to_a_failure_are_dressed_as_their_invite() -> None:
    bench = Facing(mobile="caller_id: own")
    invite = bench.ring(caller=CALLER_AS_SENT)
    bench.answer(invite, 180, MOBILE)
    lines = wire.request_lines("CANCEL", f"sip:{DID}@192.0.2.10", via=f"SIP/2.0/UDP {PSTN.host}")
    sent = bench.receive(wire.encode(lines), PSTN)
    (cancel,) = requests(sent, "CANCEL")
    assert from_of(cancel) == from_of(invite)
    (ack,) = requests(bench.answer(invite, 487, MOBILE), "ACK")
    assert from_of(ack) == from_of(invite)


def test_a_loser_is_released_in_the_from_that_it_knows() -> None:
    bench = Facing("    - {ring: [anna, desk], mode: parallel}", mobile="caller_id: own")
    one, two = requests(bench.place(caller=CALLER_AS_SENT))
    bench.answer(two, 200, PBX, extra=["Contact: <sip:desk@192.0.2.34>"])
    sent = bench.answer(one, 200, MOBILE, extra=["Contact: <sip:anna@192.0.2.32>"])
    for goodbye in (*requests(sent, "ACK"), *requests(sent, "BYE")):
        assert from_of(goodbye) == f"{OWN};tag=caller"
    assert len(sent) == 2


def test_a_call_without_policies_carries_nothing_more() -> None:
    invite = Facing().ring(caller=CALLER_AS_SENT)
    assert "cwn" not in invite.lines[0]
    assert from_of(invite) == f"{CALLER_AS_SENT};tag=caller"


# --------------------------------------------------------------------------- odd ones


@pytest.mark.parametrize(
    "caller",
    [
        "sip:+14155551234@pstn.example",
        '"a<b>;tag=x \\" ," <sip:+14155551234@pstn.example>',
        "Bob Smith  <sip:+14155551234@pstn.example;user=phone>",
        "<tel:+14155551234>",
        '"Łukasz" <sip:+14155551234@pstn.example>',
        '"\udce9" <sip:+14155551234@pstn.example>',
    ],
)
def test_an_odd_from_comes_back_as_it_was(caller: str) -> None:
    bench = Facing(mobile="caller_id: own")
    invite = bench.ring(caller=caller)
    assert from_of(invite) == f"{OWN};tag=caller"
    ((ringing, _),) = bench.answer(invite, 180, MOBILE)
    assert from_of(ringing) == f"{caller};tag=caller"


def test_what_is_too_long_to_remember_loses_its_name_and_then_all_but_its_tag() -> None:
    for caller, back in (
        (f'"{"n" * 200}" <sip:+1415@pstn.example>', "<sip:+1415@pstn.example>"),
        (f"<sip:{'u' * 300}@pstn.example>", OWN),
    ):
        bench = Facing(mobile="caller_id: own")
        invite = bench.ring(caller=caller)
        assert len(invite.get_all("record-route")[0]) < 450
        assert from_of(invite) == f"{OWN};tag=caller"
        ((ringing, _),) = bench.answer(invite, 180, MOBILE)
        assert from_of(ringing) == f"{back};tag=caller"


def test_parameters_of_from_stay_with_their_tag() -> None:
    bench = Facing(mobile="caller_id: own")
    lines = wire.request_lines("INVITE", f"sip:{DID}@192.0.2.10", via=f"SIP/2.0/UDP {PSTN.host}")
    lines = [
        'f:\t"Bob"\r\n <sip:b@x>;x="a;tag=no";tag=caller;y' if line.startswith("From:") else line for line in lines
    ]
    sent = bench.receive(wire.encode(lines), PSTN)
    (invite,) = requests(sent)
    assert f'f: {OWN};x="a;tag=no";tag=caller;y' in invite.lines
    ((ringing, _),) = bench.answer(invite, 180, MOBILE)
    assert 'f: "Bob" <sip:b@x>;x="a;tag=no";tag=caller;y' in ringing.lines


def test_a_name_that_turns_the_direction_of_text_is_straightened_and_comes_back_so() -> None:
    invite = Facing("    - ring: [desk]").ring(caller='"\u202e4321 555" <sip:+14155551234@pstn.example>')
    assert from_of(invite) == '"4321 555" <sip:+14155551234@pstn.example>;tag=caller'
