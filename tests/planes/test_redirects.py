"""Where a 3xx leads, and where it never does."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.planes.embedded import EmbeddedPlane
from sip.element import Element
from sip.message import Message, Request
from sip.seal import Seal
from sip.transaction import Hop
from sip.uri import parse_uri
from tests.planes.bench import requests, statuses
from tests.planes.facing import ANNA, DID, HOPS, MOBILE, PBX, PSTN, SPARE, Facing
from tests.sip import wire

FOLLOW = "redirects: follow"


def redirect(
    bench: Facing, invite: Request, *contacts: str, status: int = 302, source: Hop = MOBILE
) -> list[tuple[Message, Hop]]:
    """A trunk redirects; what goes out but the ACK."""
    sent = bench.answer(invite, status, source, extra=[f"Contact: {contact}" for contact in contacts])
    return [(m, hop) for m, hop in sent if not (isinstance(m, Request) and m.method == "ACK")]


def test_without_leave_the_next_target_is_rung() -> None:
    bench = Facing("    - ring: [anna]\n    - ring: [desk]")
    invite = bench.ring()
    ((following, hop),) = redirect(bench, invite, f"<sip:{ANNA}@192.0.2.32:5080>")
    assert isinstance(following, Request)
    assert (following.uri, hop[:2]) == ("sip:100@192.0.2.34:5060", PBX[:2])


@pytest.mark.parametrize("status", [301, 302, 305, 380])
def test_another_port_of_the_trunk_is_followed_in_the_same_attempt(status: int) -> None:
    bench = Facing(mobile=f"{FOLLOW}, caller_id: own")
    invite = bench.ring()
    ((following, hop),) = redirect(bench, invite, f'"A" <sip:{ANNA}@192.0.2.32:5080;x=y>;q=0.5', status=status)
    assert isinstance(following, Request)
    assert (following.uri, hop[:2]) == (f"sip:{ANNA}@192.0.2.32:5080", ("192.0.2.32", 5080))
    assert following.via.branch != invite.via.branch
    assert following.require("from") == invite.require("from")
    bench.answer(following, 180, hop)
    sent = bench.answer(following, 200, hop, extra=["Contact: <sip:a@192.0.2.32:5080>"])
    assert statuses(sent, PSTN) == [200]
    (attempt,) = bench.record.attempts
    assert (attempt.path, bench.record.winner) == ("anna via mobile", "anna via mobile")


def test_a_cancel_goes_where_the_call_went() -> None:
    bench = Facing(mobile=FOLLOW)
    ((following, hop),) = redirect(bench, bench.ring(), f"<sip:{ANNA}@192.0.2.32:5080>")
    assert isinstance(following, Request)
    bench.answer(following, 180, hop)
    sent = bench.receive(wire.request("CANCEL", f"sip:{DID}@192.0.2.10", via=f"SIP/2.0/UDP {PSTN.host}"), PSTN)
    ((cancel, where),) = [(m, to) for m, to in sent if isinstance(m, Request)]
    assert (cancel.method, cancel.uri, cancel.via.branch) == ("CANCEL", following.uri, following.via.branch)
    assert where == hop


def test_a_redirection_that_comes_too_late_is_not_followed() -> None:
    bench = Facing(mobile=FOLLOW)
    invite = bench.ring()
    bench.answer(invite, 180, MOBILE)
    bench.receive(wire.request("CANCEL", f"sip:{DID}@192.0.2.10", via=f"SIP/2.0/UDP {PSTN.host}"), PSTN)
    assert redirect(bench, invite, f"<sip:{ANNA}@192.0.2.32:5080>") == []


def test_the_best_contact_that_is_permitted_is_taken() -> None:
    bench = Facing(mobile=FOLLOW)
    contacts = (
        "<sip:+19005550000@192.0.2.32>",
        f"<sip:{ANNA}@192.0.2.32:5081>;q=0.2",
        f"<sip:{ANNA}@192.0.2.32:5082>;q=0.7",
        f"<sip:{ANNA}@203.0.113.66>;q=0.9",
        "<mailto:x@y>",
        "*",
    )
    ((following, hop),) = redirect(bench, bench.ring(), *contacts)
    assert isinstance(following, Request)
    assert hop.port == 5082


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:+19005550000@192.0.2.32>",  # a number that no chain leads to
        f"<sip:{ANNA}@203.0.113.66>",  # a host of nobody
        f"<sip:{ANNA}@192.0.2.33>",  # a trunk that may not be used from here
        f"<sip:{ANNA}@192.0.2.34>",
        f"<sip:{ANNA}@192.0.2.10>",  # ourselves
        f"<sip:{ANNA}@192.0.2.32:5060>",  # where it was
        f"<sip:{ANNA}@192.0.2.32>",
        f"<sips:{ANNA}@192.0.2.32>",
        f"<sip:{ANNA}@192.0.2.32;transport=tcp>",  # no listener of ours reaches it
        f"<sip:{ANNA}@pbx.example>",  # a name that nobody looked up
        f"<sip:{ANNA}@192.0.2.32:5080?Replaces=x>",
        "<sip:192.0.2.32:5080>",
        "<tel:+13125550100>",
        f"<sip:{ANNA}@192.0.2.32:99999>",
        "nonsense",
    ],
)
def test_it_leads_nowhere_else(contact: str) -> None:
    bench = Facing("    - ring: [anna]\n    - ring: [desk]", mobile=FOLLOW)
    ((following, hop),) = redirect(bench, bench.ring(), contact)
    assert isinstance(following, Request)
    assert (following.uri, hop[:2]) == ("sip:100@192.0.2.34:5060", PBX[:2]), "the chain goes on"


def test_a_pbx_may_send_to_whom_a_chain_leads_there_anyway() -> None:
    more = "    - ring: [desk]\n  other:\n    - ring: [lab]"
    bench = Facing(more, pbx=FOLLOW)
    assert bench.ring().uri == "sip:100@192.0.2.34:5060"
    for user, found in (("200", True), ("300", False)):
        bench = Facing(more, pbx=FOLLOW)
        sent = redirect(bench, bench.ring(), f"<sip:{user}@192.0.2.34>", source=PBX)
        assert bool([m for m, _ in sent if isinstance(m, Request)]) == found


def test_a_trunk_that_is_named_may_be_used_under_its_own_policies() -> None:
    bench = Facing(mobile="redirects: {to: [spare]}", spare='caller_id: {number: "+12125551000"}')
    ((following, hop),) = redirect(bench, bench.ring(), f"<sip:{ANNA}@192.0.2.33>")
    assert isinstance(following, Request)
    assert hop == SPARE
    assert following.require("from") == "<sip:+12125551000@192.0.2.10>;tag=caller"


def test_they_are_followed_so_many_times_and_never_in_a_circle() -> None:
    bench = Facing("    - ring: [anna]\n    - ring: [desk]", mobile="redirects: {most: 2}")
    request = bench.ring()
    for port in (5081, 5082):
        ((message, hop),) = redirect(bench, request, f"<sip:{ANNA}@192.0.2.32:{port}>")
        assert isinstance(message, Request)
        request = message
        assert hop.port == port
    ((message, hop),) = redirect(bench, request, f"<sip:{ANNA}@192.0.2.32:5083>")
    assert hop[:2] == PBX[:2]
    bench = Facing("    - ring: [anna]\n    - ring: [desk]", mobile="redirects: {most: 9}")
    ((following, _),) = redirect(bench, bench.ring(), f"<sip:{ANNA}@192.0.2.32:5081>")
    assert isinstance(following, Request)
    ((_, hop),) = redirect(bench, following, f"<sip:{ANNA}@192.0.2.32:5081>", f"<sip:{ANNA}@192.0.2.32>")
    assert hop[:2] == PBX[:2]


def test_a_call_outward_stays_with_the_number_that_was_dialled_or_one_that_a_chain_leads_to() -> None:
    number = "+442079460018"
    for user, found in ((number, True), (ANNA, True), ("+19005550000", False)):
        bench = Facing(mobile=FOLLOW)
        sent = redirect(bench, bench.ring(number, source=PBX), f"<sip:{user}@192.0.2.32:5080>")
        assert [hop.port for message, hop in sent if isinstance(message, Request)] == [5080] * found


@pytest.mark.parametrize(("scheme", "followed"), [("sip", 1), ("sips", 0)])
def test_a_call_to_a_sips_uri_is_never_led_out_of_tls(scheme: str, followed: int) -> None:
    bench = Facing(mobile="redirects: {to: [spare]}")
    ours = Hop(wire.LOCAL.host, 5061, "tls")
    element = Element(wire.LOCAL, wire.BRANCH_KEY, Seal({"k1": wire.SEAL_KEY}, "k1"), None, ours)
    secure = Hop(MOBILE.host, 5061, "tls")
    bench.plane = EmbeddedPlane(bench.switchboard, element, {**HOPS, "mobile": secure}, bench.deadlines)
    lines = wire.request_lines("INVITE", f"{scheme}:{DID}@192.0.2.10:5061", via=f"SIP/2.0/TLS {PSTN.host}")
    (invite,) = requests(bench.receive(wire.encode(lines), Hop(PSTN.host, 40_000, "tls")))
    sent = redirect(bench, invite, f"<sip:{ANNA}@192.0.2.33>", source=secure)
    assert [hop for m, hop in sent if isinstance(m, Request)] == [SPARE] * followed


def test_a_cancel_of_another_life_to_a_sips_uri_stays_within_tls_too() -> None:
    bench = Facing()
    ours, secure = Hop(wire.LOCAL.host, 5061, "tls"), Hop(MOBILE.host, 5061, "tls")
    element = Element(wire.LOCAL, wire.BRANCH_KEY, Seal({"k1": wire.SEAL_KEY}, "k1"), None, ours)
    uri, via, source = f"sips:{DID}@192.0.2.10:5061", f"SIP/2.0/TLS {PSTN.host}", Hop(PSTN.host, 40_000, "tls")
    sent: list[Request] = []
    for method in ("INVITE", "CANCEL"):
        bench.plane = EmbeddedPlane(bench.switchboard, element, {**HOPS, "mobile": secure}, bench.deadlines)
        found = bench.receive(wire.encode(wire.request_lines(method, uri, via=via)), source)
        sent += [m for m, hop in found if isinstance(m, Request) and hop == secure]
        assert SPARE not in [hop for _, hop in found]
    invite, cancel = sent
    assert (cancel.method, cancel.uri, cancel.via.branch) == ("CANCEL", invite.uri, invite.via.branch)


def test_the_same_redirection_in_another_try_is_another_branch() -> None:
    """The first one was cancelled there: an INVITE with its branch would be taken for a repetition of it."""
    bench = Facing(spare=FOLLOW)
    silent = bench.ring()
    (stand_in,) = requests(bench.wait_until(0.3))
    ((first, there),) = redirect(bench, stand_in, f"<sip:{ANNA}@192.0.2.33:5080>", source=SPARE)
    assert isinstance(first, Request)
    bench.answer(first, 100, there)
    (cancel,) = requests(bench.answer(silent, 180, MOBILE), "CANCEL")
    assert cancel.via.branch == first.via.branch
    bench.answer(first, 487, there)
    (again,) = requests(bench.answer(silent, 503, MOBILE))
    ((second, hop),) = redirect(bench, again, f"<sip:{ANNA}@192.0.2.33:5080>", source=SPARE)
    assert isinstance(second, Request)
    assert (second.method, second.uri, hop) == ("INVITE", first.uri, there)
    assert second.via.branch != first.via.branch


def test_a_call_occupies_the_trunk_that_it_was_led_to_and_none_that_is_full() -> None:
    bench = Facing(mobile="redirects: {to: [spare]}", spare="limits: {calls: 1}")
    ((following, hop),) = redirect(bench, bench.ring(), f"<sip:{ANNA}@192.0.2.33>")
    assert isinstance(following, Request)
    assert hop == SPARE
    assert bench.switchboard.usage.held == {"in pstn": 1, "out spare": 1}
    other = bench.ring(branch="z9hG4bK-other", call_id="other")
    assert [m for m, _ in redirect(bench, other, f"<sip:{ANNA}@192.0.2.33>") if isinstance(m, Request)] == []
    assert bench.switchboard.usage.held == {"in pstn": 1, "out spare": 1}, "there was no room"
    bench.answer(following, 200, SPARE, extra=["Contact: <sip:a@192.0.2.33>"])
    assert bench.switchboard.usage.held == {"in pstn": 1, "out spare": 1}
    bye = wire.request("BYE", to_tag="caller", caller_tag=";tag=callee", via="SIP/2.0/UDP 192.0.2.33", branch="z9hG4bK-b",
                       extra=[f"Route: {value}" for value in following.get_all("record-route")])  # fmt: skip
    assert requests(bench.receive(bye, SPARE), "BYE")
    assert bench.switchboard.usage.held == {}


def test_what_becomes_of_a_call_is_evidence_about_the_trunk_that_it_was_led_to() -> None:
    bench = Facing("    - ring: [anna]\n    - ring: [desk]", mobile="redirects: {to: [spare]}")
    ((following, _),) = redirect(bench, bench.ring(), f"<sip:{ANNA}@192.0.2.33>")
    assert isinstance(following, Request)
    bench.answer(following, 503, SPARE)
    evidence = bench.plane.evidence
    assert [sample.trunk for sample in evidence.samples if sample.alive] == ["mobile"]
    assert [(sign.trunk, sign.code) for sign in evidence.signs] == [("spare", "503")]


HOSTS = st.sampled_from(
    ["192.0.2.31", "192.0.2.32", "192.0.2.33", "192.0.2.34", "192.0.2.10", "203.0.113.66", "x.example"]
)
USERS = st.sampled_from([ANNA, DID, "100", "200", "+19005550000", "%2b13125550100", "anna", "", "+13125550100;x"])
CONTACT = st.builds(
    lambda user, host, port, more: f"<sip:{user}{'@' if user else ''}{host}{port}{more}>",
    USERS,
    HOSTS,
    st.sampled_from(["", ":5060", ":5080"]),
    st.sampled_from(["", ";transport=udp", ";transport=tls", ";maddr=203.0.113.66", ";lr", "?Route=x"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CONTACT, max_size=3), max_size=6))
def test_no_redirection_reaches_a_number_that_its_trunk_is_not_led_to_by_a_chain(answers: Any) -> None:
    """Toll fraud: whoever answers 302 must not choose who is called at our expense."""
    bench = Facing("    - ring: [anna]\n    - ring: [desk]", mobile="redirects: {to: [spare], most: 9}", pbx=FOLLOW)
    allowed = {MOBILE.host: {ANNA}, SPARE.host: {ANNA}, PBX.host: {"100", "200"}}
    sent: list[tuple[Any, Hop]] = list(bench.place())
    invites = 0
    for contacts in answers:
        asked = [(m, hop) for m, hop in sent if isinstance(m, Request) and m.method == "INVITE"]
        for message, hop in asked:
            invites += 1
            assert parse_uri(message.uri).user in allowed[hop.host]
            assert hop.host in {each.host for each in HOPS.values()}
        if not asked:
            break
        message, hop = asked[-1]
        sent = bench.answer(message, 302, hop, extra=[f"Contact: {contact}" for contact in contacts])
    assert invites <= 7


def test_nothing_grows_with_the_numbers_that_are_dialled() -> None:
    bench = Facing(mobile=FOLLOW)

    def held() -> int:
        return sum(len(value) for value in vars(bench.plane._calls._branches).values() if isinstance(value, Sized))

    before = held()
    for number in range(20):
        dialled = f"+4420794600{number:02}"
        invite = bench.ring(dialled, source=PBX, branch=f"z9hG4bK-{number}", call_id=dialled)
        redirect(bench, invite, f"<sip:{dialled}@192.0.2.32:5080>")
    assert held() == before
