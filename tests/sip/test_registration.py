"""The registration machine by itself: whatever registrars say, in whatever order, its promises hold."""

from __future__ import annotations

import itertools
from math import inf
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sip.account import Account
from sip.errors import RemoteProtocolError
from sip.headers import find_params, find_uri
from sip.message import Request, Response
from sip.parser import parse_message, validate
from sip.registration import (
    HOLD,
    HOLD_REFUSED,
    MAX_EXPIRES,
    MAX_HOLD_REFUSED,
    MAX_RETRY_AFTER,
    MAX_STEPS,
    Binding,
    Registration,
)
from sip.transaction import Hop
from sip.uri import find_param, parse_uri

US = Hop("192.0.2.10", 5060)
REGISTRARS = [Hop("192.0.2.31", 5060), Hop("192.0.2.32", 5060), Hop("192.0.2.33", 5060)]
BINDING = Binding("15557000", "carrier.example", "0123456789abcdefghijkl", 600.0)
CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="{nonce}", algorithm=SHA-256, qop="auth"{stale}'


def find_hop(text: str) -> Hop | None:
    uri = parse_uri(text)
    return Hop(uri.host, uri.port or 5060) if uri.host[0].isdigit() else None


def make(hops: list[Hop], *, password: bool = True) -> Registration:
    dice = Random(1)
    account = Account("15557000", "open sesame", lambda nonce: "c") if password else None
    return Registration(BINDING, hops, lambda: f"{dice.getrandbits(96):024x}", dice.random, 0.0, account)


def answer(request: Request, status: int, *extra: str, seen: str = "") -> Response:
    """What a registrar says to a request; ``seen`` is what it adds to the Via."""
    names, lines = [], []
    for name, line in zip(request.names, request.lines, strict=True):
        if name in {"via", "from", "to", "call-id", "cseq"}:
            names.append(name)
            lines.append(line + seen if name == "via" else line)
    for line in extra:
        names.append(line.partition(":")[0].lower())
        lines.append(line)
    return Response(status, "Whatever", names, lines)


def bound(request: Request, seconds: int = 600) -> Response:
    """Yes, and our Contact as we wrote it."""
    return answer(request, 200, f"Contact: <{find_uri(request.require('contact'))}>;expires={seconds}")


def via(number: int) -> str:
    return f"SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-{number};rport"


def turn(machine: Registration, now: float) -> Request:
    """Begin a turn; its first request."""
    assert machine.begin(now)
    return machine.make_request(via(1), US)


# --------------------------------------------------------------------------- single steps


def test_request_is_what_a_registrar_reads() -> None:
    request = turn(make(REGISTRARS), 0.0)
    parsed = parse_message(request.encode())
    validate(parsed)
    assert isinstance(parsed, Request)
    assert (parsed.method, parsed.uri) == ("REGISTER", "sip:carrier.example")
    assert parsed.require("to") == "<sip:15557000@carrier.example>"
    assert parsed.require("contact") == "<sip:0123456789abcdefghijkl@192.0.2.10:5060>;expires=600"
    assert parsed.to_tag == ""
    assert parsed.from_tag


@pytest.mark.parametrize(
    ("contacts", "until"),
    [
        (["Contact: <{ours}>;expires=60"], 60),
        (["Contact: <{ours}>"], 600),
        (["Contact: <{ours}>", "Expires: 90"], 90),
        (["Contact: {ours};expires=60"], 60),  # without <> what follows is of the header (RFC 3261 §20.10)
        (['Contact: "x;expires=5, y" <{ours}>;q=0.5;expires=60, <sip:else@192.0.2.9>;expires=7'], 60),
        (["Contact: <sip:else@192.0.2.9>;expires=7", "Contact: <{ours}>;expires=60"], 60),
        (["Contact: <sip:0123456789abcdefghijkl@203.0.113.1:9999>;expires=60"], 60),
        (["Contact: <sip:else@192.0.2.9>;expires=7"], 600),
        ([], 600),
        (["Contact: <broken;expires=7", "Contact: *"], 600),
        (["Contact: <{ours}>;expires=99999999999999999999"], MAX_EXPIRES),
        (["Contact: <{ours}>;expires=abc"], 600),
    ],
)
def test_time_that_is_granted_is_found(contacts: list[str], until: float) -> None:
    machine = make(REGISTRARS[:1])
    request = turn(machine, 0.0)
    ours = find_uri(request.require("contact"))
    machine.on_response(answer(request, 200, *(each.format(ours=ours) for each in contacts)), find_hop, 0.0)
    assert machine.bound_until == until
    assert 0 < machine.due < until


def test_no_time_is_no_registration() -> None:
    machine = make(REGISTRARS[:1])
    request = turn(machine, 0.0)
    assert not machine.on_response(bound(request, 0), find_hop, 0.0)
    assert not machine.is_bound(0.0)
    assert "granted no time" in machine.why


