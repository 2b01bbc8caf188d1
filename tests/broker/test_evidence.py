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
from controller.messages.cascade import Terms
from controller.supervise import Supervisor
from controller.types.cascades import LIMITED, ObserveOutcome, SendMessage
from controller.types.messages import Channel, Messaging, Provider

NOW = 1_763_700_000.0
US = Terms(expires=NOW + 180.0, region=("US",), channels={"sms-1": "sms", "sms-2": "sms"})


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
    kept.write_scores(tmp_path, found.scores.dump(), 17)
    scores, read = kept.read_scores(tmp_path, targets_of(messaging("sms-1")), NOW + 60)
    assert read == 17
    told: list[Change] = []
    again = Evidence(scores, told.append)
    assert Outlook(scores, {}, 2.5).circumstances(("sms-1",), (), NOW + 60).avoid
    again.see(Liveness("sms-1", True, "bound"), NOW + 61)
    assert [change.old for change in told] == ["held"]


def test_what_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    targets = targets_of(messaging("sms-1"))
    assert kept.read_scores(tmp_path, targets, NOW)[1] == 0
    for text in ("", "{", '{"format": 0}', '{"format": 1, "read": 3, "scores": {"nodes": [1]}}'):
        (tmp_path / kept.FILE).write_text(text)
        scores, read = kept.read_scores(tmp_path, targets, NOW)
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
