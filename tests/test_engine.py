"""The engine: who gets which sample, who is told what, and when it wants to be woken."""

from __future__ import annotations

import random
from collections.abc import Mapping
from math import inf

import pytest

from controller.engine import Engine
from controller.health.score import Change
from controller.status import collect_status
from controller.types import (
    CallRecord,
    Chain,
    DeepProbe,
    Demoted,
    Dialplan,
    Listen,
    Page,
    Probe,
    Route,
    TargetState,
    Transition,
    Trunk,
    Uplink,
)
from sip.message import Request, Response
from sip.parser import parse_message
from sip.timing import Timing
from sip.transaction import Hop
from tests.planes.bench import HOPS, T1, T2, requests, statuses
from tests.playbook import stage
from tests.sip import wire

Sent = list[tuple[Request | Response, Hop]]


def dialplan(
    *texts: str, probe: Probe | None = None, version: str = "v1", deep: Mapping[str, DeepProbe] | None = None
) -> Dialplan:
    return Dialplan(
        version,
        (Listen(wire.LOCAL.host, wire.LOCAL.port),),
        {name: Trunk(name, hop.host, hop.port, probe=probe, deep=(deep or {}).get(name)) for name, hop in HOPS.items()},
        {"sales": Chain("sales", tuple(stage(text) for text in texts or ("anna/t1,t2",)))},
        {"+15557000": Route("+15557000", "sales")},
    )


class Driver:
    """Drives an engine as the pump does."""

    def __init__(self, plan: Dialplan, now: float = 0.0, timing: Timing | None = None) -> None:
        dice = random.Random(7)
        self.now = now
        self.engine = Engine(
            plan,
            wire.make_element(),
            HOPS,
            now,
            token=lambda: f"{dice.getrandbits(96):024x}",
            timing=timing,
            epoch_offset=1_763_700_000.0,
        )

    def receive(self, data: bytes, source: Hop = wire.CALLER) -> Sent:
        self.engine.receive(data, source, self.now)
        return self.take()

    def refuse(self, data: bytes, hop: Hop) -> Sent:
        """ICMP says that this packet could not be delivered."""
        self.engine.unreachable(data, hop, self.now)
        return self.take()

    def run_until(self, when: float) -> Sent:
        sent: Sent = []
        while (due := self.engine.next_deadline()) <= when:
            self.now = max(due, self.now)
            self.engine.handle_timer(self.now)
            sent += self.take()
        self.now = when
        return sent

    def take(self) -> Sent:
        sent = [(parse_message(data), hop) for data, hop in self.engine.outbox]
        self.engine.outbox.clear()
        return sent

    def states(self) -> dict[str, str]:
        return {name: str(health.state) for name, health in self.engine.board.view.trunks.items()}

    def news(self) -> list[CallRecord | Transition]:
        news, self.engine.news = self.engine.news, []
        return news


def answer_probes(driver: Driver, sent: Sent, *silent: Hop) -> None:
    """Every trunk but the silent ones answers its probes."""
    for message, hop in sent:
        if isinstance(message, Request) and message.method == "OPTIONS" and hop not in silent:
            driver.receive(wire.answer(message, 200), hop)


def watch(driver: Driver, until: float, *silent: Hop) -> Sent:
    """Let time pass while trunks answer their probes; what else was sent."""
    others: Sent = []
    while driver.engine.next_deadline() <= until:
        sent = driver.run_until(max(driver.engine.next_deadline(), driver.now))
        answer_probes(driver, sent, *silent)
        others += [each for each in sent if not (isinstance(each[0], Request) and each[0].method == "OPTIONS")]
    driver.run_until(until)
    return others


def test_without_calls_and_probes_it_never_wants_to_be_woken() -> None:
    assert Driver(dialplan()).engine.next_deadline() == inf


def test_it_wants_to_be_woken_for_the_earliest_of_call_and_probe() -> None:
    driver = Driver(dialplan(probe=Probe(every=60.0)))
    probe_at = driver.engine.next_deadline()
    assert 0.25 < probe_at < 1.0, "no probe is due before the hedge"
    driver.receive(wire.request())
    assert driver.engine.next_deadline() == 0.25
    assert [each.uri for each in requests(driver.run_until(0.25))] == ["sip:anna@t2.example"]
    assert [each.uri for each in requests(driver.run_until(probe_at), "OPTIONS")] != []