def test_older_address_of_ours_is_taken_away_once_and_by_its_name() -> None:
    machine = make(REGISTRARS[:1])
    request = turn(machine, 0.0)
    ours = f"Contact: <{find_uri(request.require('contact'))}>;expires=600"
    old = "sip:0123456789abcdefghijkl@192.0.2.77:5060"
    machine.on_response(answer(request, 200, ours, f"Contact: <{old}>;expires=300"), find_hop, 0.0)
    assert machine.due == 0.0
    again = turn(machine, 0.0)
    assert again.get_all("contact")[1:] == [f"<{old}>;expires=0"]
    machine.on_response(answer(again, 200, ours, f"Contact: <{old}>;expires=300"), find_hop, 0.0)
    assert machine.due > 300, "a registrar that does not let go of it is not asked again and again"
    assert len(turn(machine, machine.due).get_all("contact")) == 1


@pytest.mark.parametrize(
    ("seen", "host", "port"),
    [
        (";received=203.0.113.5;rport=41000", "203.0.113.5", 41000),
        (";rport=41000", "192.0.2.10", 41000),
        (";received=203.0.113.5", "192.0.2.10", 5060),  # without a port nothing is known
        (";received=evil.example;rport=41000", "192.0.2.10", 5060),
        (";received=203.0.113.5;rport=0", "192.0.2.10", 5060),
        (";received=203.0.113.5;rport=99999", "192.0.2.10", 5060),
        (";received=[2001:db8::5];rport=41000", "2001:db8::5", 41000),
    ],
)
def test_address_as_seen_from_outside_is_learnt_where_it_is_one(seen: str, host: str, port: int) -> None:
    machine = make(REGISTRARS[:1])
    assert machine.begin(0.0)
    request = machine.make_request(via(1).replace(";rport", ""), US)
    machine.on_response(
        answer(request, 200, f"Contact: <{find_uri(request.require('contact'))}>;expires=600", seen=seen), find_hop, 0.0
    )
    uri = parse_uri(machine.contact_at(US))
    assert (uri.host, uri.port) == (host, port)


def test_interval_too_brief_is_believed_within_reason() -> None:
    for wanted, least in ((300, 600.0), (900, 900.0), (10**9, 600.0)):
        machine = make(REGISTRARS[:1])
        request = turn(machine, 0.0)
        again = machine.on_response(answer(request, 423, f"Min-Expires: {wanted}"), find_hop, 0.0)
        assert again is (least != 600.0)
        if again:
            assert machine.make_request(via(2), US).require("expires") == str(wanted)


def test_trunk_without_credentials_says_that_it_has_none() -> None:
    machine = make(REGISTRARS[:1], password=False)
    request = turn(machine, 0.0)
    assert not machine.on_response(answer(request, 401, CHALLENGE.format(nonce="n", stale="")), find_hop, 0.0)
    assert machine.why == "401 Whatever: it wants credentials, and the trunk has none"


def test_failures_in_a_row_are_left_alone_for_longer_and_refusals_longest() -> None:
    for status, first, most in ((500, HOLD, 300.0), (403, HOLD_REFUSED, MAX_HOLD_REFUSED)):
        machine, now, waits = make(REGISTRARS[:1]), 0.0, []
        for _ in range(12):
            request = turn(machine, now)
            machine.on_response(answer(request, status), find_hop, now)
            waits.append(machine.due - now)
            now = machine.due
        assert 0.75 * first <= waits[0] <= first
        assert 0.75 * most <= waits[-1] <= most
        assert all(later > 1.1 * earlier or later >= 0.75 * most for earlier, later in itertools.pairwise(waits))


# --------------------------------------------------------------------------- any order of things

ADDRESSES = st.sampled_from(["192.0.2.31", "192.0.2.32", "203.0.113.9", "registrar.example"])
LINES = st.one_of(
    st.builds(lambda n: f"Retry-After: {n}", st.integers(0, 10**9)),
    st.builds(lambda n: f"Min-Expires: {n}", st.integers(0, 10**9)),
    st.builds(lambda n: f"Expires: {n}", st.integers(0, 10**6)),
    st.builds(lambda host: f"Contact: <sip:{host}>;expires=3", ADDRESSES),
    st.builds(
        lambda nonce, stale: CHALLENGE.format(nonce=nonce, stale=stale),
        st.sampled_from("ab"),
        st.sampled_from(["", ", stale=true"]),
    ),
    st.sampled_from(
        ["Contact: *", "Contact: <", "Contact:", "WWW-Authenticate: Digest", "Retry-After: soon", "Expires: -1"]
    ),
)
STATUSES = st.sampled_from([200, 202, 301, 302, 305, 400, 401, 403, 404, 407, 408, 423, 480, 500, 503, 504, 600, 699])


