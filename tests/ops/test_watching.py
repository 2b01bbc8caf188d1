"""Following the daemons: what was before we came is told as such, by numbers; nothing ends for good, and nobody is asked too much."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller import feed
from controller.control import MESSAGES as MESSAGES_CONTROL
from controller.control import ControlServer, open_control
from controller.feed import Feed
from controller.ops import watching
from controller.ops.consumer import CALLS, MESSAGES, Event, Picture
from controller.ops.watching import Watching
from controller.supervise import Supervisor
from controller.types.alerts import HOLD

PATIENCE = 30.0


class Scene:
    """A folder, who watches it, and what was heard and seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: list[Event] = []
        self.seen: list[Picture] = []
        self.faults: list[BaseException] = []
        self.on_event: Callable[[Event], None] = self.heard.append
        self.watching = Watching(folder, self._hear, self.seen.append)
        self.supervisor = Supervisor(self.faults.append)

    def _hear(self, event: Event) -> None:
        self.on_event(event)

    def watch(self) -> None:
        for name, job in self.watching.jobs():
            self.supervisor.keep(job, name, 0.01)

    def feed(self, file: str = feed.FILE) -> Feed:
        """A daemon's feed."""
        made = Feed(self.folder, lambda news: ("news", {"what": news}), file)
        made.start(asyncio.get_running_loop())
        return made

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110  # sockets do it
                await asyncio.sleep(0.005)


def play(folder: Path, act: Callable[[Scene], Awaitable[None]]) -> Scene:
    async def main() -> Scene:
        scene = Scene(folder)
        try:
            await act(scene)
        finally:
            await scene.supervisor.close()
        return scene

    return asyncio.run(main())


def test_news_of_a_clock_that_was_set_back_are_new(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        calls = scene.feed()
        calls.tell("before", 1.0)
        scene.watch()
        await scene.until(lambda: scene.heard)
        calls.tell("after", 2.0)  # by a clock that says long ago
        calls.flush()
        await scene.until(lambda: len(scene.heard) > 1)
        calls.close()
        assert [(event.data["what"], event.old) for event in scene.heard] == [("before", True), ("after", False)]

    play(tmp_path, act)


def test_what_was_not_kept_before_we_came_is_not_missed_and_what_goes_lost_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "WAITING", 4)
    monkeypatch.setattr(watching, "LOOK", 0.01)

    async def act(scene: Scene) -> None:
        messages = scene.feed(feed.MESSAGES)
        for number in range(1, 7):
            messages.tell(number, 1.0, keep=number % 3 == 1)  # cascades that ended are not kept
        scene.watch()
        await scene.until(lambda: len(scene.heard) == 2)
        for number in range(7, 13):  # more than waits for one who does not read meanwhile
            messages.tell(number, 1.0)
        messages.flush()
        await scene.until(lambda: scene.heard[-1].number == 12)
        told = [(event.number, event.missed) for event in scene.heard]
        assert told == [(1, 0), (4, 0), (9, 2), (10, 0), (11, 0), (12, 0)]
        messages.close()
        await scene.until(lambda: not scene.watching.picture.answers[MESSAGES])
        another = scene.feed(feed.MESSAGES)  # another life: what it told before we came again was for us
        another.tell("passing", 1.0, keep=False)
        another.tell("kept", 1.0)
        await scene.until(lambda: scene.heard[-1].number == 2)
        assert (scene.heard[-1].missed, scene.heard[-1].old) == (1, False)
        another.close()

    play(tmp_path, act)


def test_a_fault_of_ours_does_not_end_the_following(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        calls = scene.feed()

        def fail(event: Event) -> None:
            scene.on_event = scene.heard.append
            raise ValueError("a bug")

        scene.on_event = fail
        scene.watch()
        await scene.until(lambda: calls.is_followed)
        calls.tell("spoils it", 1.0)
        calls.flush()
        await scene.until(lambda: scene.faults)
        await scene.until(lambda: calls.is_followed)
        calls.tell("goes on", 1.0)
        calls.flush()
        await scene.until(lambda: scene.heard and scene.heard[-1].data["what"] == "goes on")
        calls.close()

    play(tmp_path, act)


def asked_of(sock: socket.socket) -> int:
    """How often somebody has come."""
    count = 0
    while True:
        try:
            sock.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_pictures_are_asked_for_briefly_and_a_process_for_messages_that_hangs_keeps_none_of_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PATIENCE", 0.5)
    monkeypatch.setattr(watching, "AGAIN", 1000.0)
    monkeypatch.setattr(watching, "EVERY", 0.02)
    asked: list[Mapping[str, Any]] = []

    async def act(scene: Scene) -> None:
        async def status(request: Mapping[str, Any]) -> dict[str, Any]:
            asked.append(request)
            return {"ok": True, "status": {"trunks": "x" * (3 << 20)}}  # as many as there may be

        server = ControlServer(open_control(tmp_path), {"status": status}, scene.faults.append)
        await server.start()
        hangs = open_control(tmp_path, MESSAGES_CONTROL)  # it listens, and that is all
        scene.watch()
        await scene.until(lambda: scene.seen)
        await scene.until(lambda: len(scene.seen) > 5)
        server.close()
        assert len(asked) > 4
        assert asked_of(hangs) == 1  # the one that hangs is not waited for each time
        hangs.close()
        assert scene.seen[0].calls is not None
        assert scene.seen[0].messages is None
        assert scene.seen[0].took.keys() == {CALLS}
        assert all(request["brief"] for request in asked)

    assert not play(tmp_path, act).faults


def test_one_slow_answer_is_no_outage() -> None:
    """Between two questions, the second of which is answered, nobody is told that a daemon does not answer."""
    assert watching.AGAIN + watching.EVERY < HOLD