def test_answers_to_probes_make_trunks_up() -> None:
    driver = Driver(dialplan(probe=Probe()))
    watch(driver, 2.0)
    assert driver.states() == {"t1": "up", "t2": "up", "t3": "up"}
    assert sorted(str(item.new) for item in driver.news() if isinstance(item, Transition)) == ["up", "up", "up"]


def test_a_trunk_that_goes_silent_goes_down_and_new_calls_avoid_it() -> None:
    driver = Driver(dialplan(probe=Probe()))
    watch(driver, 5.0)
    watch(driver, 7.0, T1)
    assert driver.states()["t1"] == "down"
    assert [hop for message, hop in driver.receive(wire.request()) if isinstance(message, Request)] == [T2]


def test_a_trunk_that_goes_down_moves_its_silent_calls() -> None:
    driver = Driver(dialplan("anna/t1", "ben/t2", probe=Probe()))
    watch(driver, 5.0)
    (invite,) = requests(driver.receive(wire.request()))
    driver.receive(wire.answer(invite, 100), T1)  # alive, so no hedge
    watch(driver, 7.0, T1)
    record = driver.engine.switchboard.runs[next(iter(driver.engine.switchboard.runs))]
    assert [(attempt.stage, attempt.doubted) for attempt in record.attempts.values()] == [(0, True), (1, True)]


def test_the_response_to_a_call_is_a_sample() -> None:
    driver = Driver(dialplan())
    (invite,) = requests(driver.receive(wire.request()))
    driver.receive(wire.answer(invite, 100), T1)
    assert driver.states()["t1"] == "up"


def test_a_slow_trunk_gets_more_patience() -> None:
    driver = Driver(dialplan())
    (invite,) = requests(driver.receive(wire.request()))
    driver.now = 0.2
    driver.receive(wire.answer(invite, 100), T1)
    assert driver.engine.board.view.trunks["t1"].hedge > 0.25


def test_the_record_of_a_call_is_news() -> None:
    driver = Driver(dialplan())
    (invite,) = requests(driver.receive(wire.request()))
    driver.receive(wire.answer(invite, 200), T1)
    (record,) = (item for item in driver.news() if isinstance(item, CallRecord))
    assert (record.winner, record.offer.moment) == ("anna via t1", 1_763_700_000.0)


# --------------------------------------------------------------------------- ICMP


def test_an_error_about_our_packet_moves_the_call() -> None:
    driver = Driver(dialplan())
    ((_, _), (invite, _)) = driver.receive(wire.request())
    sent = driver.refuse(invite.encode()[:520], T1)
    assert [hop for message, hop in sent if isinstance(message, Request)] == [T2]


@pytest.mark.parametrize("quoted", [b"", b"INVITE sip:anna", b"Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK-guessed\r\n"])
def test_a_forged_error_moves_no_call(quoted: bytes) -> None:
    driver = Driver(dialplan())
    driver.receive(wire.request())
    assert driver.refuse(quoted, T1) == []
    assert driver.states()["t1"] == "unknown"


def test_errors_about_probes_bring_a_trunk_down() -> None:
    driver = Driver(dialplan(probe=Probe()))
    watch(driver, 5.0)
    while driver.now < 6.0 and driver.states()["t1"] != "down":
        for message, hop in driver.run_until(max(driver.engine.next_deadline(), driver.now)):
            if hop == T1:
                driver.refuse(message.encode(), T1)
            else:
                answer_probes(driver, [(message, hop)])
    down = [item for item in driver.news() if isinstance(item, Transition) and item.new is TargetState.DOWN]
    assert [(item.trunk, item.code) for item in down] == [("t1", "PORT_CLOSED")]


def test_an_error_with_a_short_quote_counts_against_the_probe_under_way() -> None:
    driver = Driver(dialplan(probe=Probe()))
    watch(driver, 5.0)
    watch(driver, 5.3, T1)
    driver.refuse(b"OPTIONS ", T1)
    assert driver.states()["t1"] == "suspect"


# --------------------------------------------------------------------------- whatever comes


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"\x00" * 40, b"INVITE", b"SIP/2.0 200 OK\r\n\r\n", bytes(range(256)) * 8]
)
def test_garbage_is_survived(data: bytes) -> None:
    driver = Driver(dialplan(probe=Probe()))
    driver.receive(data)
    driver.refuse(data, T1)
    assert len(driver.engine.plane) == 0