class AnyOrder(RuleBasedStateMachine):
    """Registrars do what they like; time passes; at some moment it is over."""

    @initialize(many=st.integers(0, 3), password=st.booleans())
    def begin(self, many: int, password: bool) -> None:
        self.machine = make(REGISTRARS[:many], password=password)
        self.now = 0.0
        self.request: Request | None = None
        self.number = 0
        self.cseq = 0
        self.in_turn = 0

    def _send(self) -> None:
        self.number += 1
        self.in_turn += 1
        self.request = self.machine.make_request(via(self.number), US)
        assert self.request.cseq[0] > self.cseq
        self.cseq = self.request.cseq[0]
        expires = [find_param(find_params(value), "expires") for value in self.request.get_all("contact")]
        assert (expires[0] == "0") is self.machine.leaving
        assert set(expires[1:]) <= {"0"}
        assert len(expires) <= 10
        parse_message(self.request.encode())

    def _go_on(self, again: bool) -> None:
        self.request = None
        if again:
            assert self.in_turn < MAX_STEPS * max(1, len(self.machine.registrars)) + 1
            self._send()

    @rule()
    @precondition(lambda self: self.request is None and self.machine.due < inf and not self.machine.leaving)
    def time_comes(self) -> None:
        self.now = max(self.now, self.machine.due)
        self.in_turn = 0
        if self.machine.begin(self.now):
            self._send()
        else:
            assert self.machine.due > self.now

    @rule(status=STATUSES, lines=st.lists(LINES, max_size=3), ours=st.booleans(), delay=st.floats(0, 4))
    @precondition(lambda self: self.request is not None)
    def answered(self, status: int, lines: list[str], ours: bool, delay: float) -> None:
        assert self.request is not None
        self.now += delay
        contact = [f"Contact: <{find_uri(self.request.require('contact'))}>;expires=120"] if ours else []
        self._go_on(self.machine.on_response(answer(self.request, status, *lines, *contact), find_hop, self.now))

    @rule(silent=st.booleans())
    @precondition(lambda self: self.request is not None)
    def not_answered(self, silent: bool) -> None:
        self.now += 5.0 * silent
        self._go_on((self.machine.on_silence if silent else self.machine.on_unreachable)(self.now))

    @rule(many=st.integers(0, 3))
    @precondition(lambda self: not self.machine.leaving)
    def other_registrars(self, many: int) -> None:
        self.machine.follow(REGISTRARS[:many], self.now)

    @rule()
    @precondition(lambda self: not self.machine.leaving)
    def leave(self) -> None:
        self.request = None
        self.in_turn = 0
        if self.machine.leave():
            self._send()

    @rule(seconds=st.floats(0, 100_000))
    @precondition(lambda self: self.request is None)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    @precondition(lambda self: self.request is None and not self.machine.leaving and self.machine.registrars)
    def registrar_that_is_well_is_enough(self) -> None:
        """Wherever it has come to: half an hour later one good answer is all it takes."""
        self.machine.due = min(self.machine.due, self.now + MAX_RETRY_AFTER)
        self.now = max(self.now + MAX_RETRY_AFTER, self.machine.due)
        self.in_turn = 0
        assert self.machine.begin(self.now)
        self._send()
        assert self.request is not None
        self._go_on(self.machine.on_response(bound(self.request), find_hop, self.now))
        assert self.machine.is_bound(self.now)
        assert self.machine.why == ""

    @invariant()
    def promises(self) -> None:
        machine = self.machine
        assert (machine.target is not None) == (self.request is not None), (
            "either it waits for an answer or for its time"
        )
        if machine.leaving:
            assert machine.gone == (self.request is None)
            assert machine.due == inf
        elif self.request is None:
            assert machine.due < inf or not machine.registrars
        assert machine.bound_until <= self.now + MAX_EXPIRES
        assert machine.why.isprintable()
        assert len(machine._dropped) <= 16


TestAnyOrder = AnyOrder.TestCase


def test_machine_takes_only_its_own_faults_for_faults() -> None:
    """A redirection to what is no address is a failure like any other."""
    machine = make(REGISTRARS[:1])
    request = turn(machine, 0.0)
    with pytest.raises(RemoteProtocolError):
        find_hop("mailto:x")
    assert not machine.on_response(answer(request, 302, "Contact: <mailto:x>", "Contact: <"), find_hop, 0.0)
    assert machine.why == "302 Whatever"


def test_registrars_that_were_gone_for_a_while_are_used_again() -> None:
    machine = make(REGISTRARS[:1])
    machine.on_response(bound(turn(machine, 0.0)), find_hop, 0.0)
    machine.follow([], 10.0)
    assert not machine.begin(machine.due)
    assert machine.due == inf
    machine.follow(REGISTRARS[:1], 20.0)
    assert machine.due == 20.0
