"""`callward relay` as an operator runs it, and calls through it: SIPp on both ends, the real daemon between two relays."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.relay.capture import read_pcap
from tests.sipp.daemon import Command, Daemon
from tests.sipp.process import HOST, Ports, Sipp, read_script

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}, {{tcp: "127.0.0.1:{proxy}"}}]
defaults: {{no_reply: 10s, no_progress: 15s}}
trunks:
  primary: {{uri: "sip:127.0.0.1:{relay};transport={transport}", probe: off}}
endpoints:
  desk: {{user: "100", via: [primary]}}
chains:
  main:
    - ring: [desk]
      for: 40s
routes:
  - {{did: "+15557000", chain: main}}
"""


def relay(listen: int, to: int, *options: str) -> Command:
    """A relay on loopback."""
    return Command(("relay", "--listen", f"{HOST}:{listen}", "--to", f"{HOST}:{to}", *options))


def counters(command: Command) -> list[dict[str, Any]]:
    """What it counted, each time it said so."""
    return [dict(event) for event in command.events if event.get("event") == "counters"]


#: Seeds that begin badly: both requests that a relay sees first are lost, and the first response; over TCP the first
#: piece each way has to be sent again. One call has one order of packets, so this is what happens every time.
@pytest.mark.sipp
@pytest.mark.parametrize(("transport", "seed"), [("udp", 241), ("tcp", 67)])
def test_retransmissions_save_a_call_at_twenty_percent_loss(tmp_path: Path, transport: str, seed: int) -> None:
    ports = Ports(31 * os.getpid() + 9000)
    caller_side, proxy, trunk_side, callee = (ports.pick() for _ in range(4))
    dialplan = tmp_path / "dialplan.yaml"
    dialplan.write_text(DIALPLAN.format(proxy=proxy, relay=trunk_side, transport=transport))
    mode = ("-t", "u1" if transport == "udp" else "t1")
    bad = ("--seed", str(seed), "--loss", "20%", "--delay", "10ms", "--jitter", "10ms", "--reorder", "1%")
    with (
        Sipp("callee", read_script("uas-ring-then-answer"), tmp_path, ports, 100, None, mode, callee),
        relay(trunk_side, callee, f"--{transport}", *bad, "--pcap", str(tmp_path / "calls.pcap")) as lower,
        Daemon(dialplan, tmp_path / "state") as daemon,
        relay(caller_side, proxy, f"--{transport}", *bad) as upper,
    ):
        who = (*mode, "-s", "+15557000")
        with Sipp("caller", read_script("uac-answered"), tmp_path, ports, 100, caller_side, who) as caller:
            assert caller.finish(100) == 0, caller.complaints()
        daemon.wait_for(lambda event: event.get("event") == "call", "the call on record")
        (record,) = [event for event in daemon.events if event.get("event") == "call"]
        assert (record["status"], len(record["attempts"])) == (200, 1)
        for each in (lower, upper):
            assert each.stop() == 0
            (last,) = counters(each)
            hurt, times = ("lost", 2) if transport == "udp" else ("resent", 1)
            assert last[transport]["up"][hurt] >= times
            assert last[transport]["down"][hurt] >= 1
    packets = read_pcap(tmp_path / "calls.pcap")
    near, far = ((HOST, trunk_side), (HOST, callee))
    invites = [
        sum(packet.data.count(b"INVITE sip:100@") for packet in packets if packet.target == leg) for leg in (near, far)
    ]
    assert invites[0] - invites[1] == (2 if transport == "udp" else 0), "what was lost, the other side never saw"


def test_counters_come_on_request_and_at_the_end(tmp_path: Path) -> None:
    ports = Ports(31 * os.getpid() + 9400)
    listen = ports.pick()
    script = tmp_path / "bad-day.yaml"
    script.write_text("- {at: 0s, up: {loss: 100%}}\n- {at: 1h, port: closed}\n")
    with relay(listen, listen + 1, "--udp", "--tcp", "--script", str(script)) as command:
        (ready,) = [event for event in command.events if event["event"] == "ready"]
        assert ready["listen"] == [f"udp:{HOST}:{listen}", f"tcp:{HOST}:{listen}"]
        command.wait_for(lambda event: event.get("event") == "phase", "the first phase")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"into the hole", (HOST, listen))
        while not any(found["udp"]["up"]["lost"] for found in counters(command)):
            seen = len(counters(command))
            command.signal(signal.SIGUSR1)
            command.wait_for(lambda _: len(counters(command)) > seen, "its counters")  # noqa: B023  # waited for here
        assert command.stop() == 0
        assert counters(command)[-1]["udp"]["up"]["lost"] == 1


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--loss", "20"), 2, "--loss: '20' is not a share of the packets; write 20%"),
        (("--burst", "2", "--loss", "90%"), 2, "so much loss needs a burst of at least 9 packets"),
        (("--listen", "5060"), 2, "--listen: an address to listen on needs a host"),
        (("--to", "sip:pbx"), 2, "--to: "),
        (("--to", "nowhere.invalid:5060"), 3, "cannot resolve 'nowhere.invalid'"),
        (("--pcap", "/nowhere/calls.pcap"), 3, "cannot write /nowhere/calls.pcap"),
        (("--script", "none.yaml"), 2, "none.yaml: no such file or directory; check the path"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_said(options: tuple[str, ...], code: int, said: str) -> None:
    given = ("relay", "--listen", f"{HOST}:0", "--to", f"{HOST}:9", *options)
    command = [sys.executable, "-m", "controller.cli", *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert said in done.stderr
