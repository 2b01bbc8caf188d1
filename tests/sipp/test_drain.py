"""`callward drain` and `undrain` on a running daemon, and what is remembered over a restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.exits import OK, USAGE
from tests.sipp.daemon import ROOT, Daemon
from tests.sipp.process import HOST, Ports
from tests.sipp.test_reload import Peer, peers

pytestmark = pytest.mark.sipp

DIALPLAN = """\
version: 1
listen: [{{udp: "{host}:{proxy}"}}]
trunks:
  first: {{uri: "sip:{host}:{first}", probe: off}}
  second: {{uri: "sip:{host}:{second}", probe: off}}
endpoints:
  desk: {{user: "100", via: [first, second]}}
chains:
  main: [{{ring: [desk], for: 60s, no_progress: 60s, no_reply: 30s, hedge: off}}]
routes:
  - {{did: "+15557000", chain: main}}
"""


def callward(*arguments: str, state: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "controller.cli", *arguments, "--state-dir", str(state)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def goes_to(caller: Peer, proxy: int, *phones: Peer, number: int) -> int:
    """The place of the phone that a new call reaches; it is refused there."""
    caller.request("INVITE", proxy, branch=f"z9hG4bK-{number}", call_id=f"call-{number}@caller")
    for place, phone in enumerate(phones):
        phone.sock.settimeout(0.5 if place < len(phones) - 1 else 20)
        try:
            invite = phone.wait_for_request("INVITE")
        except TimeoutError:
            continue
        phone.answer(invite, 486, proxy)
        phone.wait_for("ACK ")
        return place
    raise AssertionError("nobody was called")


def test_a_drained_trunk_gets_no_calls_even_after_a_restart_until_it_is_undrained(tmp_path: Path) -> None:
    file, state = tmp_path / "dialplan.yaml", tmp_path / "state"
    proxy = Ports(31 * os.getpid() + 7800).pick()
    with peers(3) as (caller, first, second):
        file.write_text(DIALPLAN.format(host=HOST, proxy=proxy, first=first.port, second=second.port))
        with Daemon(file, state) as daemon:
            assert goes_to(caller, proxy, first, second, number=1) == 0
            assert callward("drain", "first", state=state).stdout.startswith("first drained")
            assert "was drained already" in callward("drain", "first", state=state).stdout
            assert goes_to(caller, proxy, second, first, number=2) == 0
            assert daemon.stop() == 0
        with Daemon(file, state):
            assert goes_to(caller, proxy, second, first, number=3) == 0
            data = json.loads(callward("status", "--json", state=state).stdout)
            assert data["trunks"][0]["calls"]["gate"] == "parked"
            told = callward("drain", "frist", state=state)
            assert (told.returncode, told.stderr) == (USAGE, "unknown trunk 'frist'; did you mean 'first'?\n")
            told = callward("undrain", "first", state=state)
            assert (told.returncode, told.stdout) == (OK, "first undrained: its calls come back in steps\n")
            assert "was not drained" in callward("undrain", "first", state=state).stdout


def test_a_spoilt_memory_is_no_reason_not_to_start(tmp_path: Path) -> None:
    file, state = tmp_path / "dialplan.yaml", tmp_path / "state"
    proxy = Ports(31 * os.getpid() + 7900).pick()
    file.write_text(DIALPLAN.format(host=HOST, proxy=proxy, first=5071, second=5072))
    state.mkdir()
    for text in ("{", "[]", '{"boot": 1}', '{"boot": "", "scores": {"nodes": 7}}'):
        (state / "scores.json").write_text(text)
        with Daemon(file, state) as daemon:
            assert daemon.stop() == 0
        assert json.loads((state / "scores.json").read_text())["scores"]["nodes"] is not None
