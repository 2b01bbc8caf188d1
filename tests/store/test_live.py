"""What is held in memory must not be seen: a store that remembers answers as one that reads everything again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.channels.base import Report
from controller.messages.cascade import Cascade
from controller.messages.reducer import reduce
from controller.messages.telling import show
from controller.rules.run import Run
from controller.store import rows
from controller.store.base import Applied, StoreError
from controller.store.batch import _Batch
from controller.store.sqlite import SqliteStore
from controller.types import Milestone
from controller.types.cascades import (
    CascadeCancelled,
    CascadeEvent,
    DueReached,
    FeedbackGiven,
    Outcome,
    SendAccepted,
    SendRefused,
    SendUnclear,
)
from tests.messages.playbook import EPOCH, Case
from tests.store.cases import CALM, make_new

NAMES = ("c1", "c2", "c3")
_WORDS = {one.name for one in Cascade.__dataclass_fields__.values()}

_attempts = st.integers(1, 4)
_refs = st.sampled_from(["r1", "r2", "r3", "r4"])
_events: st.SearchStrategy[CascadeEvent] = st.one_of(
    st.builds(SendAccepted, _attempts, st.sampled_from(["", "r1", "r2", "r3", "r4"])),
    st.builds(SendRefused, _attempts, st.sampled_from(["not-on-channel", "503"])),
    st.builds(SendUnclear, _attempts, st.just("timeout")),
    st.builds(DueReached, st.booleans()),
    st.builds(FeedbackGiven, st.sampled_from(Outcome)),
    st.builds(CascadeCancelled),
)
_reports = st.builds(
    Report,
    st.sampled_from(["wa-1", "sms-1", "sms-2"]),
    _refs,
    st.sampled_from([None, Milestone.ACCEPTED, Milestone.ANSWERED, Milestone.CONFIRMED]),
    st.sampled_from(["", "undelivered", "absent"]),
    operator=st.sampled_from(["", "310260"]),
)
#: What happens, to which cascade, so many seconds after what was before.
_steps = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.one_of(_events, _reports, st.just("again"), st.just("purge")), st.integers(0, 25)
    ),
    min_size=1,
    max_size=14,
)


def give(store: SqliteStore, name: str, what: Any, now: float) -> Awaitable[Any]:
    if what == "accept":
        return store.accept(make_new(name, key=name, at=now, expires=now + 60), now)
    if what == "again":  # an id is good for one request, whatever its key
        return store.accept(make_new(f"{name} {now}", key=name, at=now), now)
    if what == "purge":
        return store.purge(now, 0.0, {"": 10.0})
    if isinstance(what, Report):
        return store.take_report(what, now, CALM)
    return store.apply(name, what, now, CALM)


async def play(file: Path, steps: list[tuple[str, Any, int]], *, forgetful: bool) -> list[Any]:
    """All that the store answers, and all that is in it in the end."""
    store = SqliteStore(file, reduce, show, owner="me")
    await store.open()
    said: list[Any] = []
    now = EPOCH
    for name, what, later in steps:
        now += later
        if forgetful:
            store.books.forget()
        said.append(plain(await give(store, name, what, now)))
    for name in NAMES:
        found = await store.get(name)
        said.append(found and (shown(found[0]), found[1]))
        said.append([(line.audit, line.at) for line in await store.history(name)])
    said.append([row[1:] for row in await store.due_callbacks(now + 1000, 100)])
    said.append(sorted(await store.due(now + 1000, 100)))
    await store.close()
    return said


def plain(answer: Any) -> Any:
    if isinstance(answer, Applied):
        return shown(answer.cascade), answer.facts, answer.commands, answer.changed
    return answer


def shown(cascade: Cascade) -> Any:
    return cascade.dump(), cascade.status, cascade.due, cascade.id, cascade.created


@settings(max_examples=25, deadline=None)
@given(steps=_steps)
def test_a_store_that_remembers_answers_as_one_that_reads(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any, int]]
) -> None:
    folder = tmp_path_factory.mktemp("live")
    steps = [(name, "accept", 0) for name in NAMES] + steps
    remembered = asyncio.run(play(folder / "a.db", steps, forgetful=False))
    assert remembered == asyncio.run(play(folder / "b.db", steps, forgetful=True))


def test_what_was_handed_out_never_changes(tmp_path: Path) -> None:
    """Whoever carries out what an event came to may do so after the next event is committed."""

    async def act() -> None:
        store = SqliteStore(tmp_path / "messages.db", reduce, show)
        await store.open()
        new = make_new(at=EPOCH)
        await store.accept(new, EPOCH)
        seen = [(new.cascade, shown(new.cascade))]
        for event in (SendAccepted(1, "r1"), SendRefused(1, "x"), CascadeCancelled(), FeedbackGiven(Outcome.VERIFIED)):
            applied = await store.apply("c1", event, EPOCH + 1, CALM)
            assert applied is not None
            seen.append((applied.cascade, shown(applied.cascade)))
        assert [shown(cascade) for cascade, _ in seen] == [then for _, then in seen]
        await store.close()

    asyncio.run(act())


def test_what_was_not_committed_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act() -> None:
        store = SqliteStore(tmp_path / "messages.db", reduce, show)
        await store.open()
        await store.accept(make_new(at=EPOCH), EPOCH)
        write = _Batch._write

        def fail(self: _Batch) -> Iterator[Any]:
            yield from write(self)
            raise sqlite3.OperationalError("disk is full")

        monkeypatch.setattr(_Batch, "_write", fail)
        with pytest.raises(StoreError):
            await store.apply("c1", SendAccepted(1, "r1"), EPOCH + 1, CALM)
        monkeypatch.setattr(_Batch, "_write", write)
        assert await store.take_report(Report("wa-1", "r1", Milestone.ANSWERED), EPOCH + 2, CALM) is None
        applied = await store.apply("c1", SendAccepted(1, "r1"), EPOCH + 3, CALM)
        assert applied is not None
        assert applied.cascade.status.value == "completed"  # by the report, which came before the name
        await store.close()

    asyncio.run(act())


def test_memory_is_bounded_and_over_means_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LIVE", 50)

    async def act() -> None:
        store = SqliteStore(tmp_path / "messages.db", reduce, show)
        await store.open()
        await asyncio.gather(*(store.accept(make_new(f"c{n}", at=EPOCH), EPOCH) for n in range(300)))
        assert 50 <= len(store.books.live) <= 100
        for number in (0, 299):  # one that was forgotten, one that is remembered
            applied = await store.apply(f"c{number}", CascadeCancelled(), EPOCH + 1, CALM)
            assert applied is not None
            assert applied.changed
            assert store.books.live.get(f"c{number}") is None
        await store.close()

    asyncio.run(act())


def test_a_copy_is_the_same_and_lives_alone() -> None:
    case = Case("whatsapp/wa-1", "sms/sms-1,sms-2", "email/mail")
    for step in (
        case.begin,
        lambda: case.at(1).refused(1, "not-on-channel"),
        lambda: case.at(2).accepted(2, cost=0.5),
        lambda: case.at(23).due(),
        lambda: case.at(24).unclear(3),
        lambda: case.at(25).cancelled(),
        lambda: case.at(26).delivered(2),
    ):
        step()
        other = case.cascade.copy()
        assert all(getattr(other, name) == getattr(case.cascade, name) for name in _WORDS - {"run"})
        assert all(getattr(other.run, name) == getattr(case.cascade.run, name) for name in Run.__slots__)
        assert_apart(other, case.cascade)


def assert_apart(one: Any, other: Any) -> None:
    """No list, dict, set or machine is in both; plan and terms are, for they never change."""
    pairs = [(getattr(one, n), getattr(other, n)) for n in _WORDS]
    pairs += [(getattr(one.run, n), getattr(other.run, n)) for n in Run.__slots__]
    assert all(left is not right for left, right in pairs if isinstance(left, list | dict | set))
    assert one.run is not other.run
    assert all(left is not right for left, right in zip(one.sends, other.sends, strict=True))
    left, right = one.run, other.run
    assert all(left.attempts[number] is not right.attempts[number] for number in left.attempts)
    assert all(mine is not theirs for mine, theirs in zip(left.cursors, right.cursors, strict=True))
