"""Thousands of mutants through the whole engine while calls are up: no exception, alive throughout, memory flat."""

from __future__ import annotations

import gc
import random
import tracemalloc

import pytest

from controller.types import Access, Fault
from sip.digest import Algorithm, make_challenge
from sip.message import Response
from sip.parser import MAX_HEAD, parse_message
from sip.transaction import Hop
from tests.sip import wire
from tests.torture.credentials import asking_plan
from tests.torture.dressed import compare_dressed, dressed_plan
from tests.torture.mutants import mutate
from tests.torture.stand import SENDER, STRANGER, T1, Stand

MUTANTS, A_ROUND = 4_500, 100
VIA = "SIP/2.0/UDP 192.0.2.99:5099"
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.99\r\ns=-\r\nc=IN IP4 192.0.2.99\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
BODY = ("Contact: <sip:alice@192.0.2.99:5099>", "Content-Type: application/sdp", f"Content-Length: {len(SDP)}")


class Traffic:
    """Two calls, one up and one that rings, and every message that belongs to them."""

    def __init__(self, stand: Stand, number: int) -> None:
        self.stand = stand
        self.up, self.ringing = f"up-{number}", f"ringing-{number}"
        self.samples: list[tuple[bytes, Hop]] = []
        for name in (self.up, self.ringing):
            invite = self.from_caller("INVITE", name, extra=BODY) + SDP
            verdict = stand.judge(invite)
            (forwarded,) = verdict.forwarded
            if stand.asks:
                line = make_challenge("carrier", f"again-{number}", Algorithm.SHA256, proxy=True)
                forwarded = stand.challenge(forwarded, f"{name}-{number}")
                self.samples.append((wire.answer(forwarded, 407, extra=[line]), T1))
            ringing = wire.answer(forwarded, 180)
            assert stand.judge(ringing, T1).statuses == [180]
            extra = ("Contact: <sip:anna@192.0.2.21:5060>", *BODY[1:])
            ok, busy = wire.answer(forwarded, 200, extra=extra) + SDP, wire.answer(forwarded, 486)
            self.samples += [(invite, SENDER), (ringing, T1), (ok, T1), (busy, T1)]
            self.samples.append((self.from_caller("CANCEL", name), SENDER))
            if name == self.up:
                ((answer, _),) = stand.judge(ok, T1).passed_back
                self.route = [f"Route: {value}" for value in answer.get_all("record-route")]
        for method in ("ACK", "BYE", "INVITE", "INFO", "REFER", "UPDATE"):
            body = SDP if method == "INVITE" else b""
            extra = BODY if body else ("Content-Length: 0",)
            self.samples.append((self.within(method, extra) + body, SENDER))
        for method in ("OPTIONS", "REGISTER", "SUBSCRIBE", "MESSAGE", "ODD"):
            self.samples.append((self.from_caller(method, f"{method}-{number}"), SENDER))

    def from_caller(self, method: str, name: str, *, extra: tuple[str, ...] = ()) -> bytes:
        return wire.request(method, via=VIA, branch=f"z9hG4bK-{name}", call_id=name, rport=True, extra=extra)

    def within(self, method: str, extra: tuple[str, ...] = (), cseq: int = 8) -> bytes:
        """A request within the call that is up."""
        return wire.request(
            method, "sip:anna@192.0.2.21:5060", via=VIA, branch=f"z9hG4bK-{method}-{cseq}-{self.up}", call_id=self.up,
            to_tag="callee", cseq=cseq, extra=[*self.route, *extra],
        )  # fmt: skip

    def hang_up(self) -> None:
        """The call that is up ends as if nothing had happened."""
        verdict = self.stand.judge(self.within("BYE", cseq=1000))
        (bye,) = verdict.forwarded
        assert self.stand.judge(wire.answer(bye, 200), T1).statuses == [200]


def storm(stand: Stand, dice: random.Random, number: int) -> None:
    """A hundred mutants while two calls are up, and then a minute of peace."""
    traffic = Traffic(stand, number)
    for _ in range(A_ROUND):
        data, source = dice.choice(traffic.samples)
        stand.engine.receive(mutate(data, dice), source, stand.now)
        for sent in stand.take():
            parse_message(sent[0])  # whatever we send can be read
        stand.now += 0.01
    stand.wait(0.0)
    stand.check_alive()
    traffic.hang_up()
    stand.wait(500.0)  # everything that lingers is over, Timer C of re-INVITEs included
    assert len(stand.engine.plane) == 0
    assert stand.engine.next_deadline() == float("inf")
    assert not [news.what for news in stand.engine.news if isinstance(news, Fault)]
    stand.engine.news.clear()


