"""Outcomes on their way into the scores, and what the scores and queues say to a cascade under way."""

from __future__ import annotations

import asyncio
from pathlib import Path

from controller.broker import kept
from controller.broker.circumstances import Outlook
from controller.broker.lane import Job, Lane
from controller.broker.outcomes import Evidence, targets_of
from controller.channels.base import Liveness
from controller.health.node import Change
from controller.health.score import Scores
from controller.messages.bursts import Bursts
from controller.messages.cascade import Cascade, Send, Terms
from controller.messages.reducer import reduce
from controller.ops.board import state_of
from controller.rules.run import Run
from controller.store.opening import open_store
from controller.supervise import Supervisor
from controller.types.cascades import LIMITED, CascadeStatus, ObserveOutcome, SendMessage, SendPhase
from controller.types.messages import Channel, Messaging, Provider
from tests.messages.playbook import EPOCH, make_plan, make_stage
from tests.store.cases import begin

NOW = 1_763_700_000.0
TERMS = Terms(expires=NOW + 180.0, region=("US",), channels={"sms-1": "sms", "sms-2": "sms"})


def cascade(number: int = 0) -> Cascade:
    return Cascade(f"c{number}", "acme", "", Run(make_plan(make_stage("sms/sms-1"))), TERMS)


US = cascade()


def messaging(*names: str) -> Messaging:
    providers = {name: Provider(name, Channel.SMS, "http", None, upstream=f"agg-{name}") for name in names}
    return Messaging(providers, {})


def evidence(*names: str) -> tuple[Evidence, list[Change]]:
    told: list[Change] = []
    return Evidence(Scores(targets_of(messaging(*names))), told.append), told


def test_failures_of_one_country_close_it_there_and_others_come_first() -> None:
    found, told = evidence("sms-1", "sms-2")
    for number in range(30):
        found.observe(ObserveOutcome("sms-1", "undelivered"), US, NOW + number)
    assert [(change.target, change.region, change.new) for change in told][:1] == [("sms-1", ("US",), "held")]
    row = next(row for row in found.view(NOW + 30) if row["provider"] == "sms-1")
    assert (row["gate"], row["apart"], state_of(row)) == ("open", {"US": "held"}, "degraded")  # and is seen to be
    assert row["why"].startswith("held in US: ")
    outlook = Outlook(found.scores, {}, 2.5)
    here = outlook.circumstances(("sms-1", "sms-2"), ("US",), NOW + 30)
    assert list(here.avoid) == ["sms-1"]
    assert "failures" in here.avoid["sms-1"]
    assert not outlook.circumstances(("sms-2", "nobody"), ("US",), NOW + 30).avoid


def test_what_says_nothing_about_the_provider_is_none() -> None:
    found, told = evidence("sms-1")
    for number in range(50):
        for code in ("unknown-subscriber", "accepted", "NO_TIME", "whatever"):
            found.observe(ObserveOutcome("sms-1", code), US, NOW + number)
        found.observe(ObserveOutcome("gone", "undelivered"), US, NOW + number)
    assert not told


def test_a_connection_that_is_lost_needs_no_counting() -> None:
    found, told = evidence("sms-1", "sms-2")
    outlook = Outlook(found.scores, {}, 2.5)
    found.see(Liveness("sms-1", True, "bound"), NOW)
    assert not told
    found.see(Liveness("sms-1", False, "bind lost"), NOW + 1)
    found.see(Liveness("sms-1", False, "bind lost"), NOW + 2)
    assert [(change.new, change.why) for change in told] == [("held", "bind lost")]
    assert outlook.circumstances(("sms-1",), (), NOW + 1e6).avoid == {"sms-1": "bind lost"}  # however long it takes
    found.see(Liveness("sms-1", True, "bound"), NOW + 10)
    assert told[-1].old == "held"
    assert found.is_alive("sms-1") is True
    assert found.is_alive("sms-2") is None
    found.see(Liveness("gone", False, "?"), NOW)


def test_a_connection_that_another_life_lost_is_found_again(tmp_path: Path) -> None:
    found, _ = evidence("sms-1")
    found.see(Liveness("sms-1", False, "bind lost"), NOW)
    kept.write_scores(tmp_path, found.scores.dump(), 17, Bursts().dump())
    scores, read, _ = kept.read_scores(tmp_path, targets_of(messaging("sms-1")), NOW + 60)
    assert read == 17
    told: list[Change] = []
    again = Evidence(scores, told.append)
    assert Outlook(scores, {}, 2.5).circumstances(("sms-1",), (), NOW + 60).avoid
    again.see(Liveness("sms-1", True, "bound"), NOW + 61)
    assert [change.old for change in told] == ["held"]


def test_what_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    targets = targets_of(messaging("sms-1"))
    assert kept.read_scores(tmp_path, targets, NOW)[1] == 0
    for text in ("", "{", '{"format": 0}', '{"format": 2, "read": 3, "scores": {"nodes": [1]}}'):
        (tmp_path / kept.FILE).write_text(text)
        scores, read, _ = kept.read_scores(tmp_path, targets, NOW)
        assert (list(scores.targets), read) == (["sms-1"], 0)