def test_an_answer_to_a_probe_from_a_stranger_is_no_sign_of_life() -> None:
    driver = Driver(dialplan(probe=Probe()))
    for message, hop in driver.run_until(1.0):
        if hop == T1 and isinstance(message, Request):
            driver.receive(wire.answer(message, 200), Hop("203.0.113.66", 5060))
    assert driver.states()["t1"] != "up"


def test_a_late_loop_blames_no_trunk() -> None:
    driver = Driver(dialplan("anna/t1,t2"))
    for number in range(20):
        driver.receive(wire.request(branch=f"z9hG4bK-{number}", call_id=f"call-{number}"))
    driver.now += 3.0  # the loop was stalled, and the answers lie unread
    driver.engine.handle_timer(driver.now)
    assert not driver.engine.scores.troubled(driver.now)
    assert not [news for news in driver.engine.news if isinstance(news, Change)]


def test_a_refused_transport_is_evidence_against_a_trunk() -> None:
    driver = Driver(dialplan("anna/t1,t2"))
    (invite,) = requests(driver.receive(wire.request()))
    driver.engine.unreachable(invite.encode(), T1, driver.now)
    assert driver.engine.scores.view(driver.now)[0].samples > 0.5


# --------------------------------------------------------------------------- reload


def test_new_calls_follow_the_new_dialplan() -> None:
    driver = Driver(dialplan())
    (first,) = requests(driver.receive(wire.request()))
    driver.engine.reload(dialplan("ben/t3", version="v2"), HOPS, driver.now)
    (second,) = requests(driver.receive(wire.request(branch="z9hG4bK-2", call_id="call-2")))
    assert (first.uri, second.uri) == ("sip:anna@t1.example", "sip:ben@t3.example")
    (moved,) = requests(driver.receive(wire.answer(first, 503), T1))
    assert moved.uri == "sip:anna@t2.example", "a call under way keeps its plan"


def test_what_is_known_of_a_trunk_survives_a_reload() -> None:
    driver = Driver(dialplan(probe=Probe()))
    watch(driver, 2.0)
    driver.engine.reload(dialplan("ben/t3", probe=Probe(), version="v2"), HOPS, driver.now)
    assert driver.states() == {"t1": "up", "t2": "up", "t3": "up"}
    others = watch(driver, 4.0)
    assert others == []
    assert driver.states() == {"t1": "up", "t2": "up", "t3": "up"}


def test_a_call_on_a_trunk_that_left_goes_on() -> None:
    driver = Driver(dialplan())
    (invite,) = requests(driver.receive(wire.request()))
    left = {"t2": T2, "t3": HOPS["t3"]}
    driver.engine.reload(dialplan("ben/t3", version="v2"), left, driver.now)
    assert statuses(driver.receive(wire.answer(invite, 200), T1)) == [200]


def test_a_response_of_a_past_life_is_passed_on_for_three_minutes() -> None:
    (invite,) = requests(Driver(dialplan()).receive(wire.request()))
    driver = Driver(dialplan(), now=1000.0)
    assert statuses(driver.receive(wire.answer(invite, 180), T1)) == [180]
    driver.run_until(1186.0)
    assert statuses(driver.receive(wire.answer(invite, 200), T1)) == []


# --------------------------------------------------------------------------- deep probes

TESTED = {"t1": DeepProbe("9196")}


def next_test_call(driver: Driver) -> Request:
    """Wait for a test call."""
    while True:
        for message, hop in driver.run_until(max(driver.engine.next_deadline(), driver.now)):
            if isinstance(message, Request) and message.method == "INVITE":
                assert (hop, message.uri) == (T1, "sip:9196@192.0.2.21:5060")
                return message


def degrade(driver: Driver) -> None:
    """Two test calls to the first trunk fail."""
    for _ in range(2):
        driver.receive(wire.answer(next_test_call(driver), 500), T1)
    assert driver.states()["t1"] == "degraded"


def test_a_trunk_that_fails_its_test_calls_is_tried_behind_the_others() -> None:
    driver = Driver(dialplan(deep=TESTED))
    degrade(driver)
    (invite,) = requests(driver.receive(wire.request()))
    assert invite.uri == "sip:anna@t2.example"
    driver.receive(wire.answer(invite, 200), T2)
    news = driver.news()
    assert [(item.new, item.code) for item in news if isinstance(item, Transition)] == [
        ("up", "CALL_RESPONSE"),
        ("degraded", "DEEP_FAILED"),
        ("up", "CALL_RESPONSE"),
    ]
    status = collect_status(driver.engine, driver.now)["trunks"][0]
    assert (status["state"], status["code"]) == ("degraded", "DEEP_FAILED")
    (record,) = (item for item in news if isinstance(item, CallRecord))
    assert record.demoted == (Demoted("anna via t1", "t1 is degraded (DEEP_FAILED)"),)


