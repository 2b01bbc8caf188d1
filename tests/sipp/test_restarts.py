"""The daemon is killed again and again under load, and started anew at once, as its service manager would.

SIPp plays trunk and callers; each call renegotiates and hangs up later than the kill that it lived through. The trunk is
shown another caller than there is, and neither side may notice, in whichever life. Its calls are counted, and each life
knows how many the last one has left.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from controller.control import ask
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports, Sipp, read_script
from tests.sipp.test_callerid import parties

pytestmark = pytest.mark.sipp

#: Scenarios that this file runs outside the matrix.
USED = frozenset(("uac-survive", "uas-ask-strangers", "uas-ring-then-answer"))

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
trunks:
  carrier: {{uri: "sip:127.0.0.1:{trunk}", carrier: a, caller_id: own, limits: {{calls: 500}}{more}}}
endpoints:
  desk: {{user: "100", via: [carrier]}}
chains:
  main: [{{ring: [desk]}}]
routes:
  - {{did: "+15557000", chain: main}}
"""
AUTH = ", probe: off, auth: {user: callward, password: hunter2}"
RATE = 10  # calls/s
TALK = 3.0  # seconds
LOST = RATE  # the ends of a whole second; they are written down four times as often
LIFE = 40  # calls for each life of the daemon: where starts are slow they must not run out before the last kill
#: As RFC 3261 has it (64 x T1), where SIPp gives up earlier.
STUBBORN = ("-max_invite_retrans", "7", "-max_non_invite_retrans", "11")
ENOUGH = 10  # that it has set up before it is killed


def restart_under_load(folder: Path, kills: int, seed: int, *, asks: bool = False) -> None:
    """``asks``: the trunk wants credentials, and refuses what is out of order (RFC 3261 §12.2.2)."""
    ports = Ports(31 * os.getpid() + seed)
    proxy, trunk = ports.pick(), ports.pick()
    dialplan, state = folder / "dialplan.yaml", folder / "state"
    dialplan.write_text(DIALPLAN.format(proxy=proxy, trunk=trunk, more=AUTH if asks else ""))
    calls = LIFE * (kills + 1)
    load = ("-s", "+15557000", "-r", str(RATE), "-m", str(calls), "-d", str(int(TALK * 1000)), *STUBBORN)
    limit = 60 + calls / RATE
    script = "uas-ask-strangers" if asks else "uas-ring-then-answer"
    with (
        Sipp("callee", read_script(script), folder, ports, limit, None, STUBBORN, trunk) as callee,
        ExitStack() as lives,
        Sipp("caller", read_script("uac-survive"), folder, ports, limit, proxy, load) as caller,
    ):
        for life in range(kills):
            daemon = lives.enter_context(Daemon(dialplan, state))
            assert not life or _count(state) > 0, "what the last life left is up"
            _wait_for_calls(daemon, ENOUGH)
            daemon.kill()
        lives.enter_context(Daemon(dialplan, state))
        assert caller.finish(limit) == 0, caller.complaints()
        assert _count(state) <= kills * LOST, "those whose end fell between the last writing and a kill"
        to = f"<sip:+15557000@{HOST}:{proxy}>"
        written = f'"Caller" <sip:caller@{HOST}:{caller.port}>'
        assert parties(caller.messages(), caller=True) == {(written, to)}
        calls_only = [message for message in callee.messages() if message.method != "OPTIONS"]
        assert parties(calls_only, caller=False) == {(f"<sip:+15557000@{HOST}>", to)}


def _count(state: Path) -> int:
    """The calls that the daemon counts."""
    (row,) = ask(state, "status")["status"]["limits"]
    return int(row["calls"])


def _wait_for_calls(daemon: Daemon, number: int) -> None:
    daemon.wait_until(lambda: daemon.counts["call"] >= number, "calls to be up")


def test_no_call_is_lost_to_three_kills_of_the_daemon_under_load(tmp_path: Path) -> None:
    restart_under_load(tmp_path, 3, 8000)


@pytest.mark.long
def test_no_call_is_lost_to_twenty_kills_of_the_daemon_under_load(tmp_path: Path) -> None:
    restart_under_load(tmp_path, 20, 8200)


@pytest.mark.long
def test_no_call_over_a_trunk_that_asks_for_credentials_is_lost_to_twenty_kills_under_load(tmp_path: Path) -> None:
    restart_under_load(tmp_path, 20, 8400, asks=True)
