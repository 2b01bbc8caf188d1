"""Who is asserted to call, who may hear it, and who diverted the call: read off the wire at the far side."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.planes.border.diversion import (
    BUSY,
    MOST_DIVERSIONS,
    MOST_HISTORY,
    UNANSWERED,
    UNAVAILABLE,
    UNCONDITIONAL,
    UNKNOWN,
    add_diversion,
    add_history,
    why_diverted,
)
from sip.headers import find_uri
from sip.message import Request, Response
from sip.transaction import Hop
from sip.uri import find_param, parse_uri
from tests.planes.bench import requests, statuses
from tests.planes.facing import ANNA, DID, MOBILE, PBX, PSTN, Facing
from tests.sip import wire

BOB = "P-Asserted-Identity: <sip:+14155551234@pstn.example>"
STRANGER = Hop("203.0.113.9", 5060)


def pai(invite: Request) -> list[str]:
    return invite.get_all("p-asserted-identity")


# --------------------------------------------------------------------------- trust


@pytest.mark.parametrize(
    ("keys", "privacy", "kept"),
    [
        ({}, "", True),
        ({}, "id", True),  # inside the trust domain it says what the last of it must hide
        ({"mobile": "trusted: false"}, "", False),
        ({"mobile": "trusted: false"}, "id", False),
        ({"mobile": "trusted: false"}, "none", True),
        ({"pstn": "trusted: false"}, "", False),
        ({"pstn": "trusted: false"}, "none", False),
        ({"mobile": "trusted: true"}, "", True),
    ],
)
def test_an_asserted_identity_stays_within_the_trust_domain(keys: dict[str, str], privacy: str, kept: bool) -> None:
    more = [BOB, "P-Preferred-Identity: <sip:b@pstn.example>", "Remote-Party-ID: <sip:b@pstn.example>"]
    invite = Facing(**keys).ring(extra=[*more, *([f"Privacy: {privacy}"] if privacy else [])])
    assert [name in invite.names for name in ("p-asserted-identity", "p-preferred-identity", "remote-party-id")] == [
        kept
    ] * 3
    assert invite.get("privacy") == (privacy or None)


def test_nobody_believes_a_stranger() -> None:
    bench = Facing()
    (invite,) = requests(bench.place(source=STRANGER, extra=[BOB, "X-Odd: 1"]))
    assert pai(invite) == []
    assert invite.get("x-odd") == "1"


@pytest.mark.parametrize("restart", [False, True])
def test_who_answers_is_hidden_and_not_believed_across_the_border(restart: bool) -> None:
    connected = "P-Asserted-Identity: <sip:+13125550100@mobile>"
    for keys, hidden in (({}, False), ({"mobile": "trusted: false"}, True), ({"pstn": "trusted: false"}, True)):
        bench = Facing(**keys)
        invite = bench.ring()
        if restart:
            bench.start()
        ((answer, _),) = bench.answer(invite, 200, MOBILE, extra=[connected, f"Contact: <sip:a@{MOBILE.host}>"])
        assert ("p-asserted-identity" not in answer.names) == hidden
        update = wire.encode(
            [
                f"UPDATE sip:bob@{PSTN.host} SIP/2.0",
                f"Via: SIP/2.0/UDP {MOBILE.host};branch=z9hG4bKu",
                f"From: {invite.require('to')};tag=callee",
                f"To: {invite.require('from')}",
                f"Call-ID: {invite.call_id}",
                "CSeq: 9 UPDATE",
                *(f"Route: {value}" for value in invite.get_all("record-route")),
                connected,
            ]
        )
        ((within, _),) = bench.receive(update, MOBILE)
        assert isinstance(within, Request)
        assert ("p-asserted-identity" not in within.names) == hidden
        ((done, _),) = bench.answer(within, 200, PSTN, extra=[connected])
        assert isinstance(done, Response)
        assert ("p-asserted-identity" not in done.names) == hidden


@pytest.mark.parametrize(("source", "kept"), [(PSTN, True), (STRANGER, False)])
def test_who_is_believed_nothing_in_an_invite_is_believed_nothing_later(source: Hop, kept: bool) -> None:
    bench = Facing("    - ring: [desk]")
    invite = bench.ring(source=source, extra=[BOB])
    assert bool(pai(invite)) is kept
    sent = bench.answer(invite, 200, PBX, extra=["Contact: <sip:100@192.0.2.34>"])
    (ok,) = [message for message, _ in sent if isinstance(message, Response)]
    data = wire.request(
        "UPDATE", "sip:100@192.0.2.34", via=f"SIP/2.0/UDP {source.host}", branch="z9hG4bK-later", to_tag="callee", cseq=8,
        extra=[BOB, *(f"Route: {value}" for value in reversed(ok.get_all("record-route")))],
    )  # fmt: skip
    (update,) = requests(bench.receive(data, source), "UPDATE")
    assert bool(pai(update)) is kept


# --------------------------------------------------------------------------- what we assert


@pytest.mark.parametrize(
    ("policy", "sender", "asserted", "preferred"),
    [
        ("caller_id: own", DID, [], []),
        ("caller_id: {show: own, identity: asserted}", DID, [f"<sip:{DID}@192.0.2.10>"], []),
        ("caller_id: {show: own, identity: preferred}", DID, [], [f"<sip:{DID}@192.0.2.10>"]),
        ("caller_id: {show: pass, identity: asserted}", "+14155551234", [f"<sip:{DID}@192.0.2.10>"], []),
        (
            'caller_id: {show: pass, number: "+12125551000", identity: asserted, name: Acme, domain: c.example}',
            "+14155551234",
            ['"Acme" <sip:+12125551000@c.example>'],
            [],
        ),
        (
            "caller_id: {show: own, identity: asserted}, trusted: false, format: {out: plus-less}",
            DID[1:],
            [f"<sip:{DID[1:]}@192.0.2.10>"],
            [],
        ),
    ],
)
def test_a_number_of_ours_is_asserted_in_the_place_of_what_came(
    policy: str, sender: str, asserted: list[str], preferred: list[str]
) -> None:
    invite = Facing(mobile=policy).ring(extra=[BOB, "Identity: signed;info=<https://x>", "Privacy: id"])
    assert parse_uri(find_uri(invite.require("from"))).user == sender
    assert pai(invite) == asserted
    assert invite.get_all("p-preferred-identity") == preferred
    assert ("identity" in invite.names) == ("pass" in policy), "a signature of another From is worth nothing"
    assert invite.get("privacy") == "id", "the callee is not to see it"


def test_numbers_of_all_headers_are_written_as_the_trunk_wants_them() -> None:
    bench = Facing(pstn="format: {out: national, country: US}", mobile="format: {out: plus-less}")
    more = [
        'P-Asserted-Identity: "B" <sip:4155551234@a>, <tel:+14155551234>',
        "Diversion: <sip:4155550001@a>;reason=unconditional, <sip:100@a>;reason=user-busy",
    ]
    invite = bench.ring(DID[2:], extra=more)
    assert pai(invite) == ['"B" <sip:14155551234@a>', "<tel:+14155551234>"]
    assert invite.get_all("diversion") == ["<sip:14155550001@a>;reason=unconditional", "<sip:100@a>;reason=user-busy"]


# --------------------------------------------------------------------------- privacy


def test_who_wants_to_be_nobody_is_nobody_beyond_the_border() -> None:
    more = [BOB, "Privacy: user;header;critical", "Subject: secret", "User-Agent: bobs-phone", "X-Odd: 1"]
    more += ["Diversion: <sip:1@a>", "History-Info: <sip:1@a>;index=1"]
    bench = Facing(mobile="trusted: false")
    invite = bench.ring(extra=more)
    assert invite.require("from") == '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=caller'
    gone = {"p-asserted-identity", "subject", "user-agent", "diversion", "history-info"}
    assert gone.isdisjoint(invite.names)
    assert invite.get("x-odd") == "1"
    ((ringing, _),) = bench.answer(invite, 180, MOBILE)
    assert ringing.require("from") == "<sip:+14155551234@pstn.example>;tag=caller"
    trusted = Facing().ring(extra=more)
    assert gone <= set(trusted.names), "within it all of it is known, and the wish with it"
    assert trusted.require("from") == "<sip:+14155551234@pstn.example>;tag=caller"


# --------------------------------------------------------------------------- who diverted


def test_a_carrier_hears_who_diverted_the_call() -> None:
    invite = Facing(mobile="diversion: true, history_info: true").ring()
    assert invite.get_all("diversion") == [f"<sip:{DID}@192.0.2.10>;reason=unconditional;counter=1;privacy=off"]
    assert invite.get_all("history-info") == [
        f"<sip:{DID}@192.0.2.10>;index=1",
        f"<sip:{ANNA}@192.0.2.32:5060;cause=302>;index=1.1;mp=1",
    ]
    assert parse_uri(find_uri(invite.require("to"))).user == DID


@pytest.mark.parametrize(("one", "other"), [("diversion", "history-info"), ("history_info", "diversion")])
def test_each_of_the_two_is_switched_on_by_itself(one: str, other: str) -> None:
    invite = Facing(mobile=f"{one}: true").ring()
    assert one.replace("_", "-") in invite.names
    assert other not in invite.names


@pytest.mark.parametrize(
    ("status", "reason", "cause"), [(486, "user-busy", 486), (480, "no-answer", 408), (503, "unavailable", 503)]
)
def test_the_reason_is_what_the_phone_before_said(status: int, reason: str, cause: int) -> None:
    chain = "    - ring: [desk]\n    - ring: [anna]"
    bench = Facing(chain, mobile="diversion: true, history_info: true, format: {out: plus-less}")
    (desk,) = requests(bench.place())
    assert "diversion" not in desk.names
    (invite,) = requests(bench.answer(desk, status, PBX))
    assert invite.get_all("diversion") == [f"<sip:{DID[1:]}@192.0.2.10>;reason={reason};counter=1;privacy=off"]
    first, second = invite.get_all("history-info")
    assert first == f"<sip:{DID[1:]}@192.0.2.10?Reason=SIP%3Bcause%3D{cause}>;index=1"
    assert second.endswith(f";cause={cause}>;index=1.1;mp=1")


def test_a_second_way_to_the_same_mobile_is_no_diversion_of_its_own() -> None:
    bench = Facing(mobile="diversion: true", spare="diversion: true")
    first = bench.ring()
    (second,) = requests(bench.answer(first, 503, MOBILE))
    assert second.get_all("diversion") == first.get_all("diversion")


def test_a_call_outward_is_not_diverted() -> None:
    invite = Facing(mobile="diversion: true, history_info: true").ring(ANNA, source=PBX)
    assert {"diversion", "history-info"}.isdisjoint(invite.names)


def test_what_came_stays_below_in_its_order_and_is_bounded() -> None:
    came = [f"Diversion: <sip:{n}@a>;reason=unconditional" for n in range(9)]
    invite = Facing(mobile="diversion: true, history_info: true").ring(
        extra=[*came, "History-Info: <sip:1@a>;index=1", f"History-Info: <sip:{DID}@b>;index=1.1;mp=1"]
    )
    users = [parse_uri(find_uri(value)).user for value in invite.get_all("diversion")]
    assert users == [DID, "0", "1", "2", "8"], "the latest, and who was called at first"
    assert [find_param(value.rpartition(">")[2], "index") for value in invite.get_all("history-info")] == [
        "1",
        "1.1",
        "1.1.1",
    ]


def test_reasons_follow_the_causes() -> None:
    assert why_diverted([]) == why_diverted(["", "HEDGE_RELEASED"]) == UNCONDITIONAL
    assert why_diverted(["503", "486"]) == why_diverted(["600"]) == BUSY
    assert why_diverted(["NO_ANSWER"]) == UNANSWERED
    assert why_diverted(["NO_REPLY"]) == why_diverted(["TRUNK_DOWN"]) == why_diverted(["500"]) == UNAVAILABLE
    assert why_diverted(["603"]) == UNKNOWN


VALUE = st.builds("<sip:{}@a>{}".format, st.text("0123456789+", min_size=1), st.sampled_from(["", ";index=1.2", ";x"]))


@given(st.lists(VALUE, max_size=30))
def test_however_many_came_both_headers_stay_bounded_and_readable(values: list[str]) -> None:
    lines = [f"Diversion: {value}" for value in values] + [f"History-Info: {value}" for value in values]
    request = wire.parsed(wire.request(extra=lines))
    add_diversion(request, DID, "192.0.2.10", BUSY)
    add_history(request, DID, "192.0.2.10", BUSY, f"sip:{ANNA}@x")
    diversions, history = request.get_all("diversion"), request.get_all("history-info")
    assert len(diversions) == min(len(values) + 1, MOST_DIVERSIONS)
    assert len(history) <= min(len(values) + 2, MOST_HISTORY)
    assert DID in diversions[0]
    assert ANNA in history[-1]
    if values:
        assert diversions[-1] == history[0] == values[-1] or (diversions[-1], history[0]) == (values[-1], values[0])
    assert wire.parsed(request.encode()).names == request.names


# --------------------------------------------------------------------------- there and back

NAME = st.sampled_from(["", '"Bob" ', '"a, <b> \\"c\\"; d" ', "Bob ", '"Łukasz" '])
HOST = st.sampled_from(["pstn.example", "192.0.2.31", "[2001:db8::1]:5070"])
ADDRESS = st.builds(
    lambda name, user, host, param: f"{name}<sip:{user}@{host}{param}>",
    NAME,
    st.sampled_from(["+14155551234", "4155551234", "14155551234", "100", "bob;x=y", "anonymous", "%2B1415"]),
    HOST,
    st.sampled_from(["", ";user=phone"]),
)
POLICY = st.sampled_from(
    [
        "",
        "caller_id: own",
        'caller_id: {number: "+12125551000", name: Acme}',
        "trusted: false",
        "diversion: true",
        "caller_id: {show: own, identity: asserted}, format: {out: plus-less}, trusted: false",
        "format: {out: national, country: US}",
        'format: {out: international, country: GB, prefix: "9"}',
    ]
)


@settings(max_examples=120, deadline=None)
@given(ADDRESS, ADDRESS, POLICY, POLICY, st.sampled_from([180, 183, 200, 302, 486, 603]), st.booleans())
def test_whatever_a_trunk_is_shown_the_caller_sees_what_he_wrote(
    caller: str, called: str, theirs: str, ours: str, status: int, restart: bool
) -> None:
    bench = Facing("    - ring: [anna]", pstn=theirs, mobile=ours)
    sent = bench.place(DID, caller, to=called)
    invite = next((m for m, _ in sent if isinstance(m, Request)), None)
    if invite is None:  # the policy of the caller's trunk reads another number in it
        assert statuses(sent, PSTN) == [100, 404]
        return
    assert (invite.from_tag, invite.to_tag) == ("caller", "")
    if restart:
        bench.start()
    sent = bench.answer(invite, status, MOBILE, extra=["Contact: <sip:a@192.0.2.32>"])
    seen = [m for m, hop in sent if isinstance(m, Response) and hop.host == PSTN.host]
    for response in seen:
        assert response.require("from") == f"{caller};tag=caller"
        assert response.require("to").startswith(f"{called};tag=")
