"""The real daemon and a real DNS server that dies, lies and changes its mind; calls over real sockets notice nothing.

Nothing waits for time to pass: the daemon's own lines say what it has understood.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from controller import clock
from controller.demo.boxes import Box
from controller.exits import FINDINGS, OK, UNREACHABLE
from controller.resolver.store import FILE
from sip.agent import CallState, Script
from sip.transaction import Hop
from tests.resolver.server import Server, empty, garbage, lies, serving, silent, slow
from tests.sipp.daemon import ROOT, Daemon, Event

#: A dead address is found by its call first: no probe is that fast.
DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{ours}"}}]
dns: {{servers: ["127.0.0.1:{dns}"], timeout: 300ms, ttl: {{least: 1s, most: 1s}}}}
trunks:
  carrier: {{uri: "sip:carrier.example", probe: gentle}}
  hq-pbx:  {{uri: "sip:127.0.0.1:{pbx}", probe: gentle}}
probes:
  gentle: {{every: 1s, burst: 100ms, timeout: 1s, misses: 8}}    # a busy machine is not dead
endpoints:
  anna: {{number: "+15550100", via: [carrier], live: true}}
  desk: {{user: "100", via: [hq-pbx], live: true}}
chains:
  main:
    - ring: [anna]
      no_reply: 10s
      no_progress: 15s
    - ring: [desk]
      when: {{trunk: {{carrier: down}}}}
routes:
  - {{did: "+15557000", chain: main}}
"""
ANSWERS = Script(ring_after=None, answer_after=0.0)


