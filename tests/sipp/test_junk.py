"""Calls beside a flood of junk from a thousand addresses: they complete, and nothing comes back to the flood."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sipp.daemon import ROOT, Daemon
from tests.sipp.process import Ports, Sipp, read_script

pytestmark = pytest.mark.sipp

#: Scenarios that this file runs outside the matrix.
USED = frozenset(("uac-load", "uas-load"))

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
trunks:
  pbx: {{uri: "sip:127.0.0.1:{callee}"}}
endpoints:
  desk: {{user: "100", via: [pbx], live: true}}
chains:
  main: [{{ring: [desk]}}]
routes:
  - {{did: "+15557000", chain: main}}
"""
RATE = 50  # calls a second


def calls_beside_junk(folder: Path, calls: int, junk: int, seconds: int) -> tuple[int, dict[str, float]]:
    """How many calls failed, and what the flood says of itself."""
    ports = Ports(31 * os.getpid() + 7300)
    proxy, callee = ports.pick(), ports.pick()
    file = folder / "dialplan.yaml"
    file.write_text(DIALPLAN.format(proxy=proxy, callee=callee))
    load = ("-s", "+15557000", "-r", str(RATE), "-m", str(calls), "-d", "100")
    flood = [sys.executable, "-m", "bench.junk", str(proxy), "--rate", str(junk), "--seconds", str(seconds)]
    limit = seconds + 100
    with (
        Sipp("callee", read_script("uas-load"), folder, ports, limit, port=callee),
        Daemon(file, folder / "state") as daemon,
        Sipp("caller", read_script("uac-load"), folder, ports, limit, proxy, load) as caller,
        subprocess.Popen(flood, cwd=ROOT, stdout=subprocess.PIPE, text=True) as flooding,
    ):
        try:
            code = caller.finish(limit)
            said = json.loads(flooding.communicate(timeout=limit)[0])
        finally:
            flooding.kill()
        assert code in (0, 1), caller.complaints()  # 1: some calls have failed
        screen = re.findall(r"Failed call\s*\|\s*\d+\s*\|\s*(\d+)", (folder / "caller.out").read_text())
        odd = [event for event in daemon.events if event.get("event") in ("fault", "overload")]
    assert not odd, f"{odd}; {screen[-1:]} failed; {said}"
    return 0 if code == 0 else int(screen[-1]), said


def test_calls_complete_beside_junk(tmp_path: Path) -> None:
    failed, junk = calls_beside_junk(tmp_path, calls=100, junk=5_000, seconds=3)
    assert failed == 0
    assert (junk["sent"] > 5_000, junk["back"]) == (True, 0)


@pytest.mark.long
def test_999_of_1000_calls_complete_beside_20_000_junk_messages_a_second_for_a_minute(tmp_path: Path) -> None:
    failed, junk = calls_beside_junk(tmp_path, calls=60 * RATE, junk=20_000, seconds=62)
    assert failed <= 60 * RATE / 1000
    assert (junk["sent"] > 600_000, junk["back"]) == (True, 0)
