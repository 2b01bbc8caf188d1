"""What counts as a missed call, how many are kept, and for how long."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller import clock
from controller import handover as module
from controller.beside import FILE
from controller.handover import Handover
from controller.missed import AGAIN_AFTER, USEFUL, MissedCalls
from controller.spool import Spool
from controller.supervise import Supervisor
from controller.types import FORBIDDEN, CallRecord, Chain, Dialplan, Offer, Route
from controller.types.messages import Messaging, Missed
from tests.channels.desk import eventually

NOTICE = Missed("notice", ("caller", "+15550188"), "missed")
DIALPLAN = Dialplan(
    version="v1",
    listen=(),
    trunks={},
    chains={"sales": Chain("sales", ())},
    routes={"+15557000": Route("+15557000", "sales", missed=NOTICE), "+15557001": Route("+15557001", "sales")},
    causes={},
    messaging=Messaging({}, {}),
)
RECORD = CallRecord(
    Offer("call-1", "+15557000", "+15550142"), "sales", 480, None, "EXHAUSTED", 20.0, [], (), panic=False, version="v1"
)


class Desk:
    """The queue, and what it complains of. Nobody listens at the other end."""

    def __init__(self, folder: Path) -> None:
        self.complaints: list[tuple[str, int]] = []
        self.handover = Handover(folder, FILE, lambda why, count: self.complaints.append((why, count)))
        self.missed = MissedCalls(self.handover)

    def hear(self, record: CallRecord = RECORD, dialplan: Dialplan = DIALPLAN) -> int:
        self.missed.hear(record, dialplan)
        return len(self.handover)


def by(caller: str) -> CallRecord:
    return replace(RECORD, offer=replace(RECORD.offer, caller=caller))


def test_who_was_not_answered_is_missed_by_all_that_the_route_names(tmp_path: Path) -> None:
    assert Desk(tmp_path).hear() == 2


@pytest.mark.parametrize(
    "record",
    [
        replace(RECORD, winner="anna via one"),
        replace(RECORD, cause=FORBIDDEN),
        replace(RECORD, offer=replace(RECORD.offer, ours=True)),
        replace(RECORD, offer=replace(RECORD.offer, did="+15557001")),
        replace(RECORD, offer=replace(RECORD.offer, did="+15559999")),
    ],
    ids=["answered", "forbidden", "ours", "not asked for", "nobody's"],
)
def test_what_is_no_missed_call(tmp_path: Path, record: CallRecord) -> None:
    assert Desk(tmp_path).hear(record) == 0


def test_without_messages_there_is_nobody_to_tell(tmp_path: Path) -> None:
    assert Desk(tmp_path).hear(dialplan=replace(DIALPLAN, messaging=None)) == 0


@pytest.mark.parametrize("caller", ["", "anonymous", "100", "+1", "15550142"])
def test_a_caller_without_a_number_gets_nothing(tmp_path: Path, caller: str) -> None:
    assert Desk(tmp_path).hear(by(caller)) == 1  # but staff do


def test_who_tries_again_and_again_is_missed_once_in_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    desk = Desk(tmp_path)
    assert desk.hear() == 2
    now += AGAIN_AFTER / 2
    assert desk.hear() == 2
    now += AGAIN_AFTER / 2
    assert desk.hear() == 4
    assert desk.hear(by("+15550143")) == 6


def test_the_queue_is_bounded(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number in range(module.QUEUED):
        desk.hear(by(f"+1555{number:07}"))
    assert len(desk.handover) == module.QUEUED
    assert desk.complaints
    assert set(desk.complaints) == {("too many wait", 1)}


def test_what_nobody_took_in_time_is_dropped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    desk = Desk(tmp_path)

    async def script() -> None:
        nonlocal now
        desk.hear()
        now += USEFUL / 2
        desk.hear(by("+15550143"))
        tasks = Supervisor(lambda _fault: None)
        tasks.spawn(desk.handover.keep(), "missed calls")
        now += USEFUL / 2 + 1
        await eventually(lambda: desk.complaints)
        assert desk.complaints == [("the process for messages does not answer", 2)]
        assert len(desk.handover) == 2
        await tasks.close()

    asyncio.run(script())


def test_the_next_life_tells_what_this_one_could_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    answers = [{"ok": True}, {"ok": False, "again": True}, {"ok": True}]

    async def ask(_folder: Path, command: str, _patience: float, more: Any, _file: str) -> dict[str, Any]:
        assert command == "missed"
        told.append((more["key"], more["to"]))
        return answers.pop(0) if answers else {"ok": True}

    first = Desk(tmp_path)
    first.hear()
    first.handover.close()
    second = Desk(tmp_path)
    second.hear()  # the phone that gave up before the crash repeats its INVITE to the new life: the same key
    second.hear(replace(RECORD, offer=replace(RECORD.offer, id="call-2", caller="+15550143")))
    monkeypatch.setattr(module, "ask_soon", ask)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)

    async def script() -> None:
        tasks = Supervisor(lambda _fault: None)
        tasks.spawn(second.handover.keep(), "missed calls")
        await eventually(lambda: len(told) == 5)
        await eventually(lambda: not len(second.handover))
        await tasks.close()

    asyncio.run(script())
    assert [to for _, to in told] == ["+15550142", "+15550188", "+15550188", "+15550143", "+15550188"]
    assert told[1] == told[2]
    assert len({key for key, _ in told}) == 4
    second.handover.close()
    assert (tmp_path / FILE).read_bytes() == b""
    assert not Spool(tmp_path / FILE, second.complaints.append).read()
    assert not second.complaints


def test_what_an_earlier_life_left_is_dropped_when_it_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Desk(tmp_path)
    first.hear()
    first.handover.close()
    now = clock.epoch() + USEFUL + 1
    monkeypatch.setattr(clock, "epoch", lambda: now)
    second = Desk(tmp_path)

    async def script() -> None:
        tasks = Supervisor(lambda _fault: None)
        tasks.spawn(second.handover.keep(), "missed calls")
        await eventually(lambda: second.complaints)
        await tasks.close()

    asyncio.run(script())
    assert second.complaints == [("the process for messages does not answer", 2)]
    second.handover.close()
    assert (tmp_path / FILE).read_bytes() == b""
