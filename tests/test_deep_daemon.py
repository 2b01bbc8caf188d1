"""The real daemon finds a trunk that answers OPTIONS and refuses calls by its test calls, over real sockets.

Nothing waits for time to pass: the daemon's own lines say when the trunk is degraded and when it is well again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from controller import clock
from controller.demo.boxes import Box
from sip.agent import CallState, Script
from sip.transaction import Hop
from tests.sipp.daemon import Daemon, Event

#: The trunk in question is called echo because the hash of that name has it called within a second.
DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:0"}}]
trunks:
  echo: {{uri: "sip:127.0.0.1:{sick}", probe: gentle, deep: {{number: "+15550123", every: 10s, within: 5s}}}}
  well: {{uri: "sip:127.0.0.1:{well}", probe: gentle}}
probes:
  gentle: {{every: 1s, burst: 200ms, timeout: 2s}}    # a busy machine is not dead
endpoints:
  anna: {{number: "+15550100", via: [echo, well], live: true}}
chains:
  main: [{{ring: [anna], hedge: off, no_reply: 10s, no_progress: 15s}}]
routes:
  - {{did: "+15557000", chain: main}}
"""
ANSWERS = Script(ring_after=None, answer_after=0.0)


class Town:
    """Two trunks, a caller, the daemon."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        boxes = [Box(name, Hop("127.0.0.1", 0), lambda: None) for name in ("sick", "well", "caller")]
        for box in boxes:
            stack.callback(box.close)
        self.sick, self.well, self.caller = boxes
        for box in (self.sick, self.well):
            for user in ("+15550100", "+15550123"):
                box.install(user, ANSWERS)
        dialplan = folder / "dialplan.yaml"
        dialplan.write_text(DIALPLAN.format(sick=self.sick.hop.port, well=self.well.hop.port))
        self.daemon = Daemon(dialplan, folder / "state", patience=60.0)

    async def wait_for(self, wanted: Callable[[Event], bool], what: str) -> Event:
        """The first line of the daemon that is wanted."""
        await asyncio.to_thread(self.daemon.wait_for, wanted, what)
        return next(event for event in self.daemon.events if wanted(event))

    async def call(self) -> Event:
        """Somebody calls; returns the record."""
        (ready,) = (event for event in self.daemon.events if event["event"] == "ready")
        hop = Hop("127.0.0.1", int(ready["listen"][0].rpartition(":")[2]))
        agent = self.caller.agent
        call_id = agent.place_call(f"sip:+15557000@127.0.0.1:{hop.port}", hop, clock.monotonic())
        self.caller.pump()
        record = await self.wait_for(
            lambda event: str(event.get("call", "")).startswith(call_id), "the call to be over"
        )
        agent.hang_up(call_id, clock.monotonic())
        self.caller.pump()
        return record


def becomes(state: str, after: str = "") -> Callable[[Event], bool]:
    """The trunk enters this state later than at that time."""
    return lambda event: (event.get("trunk"), event.get("new")) == ("echo", state) and event["timestamp"] > after


async def play(folder: Path) -> None:
    with ExitStack() as stack:
        town = Town(folder, stack)
        town.sick.fail(500)
        await asyncio.to_thread(town.daemon.__enter__)
        stack.callback(town.daemon.kill)
        degraded = await town.wait_for(becomes("degraded"), "the trunk to be degraded")
        assert degraded["code"] == "DEEP_FAILED"
        assert degraded["why"].startswith("2 test calls to …23 in a row failed: 500 after ")

        record = await town.call()
        assert (record["winner"], [attempt["path"] for attempt in record["attempts"]]) == (
            "anna via well",
            ["anna via well"],
        )
        assert record["demoted"] == ["anna via echo: echo is degraded (DEEP_FAILED)"]

        town.sick.revive()
        await town.wait_for(becomes("up", degraded["timestamp"]), "the trunk to be well again")
        record = await town.call()
        assert (record["winner"], record["demoted"]) == ("anna via echo", [])
        assert await asyncio.to_thread(town.daemon.stop) == 0

        tests = [call for call in town.sick.agent.calls if call.user == "+15550123"]
        assert [call.status for call in tests[:2]] == [500, 500]
        assert tests[-1].status == 200
        assert {call.state for call in tests} == {CallState.ENDED}, "no test call is left up"


def test_a_trunk_that_answers_options_and_refuses_calls_is_found_by_its_test_calls(tmp_path: Path) -> None:
    asyncio.run(play(tmp_path))
