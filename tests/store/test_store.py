from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.channels.base import Inbound
from controller.store.base import Again, Conflict, Kept, Store
from controller.store.opening import FILE
from controller.types import Milestone
from controller.types.cascades import (
    CascadeCancelled,
    CascadeStatus,
    Circumstances,
    DueReached,
    FeedbackGiven,
    ObserveOutcome,
    Outcome,
    SendAccepted,
    SendMessage,
    SendPhase,
    SendRefused,
    TellClient,
)
from tests.messages.playbook import EPOCH, make_plan
from tests.store.cases import CALM, FACTS, PLAN, begin, delivered, lost, make_new, take_ref
from tests.store.conftest import MakeStore


@asynccontextmanager
async def opened(make_store: MakeStore) -> Any:
    store = make_store()
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def run(make_store: MakeStore, act: Callable[[Store], Coroutine[Any, Any, None]]) -> None:
    """One life of a daemon."""

    async def main() -> None:
        async with opened(make_store) as store:
            await act(store)

    asyncio.run(main())


async def status_of(store: Store, name: str = "c1") -> CascadeStatus:
    found = await store.get(name)
    assert found is not None
    return found[0].status


def test_what_was_accepted_is_there_in_the_next_life(make_store: MakeStore) -> None:
    async def first(store: Store) -> None:
        send = await begin(store, key="k1")
        assert (send.attempt, send.provider, send.send_key) == (1, "wa-1", "c1:1:1")

    async def second(store: Store) -> None:
        found = await store.get("c1")
        assert found is not None
        cascade, facts = found
        assert facts == FACTS
        assert (cascade.tenant, cascade.created, cascade.due) == ("acme", EPOCH, EPOCH + 5.0)
        assert cascade.terms == make_new().cascade.terms
        assert cascade.run.plan == PLAN
        assert [send.phase for send in cascade.sends] == [SendPhase.SENDING]
        assert await store.recipient("c1") == ({"phone": b"sealed number of c1"}, b"sealed text of c1")
        assert [line.audit.event for line in await store.history("c1")] == ["begun", "sending"]
        assert await store.get("c2") is None
        assert await store.recipient("c2") is None
        assert await store.apply("c2", CascadeCancelled(), EPOCH, CALM) is None

    run(make_store, first)
    run(make_store, second)


