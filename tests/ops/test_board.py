"""What the console shows: rows that change only when something did, the last hour, figures, and one stream for many readers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from controller.api.problems import Problem
from controller.ops.bars import MINUTES, Bars
from controller.ops.board import Board
from controller.ops.consumer import CALLS, MESSAGES, Event, Picture
from controller.ops.figures import Figures
from controller.ops.live import Live
from controller.ops.stream import BYTES, READERS, WAITING, Hub
from tests.playbook import stage
from tests.sim.world import World

T0 = 1_800_000_000.0 - 1_800_000_000.0 % 60  # the beginning of a minute


def picture(at: float, state: str = "up", since: float = T0, **more: Any) -> Picture:
    trunk = {
        "name": "carrier-a",
        **dict.fromkeys(("group", "address", "carrier", "site", "code", "why"), ""),
        "state": state,
        "for": at - since,
        "round_trip": 0.01234,
        "loss": 0.0,
        "paged": False,
        "calls": None,
        **more,
    }
    return Picture(at, {"trunks": [trunk], "limits": []}, None, {"calls": True, "messages": False})


def transition(at: float, old: str, new: str, *, was_before: bool = False) -> Event:
    data = {"trunk": "carrier-a", "old": old, "new": new, "code": "PROBE_TIMEOUT", "why": "silence", "at": 5.0}
    return Event(CALLS, "trunk", at, data, 1, was_before)


def test_a_daemon_that_hangs_is_silent_and_what_moves_is_not_known() -> None:
    board = Board()
    board.expected = (CALLS,)
    board.see(picture(T0 + 1))
    assert (board.rows["head"]["silent"], board.rows["trunk:carrier-a"]["state"]) == ([], "up")
    changed = board.see(Picture(T0 + 4, None, None, {"calls": True}))  # it has its sockets still
    assert changed["head"] is not None
    assert changed["head"]["silent"] == [CALLS]
    assert (changed["head"]["up"], changed["head"]["ringing"]) == (None, None)  # not 0
    assert board.rows["trunk:carrier-a"]["state"] == "up"  # as it was


def test_a_trunk_that_is_kept_from_calls_is_not_up() -> None:
    board = Board()
    for at, gate, state, since in (
        (1, "open", "up", 0),
        (2, "held", "degraded", 2),
        (9, "canary", "degraded", 2),
        (10, "rising", "up", 0),
        (11, "parked", "drained", 11),
        (12, "open", "up", 0),
    ):
        calls = {"gate": gate, "why": "says itself that it cannot (503)"}
        board.see(picture(T0 + at, calls=calls))
        row = board.rows["trunk:carrier-a"]
        assert (row["state"], row["since"], row["gate"]) == (state, T0 + since, gate)
    for at, gate, state in ((20, "held", "down"), (30, "held", "up"), (31, "canary", "up"), (40, "rising", "up")):
        board.see(picture(T0 + at, state, since=T0 + at - at % 10, calls={"gate": gate, "why": "no answer"}))
        assert board.rows["trunk:carrier-a"]["state"] == state  # on its way back by itself


def test_a_picture_like_the_one_before_changes_no_trunk() -> None:
    board = Board()
    assert "trunk:carrier-a" in board.see(picture(T0 + 1))
    assert board.rows["trunk:carrier-a"]["rtt"] == 0.012
    later = picture(T0 + 2, since=T0 + 0.4, round_trip=0.01241)  # clocks drift, figures tremble
    assert "trunk:carrier-a" not in board.see(later)


def test_an_event_shows_at_once_and_an_older_picture_does_not_take_it_back() -> None:
    board = Board()
    board.see(picture(T0 + 10))
    changed = board.hear(transition(T0 + 20, "up", "down"))["trunk:carrier-a"]
    assert changed is not None
    assert (changed["state"], changed["since"], changed["bars"][-1]) == ("down", T0 + 20, "d")
    assert "trunk:carrier-a" not in board.see(picture(T0 + 20.05, "up"))  # asked for before it happened
    assert board.rows["trunk:carrier-a"]["state"] == "down"
    board.see(picture(T0 + 21, "down", since=T0 + 20))
    assert board.rows["trunk:carrier-a"]["state"] == "down"
    board.see(picture(T0 + 30, "up", since=T0 + 1))  # and one that insists is believed
    assert board.rows["trunk:carrier-a"]["state"] == "up"


def test_a_trunk_that_is_gone_goes_and_a_daemon_that_does_not_answer_leaves_what_was_known() -> None:
    board = Board()
    board.see(picture(T0))
    silent = board.see(Picture(T0 + 1, None, None, {"calls": False}))
    assert set(silent) <= {"head", "figures"}
    assert "trunk:carrier-a" in board.rows
    gone = board.see(Picture(T0 + 2, {"trunks": [], "limits": []}, None, {"calls": True}))
    assert gone["trunk:carrier-a"] is None


def test_what_an_operator_drained_is_shown_so() -> None:
    board = Board()
    parked = {"gate": "parked", "why": "drained by an operator"}
    board.see(
        picture(T0, calls={**parked, "estimate": 1, "samples": 3, "answered": None, "rings_after": None, "short": None})
    )
    row = board.rows["trunk:carrier-a"]
    assert (row["state"], row["gate_why"]) == ("drained", "drained by an operator")


def test_since_when_something_is_kept_from_calls_is_known_from_what_is_told_again() -> None:
    parked = {"estimate": 1, "samples": 3, "answered": None, "rings_after": None, "short": None}
    seen = picture(T0, calls={"gate": "parked", "why": "drained by an operator", **parked})
    told = Event(CALLS, "quality", T0 - 300, {"target": "carrier-a", "region": [], "new": "parked"}, 1, old=True)
    elsewhere = Event(CALLS, "quality", T0 - 200, {"target": "carrier-a", "region": ["US"], "new": "held"}, 2, old=True)
    for first in (True, False):  # whichever comes first
        board = Board()
        if first:
            board.see(seen)
        board.hear(told)
        board.hear(elsewhere)
        board.see(seen)
        row = board.rows["trunk:carrier-a"]
        assert (row["state"], row["since"], row["bars"][-7:]) == ("drained", T0 - 300, ".rrrrrr")


def test_each_minute_has_its_worst_state_and_sixty_are_kept() -> None:
    bars = Bars()
    assert bars.show("x") == "." * MINUTES
    bars.hold("x", "up", T0 - 300, T0 + 30)
    bars.hold("x", "down", T0 + 30, T0 + 31)
    bars.hold("x", "up", T0 + 31, T0 + 130)
    assert bars.show("x")[-8:] == "uuuuuduu"
    bars.hold("x", "up", T0 + 130, T0 + 130 + 3600)
    assert bars.show("x") == "u" * MINUTES
    bars.hold("x", "drained", T0 + 7200, T0 + 7200)
    assert bars.show("x").count(".") == 57
    bars.keep_only(set())
    assert bars.show("x") == "." * MINUTES


def test_what_was_before_we_came_is_filled_in_from_what_is_told_again() -> None:
    board = Board()
    board.hear(transition(T0 - 600, "up", "down", was_before=True))
    board.hear(transition(T0 - 300, "down", "up", was_before=True))
    board.see(picture(T0, "up", since=T0 - 300))
    assert board.rows["trunk:carrier-a"]["bars"][-11:] == "ddddddu" + "uuuu"[:4]


def cascade(at: float, took: float, status: str = "completed", sends: tuple[str, ...] = ("a",)) -> Event:
    winner = sends[-1] if status == "completed" else ""
    data = {"status": status, "cost": 0.01, "country": "US", "sends": sends, "winner": winner}
    return Event(MESSAGES, "cascade", at, {**data, "created": at - took, "ended": at})


def test_figures_of_the_last_hour() -> None:
    figures = Figures()
    for number in range(100):
        figures.hear(cascade(T0 + 1, (number + 1) / 10))
    figures.hear(cascade(T0 + 61, 5.0, sends=("a", "b")))
    figures.hear(cascade(T0 + 61, 9.0, "exhausted", ("a",)))
    figures.hear(Event(CALLS, "call", T0 + 61, {"winner": None, "cause": "EXHAUSTED"}))
    shown = figures.show(T0 + 62)
    assert (shown["ended"], shown["completed"], shown["rate"]) == (102, 101, round(101 / 102, 4))
    assert (shown["median"], shown["p95"]) == (5.0, 9.5)
    assert shown["fallback"] == round(1 / 101, 4)
    assert shown["cascades"][-2:] == [[100, 0], [1, 1]]
    assert shown["calls"][-1] == [0, 1, 0]
    assert shown["providers"] == [["a", 102, 100], ["b", 1, 1]]
    assert figures.show(T0 + 7200)["ended"] == 0


# -- the stream


def play(act: Callable[[Hub], Awaitable[None]]) -> None:
    asyncio.run(act(Hub(lambda sees_all: {"all": sees_all})))


def messages(chunk: bytes) -> list[tuple[str, str, Any]]:
    """Id, event and data of each message."""
    found = []
    for text in chunk.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


def test_a_reader_gets_how_everything_is_and_then_what_changes_and_comes_again_where_it_was() -> None:
    async def act(hub: Hub) -> None:
        stream = hub.read("", sees_all=False)
        assert (await anext(stream)).startswith(b"retry: ")
        ((_, kind, data),) = messages(await anext(stream))
        assert (kind, data) == ("all", {"all": False})
        hub.publish("event", lambda sees_all: {"number": "whole" if sees_all else "…"}, same=False)
        hub.publish("rows", lambda _: {"x": 1})
        first, second = messages(await anext(stream))
        assert (first[1:], second[1:]) == (("event", {"number": "…"}), ("rows", {"x": 1}))
        await stream.aclose()
        hub.publish("rows", lambda _: {"x": 2})
        again = hub.read(first[0], sees_all=True)
        await anext(again)
        assert [data for _, _, data in messages(await anext(again))] == [{"x": 1}, {"x": 2}]
        await again.aclose()
        for stale in ("other-3", first[0].split("-")[0] + "-999", "nonsense"):
            anew = hub.read(stale, sees_all=True)
            await anext(anew)
            assert messages(await anext(anew))[0][1] == "all"
            await anew.aclose()

    play(act)


def test_a_reader_that_does_not_read_is_let_go_and_holds_nobody_up() -> None:
    async def act(hub: Hub) -> None:
        slow, quick = hub.read("", sees_all=True), hub.read("", sees_all=True)
        for stream in (slow, quick):
            await anext(stream)
            await anext(stream)
        read = b""
        for number in range(WAITING + 1):
            hub.publish("rows", lambda _, number=number: {"x": number})
            if number % 500 == 0:
                read = await anext(quick)
        assert messages(read)[-1][2] == {"x": WAITING}
        with pytest.raises(StopAsyncIteration):
            await anext(slow)
        hub.close()
        with pytest.raises(StopAsyncIteration):
            await anext(quick)

    play(act)


def test_there_are_so_many_readers_and_no_more() -> None:
    async def act(hub: Hub) -> None:
        streams = [hub.read("", sees_all=True) for _ in range(READERS)]
        for stream in streams:
            await anext(stream)
        with pytest.raises(Problem) as caught:
            hub.read("", sees_all=True)
        assert caught.value.status == 503
        await streams[0].aclose()
        hub.read("", sees_all=True)
        for stream in streams:
            await stream.aclose()

    play(act)


def test_what_is_kept_and_what_waits_is_bounded_in_bytes_too() -> None:
    """A thousand trunks that change every second are half a megabyte each time."""

    async def act(hub: Hub) -> None:
        slow = hub.read("", sees_all=True)
        await anext(slow)
        ((ident, *_),) = messages(await anext(slow))
        for _ in range(40):
            hub.publish("rows", lambda _: {"x": "x" * 500_000})
        assert sum(len(full) for _, full, _ in hub._kept) <= BYTES
        with pytest.raises(StopAsyncIteration):
            await anext(slow)
        again = hub.read(ident, sees_all=True)  # what it missed is no longer known: how everything is, then
        await anext(again)
        ((_, kind, _),) = messages(await anext(again))
        assert kind == "all"
        await again.aclose()

    play(act)


def test_a_stream_ends_with_the_login_that_it_was_for() -> None:
    async def act(hub: Hub) -> None:
        may = True
        stream = hub.read("", sees_all=True, may=lambda: may)
        await anext(stream)
        await anext(stream)
        may = False
        hub.publish("rows", lambda _: {"x": 1})
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    play(act)


def test_a_reload_forgets_nothing_of_what_is_shown() -> None:
    live = Live()
    plan = World(stage("anna/t1,t2")).engine.switchboard.dialplan
    live.begin(plan)
    decision = {"what": "anna", "stage": 1, "how": "best", "why": "cheaper"}
    decisions = [{**decision, "record": {"candidates": ["..."] * 100}}]
    call = {"call": "x", "decisions": decisions, "winner": "anna via t1", "cause": "", "did": "+15557000", "caller": ""}
    live.hear(Event(CALLS, "call", 1_700_000_000.0, call, number=1))
    before = live.hub
    live.begin(plan)
    assert live.hub is not before
    snapshot = live._snapshot(True)
    assert [told["kind"] for told in snapshot["events"]] == ["call"]
    assert snapshot["events"][0]["data"]["decisions"] == [decision]  # figures to replay it are in its record
    live.see(Picture(1_700_000_001.0))
    assert live.board.rows["figures"]["calls"][-1] == [1, 0, 0]
