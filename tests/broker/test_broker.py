"""The broker over the real store: commands out, events back, whatever fails and whenever we die."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from controller.broker import broker as module
from controller.broker.lane import Job
from controller.channels.base import Accepted, Inbound, Liveness, Message, Refused, Report, Submission, Unclear
from controller.messages.cascade import Cascade
from controller.messages.content import Content
from controller.messages.ledger import Reduced
from controller.messages.reducer import reduce
from controller.store.base import StoreError
from controller.types import Milestone
from controller.types.cascades import (
    BAD_TEMPLATE,
    LIMITED,
    OPTED_OUT,
    CascadeCancelled,
    CascadeEvent,
    CascadeStatus,
    Circumstances,
    DueReached,
    FeedbackGiven,
    Outcome,
    SendMessage,
    SendRefused,
    SendUnclear,
)
from controller.types.messages import Dedup
from tests.broker.world import LEASE, PHONE, Carrier, Died, Fate, Life, World, three_steps
from tests.messages.playbook import make_plan, make_stage

COMPLETED, EXHAUSTED = CascadeStatus.COMPLETED, CascadeStatus.EXHAUSTED


def answer(submission: Submission) -> Any:
    async def give(_: Message) -> Submission:
        return submission

    return give


def world(folder: Path, dedup: Dedup = Dedup.NONE, **terms: Any) -> World:
    carriers = {name: Carrier(name, dedup) for name in ("one", "two", "three")}
    return World(folder, carriers, three_steps(), terms)


def live(here: World, act: Any, fate: Fate | None = None) -> Life:
    life: Life

    async def main() -> None:
        nonlocal life
        life = Life(here, fate)
        async with life:
            await act(life)

    asyncio.run(main())
    return life


def test_message_goes_out_in_clear_and_its_report_completes_the_cascade(tmp_path: Path) -> None:
    here = world(tmp_path)

    async def act(life: Life) -> None:
        await life.accept("c1")
        (cascade,) = await life.over(["c1"])
        assert cascade.status is COMPLETED
        assert cascade.winner == 1

    life = live(here, act)
    (message,) = here.carriers["one"].got
    assert (message.to, message.text, message.send_key) == (PHONE, "Your code is 123456", "c1:1:1")
    assert 50 < message.lifetime <= 60
    assert not here.carriers["two"].got
    assert life.broker.counters["sent"] == 1


def test_each_failure_advances_and_each_send_has_a_key_of_its_own(tmp_path: Path) -> None:
    """Refused at once; accepted and never reported; then delivered."""
    here = world(tmp_path)
    here.carriers["one"].answer = answer(Refused("not-on-channel"))
    here.carriers["two"].reports = False

    async def act(life: Life) -> None:
        await life.accept("c1")
        (cascade,) = await life.over(["c1"])
        assert cascade.status is COMPLETED
        assert cascade.winner == 3
        assert [send.outcome for send in cascade.sends] == ["not-on-channel", "timeout", "delivered"]

    live(here, act)
    assert [carrier.got[0].send_key for carrier in here.carriers.values()] == ["c1:1:1", "c1:2:2", "c1:3:3"]


def test_negative_report_and_unclear_answer_advance_as_well(tmp_path: Path) -> None:
    here = world(tmp_path)
    one = here.carriers["one"]

    async def fail(message: Message) -> Submission:
        one.outbox.append(Report("one", "r1", None, "undelivered", "30005"))
        return Accepted("r1")

    one.answer = fail
    here.carriers["two"].answer = answer(Unclear("502"))

    async def act(life: Life) -> None:
        await life.accept("c1")
        (cascade,) = await life.over(["c1"])
        assert [send.outcome for send in cascade.sends] == ["undelivered", "timeout", "delivered"]

    live(here, act)
    assert len(here.carriers["two"].got) == 1


def test_adapter_that_hangs_or_fails_is_unclear_before_anybody_else_may_have_it(tmp_path: Path) -> None:
    here = world(tmp_path)

    async def hang(_: Message) -> Submission:
        await asyncio.Event().wait()
        raise AssertionError

    async def break_down(_: Message) -> Submission:
        raise RuntimeError("a bug of the adapter's")

    here.carriers["one"].answer = hang
    here.carriers["two"].answer = break_down

    async def act(life: Life) -> None:
        await life.accept("c1")
        (cascade,) = await life.over(["c1"])
        assert cascade.winner == 3
        assert [type(fault) for fault in life.faults] == [RuntimeError]
        life.faults.clear()

    live(here, act)
    assert all(len(carrier.got) == 1 for carrier in here.carriers.values())


def test_nothing_is_sent_after_the_window(tmp_path: Path) -> None:
    """M6: the provider refuses again and again; with its window the cascade is over."""
    here = World(tmp_path, {"one": Carrier("one")}, make_plan(make_stage("sms/one", wait=30.0)), {})
    here.carriers["one"].reports = False

    async def act(life: Life) -> None:
        from controller import clock

        here.terms = {"expires": clock.epoch() + 0.6, "floors": {"one": 0.1}}
        await life.accept("c1")
        (cascade,) = await life.over(["c1"])
        assert cascade.status is EXHAUSTED
        assert cascade.reason == "NO_TIME"
        assert cascade.ended - cascade.terms.expires < 5.0
        here.terms = {"expires": clock.epoch() - 0.1}
        await life.accept("c2")
        await life.over(["c2"])

    live(here, act)
    assert [message.send_key for message in here.carriers["one"].got] == ["c1:1:1"]


def test_who_wants_nothing_more_gets_nothing_more(tmp_path: Path) -> None:
    here = world(tmp_path)

    async def act(life: Life) -> None:
        await life.store.set_opt_out("acme", here.index.of("phone", PHONE), "", 1.0, out=True)
        await life.accept("c1")
        (cascade,) = await life.over(["c1"])
        assert cascade.reason == OPTED_OUT

    live(here, act)
    assert not any(carrier.got for carrier in here.carriers.values())


def test_what_was_erased_meanwhile_is_not_sent(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.carriers["one"].reports = False

    async def act(life: Life) -> None:
        await life.accept("c1")
        await life.until(lambda: bool(here.carriers["one"].got))
        await life.store.erase(here.index.of("phone", PHONE), 1.0)
        (cascade,) = await life.over(["c1"])
        assert cascade.status is not COMPLETED

    live(here, act)
    assert not here.carriers["two"].got
    assert not here.carriers["three"].got


def test_feedback_closes_and_other_news_find_their_way(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.carriers["one"].reports = False

    async def act(life: Life) -> None:
        await life.accept("c1")
        applied = await life.broker.apply("c1", FeedbackGiven(Outcome.VERIFIED))
        assert applied is not None
        assert applied.cascade.status is COMPLETED
        assert await life.broker.apply("c0", FeedbackGiven(Outcome.VERIFIED)) is None
        inbound = Inbound("one", "i1", PHONE, "+15550100", "STOP")
        await life.broker.take([Liveness("one", False, "bind lost"), inbound, Report("one", "?", Milestone.ANSWERED)])
        assert life.evidence.is_alive("one") is False

    live(here, act)
    assert len(here.inbound) == 1


def test_store_that_is_lost_for_a_while_loses_no_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider has it, and the store cannot write that down: it is offered again, and the provider is not."""
    monkeypatch.setattr("controller.broker.insisting.FIRST_RETRY", 0.01)
    here = world(tmp_path)
    lost = 4

    async def act(life: Life) -> None:
        apply = life.store.apply

        async def fail(*args: Any) -> Any:
            nonlocal lost
            lost -= 1
            if lost >= 0:
                raise StoreError("disk full")
            return await apply(*args)

        monkeypatch.setattr(life.store, "apply", fail)
        await life.accept("c1")
        (cascade,) = await life.over(["c1"])
        assert cascade.status is COMPLETED
        assert cascade.winner == 1
        # A sweep may meet the fault as well: it is over when both are through, and each loss is told once and ends once.
        await life.until(lambda: life.store_news[-1:] == [""])
        assert life.store_news == ["disk full", ""] * (len(life.store_news) // 2)

    live(here, act)
    assert len(here.carriers["one"].got) == 1


def test_what_is_over_before_it_could_be_sent_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(tmp_path, lease=30.0)

    async def act(life: Life) -> None:
        look, asked, go = life.store.recipient, asyncio.Event(), asyncio.Event()

        async def wait(name: str) -> Any:
            asked.set()
            await go.wait()
            return await look(name)

        monkeypatch.setattr(life.store, "recipient", wait)
        await life.accept("c1")
        await asked.wait()
        await life.broker.apply("c1", CascadeCancelled())
        go.set()
        await life.until(lambda: not any(life.broker.waiting().values()))
        (send,) = (await life.get("c1")).sends
        assert (send.outcome, send.spent) == ("WITHDRAWN", False)

    live(here, act)
    assert not here.carriers["one"].got


def test_a_text_without_its_template_is_not_sent_empty(tmp_path: Path) -> None:
    """A reload has taken the template away meanwhile."""
    here = world(tmp_path)
    here.content = Content(template="otp", params={"code": "123456"})

    async def act(life: Life) -> None:
        await life.accept("c1")
        (cascade,) = await life.over(["c1"])
        assert cascade.status is EXHAUSTED
        assert {send.outcome for send in cascade.sends} == {BAD_TEMPLATE}

    live(here, act)
    assert not any(carrier.got for carrier in here.carriers.values())


def test_a_send_that_nobody_here_has_is_looked_after_once_its_lease_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever brought the report was cut off right after the commit: what it came to was never handed over."""
    here = world(tmp_path, Dedup.NATIVE)
    here.plan = make_plan(make_stage("whatsapp/one", wait=300.0), make_stage("sms/two", wait=300.0))
    here.carriers["one"].reports = False

    async def act(life: Life) -> None:
        take = life.store.take_reports

        async def cut_off(*args: Any) -> Any:
            await take(*args)
            raise asyncio.CancelledError

        await life.accept("c1")
        await life.until(lambda: life.broker.counters["accepted"] == 1)
        monkeypatch.setattr(life.store, "take_reports", cut_off)
        with pytest.raises(asyncio.CancelledError):
            await life.broker.take([Report("one", "one/c1:1:1", None, "undelivered")])
        monkeypatch.setattr(life.store, "take_reports", take)
        (cascade,) = await life.over(["c1"])
        assert (cascade.status, cascade.winner) == (COMPLETED, 2)
        assert life.broker.counters["recovered"] == 1

    live(here, act)
    assert [message.send_key for message in here.carriers["two"].got] == ["c1:2:2"]


def test_news_that_we_stumble_over_hold_up_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(tmp_path)
    here.carriers["one"].reports = False

    async def act(life: Life) -> None:
        take = life.store.take_reports

        async def stumble(reports: Any, now: float) -> Any:
            return [ZeroDivisionError() if each[0].ref == "bad" else (await take([each], now))[0] for each in reports]

        monkeypatch.setattr(life.store, "take_reports", stumble)
        await life.accept("c1")
        await life.until(lambda: life.broker.counters["accepted"] == 1)
        await life.broker.take(
            [Report("one", "bad", Milestone.ANSWERED), Report("one", "one/c1:1:1", Milestone.ANSWERED)]
        )
        (cascade,) = await life.over(["c1"])
        assert cascade.winner == 1
        assert [type(fault) for fault in life.faults] == [ZeroDivisionError]
        life.faults.clear()

    live(here, act)


def test_a_fault_with_one_cascade_leaves_the_others_their_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(tmp_path)
    for carrier in here.carriers.values():
        carrier.reports = False

    def stumble(cascade: Cascade, event: CascadeEvent, now: float, circumstances: Circumstances) -> Reduced:
        if cascade.id == "bad" and isinstance(event, DueReached):
            raise ZeroDivisionError
        return reduce(cascade, event, now, circumstances)

    async def act(life: Life) -> None:
        life.store.books.reduce = stumble  # type: ignore[attr-defined]
        await life.accept("bad")
        await life.accept("good")
        await life.until(lambda: len(here.carriers["two"].got) == 1)
        assert here.carriers["two"].got[0].send_key == "good:2:2"
        await life.until(lambda: bool(life.faults))
        assert {type(fault) for fault in life.faults} == {ZeroDivisionError}
        life.faults.clear()
        life.store.books.reduce = reduce  # type: ignore[attr-defined]

    live(here, act)


def test_store_that_answers_again_is_told_so_however_much_there_is_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.broker.insisting.FIRST_RETRY", 0.01)
    monkeypatch.setattr(module, "BATCH", 1)
    here = world(tmp_path)
    looks: list[list[str]] = []

    async def act(life: Life) -> None:
        async def due(_now: float, limit: int) -> list[tuple[str, bool]]:
            looks.append(list(life.store_news))
            if len(looks) == 1:
                raise StoreError("disk full")
            await asyncio.sleep(0)
            return [("nobody", False)] * limit  # for ever

        monkeypatch.setattr(life.store, "due", due)
        await life.until(lambda: len(looks) > 3)

    live(here, act)
    assert looks[1:4] == [["disk full"], ["disk full", ""], ["disk full", ""]]


def test_provider_that_is_gone_from_the_dialplan_costs_its_turn_alone(tmp_path: Path) -> None:
    here = world(tmp_path)

    async def act(life: Life) -> None:
        life.broker.drop("one")
        await life.accept("c1")
        (cascade,) = await life.over(["c1"])
        assert cascade.winner == 2

    live(here, act)
    assert not here.carriers["one"].got


def test_provider_that_is_gone_may_have_what_an_earlier_life_handed_over(tmp_path: Path) -> None:
    """Not known is not refused: another provider would send it a second time."""
    here = world(tmp_path)
    events: list[Any] = []

    async def act(life: Life) -> None:
        async def settle(_job: Job, event: Any) -> None:
            events.append(event)

        life.broker._settle = settle  # type: ignore[method-assign]
        for again in (False, True):
            late = SendMessage(1, "one", "sms", "c1:1", until=1.0)
            life.broker._hand_over(Job("c1", "acme", "US", late, again, 0.0, 2.0**40))
        await life.until(lambda: len(events) == 2)
        life.broker.drop("one")
        for again in (False, True):
            command = SendMessage(1, "one", "sms", "c1:1", until=2.0**40)
            life.broker._hand_over(Job("c1", "acme", "US", command, again, 0.0, 2.0**40))
        await life.until(lambda: len(events) == 4)

    live(here, act)
    assert [type(event) for event in events[:2]] == [SendRefused, SendUnclear]
    assert [type(event) for event in events[2:]] == [SendRefused, SendUnclear]


@pytest.mark.parametrize("dedup", list(Dedup))
def test_we_may_die_at_some_steps(tmp_path: Path, dedup: Dedup) -> None:
    """Each third, another third for each way of providers."""
    die_at_steps(tmp_path, dedup, first=1 + list(Dedup).index(dedup), stride=3)


@pytest.mark.long
@pytest.mark.parametrize("dedup", list(Dedup))
def test_we_may_die_at_any_step(tmp_path: Path, dedup: Dedup) -> None:
    """M5, crash points: all of them."""
    die_at_steps(tmp_path, dedup, first=1, stride=1)


def die_at_steps(folder: Path, dedup: Dedup, first: int, stride: int) -> None:
    """For each of these steps of a cascade a world in which we die there, and a second life. Nothing that was
    accepted is lost, no phone gets a message twice, and who cannot tell doubles apart is never asked twice: there a
    message that was perhaps sent counts as sent, and so its step may be all in vain."""
    in_vain = dedup is Dedup.NONE

    def fresh(name: str) -> World:
        here = world(folder / name, dedup)
        here.plan = three_steps(last=1.0 if in_vain else 30.0)
        here.carriers["one"].reports = False
        here.carriers["two"].answer = answer(Refused("undelivered"))
        return here

    async def play(here: World, at: int) -> int:
        fate = Fate(at)
        try:
            async with Life(here, fate) as life:
                await life.accept("c1")
                await life.over(["c1"])
        except Died:
            pass
        if fate.dead.is_set():
            async with Life(here) as life:
                if not here.accepted and await life.store.get("c1") is None:
                    await life.accept("c1")  # whoever asked heard nothing, and asks again
                (cascade,) = await life.over(["c1"])
        else:
            async with Life(here) as life:
                cascade = await life.get("c1")
        late = cascade.reason == LIMITED and not here.carriers["three"].got  # this machine was too slow for the lease
        in_vain_here = in_vain and cascade.reason == "timeout"
        assert cascade.status is COMPLETED or in_vain_here or late, f"died at step {at}: {cascade}"
        for carrier in here.carriers.values():
            assert all(count <= 1 for count in carrier.sent.values()), f"died at step {at}: {carrier.sent}"
            keys = [message.send_key for message in carrier.got]
            if dedup is not Dedup.NATIVE:
                assert len(keys) == len(set(keys)), f"died at step {at}: {keys}"
        return fate.steps

    async def main() -> None:
        steps = await play(fresh("all"), 0)
        assert steps > 20
        await asyncio.gather(*(play(fresh(str(at)), at) for at in range(first, steps + 1, stride)))

    asyncio.run(main())


def test_lease_is_longer_than_what_an_adapter_may_take() -> None:
    assert LEASE * module.SHARE_OF_LEASE < LEASE
