"""Whose early media the caller hears while several phones ring."""

from __future__ import annotations

import pytest

from controller.types import EarlyMedia
from sip.message import Request, Response
from tests.config.sample import bend, compiled
from tests.planes.bench import requests
from tests.planes.facing import MOBILE, PBX, Facing
from tests.sip import wire

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.32\r\ns=-\r\nc=IN IP4 192.0.2.32\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
WITH_SDP = ["Content-Type: application/sdp", "Content-Disposition: session", f"Content-Length: {len(SDP)}", "X-Odd: 1"]


class Ringing:
    """Two phones that ring at once."""

    def __init__(self, policy: str, **options: list[str]) -> None:
        chain = f"    - {{ring: [anna, desk], mode: parallel{f', early_media: {policy}' if policy else ''}}}"
        self.bench = Facing(chain)
        self.anna, self.desk = requests(self.bench.place(**options))

    def rings(self, phone: Request, status: int = 183, *more: str, tag: str = "", body: bytes = SDP) -> Response:
        """A phone answers provisionally; what the caller gets of it."""
        source = MOBILE if phone is self.anna else PBX
        head = wire.answer(phone, status, to_tag=tag or ("anna" if phone is self.anna else "desk"))
        head = head.removesuffix(b"\r\n") + "".join(f"{line}\r\n" for line in [*WITH_SDP, *more]).encode()
        ((response, _),) = self.bench.receive(head + b"\r\n" + body, source)
        assert isinstance(response, Response)
        return response


def test_all_of_it_passes_where_the_stage_says_so() -> None:
    call = Ringing("pass", extra=["Supported: 100rel, timer"])
    assert call.anna.get("supported") == "100rel, timer"
    for phone in (call.anna, call.desk, call.anna):
        assert (call.rings(phone).status, call.rings(phone).body) == (183, SDP)


@pytest.mark.parametrize("policy", ["first", ""])
def test_the_first_that_has_any_keeps_the_ear(policy: str) -> None:
    call = Ringing(policy)
    first = call.rings(call.desk)
    assert (first.status, first.body, first.to_tag) == (183, SDP, "desk")
    second = call.rings(call.anna)
    assert (second.status, second.reason, second.body, second.to_tag) == (180, "Ringing", b"", "anna")
    assert second.get_all("content-length") == ["0"]
    assert {"content-type", "content-disposition"}.isdisjoint(second.names)
    assert second.get("x-odd") == "1"
    assert second.get("record-route")
    assert call.rings(call.desk, 180).body == SDP


def test_who_had_the_ear_and_is_gone_leaves_it_to_the_next() -> None:
    call = Ringing("first")
    call.rings(call.desk)
    assert call.rings(call.anna).status == 180
    call.bench.answer(call.desk, 486, PBX, to_tag="desk")
    assert call.rings(call.anna).body == SDP


def test_none_is_heard_where_all_is_stripped() -> None:
    call = Ringing("strip")
    for phone in (call.desk, call.anna, call.desk):
        assert (call.rings(phone).status, call.rings(phone).body) == (180, b"")
    assert call.rings(call.desk, 181).status == 181
    assert call.rings(call.desk, 199).status == 199


def test_a_183_without_sdp_is_what_it_was() -> None:
    call = Ringing("strip")
    ((response, _),) = call.bench.answer(call.anna, 183, MOBILE)
    assert isinstance(response, Response)
    assert response.status == 183


def test_an_answer_is_never_touched() -> None:
    call = Ringing("strip")
    call.rings(call.anna)
    head = wire.answer(call.anna, 200, extra=[*WITH_SDP, "Contact: <sip:a@192.0.2.32>"])
    sent = call.bench.receive(head + SDP, MOBILE)
    (answer,) = [message for message, _ in sent if isinstance(message, Response)]
    assert (answer.status, answer.body) == (200, SDP)


@pytest.mark.parametrize("policy", ["first", "strip"])
def test_nobody_is_told_that_100rel_is_supported_where_something_may_be_taken_out(policy: str) -> None:
    call = Ringing(policy, extra=["k: 100rel, timer", "Supported: replaces"])
    assert call.anna.get_all("supported") == ["timer", "replaces"]
    call = Ringing(policy, extra=["Supported: 100rel"])
    assert call.anna.get_all("supported") == [""]


def test_a_reliable_response_that_comes_all_the_same_stays_whole() -> None:
    call = Ringing("strip")
    response = call.rings(call.anna, 183, "Require: 100rel", "RSeq: 1")
    assert (response.status, response.body) == (183, SDP)


def test_who_requires_100rel_gets_all_early_media() -> None:
    call = Ringing("strip", extra=["Require: 100rel", "Supported: 100rel"])
    assert call.anna.get("supported") == "100rel"
    assert call.rings(call.anna).body == SDP
    assert call.rings(call.desk, 183, "Require: 100rel", "RSeq: 1").body == SDP


def test_a_phone_that_rings_alone_keeps_100rel_and_its_early_media() -> None:
    bench = Facing("    - ring: [anna]")
    invite = bench.ring(extra=["Supported: 100rel"])
    assert invite.get("supported") == "100rel"


def test_the_default_is_by_how_many_ring_at_once() -> None:
    plan = compiled(bend(("chains:", "chains:\n  one: [{ring: [anna-mobile], mode: parallel}]")))
    assert [stage.early_media for stage in plan.chains["sales"].stages] == [
        EarlyMedia.PASS,
        EarlyMedia.FIRST,
        EarlyMedia.PASS,
    ]
    assert plan.chains["one"].stages[0].early_media is EarlyMedia.PASS
    plan = compiled(
        bend(("{ring: 20s,", "{early_media: strip, ring: 20s,"), ("for: 10s", "early_media: pass\n      for: 10s"))
    )
    assert [stage.early_media for stage in plan.chains["sales"].stages] == [
        EarlyMedia.PASS,
        EarlyMedia.STRIP,
        EarlyMedia.STRIP,
    ]
