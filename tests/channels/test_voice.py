"""The adapter of calls against the real daemon, its control socket, and phones on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from controller import clock
from controller.channels.base import Accepted, Liveness, Message, Refused, Report, Unclear
from controller.channels.voice import VoiceAdapter
from controller.demo.boxes import Box
from controller.messages.ids import make_id
from controller.types import Milestone
from controller.types.messages import ByTrunks, Channel, Provider
from sip.agent import Script
from sip.transaction import Hop
from tests.channels.desk import DIALPLAN, Desk, eventually, play
from tests.sipp.daemon import Daemon

NUMBER = "+15550142"
PROVIDER = Provider("voice", Channel.VOICE, "voice", ByTrunks(("one", "two"), "+15557000"))


class Town:
    """Two carriers, the daemon for calls, the adapter."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.one, self.two = (Box(name, Hop("127.0.0.1", 0), lambda: None) for name in ("one", "two"))
        for box in (self.one, self.two):
            stack.callback(box.close)
        self.state = folder / "state"
        dialplan = folder / "dialplan.yaml"
        dialplan.write_text(DIALPLAN.format(one=self.one.hop.port, two=self.two.hop.port))
        self.daemon = Daemon(dialplan, self.state, patience=60.0)
        self.adapter = VoiceAdapter(PROVIDER, self.state)
        self.desk = Desk()
        self.begun = clock.epoch()

    def behave(self, script: Script) -> None:
        for box in (self.one, self.two):
            box.install(NUMBER, script)

    def key(self, step: int) -> str:
        return f"{make_id(clock.epoch(), b'0123456789')}:{step}:1"

    def old_key(self, step: int) -> str:
        return f"{make_id(self.begun, b'0123456789')}:{step}:1"

    def rang(self) -> list[str]:
        return [f"{box.name} {call.user}" for box in (self.one, self.two) for call in box.agent.calls]

    async def until(self, milestone: Milestone | None, key: str) -> Report:
        """The report that a call got so far, or failed."""

        def found() -> list[Report]:
            return [one for one in self.desk.of(Report) if (one.ref, one.milestone) == (key, milestone)]

        await self.desk.until(lambda: bool(found()))
        return found()[0]


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    with ExitStack() as stack:
        made = Town(folder, stack)
        await asyncio.to_thread(made.daemon.__enter__)
        stack.callback(made.daemon.kill)
        await made.adapter.start(made.desk.take)
        try:
            yield made
        finally:
            await made.adapter.close()


def say(key: str) -> Message:
    return Message(key, Channel.VOICE, NUMBER, "Your code is 1 2 3", lifetime=30.0)


def test_a_message_is_said_by_the_next_trunk_if_the_first_is_broken(tmp_path: Path) -> None:
    async def script() -> None:
        async with town(tmp_path) as at:
            at.one.fail(503)
            at.behave(Script(ring_after=0.05, answer_after=0.1, hang_up_after=0.1))
            key = at.key(5)
            assert await at.adapter.submit(say(key)) == Accepted(key)
            assert await at.adapter.submit(say(key)) == Accepted(key)  # the same call
            assert await at.until(Milestone.ANSWERED, key)
            assert at.rang() == [f"one {NUMBER}", f"two {NUMBER}"]
            assert "+15557000@" in at.two.agent.calls[0].remote
            assert await at.adapter.look_up(key) == Accepted(key)
            assert at.desk.of(Liveness)[0].alive
            assert NUMBER not in "".join(at.daemon.lines)

    play(script)


def test_a_busy_person_and_a_wrong_number_are_told_apart(tmp_path: Path) -> None:
    async def script() -> None:
        async with town(tmp_path) as at:
            for step, (status, cause) in enumerate(((486, "absent"), (404, "unknown-subscriber"), (503, "500")), 1):
                at.behave(Script(ring_after=None, reject=status))
                key = at.key(step)
                await at.adapter.submit(say(key))
                report = await at.until(None, key)
                assert (report.cause, report.code) == (cause, f"SIP {'500' if status == 503 else status}")

    play(script)


def test_nobody_rings_on_when_another_way_is_tried(tmp_path: Path) -> None:
    async def script() -> None:
        async with town(tmp_path) as at:
            at.behave(Script(ring_after=0.0))
            key = at.key(1)
            await at.adapter.submit(replace(say(key), wait=1.0))
            report = await at.until(None, key)
            assert (report.cause, report.code) == ("absent", "SIP 480")
            await eventually(lambda: all(call.cancelled for call in at.one.agent.calls))
            assert at.rang() == [f"one {NUMBER}"]

    play(script)


def test_what_may_have_rung_in_another_life_does_not_ring_again(tmp_path: Path) -> None:
    async def script() -> None:
        async with town(tmp_path) as at:
            at.behave(Script(ring_after=0.0))
            key = at.key(1)
            assert await at.adapter.look_up(key) == Refused("404")  # it was never ordered, and could not have been
            await at.adapter.submit(say(key))
            await at.until(Milestone.ALERTING, key)
            await asyncio.to_thread(at.daemon.kill)
            await at.desk.until(lambda: [one.alive for one in at.desk.of(Liveness)] == [True, False])
            assert await at.adapter.submit(say(at.key(2))) == Refused("TRANSPORT_ERROR", "no process for calls")
            await asyncio.to_thread(at.daemon.__enter__)
            await at.desk.until(lambda: [one.alive for one in at.desk.of(Liveness)] == [True, False, True])
            assert await at.adapter.look_up(at.old_key(1)) == Unclear("restarted")
            assert await at.adapter.look_up(at.key(3)) == Refused("404")

    play(script)
