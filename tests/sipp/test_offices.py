"""Two offices behind the real daemon: headquarters goes down as a whole, its numbers answer at the branch, and return.

SIPp plays the PBXs of both, the carrier's line that ends at headquarters, and the callers. Nothing waits for time to
pass: the daemon's own lines say when a trunk is down or up, and which calls are over.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.sipp.daemon import Daemon, Event
from tests.sipp.process import Ports, Sipp, read_script

pytestmark = pytest.mark.sipp

#: Scenarios that this file runs outside the matrix.
USED = frozenset(("uac-answered", "uac-basic", "uas-options-200", "uas-ring-then-answer"))

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
defaults: {{hedge: 1s}}    # a busy machine that takes long to play a PBX is not silent
sites:
  hq: {{pbx: [hq-1, hq-2]}}
  branch: {{pbx: [branch-1]}}
trunks:
  hq-1: {{uri: "sip:127.0.0.1:{hq-1}", readmit: at-once}}
  hq-2: {{uri: "sip:127.0.0.1:{hq-2}", readmit: at-once}}
  hq-line: {{uri: "sip:127.0.0.1:{hq-line}", site: hq}}    # a carrier's, and it goes on answering probes
  branch-1: {{uri: "sip:127.0.0.1:{branch-1}"}}
endpoints:
  sales: {{user: "100", via: [hq-1, hq-line]}}
  support: {{user: "200", via: [hq-2, hq-line]}}
  branch-desk: {{user: "300", via: [branch-1]}}
chains:
  sales: [{{ring: [sales]}}, {{ring: [branch-desk]}}]
  support: [{{ring: [support]}}, {{ring: [branch-desk]}}]
routes:
  - {{did: "+15557001", chain: sales}}
  - {{did: "+15557002", chain: support}}
"""
DIDS = ("+15557001", "+15557002")
CALLS = 5  # for each number, each time


class Town:
    """Two offices, the daemon, and what became of the calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = Ports(31 * os.getpid() + 8200)  # runs side by side must not meet
        self.port_of = {who: self.ports.pick() for who in ("proxy", "hq-1", "hq-2", "hq-line", "branch-1")}
        dialplan = folder / "dialplan.yaml"
        dialplan.write_text(DIALPLAN.format(**self.port_of))
        self.daemon = Daemon(dialplan, folder / "state")
        self.seen = 0  # calls on record that have been looked at
        self.rounds = 0

    def office(self, *pbxs: str, scenario: str = "uas-ring-then-answer") -> list[Sipp]:
        """Machines of an office, not yet started."""
        script = read_script(scenario)
        return [Sipp(who, script, self.folder, self.ports, 100, port=self.port_of[who]) for who in pbxs]

    def caller(self, did: str, scenario: str, calls: int) -> Sipp:
        """Somebody who calls a number so often."""
        self.rounds += 1
        load = ("-s", did, "-r", "20", "-m", str(calls))
        who = f"caller-{self.rounds}"
        return Sipp(who, read_script(scenario), self.folder, self.ports, 100, self.port_of["proxy"], load)

    def is_now(self, state: str, *trunks: str) -> None:
        """Wait until the daemon says so of each of these trunks."""

        def all_are(_: Event) -> bool:
            newest = {event["trunk"]: event["new"] for event in self.daemon.events if event.get("event") == "trunk"}
            return all(newest.get(trunk) == state for trunk in trunks)

        self.daemon.wait_for(all_are, f"{', '.join(trunks)} to be {state}")

    def records(self, calls: int) -> list[Event]:
        """The next so many calls, once they are on record."""
        until = self.seen + calls

        def found() -> list[Event]:
            return [event for event in self.daemon.events if event.get("event") == "call"]

        self.daemon.wait_for(lambda _: len(found()) >= until, f"{until} calls on record")
        records, self.seen = found()[self.seen : until], until
        return records

    def who_answers(self) -> dict[str, set[tuple[str, int]]]:
        """Call each number from beginning to end; the winner and the number of attempts, by number."""
        for did in DIDS:
            with self.caller(did, "uac-basic", CALLS) as caller:
                assert caller.finish(60) == 0, caller.complaints()
        records = self.records(CALLS * len(DIDS))
        assert {record["status"] for record in records} == {200}
        return {
            did: {(record["winner"], len(record["attempts"])) for record in records if record["did"] == f"…{did[-2:]}"}
            for did in DIDS
        }


@contextmanager
def running(machines: list[Sipp]) -> Iterator[list[Sipp]]:
    """An office at work."""
    with ExitStack() as stack:
        yield [stack.enter_context(machine) for machine in machines]


AT_HQ = {DIDS[0]: {("sales via hq-1", 1)}, DIDS[1]: {("support via hq-2", 1)}}
AT_BRANCH = {did: {("branch-desk via branch-1", 1)} for did in DIDS}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["power goes", "line goes"])
def test_a_site_goes_down_as_a_whole_its_numbers_answer_at_the_other_and_come_back(
    tmp_path: Path, how: signal.Signals
) -> None:
    town = Town(tmp_path)
    with (
        running(town.office("branch-1")),
        running(town.office("hq-line", scenario="uas-options-200")),
        ExitStack() as headquarters,
        town.daemon,
    ):
        hq = headquarters.enter_context(running(town.office("hq-1", "hq-2")))
        town.is_now("up", "hq-1", "hq-2", "hq-line", "branch-1")
        assert town.who_answers() == AT_HQ

        with town.caller(DIDS[0], "uac-answered", 40) as sales, town.caller(DIDS[1], "uac-answered", 40) as support:
            before = town.records(10)
            for machine in hq:
                machine.signal(how)
            assert sales.finish(60) == 0, sales.complaints()
            assert support.finish(60) == 0, support.complaints()
        calls = [*before, *town.records(70)]
        assert [call["status"] for call in calls] == [200] * 80, "no caller notices but by the voice that answers"

        town.is_now("down", "hq-1", "hq-2")
        town.is_now("up", "hq-line")
        assert town.who_answers() == AT_BRANCH, "at once, and not over the line that ends at headquarters"

        if how is signal.SIGSTOP:
            for machine in hq:
                machine.signal(signal.SIGCONT)
        else:
            headquarters.close()
            headquarters.enter_context(running(town.office("hq-1", "hq-2")))
        town.is_now("up", "hq-1", "hq-2")
        assert town.who_answers() == AT_HQ
    assert not [line for line in town.daemon.lines if "Traceback" in line or '"fault"' in line]
