"""Torture over TCP: what a stream decides by rules of its own, mutants, and each message in turn on one engine.

The cases of the other files of this folder come here by themselves: `conftest` has every message that a fresh stand
judged over UDP judged over TCP too (whole, byte by byte, after and before another message in one segment).
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from sip.framing import MAX_MESSAGE
from sip.parser import MAX_HEAD, MAX_HEADERS
from tests.sip import wire
from tests.torture.mutants import mutate
from tests.torture.stand import Stand
from tests.torture.streams import RULES, Fate, StreamStand, compare, measure, whole
from tests.torture.test_corpus import CASES, FOLDER, read

VIA = "SIP/2.0/TCP 192.0.2.99:5099"
MUTANTS = 1_500


def ask(*extra: str, method: str = "INVITE", call_id: str = "call-1") -> bytes:
    return wire.request(method, via=VIA, branch=f"z9hG4bK-{call_id}", call_id=call_id, extra=extra)


def judged(data: bytes) -> tuple[str, Fate]:
    """Verdict and fate of these very bytes; the stand lives on."""
    stand = StreamStand()
    verdict = whole(stand, data)
    fate = stand.fate
    stand.check_alive()
    return str(verdict), fate


EXAMPLES = {
    "whole message": ask("Content-Length: 3") + b"abc",
    "no end of the head": ask("Content-Length: 3")[:-2],
    "head beyond limits": ask(f"X: {'x' * MAX_HEAD}"),
    "head without end": ask(f"X: {'x' * MAX_HEAD}")[:-2],
    "fewer bytes than it says": ask("Content-Length: 4") + b"abc",
    "Content-Length is broken": ask("l: 3", "Content-Length: 3") + b"abc",
    "Content-Length beyond limits": ask(f"Content-Length: {MAX_MESSAGE}"),
}


@pytest.mark.parametrize("name", RULES)
def test_a_stream_decides_by_its_rules(name: str) -> None:
    data = EXAMPLES[name]
    assert measure(data) == name
    assert compare(data, Stand().judge(data)) == name


def test_without_a_length_a_stream_is_over() -> None:
    """RFC 3261 §18.3, §20.14: it must stand. An ACK and a response get no answer all the same."""
    assert judged(ask()) == ("400", Fate.CLOSED)
    assert judged(ask(method="ACK")) == ("silence", Fate.CLOSED)
    assert judged(ask().replace(b"INVITE sip:+15557000@192.0.2.10 SIP/2.0", b"SIP/2.0 200 OK")) == (
        "silence",
        Fate.CLOSED,
    )


def test_what_follows_a_message_is_the_next_one() -> None:
    """Over UDP it would be nothing."""
    stand = StreamStand()
    stand.feed(ask("Content-Length: 3") + b"abc" + ask("Content-Length: 0", call_id="call-2"))
    assert len(stand.engine.plane) == 2
    stand.take()
    stand.check_alive()


def test_two_calls_in_one_segment_are_two_calls_wherever_it_is_cut() -> None:
    both = ask("Content-Length: 5") + b"\r\n\r\nx" + ask("Content-Length: 0", call_id="call-2")
    for at in range(len(both)):
        stand = StreamStand()
        stand.feed(both[:at])
        stand.feed(both[at:])
        assert len(stand.engine.plane) == 2
        assert stand.fate is Fate.OPEN


# --------------------------------------------------------------------------- limits are the same over both


@pytest.mark.parametrize("over", ["head", "lines", "folded"])
def test_a_head_beyond_limits_is_told_so_over_udp_and_tcp(over: str) -> None:
    extra = {
        "head": [f"X: {'x' * 700}"] * 24,
        "lines": ["X: y"] * MAX_HEADERS,
        "folded": ["X: y" + "\r\n z" * MAX_HEADERS],
    }
    data = ask("Content-Length: 0", *extra[over])
    verdict = Stand().judge(data)
    assert str(verdict) == "513"
    assert compare(data, verdict) == ("head beyond limits" if over == "head" else "whole message")


@pytest.mark.parametrize("size", [MAX_HEAD, MAX_HEAD + 1])
def test_the_largest_head_is_the_same_over_udp_and_tcp(size: int) -> None:
    bare = ask("Content-Length: 0", "X: ", method="OPTIONS")
    data = ask("Content-Length: 0", f"X: {'x' * (size + 4 - len(bare))}", method="OPTIONS")
    assert data.index(b"\r\n\r\n") == size
    verdict = Stand().judge(data)
    assert str(verdict) == ("200" if size == MAX_HEAD else "513")
    compare(data, verdict)


def test_a_refusal_of_too_much_keeps_to_the_limits_itself() -> None:
    data = ask(*["Via: SIP/2.0/UDP h.example.com;branch=z9hG4bK1"] * 2_000)
    (refusal,) = Stand().judge(data).raw
    assert refusal.startswith(b"SIP/2.0 513 ")
    assert refusal.count(b"\r\n") < MAX_HEADERS
    assert len(refusal) < MAX_HEAD


# --------------------------------------------------------------------------- many


def test_mutants_have_the_same_verdict_over_tcp() -> None:
    """Framer and parser read the same length: where they did not, one message could hide in another."""
    dice = random.Random("streams/4475c")
    samples = [ask("Content-Length: 3", method=method) + b"abc" for method in ("INVITE", "OPTIONS", "REGISTER", "BYE")]
    samples += [sample.replace(b"\r\nContent-Length:", b"\r\nl :") for sample in samples]
    met: Counter[str] = Counter()
    for _ in range(MUTANTS):
        data = mutate(dice.choice(samples), dice)
        stand = Stand()
        met[compare(data, stand.judge(data))] += 1
    assert met["whole message"] > MUTANTS // 3, "what is never whole proves nothing"
    assert len(met) >= 4


@pytest.mark.skipif(not CASES, reason=f"no RFC 4475 messages in {FOLDER} (set CALLWARD_RFC4475)")
def test_each_message_of_the_rfc_in_turn_through_one_engine_and_its_connections() -> None:
    stand = StreamStand()
    for case in CASES:
        whole(stand, read(case))
        stand.check_alive()
        stand.wait(1.0)
    stand.wait(400.0)
    assert len(stand.engine.plane) == 0
    assert stand.engine.next_deadline() == float("inf")