def test_a_degraded_trunk_is_still_tried_and_comes_back_by_one_good_call() -> None:
    driver = Driver(dialplan("anna/t1", deep=TESTED))
    degrade(driver)
    (invite,) = requests(driver.receive(wire.request()))
    assert invite.uri == "sip:anna@t1.example"
    driver.receive(wire.answer(invite, 486), T1)
    answer = wire.answer(next_test_call(driver), 200, extra=["Contact: <sip:echo@192.0.2.21:5060>"])
    said = [message.method for message, _ in driver.receive(answer, T1) if isinstance(message, Request)]
    assert said == ["ACK", "BYE"]
    assert driver.states()["t1"] == "up"


def test_what_the_far_end_asks_within_a_test_call_is_refused() -> None:
    driver = Driver(dialplan(deep=TESTED))
    invite = next_test_call(driver)
    driver.receive(wire.answer(invite, 200, extra=["Contact: <sip:echo@192.0.2.21:5060>"]), T1)
    for method in ("BYE", "INVITE", "UPDATE"):
        asked = wire.request(
            method,
            "sip:callward@192.0.2.10:5060",
            via="SIP/2.0/UDP 192.0.2.21:5060",
            branch=f"z9hG4bK-{method}",
            caller_tag=";tag=callee",
            to_tag=invite.from_tag,
            call_id=invite.call_id,
        )
        assert statuses(driver.receive(asked, T1), T1) == [481], "we have hung up: there is no such dialog any more"


def test_an_icmp_error_about_a_test_call_is_a_sample() -> None:
    driver = Driver(dialplan(deep=TESTED))
    driver.refuse(next_test_call(driver).encode(), T1)
    assert driver.states()["t1"] == "suspect"


def test_a_reload_without_the_test_number_takes_the_verdict_back() -> None:
    driver = Driver(dialplan(deep=TESTED))
    degrade(driver)
    driver.engine.reload(dialplan(version="v2"), HOPS, driver.now)
    assert driver.states()["t1"] == "up"
    (invite,) = requests(driver.receive(wire.request()))
    assert invite.uri == "sip:anna@t1.example"


def test_the_end_cancels_a_test_call_that_rings() -> None:
    driver = Driver(dialplan(deep=TESTED))
    driver.receive(wire.answer(next_test_call(driver), 180), T1)
    driver.engine.close(driver.now)
    assert [message.method for message, _ in driver.take() if isinstance(message, Request)] == ["CANCEL"]


# --------------------------------------------------------------------------- answers to probes that are no plain 200


def probed() -> tuple[Driver, Request]:
    """A driver whose first probe, to t1, has just left."""
    driver = Driver(dialplan(probe=Probe()))
    sent: Sent = []
    while not sent:
        sent = driver.run_until(driver.engine.next_deadline())
        sent = [(message, hop) for message, hop in sent if hop == T1]
    probe = sent[0][0]
    assert isinstance(probe, Request)
    return driver, probe


