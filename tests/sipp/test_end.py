"""SIGTERM on a running daemon: nothing new comes in, what rings may finish, and then it is gone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from sip.message import Request
from tests.sipp.daemon import Command, Daemon
from tests.sipp.process import HOST, Ports
from tests.sipp.test_reload import Peer, peers, wait_for, write

pytestmark = pytest.mark.sipp


@pytest.fixture
def proxy() -> int:
    """A port for the daemon."""
    return Ports(31 * os.getpid() + 8000).pick()


def ring(daemon: Command, caller: Peer, phone: Peer, proxy: int) -> Request:
    """A call that rings; then the daemon is asked to end."""
    caller.request("INVITE", proxy)
    ringing = phone.wait_for_request("INVITE")
    phone.answer(ringing, 180, proxy)
    caller.wait_for("SIP/2.0 180")
    daemon.signal(signal.SIGTERM)
    wait_for(daemon, "draining")
    return ringing


def test_a_call_that_rings_is_answered_while_new_ones_are_sent_elsewhere_and_then_it_ends(
    tmp_path: Path, proxy: int
) -> None:
    with peers(2) as (caller, phone):
        write(tmp_path / "dialplan.yaml", proxy, {"only": phone.port}, ["only"])
        with Daemon(tmp_path / "dialplan.yaml", tmp_path / "state") as daemon:
            ringing = ring(daemon, caller, phone, proxy)
            caller.request("INVITE", proxy, branch="z9hG4bK-new", call_id="new@caller")
            assert caller.wait_for("SIP/2.0 503").get("retry-after") == "30"
            caller.request("ACK", proxy, branch="z9hG4bK-new", call_id="new@caller")
            caller.request("OPTIONS", proxy, uri=f"sip:{HOST}:{proxy}", branch="z9hG4bK-o", call_id="o@caller")
            assert caller.wait_for("SIP/2.0 503").cseq[1] == "OPTIONS"
            phone.answer(ringing, 200, proxy)
            caller.wait_for("SIP/2.0 200")
            assert daemon.wait() == 0
            assert daemon.events[-1]["event"] == "stopped"
            assert daemon.events[-1]["calls"] == 0


def test_a_second_signal_ends_it_at_once(tmp_path: Path, proxy: int) -> None:
    with peers(2) as (caller, phone):
        write(tmp_path / "dialplan.yaml", proxy, {"only": phone.port}, ["only"])
        with Daemon(tmp_path / "dialplan.yaml", tmp_path / "state") as daemon:
            ring(daemon, caller, phone, proxy)
            daemon.signal(signal.SIGINT)
            assert daemon.wait() == 0
            assert daemon.events[-1]["calls"] == 1


def test_a_call_that_rings_for_too_long_does_not_hold_it_up(tmp_path: Path, proxy: int) -> None:
    with peers(2) as (caller, phone):
        write(tmp_path / "dialplan.yaml", proxy, {"only": phone.port}, ["only"])
        places = (str(tmp_path / "dialplan.yaml"), "--state-dir", str(tmp_path / "state"))
        with Command(("run", *places, "--drain-timeout", "100ms")) as daemon:
            ring(daemon, caller, phone, proxy)
            assert daemon.wait() == 0
            assert daemon.events[-1]["calls"] == 1