class Town:
    """A carrier with two addresses, the PBX that calls, a DNS server, the daemon."""

    def __init__(self, folder: Path, stack: ExitStack, port: int) -> None:
        self.turned = asyncio.Event()
        boxes = [Box(name, Hop("127.0.0.1", 0), self.turned.set) for name in ("one", "two", "pbx")]
        for box in boxes:
            stack.callback(box.close)
        self.one, self.two, self.pbx = boxes
        for box in (self.one, self.two):
            box.install("+15550100", ANSWERS)
        self.dns: Server = stack.enter_context(serving({("one.example", "A"): ["127.0.0.1"]}))
        self.lead_to(self.one, self.two)
        self.file, self.state = folder / "dialplan.yaml", folder / "state"
        self.file.write_text(DIALPLAN.format(ours=port, dns=self.dns.address[1], pbx=self.pbx.hop.port))
        self._stack = stack

    def name(self, box: Box) -> str:
        return f"carrier/127.0.0.1:{box.hop.port}"

    def lead_to(self, *boxes: Box) -> None:
        """The carrier's SRV records from now on, the first first."""
        records = [f"{10 * place} 1 {box.hop.port} one.example." for place, box in enumerate(boxes, 1)]
        self.dns.zone["_sip._udp.carrier.example", "SRV"] = records

    async def start(self) -> None:
        self.daemon = Daemon(self.file, self.state, patience=60.0)
        await asyncio.to_thread(self.daemon.__enter__)
        self._stack.callback(self.daemon.kill)

    async def wait_for(self, wanted: Callable[[Event], bool], what: str) -> Event:
        """The first line of the daemon that is wanted."""
        await asyncio.to_thread(self.daemon.wait_for, wanted, what)
        return next(event for event in self.daemon.events if wanted(event))

    async def heard(self, what: str, times: int) -> None:
        """The daemon has written such a line so often."""

        def wanted(_: Event) -> bool:
            return sum(event["event"] == what for event in self.daemon.events) >= times

        await asyncio.to_thread(self.daemon.wait_for, wanted, f"{what}, {times} times")

    async def up(self, *trunks: str) -> None:
        for trunk in trunks:
            await self.wait_for(
                lambda event, t=trunk: (event.get("trunk"), event.get("new")) == (t, "up"), f"{trunk} up"
            )

    async def until(self, holds: Callable[[], bool]) -> None:
        """Boxes have done something by which this holds."""
        async with asyncio.timeout(60.0):
            while not holds():
                self.turned.clear()
                await self.turned.wait()

    async def call(self, *, hang_up: bool = True) -> list[str]:
        """Somebody calls; returns the trunks that were tried, once it is answered, by the last one."""
        (ready,) = (event for event in self.daemon.events if event["event"] == "ready")
        hop = Hop("127.0.0.1", int(ready["listen"][0].rpartition(":")[2]))
        agent = self.pbx.agent
        call_id = agent.place_call(f"sip:+15557000@127.0.0.1:{hop.port}", hop, clock.monotonic())
        self.pbx.pump()
        record = await self.wait_for(
            lambda event: str(event.get("call", "")).startswith(call_id), "the call to be over"
        )
        if hang_up:
            self.hang_up(call_id)
        tried = [attempt["path"].partition(" via ")[2] for attempt in record["attempts"]]
        assert record["winner"] == record["attempts"][-1]["path"]
        return tried

    def hang_up(self, call_id: str) -> None:
        self.pbx.agent.hang_up(call_id, clock.monotonic())
        self.pbx.pump()

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of callward."""
        command = [sys.executable, "-m", "controller.cli", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def play(folder: Path, story: Callable[[Town], Awaitable[None]], port: int = 0) -> None:
    async def tell() -> None:
        with ExitStack() as stack:
            await story(Town(folder, stack, port))

    asyncio.run(tell())


def test_a_call_moves_to_the_next_address_of_a_name(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.start()
        one, two = town.name(town.one), town.name(town.two)
        await town.up(one, two)
        assert await town.call() == [one]
        town.one.silence()
        assert await town.call() == [one, two]  # hedged: nobody has found it dead by then
        await town.wait_for(
            lambda event: (event.get("trunk"), event.get("new")) == (one, "down"), "the first to be down"
        )
        assert await town.call() == [two]  # and the condition `carrier: down` does not hold
        status = json.loads(
            (await asyncio.to_thread(town.ask, "status", "--state-dir", str(town.state), "--json")).stdout
        )
        assert status["down"] == []
        assert {each["name"]: each["state"] for each in status["trunks"]} == {one: "down", two: "up", "hq-pbx": "up"}
        (name,) = status["names"]
        assert (name["name"], name["trunks"], name["stale"]) == ("carrier.example", ["carrier"], False)
        assert name["addresses"] == [f"udp:127.0.0.1:{box.hop.port}" for box in (town.one, town.two)]
        shown = await asyncio.to_thread(town.ask, "status", "--state-dir", str(town.state))
        assert (shown.returncode, "2 of 2 trunks usable" in shown.stdout) == (OK, True)

    play(tmp_path, story)


@pytest.mark.parametrize(
    "ills",
    [
        ("silent", "lies", "closed"),
        pytest.param(("silent", "slow", "empty", "garbage", "lies", "closed"), marks=pytest.mark.long),
    ],
    ids=["some", "all"],
)
def test_no_call_changes_while_the_resolver_is_ill(tmp_path: Path, ills: tuple[str, ...]) -> None:
    async def story(town: Town) -> None:
        town.lead_to(town.one)
        await town.start()
        await town.up("carrier")
        assert await town.call() == ["carrier"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wrong:
            wrong.bind(("127.0.0.1", 0))
            wrong.setblocking(False)
            srv = {
                ("_sip._udp.carrier.example", "SRV"): [f"1 1 {wrong.getsockname()[1]} one.example."],
                ("one.example", "A"): ["127.0.0.1"],
            }
            illnesses = {
                "silent": silent,
                "slow": slow(town.dns, 0.4),
                "empty": empty,
                "garbage": garbage,
                "lies": lies(town.dns, srv),
            }
            for number, illness in enumerate(ills, 1):
                if illness == "closed":
                    town.dns.close()
                else:
                    town.dns.ill = illnesses[illness]
                await town.heard("addresses are stale", number)
                for _ in range(3):
                    assert await town.call() == ["carrier"]
                if illness != "closed":
                    town.dns.ill = None
                    await town.heard("addresses are good again", number)
            with pytest.raises(BlockingIOError):
                wrong.recv(65536)  # nothing was ever sent to where the lie points
        stale = next(event for event in town.daemon.events if event["event"] == "addresses are stale")
        assert (stale["name"], stale["trunks"]) == ("carrier.example", ["carrier"])

    play(tmp_path, story)


def test_a_start_without_any_resolver_uses_what_was_known_and_refuses_what_never_was(
    tmp_path: Path, free_port: int
) -> None:
    async def story(town: Town) -> None:
        await town.start()
        assert await town.call(hang_up=False) == [town.name(town.one)]
        await town.until((town.state / FILE).exists)
        await asyncio.to_thread(town.daemon.kill)
        town.dns.close()
        explained = await asyncio.to_thread(
            town.ask,
            "explain",
            str(town.file),
            "+15557000",
            "--state-dir",
            str(town.state),
            "--down",
            town.name(town.one),
        )
        assert f"anna via {town.name(town.two)}  sip:+15550100@carrier.example at udp:127.0.0.1:" in explained.stdout

        await town.start()
        (up,) = town.one.agent.calls
        town.hang_up(up.id)  # by a passport that names the address: the daemon never saw this call
        await town.until(lambda: up.state is CallState.ENDED)
        await town.up(town.name(town.one))
        assert await town.call() == [town.name(town.one)]
        assert await asyncio.to_thread(town.daemon.stop) == OK

        (town.state / FILE).unlink()
        refused = await asyncio.to_thread(town.ask, "run", str(town.file), "--state-dir", str(town.state))
        assert refused.returncode == UNREACHABLE
        assert f"{town.file}:5: cannot resolve 'carrier.example' of trunk 'carrier': no DNS server" in refused.stderr

    play(tmp_path, story, free_port)


def test_an_address_that_comes_to_a_name_is_used_drained_and_drilled_with_it(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        town.lead_to(town.one)
        deep = 'deep: {number: "+15550100", every: 1h, within: 5s}'
        town.file.write_text(town.file.read_text().replace('carrier.example", ', f'carrier.example", {deep}, '))
        await town.start()
        await town.up("carrier")
        drained = await asyncio.to_thread(town.ask, "drain", "carrier", "--state-dir", str(town.state))
        assert drained.returncode == OK
        town.lead_to(town.two, town.one)
        await town.up(town.name(town.two))
        ranked = [f"udp:127.0.0.1:{box.hop.port}" for box in (town.two, town.one)]
        await town.wait_for(
            lambda event: event["event"] == "addresses" and event["new"] == ranked, "the new address to take its place"
        )
        changed = next(event for event in town.daemon.events if event["event"] == "addresses")
        assert changed["new"] == ranked[::-1]  # it had to prove that it lives
        status = json.loads(
            (await asyncio.to_thread(town.ask, "status", "--state-dir", str(town.state), "--json")).stdout
        )
        gates = {each["name"]: each["calls"]["gate"] for each in status["trunks"] if each["calls"]}
        assert gates == dict.fromkeys([town.name(town.one), town.name(town.two)], "parked")
        for fails, code in ((None, OK), (503, FINDINGS)):
            if fails is not None:
                town.two.fail(fails)
            done = await asyncio.to_thread(town.ask, "drill", "carrier", "--state-dir", str(town.state), "--json")
            passed = {call["trunk"]: call["passed"] for call in json.loads(done.stdout)["calls"]}
            assert passed == {town.name(town.one): True, town.name(town.two): fails is None}
            assert done.returncode == code  # each of its addresses is called, though it is drained
        town.two.revive()
        assert (
            await asyncio.to_thread(town.ask, "undrain", "carrier", "--state-dir", str(town.state))
        ).returncode == OK
        assert (await town.call())[0] == town.name(town.two)

    play(tmp_path, story)