def test_a_key_is_good_for_one_body(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        assert await store.seen("acme", "k") is None
        assert isinstance(await store.accept(make_new("c1", key="k"), EPOCH), Kept)
        assert await store.seen("acme", "k") == ("hash", '{"id": "c1"}')
        assert await store.accept(make_new("c2", key="k"), EPOCH) == Again('{"id": "c1"}')
        assert await store.accept(make_new("c3", key="k", body="other"), EPOCH) == Conflict()
        assert isinstance(await store.accept(make_new("c4", key="k", tenant="bmce"), EPOCH), Kept)
        assert isinstance(await store.accept(make_new("c5"), EPOCH), Kept)
        assert isinstance(await store.accept(make_new("c6"), EPOCH), Kept)
        assert [await store.get(name) for name in ("c2", "c3")] == [None, None]

    run(make_store, act)


def test_of_many_with_one_key_at_once_one_is_new(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        admissions = await asyncio.gather(*(store.accept(make_new(f"c{n}", key="k"), EPOCH) for n in range(40)))
        (kept,) = [number for number, one in enumerate(admissions) if isinstance(one, Kept)]
        others = [one for one in admissions if not isinstance(one, Kept)]
        assert others == [Again(f'{{"id": "c{kept}"}}')] * 39
        assert len(await store.find("acme")) == 1

    run(make_store, act)


def test_a_cascade_advances_and_ends(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await begin(store)
        applied = await store.apply("c1", SendRefused(1, "not-on-channel", "63003"), EPOCH + 1, CALM)
        assert applied is not None
        assert [command.provider for command in applied.commands if isinstance(command, SendMessage)] == ["sms-1"]
        await take_ref(store, "c1", 2, "m2", EPOCH + 2)
        done = await store.take_report(delivered("m2", "sms-1"), EPOCH + 3, CALM)
        assert done is not None
        assert done.changed
        assert done.cascade.status is CascadeStatus.COMPLETED
        assert done.facts == FACTS
        (last,) = [command for command in done.commands if isinstance(command, TellClient) and command.final]
        assert last.event == "completed"
        history = await store.history("c1")
        assert [line.audit.event for line in history] == [
            "begun", "sending", "refused", "sending", "accepted", "delivered", "completed",
        ]  # fmt: skip
        assert [line.at - EPOCH for line in history] == [0, 0, 1, 1, 2, 3, 3]
        assert await store.history("c1", history[3].seq) == history[4:]
        assert await store.next_due() is None

    run(make_store, act)


def test_a_report_twice_changes_nothing(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await begin(store)
        await take_ref(store, "c1", 1, "m1", EPOCH + 1)
        for report in (delivered("m1"), lost("m1")):
            await store.take_report(report, EPOCH + 2, CALM)
        before, history = await store.get("c1"), await store.history("c1")
        again = await asyncio.gather(*(store.take_report(delivered("m1"), EPOCH + 3, CALM) for _ in range(20)))
        again += await asyncio.gather(*(store.take_report(lost("m1"), EPOCH + 3, CALM) for _ in range(20)))
        assert all(one is not None and not one.changed and not one.commands for one in again)
        assert before is not None
        after = await store.get("c1")
        assert after is not None
        assert after[0].dump() == before[0].dump()
        assert await store.history("c1") == history

    run(make_store, act)


def test_reports_that_come_before_the_name_are_taken_with_it(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await begin(store)
        early = replace(delivered("m1"), cost=0.007)
        for report in (Report_sent("m1"), early, early):
            assert await store.take_report(report, EPOCH + 0.1, CALM) is None
        assert await store.take_report(delivered("m1", "sms-1"), EPOCH + 0.1, CALM) is None  # of another provider
        applied = await take_ref(store, "c1", 1, "m1", EPOCH + 0.2)
        assert applied.changed
        assert applied.cascade.status is CascadeStatus.COMPLETED
        assert [command.code for command in applied.commands if isinstance(command, ObserveOutcome)] == ["delivered"]
        found = await store.get("c1")
        assert found is not None
        assert found[0].cost == 0.007
        events = [line.audit.event for line in await store.history("c1")]
        assert events == ["begun", "sending", "accepted", "sent", "delivered", "completed"]

    run(make_store, act)


def Report_sent(ref: str) -> Any:  # noqa: N802
    return replace(delivered(ref), milestone=Milestone.ALERTING)


def test_report_and_name_in_one_batch(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        names = [f"c{n}" for n in range(60)]
        await asyncio.gather(*(begin(store, name) for name in names))

        async def both(number: int, name: str) -> None:
            acts: list[Awaitable[Any]] = [
                store.apply(name, SendAccepted(1, f"m-{name}"), EPOCH + 1, CALM),
                store.take_report(delivered(f"m-{name}"), EPOCH + 1, CALM),
            ]
            await asyncio.gather(*(reversed(acts) if number % 2 else acts))

        await asyncio.gather(*(both(number, name) for number, name in enumerate(names)))
        assert {await status_of(store, name) for name in names} == {CascadeStatus.COMPLETED}

    run(make_store, act)


def test_a_report_by_our_own_key(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await begin(store)
        assert await store.take_report(delivered(send_key="c9:1:1"), EPOCH, CALM) is None
        assert await store.take_report(delivered(send_key="c1:1:7"), EPOCH, CALM) is None
        assert await store.take_report(delivered(send_key="nonsense"), EPOCH, CALM) is None
        assert await store.take_report(delivered(provider="sms-1", send_key="c1:1:1"), EPOCH, CALM) is None
        assert await status_of(store) is CascadeStatus.ACTIVE
        done = await store.take_report(delivered(send_key="c1:1:1"), EPOCH + 1, CALM)
        assert done is not None
        assert done.cascade.status is CascadeStatus.COMPLETED

    run(make_store, act)


def test_the_operator_that_a_report_names_is_a_fact(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await begin(store)
        await take_ref(store, "c1", 1, "m1", EPOCH)
        done = await store.take_report(delivered("m1", operator="310410"), EPOCH + 1, CALM)
        assert done is not None
        assert (done.facts.operator, done.facts.operator_source) == ("310410", "report")
        found = await store.get("c1")
        assert found is not None
        assert found[1] == done.facts

    run(make_store, act)


def test_words_that_no_database_can_hold(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await begin(store)
        await store.apply("c1", SendRefused(1, "rejected", "a\0b\ud800"), EPOCH, CALM)
        assert await store.take_report(lost("m\0\udfff", cause="x\0"), EPOCH, CALM) is None
        assert [line.audit.event for line in await store.history("c1")][2] == "refused"

    run(make_store, act)


def test_due_is_given_once_and_again_if_nobody_does_it(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        for number, name in enumerate(("c1", "c2", "c3")):
            await begin(store, name, at=EPOCH + number)
        assert await store.next_due() == EPOCH + 5
        assert await store.due(EPOCH + 4.9, 10) == []
        assert await store.due(EPOCH + 6, 10) == [("c1", False), ("c2", False)]  # ours: still under way
        assert await store.due(EPOCH + 6, 10) == []
        assert await store.next_due() == EPOCH + 7
        assert await store.due(EPOCH + 12, 2) == [("c1", False), ("c2", False)]
        applied = await store.apply("c3", DueReached(), EPOCH + 12, CALM)
        assert applied is not None
        assert applied.cascade.due == EPOCH + 17  # the lease of a send that is under way is renewed
        assert await store.due(EPOCH + 16.9, 10) == []
        assert await store.next_due() == EPOCH + 17

    run(make_store, act)


def test_sends_of_a_life_that_is_gone_are_told_apart(make_store: MakeStore) -> None:
    async def first(store: Store) -> None:
        await begin(store, "c1")
        await begin(store, "c2")
        await take_ref(store, "c2", 1, "m2", EPOCH)

    async def second(store: Store) -> None:
        assert sorted(await store.due(EPOCH + 30, 10)) == [("c1", True), ("c2", False)]
        applied = await store.apply("c1", DueReached(recovered=True), EPOCH + 6, CALM)
        assert applied is not None
        assert [send.phase for send in applied.cascade.sends] == [SendPhase.WAITING]  # never sent twice

    run(make_store, first)
    run(make_store, second)


def test_whoever_hears_of_an_older_send_does_not_take_the_younger_one_over(make_store: MakeStore) -> None:
    """Else a daemon that took a report would renew, for ever, the lease of a send whose daemon is gone."""

    async def first(store: Store) -> None:
        await begin(store, "c1")
        await take_ref(store, "c1", 1, "m1", EPOCH)
        applied = await store.apply("c1", DueReached(), EPOCH + 20, CALM)
        assert applied is not None
        assert [send.phase for send in applied.cascade.sends] == [SendPhase.ENDED, SendPhase.SENDING]

    async def second(store: Store) -> None:
        applied = await store.take_report(Report_sent("m1"), EPOCH + 21, CALM)
        assert applied is not None
        assert applied.changed
        assert await store.due(EPOCH + 27, 10) == [("c1", True)]
        applied = await store.apply("c1", DueReached(recovered=True), EPOCH + 27, CALM)
        assert applied is not None
        assert [send.phase for send in applied.cascade.sends] == [SendPhase.ENDED, SendPhase.WAITING]

    run(make_store, first)
    run(make_store, second)


def test_what_tenants_hear_is_queued_with_its_event(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await begin(store)
        await take_ref(store, "c1", 1, "m1", EPOCH + 1)
        await store.take_report(delivered("m1"), EPOCH + 2, CALM)
        await store.put_callback("acme", "c1", "{}", EPOCH + 3)
        rows = await store.due_callbacks(EPOCH + 3, 10)
        assert [row[1:3] for row in rows] == [("acme", "c1")] * 3
        assert ['"cascade.sent"' in row[3] or '"cascade.completed"' in row[3] for row in rows] == [True, True, False]
        assert await store.due_callbacks(EPOCH + 3, 10) == []  # taken
        await store.done_callback(rows[0][0], again_at=None)
        await store.done_callback(rows[1][0], again_at=EPOCH + 60)
        await store.done_callback(rows[2][0], again_at=EPOCH + 50)
        assert await store.due_callbacks(EPOCH + 49, 10) == []
        assert [(row[0], row[4]) for row in await store.due_callbacks(EPOCH + 60, 10)] == [
            (rows[2][0], 1),
            (rows[1][0], 1),
        ]

    run(make_store, act)


def test_callbacks_of_tenants_that_are_left_out_wait(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        for number in range(5):
            for tenant in ("acme", "bmce", "zorg"):
                await store.put_callback(tenant, f"c{number}", "{}", EPOCH + number)
        rows = await store.due_callbacks(EPOCH + 9, 4, {"acme"})
        assert [row[1:3] for row in rows] == [("bmce", f"c{number}") for number in range(4)]
        assert [row[1] for row in await store.due_callbacks(EPOCH + 9, 9, {"acme", "bmce"})] == ["zorg"] * 5
        assert [row[1] for row in await store.due_callbacks(EPOCH + 9, 9, {"acme"})] == ["bmce"]
        assert await store.due_callbacks(EPOCH + 9, 9, {"acme"}) == []
        assert [row[1] for row in await store.due_callbacks(EPOCH + 9, 9)] == ["acme"] * 5

    run(make_store, act)


def test_find_newest_first(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        for number in range(5):
            await begin(store, f"c{number}", at=EPOCH + number // 2)  # two at a time
        await begin(store, "other", tenant="bmce")
        await store.apply("c1", CascadeCancelled(), EPOCH, CALM)

        async def names(**given: Any) -> list[str]:
            return [cascade.id for cascade, _ in await store.find("acme", **given)]

        assert await names() == ["c4", "c3", "c2", "c1", "c0"]
        assert await names(limit=2) == ["c4", "c3"]
        assert await names(before="c3", limit=2) == ["c2", "c1"]
        assert await names(status="active", before="c2") == ["c0"]
        assert await names(status="cancelled") == ["c1"]

    run(make_store, act)


def test_messages_from_persons(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        message = Inbound("sms-1", "in-1", "+1", "+15550100", "STOP", at=EPOCH)
        sealed = {"sender": b"s", "text": b"t"}
        assert await store.keep_inbound(message, sealed, b"ann", EPOCH, "acme")
        assert not await store.keep_inbound(message, sealed, b"ann", EPOCH + 1, "acme")
        assert await store.keep_inbound(replace(message, ref="in-2"), sealed, b"bob", EPOCH + 2, "acme")
        assert await store.keep_inbound(replace(message, ref="in-1", provider="sms-2"), sealed, b"bob", EPOCH, "bmce")
        both = await store.inbound("acme")
        assert [(one.ref, one.to, one.sealed) for one in both] == [
            ("in-2", "+15550100", sealed),
            ("in-1", "+15550100", sealed),
        ]
        assert await store.inbound("acme", before=both[0].number) == both[1:]
        assert await store.inbound("acme", limit=1) == both[:1]
        await store.erase(b"ann", EPOCH + 3)
        assert [one.sealed for one in await store.inbound("acme")] == [sealed, {}]

    run(make_store, act)


def test_who_is_out_is_known_in_the_next_life(make_store: MakeStore) -> None:
    people = [bytes([number]) * 16 for number in range(50)]

    async def first(store: Store) -> None:
        for index in people[:25]:
            await store.set_opt_out("acme", index, "sms", EPOCH, out=True)

    async def then(store: Store) -> None:
        out = await asyncio.gather(*(store.is_opted_out("acme", index, "sms") for index in people))
        assert out == [True] * 25 + [False] * 25
        assert not any(await asyncio.gather(*(store.is_opted_out("acme", index) for index in people)))

    run(make_store, first)
    run(make_store, then)


@contextmanager
def held_back(file: Path) -> Iterator[None]:
    """Nobody commits to this file meanwhile, if there is one."""
    if not file.exists():
        yield
        return
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_a_request_goes_before_all_that_waits(make_store: MakeStore, tmp_path: Path) -> None:
    async def act(store: Store) -> None:
        await begin(store)
        done: list[str] = []

        async def tell() -> None:
            await store.apply("c1", FeedbackGiven(Outcome.FAILED), EPOCH + 1, CALM)
            done.append("told")

        async def ask() -> None:
            assert isinstance(await store.accept(make_new("c2"), EPOCH + 2, CALM), Kept)
            done.append("asked")

        with held_back(tmp_path / FILE):
            telling = asyncio.gather(*(tell() for _ in range(3000)))
            await asyncio.sleep(0)
            asking = asyncio.gather(ask())
            await asyncio.sleep(0)
        await asyncio.gather(telling, asking)
        assert done.index("asked") <= 2 * 250  # the transaction that was under way, and its own

    run(make_store, act)


def test_opt_out(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await store.set_opt_out("acme", b"ann", "", EPOCH, out=True)
        await store.set_opt_out("acme", b"ann", "", EPOCH + 1, out=True)
        await store.set_opt_out("acme", b"bob", "sms", EPOCH, out=True)
        assert await store.is_opted_out("acme", b"ann", "sms")
        assert not await store.is_opted_out("bmce", b"ann", "sms")
        assert [await store.is_opted_out("acme", b"bob", one) for one in ("sms", "email", "")] == [True, False, False]
        await store.erase(b"ann", EPOCH + 2)
        assert await store.is_opted_out("acme", b"ann")  # what the person asked for stays
        await store.set_opt_out("acme", b"ann", "", EPOCH + 3, out=False)
        assert not await store.is_opted_out("acme", b"ann")

    run(make_store, act)


def test_a_person_is_taken_out(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await begin(store, "c1")
        await begin(store, "c2")
        await begin(store, "c3", person=b"bob")
        assert await store.erase(b"index of ann", EPOCH) == 2
        assert [await store.recipient(name) is None for name in ("c1", "c2", "c3")] == [True, True, False]
        assert await store.erase(b"index of ann", EPOCH) == 0
        assert await status_of(store, "c1") is CascadeStatus.ACTIVE  # its row has nobody in it

    run(make_store, act)


def test_a_refused_request_has_an_index_and_no_address(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await store.accept(replace(make_new(), recipient={}, payload=b""), EPOCH)
        assert await store.recipient("c1") == ({}, b"")
        assert await store.erase(b"index of ann", EPOCH) == 1

    run(make_store, act)


def test_retention(make_store: MakeStore) -> None:
    day = 86_400.0

    async def act(store: Store) -> None:
        for name, tenant in (("c1", "acme"), ("c2", "acme"), ("c3", "bmce")):
            await begin(store, name, tenant=tenant, key=name)
        for name in ("c1", "c3"):
            await take_ref(store, name, 1, f"m-{name}", EPOCH + 1)
            await store.take_report(delivered(f"m-{name}"), EPOCH + 2, CALM)
        await store.take_report(delivered("nobody's"), EPOCH + 3, CALM)
        assert await store.purge(EPOCH + 180, 3600, {"": day}) == {}
        assert await store.purge(EPOCH + 180 + 3600, 3600, {"": day}) == {"identities": 3}
        assert [await store.recipient(name) for name in ("c1", "c2", "c3")] == [None] * 3
        assert await status_of(store, "c1") is CascadeStatus.COMPLETED
        counts = await store.purge(EPOCH + 2 * day, 3600, {"": day, "bmce": 3 * day})
        assert counts == {"cascades": 1, "reports": 1}
        assert await store.get("c1") is None
        assert await store.history("c1") == []
        assert await store.seen("acme", "c1") is None
        assert await store.take_report(delivered("m-c1"), EPOCH + 2 * day, CALM) is None
        assert await status_of(store, "c2") is CascadeStatus.ACTIVE  # never while something may still come of it
        assert await store.purge(EPOCH + 4 * day, 3600, {"": day, "bmce": 3 * day}) == {"cascades": 1, "reports": 1}
        assert await store.get("c3") is None

    run(make_store, act)


def test_messages_from_persons_are_kept_as_long_as_their_tenant_says(make_store: MakeStore) -> None:
    day = 86_400.0

    async def act(store: Store) -> None:
        for tenant in ("acme", "bmce", ""):
            message = Inbound("sms-1", f"in-{tenant}", "+4915112345678", "+15550100", "hello", EPOCH)
            assert await store.keep_inbound(message, {"sender": b"s", "text": b"t"}, b"ann", EPOCH, tenant)
        keep = {"": 2 * day, "acme": day, "bmce": 4 * day}
        left = []
        for days in (1, 2, 4):
            assert await store.purge(EPOCH + days * day, 3600, keep) == {"messages": 1}
            left.append([tenant for tenant in ("acme", "bmce", "") if await store.inbound(tenant)])
        assert left == [["bmce", ""], ["bmce"], []]

    run(make_store, act)


def test_plans_are_kept_once_and_as_long_as_they_are_needed(make_store: MakeStore) -> None:
    day = 86_400.0

    async def act(store: Store) -> None:
        await begin(store, "c1")
        await begin(store, "c2", plan=make_plan("whatsapp/wa-1", "sms/sms-1,sms-2"))
        await begin(store, "c3", plan=make_plan("email/mail"))
        plans = [(await store.get(name))[0].plan_id for name in ("c1", "c2", "c3")]  # type: ignore[index]
        assert plans[0] == plans[1] != plans[2]
        for name in ("c1", "c2", "c3"):
            await store.apply(name, CascadeCancelled(), EPOCH, CALM)
        assert await store.purge(EPOCH + 1.5 * day, 0, {"": day}) == {
            "identities": 3,
            "cascades": 3,
            "plans": 2,
        }
        await begin(store, "c4", at=EPOCH + 2 * day, expires=EPOCH + 3 * day)  # the same plan anew

    async def second(store: Store) -> None:
        assert await status_of(store, "c4") is CascadeStatus.ACTIVE

    run(make_store, act)
    run(make_store, second)


def test_rows_for_figures_hold_nobody(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await begin(store)
        await store.apply("c1", SendRefused(1, "not-on-channel"), EPOCH + 1, CALM)
        await take_ref(store, "c1", 2, "m2", EPOCH + 2)
        await store.take_report(delivered("m2", "sms-1"), EPOCH + 4, CALM)
        await begin(store, "c2", at=EPOCH + 100)
        cascade, first, second = await store.outcomes(EPOCH, EPOCH + 100)
        assert (cascade["row"], cascade["status"], cascade["country"], cascade["cost"]) == (
            "cascade",
            "completed",
            "US",
            0.01,
        )
        assert (first["provider"], first["outcome"], first["won"]) == ("wa-1", "not-on-channel", False)
        assert (second["provider"], second["took"], second["won"]) == ("sms-1", 3.0, True)
        assert len(await store.outcomes(EPOCH, EPOCH + 101)) == 5
        assert "sealed" not in repr(await store.outcomes(0, EPOCH + 101))

    run(make_store, act)


def test_the_history_of_all_in_order(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        names = [f"c{n}" for n in range(30)]
        seen: list[tuple[str, str]] = []
        seq = await store.last_seq()
        assert seq == 0
        await asyncio.gather(*(begin(store, name) for name in names))
        while rows := await store.outcomes_after(seq, 7):
            assert [row[0] for row in rows] == sorted(row[0] for row in rows)
            seq = rows[-1][0]
            seen += [(row[1], row[2].event) for row in rows]
        assert seq == await store.last_seq()
        assert sorted(seen) == sorted((name, event) for name in names for event in ("begun", "sending"))

    run(make_store, act)


def test_circumstances_count_at_acceptance(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        admission = await store.accept(make_new(), EPOCH, Circumstances(barred={"wa-1": "account is full"}))
        assert isinstance(admission, Kept)
        assert [one.provider for one in admission.commands if isinstance(one, SendMessage)] == ["sms-1"]
        assert "withheld" in [line.audit.event for line in await store.history("c1")]

    run(make_store, act)


def test_feedback_for_one_that_is_over_counts_late(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await begin(store)
        await store.apply("c1", CascadeCancelled(), EPOCH + 1, CALM)
        applied = await store.apply("c1", FeedbackGiven(Outcome.VERIFIED), EPOCH + 2, CALM)
        assert applied is not None
        assert (applied.cascade.verified, applied.cascade.late) == (True, True)
        again = await store.apply("c1", FeedbackGiven(Outcome.VERIFIED), EPOCH + 3, CALM)
        assert again is not None
        assert not again.changed

    run(make_store, act)


@pytest.mark.parametrize("count", [300])
def test_many_at_once_each_in_its_own_order(make_store: MakeStore, count: int) -> None:
    async def one(store: Store, name: str) -> None:
        await begin(store, name)
        await store.apply(name, SendRefused(1, "rejected"), EPOCH + 1, CALM)
        await take_ref(store, name, 2, f"m-{name}", EPOCH + 2)
        await store.take_report(delivered(f"m-{name}", "sms-1"), EPOCH + 3, CALM)

    async def act(store: Store) -> None:
        await asyncio.gather(*(one(store, f"c{number}") for number in range(count)))
        found = await store.find("acme", status="completed", limit=2 * count)
        assert len(found) == count
        assert {len(cascade.sends) for cascade, _ in found} == {2}

    run(make_store, act)