def answer_to(probe: Request, start: str, *more: str, without: str = "") -> bytes:
    lines = [line for line in probe.lines if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    kept = [line for line in lines if not without or not line.startswith(without)]
    return "\r\n".join([f"SIP/2.0 {start}", *kept, *more, "Content-Length: 0", "", ""]).encode()


@pytest.mark.parametrize(
    "answer",
    [
        ("401 Unauthorized", 'WWW-Authenticate: Digest realm="x", nonce="y"'),
        ("407 Proxy Authentication Required", 'Proxy-Authenticate: Digest realm="x", nonce="y"'),
        ("302 Moved Temporarily", "Contact: <sip:elsewhere.example>"),
        ("302 Moved Temporarily", "Contact: <sip:[broken"),
        ("503 Service Unavailable", "Retry-After: 9e23"),
        ("503 Service Unavailable", f"Retry-After: {'9' * 400}"),
        ("603 Decline",),
    ],
    ids=lambda answer: answer[0][:3] + "".join(answer[1:])[:16],
)
def test_probe_that_is_refused_challenged_or_redirected_was_answered(answer: tuple[str, ...]) -> None:
    driver, probe = probed()
    assert driver.receive(answer_to(probe, *answer), T1) == [], "nothing is followed, nothing is retried"
    assert driver.states()["t1"] == "up"


@pytest.mark.parametrize("broken", ["From", "To", "Call-ID", "CSeq", "Via"])
def test_answer_to_a_probe_that_lacks_a_header_is_none(broken: str) -> None:
    driver, probe = probed()
    assert driver.receive(answer_to(probe, "200 OK", without=broken), T1) == []
    assert driver.states()["t1"] == "unknown"


def test_answer_with_the_tag_of_another_probe_is_none() -> None:
    driver, probe = probed()
    forged = answer_to(probe, "200 OK").replace(probe.from_tag.encode() + b"\r\nTo", b"0123456789abcdef\r\nTo")
    driver.receive(forged, T1)
    assert driver.states()["t1"] == "unknown"
    driver.receive(answer_to(probe, "200 OK"), T1)
    assert driver.states()["t1"] == "up"


def test_trunk_that_stays_down_is_paged_once() -> None:
    driver, _ = probed()
    driver.run_until(20.0)
    pages = [item for item in driver.engine.news if isinstance(item, Page)]
    assert sorted(page.trunk for page in pages) == sorted(HOPS)
    assert driver.engine.board.view.trunks["t1"].paged


# --------------------------------------------------------------------------- when we are the ones who are ill


def test_silence_of_a_call_says_nothing_when_the_loop_was_late() -> None:
    for late, state in ((0.09, "suspect"), (0.15, "unknown")):
        driver = Driver(dialplan())
        driver.receive(wire.request())
        driver.now = driver.engine.next_deadline() + late
        driver.engine.handle_timer(driver.now)
        assert [each.uri for each in requests(driver.take())] == ["sip:anna@t2.example"], "hedged all the same"
        assert driver.states()["t1"] == state


def test_silence_of_probes_says_nothing_when_calls_show_that_the_loop_was_late() -> None:
    driver = Driver(dialplan(probe=Probe()))
    watch(driver, 5.0)
    driver.run_until(5.3)  # a probe of each trunk is on its way
    driver.receive(wire.request())
    driver.engine.prober.void(driver.now)
    before = driver.states()
    driver.engine.handle_timer(driver.now + 0.2)
    assert driver.states() == before


def test_a_loop_that_stalls_again_and_again_brings_nobody_down() -> None:
    driver = Driver(dialplan(probe=Probe()))
    watch(driver, 5.0)
    for _ in range(200):
        driver.now += 0.4  # nothing is read meanwhile, and then the timer is seen first
        driver.engine.handle_timer(driver.now)
        answer_probes(driver, driver.take())
    assert driver.states() == {"t1": "up", "t2": "up", "t3": "up"}


def test_wall_clock_changes_nothing_in_detection() -> None:
    def life(offset: float) -> list[tuple[str, str, float]]:
        driver = Driver(dialplan(probe=Probe()))
        watch(driver, 5.0)
        driver.engine.plane.epoch_offset = offset
        watch(driver, 8.0, T1)
        return [(item.trunk, str(item.new), item.at) for item in driver.news() if isinstance(item, Transition)]

    assert life(0.0) == life(4e9) != []


def test_all_trunks_falling_at_once_is_our_own_uplink_until_one_answers() -> None:
    driver = Driver(dialplan(probe=Probe()))
    watch(driver, 5.0)
    watch(driver, 8.0, *HOPS.values())
    (uplink,) = [item for item in driver.engine.news if isinstance(item, Uplink)]
    assert uplink.suspected
    assert uplink.why.startswith("all 3 probed trunks, of 3 carriers, fell within 0.")
    driver.receive(wire.request())
    assert driver.engine.switchboard.runs[next(iter(driver.engine.switchboard.runs))].plan.panic
    watch(driver, 12.0)
    assert [item.suspected for item in driver.engine.news if isinstance(item, Uplink)] == [True, False]
    assert driver.engine.board.view.uplink == ""


def test_a_trunk_that_moved_while_it_was_down_is_not_held_for_ever() -> None:
    driver = Driver(dialplan("anna/t1,t2", probe=Probe()))
    driver.engine.scores.lost("t1", driver.now, "dead")
    plan = dialplan("anna/t1,t2", probe=Probe(every=1.0), version="v2")
    driver.engine.reload(plan, HOPS, driver.now)
    driver.run_until(driver.now + 200.0)
    assert not driver.engine.scores.troubled(driver.now)