def test_reload_keeps_what_is_known_of_those_that_stay() -> None:
    found, _ = evidence("sms-1", "sms-2")
    found.see(Liveness("sms-1", False, "bind lost"), NOW)
    found.follow(messaging("sms-1", "sms-3"))
    assert found.is_alive("sms-1") is False
    assert set(found.scores.targets) == {"sms-1", "sms-3"}
    assert [row["provider"] for row in found.view(NOW)] == ["sms-1"]


def test_a_queue_that_is_too_long_bars_its_provider() -> None:
    async def main() -> None:
        found, _ = evidence("sms-1", "sms-2")
        go = asyncio.Event()

        async def work(_: Job) -> None:
            await go.wait()

        lane = Lane("sms-1", work, Supervisor(lambda _: None).spawn, at_once=1)
        outlook = Outlook(found.scores, {"sms-1": lane}, 2.5)
        for number in range(2):
            command = SendMessage(1, "sms-1", Channel.SMS, f"c{number}:1:1", NOW + 180)
            lane.put(Job(f"c{number}", "acme", "US", command, False, NOW, NOW + 5))
        await asyncio.sleep(0)
        assert not outlook.circumstances(("sms-1", "sms-2"), (), NOW + 1).barred
        assert outlook.circumstances(("sms-1", "sms-2"), (), NOW + 3).barred == {"sms-1": LIMITED}
        go.set()
        await lane.drained()

    asyncio.run(main())


def taken(number: int, now: float, found: Evidence) -> Cascade:
    """A message that its provider took and has not reported on."""
    one = cascade(number)
    one.sends.append(Send(1, "sms-1", f"c{number}:1:1", now, SendPhase.WAITING, spent=True))
    found.await_report(one, 1, now)
    return one


def arrive(one: Cascade, found: Evidence, now: float) -> None:
    found.observe(ObserveOutcome("sms-1", "delivered", age=now - one.sends[0].started, attempt=1), one, now)


def known(found: Evidence) -> float:
    """Thirty that came after a second each; the time then."""
    for number in range(30):
        arrive(taken(number, NOW + number, found), found, NOW + number + 1.0)
    return NOW + 31.0


def test_a_provider_that_says_nothing_of_what_it_took_is_left_before_any_wait_is_over() -> None:
    found, told = evidence("sms-1", "sms-2")
    start = known(found)
    swallowed = 0
    for tick in range(200):
        now = start + tick * 0.5
        if not Outlook(found.scores, {}, 2.5).circumstances(("sms-1",), ("US",), now).avoid:
            taken(1000 + tick, now, found)
            swallowed += 1
        found.look(now)
    assert [(change.target, change.region, change.new) for change in told] == [("sms-1", ("US",), "held")]
    assert "overdue" in told[0].why
    assert swallowed <= 30  # within nine seconds; their wait would have been over after thirty


def test_late_is_not_lost() -> None:
    """Each fifth of what was sent is overdue and arrives: nobody is blamed, and no trace of it is left."""
    found, told = evidence("sms-1", "sms-2")
    now = known(found)
    for number in range(400):
        one, at = taken(1000 + number, now, found), now
        for step in range(1, 9 if number % 5 == 0 else 2):
            now = at + step
            found.look(now)
        arrive(one, found, now)
    assert not told
    assert found.scores.nodes.all["sms-1", "US"].alarm.g < 1.0


def test_what_nobody_waits_for_is_not_overdue() -> None:
    found, told = evidence("sms-1", "sms-2")
    now = known(found)
    for number in range(60):
        one = taken(1000 + number, now, found)
        one.status = CascadeStatus.CANCELLED
        found.let_go(one)
    for tick in range(60):
        found.look(now + tick)
    assert not told


def test_while_nobody_could_hear_nothing_was_overdue() -> None:
    """The store is lost for a minute, or the clock is set: sixty reports wait at the door, and come."""
    for gap in (60.0, 86_400.0, -3600.0):
        found, told = evidence("sms-1", "sms-2")
        now = known(found)
        found.look(now)
        sent = [taken(1000 + number, now, found) for number in range(60)]
        found.look(now + gap)
        assert not told
        for one in sent:
            arrive(one, found, now + gap + 0.1)
        assert not told


def test_who_has_no_reports_yet_is_not_overdue() -> None:
    found, told = evidence("sms-1")
    for number in range(60):
        taken(number, NOW, found)
    for tick in range(100):
        found.look(NOW + tick)
    assert not told


def test_a_history_that_is_shorter_than_what_was_read_of_it_is_followed_from_its_end(tmp_path: Path) -> None:
    """The database was put back from a copy, or is another one: its numbers begin again."""

    async def main() -> None:
        store = open_store("", tmp_path, reduce)
        await store.open()
        found = Evidence(Scores(targets_of(messaging("wa-1"))), lambda _: None, shared=True, read=1 << 60)
        assert await found.fold(store, EPOCH) == 0
        await begin(store)
        assert await found.fold(store, EPOCH) == 2  # "begun", "sending"
        await store.close()

    asyncio.run(main())
