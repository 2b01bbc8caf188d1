"""Nobody's number and no secret leaves the daemon: known ones are sent through it, with faults provoked, and all that it
says and writes is searched for them.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from controller import clock
from controller.demo.boxes import Box
from sip.agent import Script
from sip.transaction import Hop
from tests.sipp.daemon import ROOT, Daemon

CALLER, MOBILE, DID, STRANGE, FAULTY = "+15558675309", "+15553141592", "+15552718281", "+15559990001", "+15550012345"
NUMBERS = [number.lstrip("+") for number in (CALLER, MOBILE, DID, STRANGE, FAULTY)]
PASSWORD = "hunter2-of-carrier-a"  # a secret as a dialplan has it

#: The real daemon, but for two faults that no outsider can provoke: one in a call, one in a callback of the loop.
FAULTY_DAEMON = f"""
import sys
from controller.cli import main
from controller.engine import Engine
from controller.switchboard import Switchboard

def begin(self, offer, *more, whole=Switchboard.begin):
    if offer.did == "{FAULTY}":
        raise ValueError(f"cannot call sip:{{offer.did}}@127.0.0.1 from {{offer.caller}}: password: '{PASSWORD}'")
    return whole(self, offer, *more)

def receive(self, data, source, now, whole=Engine.receive):
    if data.startswith(b"MESSAGE sip:{FAULTY}"):
        raise RuntimeError("{FAULTY} sent response={PASSWORD}")
    return whole(self, data, source, now)

Switchboard.begin = begin
Engine.receive = receive
sys.argv[0] = "callward"
main()
"""

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:0"}}]
trunks:
  carrier-a: {{uri: "sip:127.0.0.1:{carrier}", carrier: a, probe: off, auth: {{user: "callward", password: "{password}"}}}}
  carrier-b: {{uri: "sip:127.0.0.1:{dead}", carrier: b, probe: off}}
endpoints:
  anna: {{number: "{mobile}", via: [carrier-b, carrier-a], live: true}}
chains:
  main: [{{ring: [anna], order: best}}]
routes:
  - {{did: "{did}", chain: main}}
  - {{did: "{faulty}", chain: main}}
"""


class Town:
    """A carrier that answers, one that is gone, a caller, the daemon."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.carrier, self.caller, gone = (Box(name, Hop("127.0.0.1", 0), lambda: None) for name in ("a", CALLER, "b"))
        stack.callback(self.carrier.close)
        stack.callback(self.caller.close)
        gone.close()
        self.carrier.install(MOBILE, Script(ring_after=None, answer_after=0.0))
        self.file = folder / "dialplan.yaml"
        self.written = DIALPLAN.format(
            carrier=self.carrier.hop.port,
            dead=gone.hop.port,
            mobile=MOBILE,
            did=DID,
            faulty=FAULTY,
            password=PASSWORD,
        )
        self.file.write_text(self.written)
        self.state = folder / "state"
        self.daemon = Daemon(self.file, self.state, patience=60.0)
        self.daemon.program = ("-c", FAULTY_DAEMON)

    async def wait_for(self, event: str, count: int = 1) -> None:
        """So many lines of a kind."""

        def enough(_: object) -> bool:
            return sum(line.get("event") == event for line in self.daemon.events) >= count

        await asyncio.to_thread(self.daemon.wait_for, enough, f"{count} lines of {event}")

    def call(self, number: str) -> None:
        (ready,) = (event for event in self.daemon.events if event["event"] == "ready")
        self.hop = Hop("127.0.0.1", int(ready["listen"][0].rpartition(":")[2]))
        self.caller.agent.place_call(f"sip:{number}@127.0.0.1:{self.hop.port}", self.hop, clock.monotonic())
        self.caller.pump()

    def run(self, *arguments: str) -> str:
        """What a command says."""
        command = [sys.executable, "-m", "controller.cli", *arguments, "--state-dir", str(self.state)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout + done.stderr


async def play(folder: Path) -> None:
    with ExitStack() as stack:
        town = Town(folder, stack)
        await asyncio.to_thread(town.daemon.__enter__)
        stack.callback(town.daemon.kill)
        town.call(DID)
        await town.wait_for("call")
        town.call(STRANGE)
        await town.wait_for("call", 2)
        town.call(FAULTY)
        await town.wait_for("fault")
        message = f"MESSAGE sip:{FAULTY}@127.0.0.1 SIP/2.0\r\n\r\n".encode()
        town.caller.agent.outbox.append((message, town.hop))
        town.caller.pump()
        await town.wait_for("fault", 2)
        broken = town.written.replace("carrier: a, probe: off", "carrier: a, probe: oft")  # its line holds the password
        town.file.write_text(broken.replace("order: best", f'order: "{CALLER}"'))
        town.daemon.signal(1)  # SIGHUP
        await town.wait_for("not reloaded")
        said = [await asyncio.to_thread(town.run, "status", *more) for more in (("--json",),)]
        assert await asyncio.to_thread(town.daemon.stop) == 0
        calls = [event for event in town.daemon.events if event["event"] == "call"]
        assert [call["status"] for call in calls] == [200, 404]
        assert calls[0]["winner"] == "anna via carrier-a"
        faults = [event["what"] for event in town.daemon.events if event["event"] == "fault"]
        assert "cannot call sip:…45@127.0.0.1" in faults[0]
        assert "RuntimeError" in faults[1]
        everything = "\n".join([*town.daemon.lines, *said])
        for needle in (*NUMBERS, PASSWORD):
            assert needle not in everything, needle
        files = [path for path in town.state.rglob("*") if path.is_file() and path.name != "keys.json"]
        for path in files:
            held = path.read_bytes()
            if any(secret.encode() in held for secret in (*NUMBERS, PASSWORD)):  # a compiled dialplan, Call-IDs
                assert path.stat().st_mode & 0o077 == 0, f"{path} can be read by others"


def test_no_number_and_no_secret_leaves_the_daemon(tmp_path: Path) -> None:
    asyncio.run(play(tmp_path))