@pytest.mark.parametrize(("asks", "mutants"), [(False, MUTANTS), (True, MUTANTS * 2 // 3)])
def test_thousands_of_mutants_do_no_harm_and_leave_nothing(asks: bool, mutants: int) -> None:
    stand, dice = Stand(plan=asking_plan() if asks else None), random.Random("callward/4475")
    rounds, warm_up = mutants // A_ROUND, 20
    before = 0
    tracemalloc.start()
    try:
        for number in range(rounds):
            storm(stand, dice, number)
            if number == warm_up:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # caches of a fixed size may still fill up; 53 bytes kept of each mutant would be too many
    assert grown < 128 * 1024, f"{grown} bytes more after {(rounds - warm_up) * A_ROUND} mutants"
    assert stand.engine.plane._layer.counters["malformed"] > mutants // 5, "mutants that break nothing prove nothing"


def test_mutants_do_no_harm_where_everything_is_rewritten() -> None:
    stand, dice = Stand(plan=dressed_plan()), random.Random("callward/border")
    for number in range(15):
        storm(stand, dice, number)


#: What the border reads, and what its policies are about.
TELLING = (
    'P-Asserted-Identity: "B" <sip:4155551234@a>, <tel:+1415>',
    "Diversion: <sip:4155550001@a>;reason=x, <sip:2@b>",
    "History-Info: <sip:1@a?Reason=SIP%3Bcause%3D486>;index=1",
    "Privacy: id;user",
    "Identity: signed",
    "Supported: 100rel, timer",
)


def compare_mutants(seed: int, number: int) -> int:
    """Mutants of an INVITE that says much of its caller, with rewriting and without; how many went on."""
    dice, forwarded = random.Random(seed), 0
    invite = wire.request("INVITE", via=VIA, extra=TELLING)
    invite = invite.replace(b"<sip:alice@", b'"Bob \\" <x>" <sip:+14155551234;npdi@')
    for _ in range(number):
        mutant = mutate(invite, dice)
        if len(mutant) > MAX_HEAD - 2_000:
            continue  # with what we add it is larger than we would take ourselves
        verdict = Stand().judge(mutant)
        compare_dressed(mutant, verdict)
        forwarded += bool(verdict.forwarded)
    Stand.seen.clear()  # they are not for the other comparisons
    return forwarded


def test_mutants_are_judged_alike_with_rewriting() -> None:
    assert compare_mutants(1, 150) > 20


@pytest.mark.long
def test_many_mutants_are_judged_alike_with_rewriting() -> None:
    for seed in range(2, 42):
        compare_mutants(seed, 500)


def test_mutants_from_strangers_meet_silence_and_leave_nothing() -> None:
    stand, dice = Stand(access=Access.TRUNKS), random.Random("callward/edge")
    traffic = Traffic(stand, 0)
    stand.wait(100.0)
    genuine = {data for data, _ in traffic.samples if b"\r\nRoute: " in data}  # who has a seal is no stranger
    layer, before = stand.engine.plane._layer, len(stand.engine.plane._layer)
    for _ in range(3_000):
        data, _ = dice.choice(traffic.samples)
        mutant = mutate(data, dice)
        if data in genuine or mutant.startswith(b"SIP/2.0 "):
            continue
        stand.engine.receive(mutant, STRANGER, stand.now)
        assert not stand.take()
        stand.now += 0.01
    assert len(layer) == before
    assert stand.engine.edge.counters["unknown"] > 1_000
    traffic.hang_up()


@pytest.mark.long
def test_very_many_mutants_do_no_harm() -> None:
    for seed in range(1_000):
        stand, dice = Stand(plan=asking_plan() if seed % 2 else None), random.Random(seed)
        for number in range(10):
            storm(stand, dice, number)


def test_the_same_seed_gives_the_same_mutants() -> None:
    data = wire.request()
    runs = [[mutate(data, dice) for _ in range(200)] for dice in (random.Random(1), random.Random(1))]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 180


def test_the_samples_are_what_the_engine_expects() -> None:
    stand = Stand()
    traffic = Traffic(stand, 0)
    assert len(traffic.samples) == 21
    assert all(isinstance(parse_message(data), Response) == (source == T1) for data, source in traffic.samples)
    traffic.hang_up()
