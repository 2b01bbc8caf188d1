"""Limits of the real daemon: overflow on the wire, counts that outlive kill -9, three daemons that call each other."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from controller.callbook import FILE
from controller.control import ask
from controller.rules.up import key_of
from sip.message import Response
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports
from tests.sipp.test_reload import DID, Peer, peers, wait_for

pytestmark = pytest.mark.sipp

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
trunks:
  carrier-a: {{uri: "sip:127.0.0.1:{a}", carrier: a, probe: off, limits: {{calls: 1}}}}
  carrier-b: {{uri: "sip:127.0.0.1:{b}", carrier: b, probe: off, limits: {{calls: 1}}}}
  pbx:       {{uri: "sip:127.0.0.1:{pbx}", probe: off}}
tenants:
  acme: {{limits: {{calls: 3}}}}
endpoints:
  mobile:  {{number: "+15550100", via: [carrier-a, carrier-b]}}
  service: {{user: "800", via: [pbx], live: true}}
chains:
  main:
    - ring: [mobile]
    - ring: [service]
      when: {{overflow: [carrier-a, carrier-b]}}
routes:
  - {{did: "+15557000", chain: main, tenant: acme}}
"""
ROUND = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
trunks: {{next: {{uri: "sip:127.0.0.1:{next}", probe: off}}}}
endpoints: {{next: {{number: "+15557000", via: [next]}}}}
chains: {{main: [{{ring: [next]}}]}}
routes: [{{did: "+15557000", chain: main}}]
"""
TAG = "caller"  # the From tag of each call
LONGEST = 400  # looks at something, 50 ms apart


def until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(LONGEST):
        if holds():
            return
        Event().wait(0.05)
    raise AssertionError(f"waited in vain for {what}")


class Talk:
    """A call of the caller's, answered by whoever it reaches."""

    def __init__(self, caller: Peer, proxy: int, name: str) -> None:
        self.caller, self.proxy, self.name = caller, proxy, name
        caller.request("INVITE", proxy, branch=f"z9hG4bK-{name}", call_id=name)

    def reaches(self, phone: Peer) -> None:
        phone.answer(phone.wait_for_request("INVITE"), 200, self.proxy)
        answered = self.caller.wait_for("SIP/2.0 200")
        route = [f"Route: {value}" for value in answered.get_all("record-route")]
        self.within = {"uri": phone.contact[1:-1], "to_tag": f"tag-{phone.port}", "extra": route, "call_id": self.name}
        self.caller.request("ACK", self.proxy, branch=f"z9hG4bK-{self.name}-ack", **self.within)
        phone.wait_for("ACK ")
        self.phone = phone

    def ends(self) -> None:
        self.caller.request("BYE", self.proxy, branch=f"z9hG4bK-{self.name}-bye", cseq=8, **self.within)
        self.phone.answer(self.phone.wait_for_request("BYE"), 200, self.proxy)
        self.caller.wait_for("SIP/2.0 200")

    def is_refused(self) -> Response:
        final = self.caller.wait_for("SIP/2.0 4")
        assert isinstance(final, Response)
        self.caller.request("ACK", self.proxy, branch=f"z9hG4bK-{self.name}", call_id=self.name, to_tag=final.to_tag)
        return final


def test_calls_overflow_at_a_limit_and_are_counted_over_kill_9(tmp_path: Path) -> None:
    """To the other carrier, to the service, and at the limit of the tenant to nobody; two lives of the daemon."""
    proxy, state = Ports(31 * os.getpid() + 8200).pick(), tmp_path / "state"
    file = tmp_path / "dialplan.yaml"

    def is_written(*names: str) -> bool:
        written = state / FILE
        rows = json.loads(written.read_text())["calls"] if written.exists() else []
        return {row[0] for row in rows} == {key_of(name, TAG) for name in names}

    with peers(4) as (caller, a, b, pbx):
        file.write_text(DIALPLAN.format(proxy=proxy, a=a.port, b=b.port, pbx=pbx.port))
        with Daemon(file, state) as daemon:
            first = Talk(caller, proxy, "first")
            first.reaches(a)
            second = Talk(caller, proxy, "second")
            second.reaches(b)
            until(lambda: is_written("first", "second"), "both calls to be written down")
            daemon.kill()
        with Daemon(file, state) as daemon:
            limits = {row["of"]: row["calls"] for row in ask(state, "status")["status"]["limits"]}
            assert limits == {"trunk carrier-a": 1, "trunk carrier-b": 1, "tenant acme": 2}
            third = Talk(caller, proxy, "third")
            third.reaches(pbx)
            fourth = Talk(caller, proxy, "fourth")
            assert fourth.is_refused().status == 486
            wait_for(daemon, "call", 2)
            record = [event for event in daemon.events if event.get("event") == "call"][-1]
            assert (record["cause"], record["refusal"]) == ("FULL", "tenant acme is full: 3 of 3 calls")
            for talk in (first, third):
                talk.ends()
            Talk(caller, proxy, "fifth").reaches(a)
            until(lambda: is_written("second", "fifth"), "the calls that are over to be forgotten")
            assert not [line for line in daemon.lines if "Traceback" in line]


def test_three_daemons_in_a_ring_end_a_call_with_482(tmp_path: Path) -> None:
    """How many messages that takes is counted in tests/sim/test_circle.py."""
    ports = Ports(31 * os.getpid() + 8300)
    numbers = [ports.pick() for _ in range(3)]
    with peers(1) as (caller,), ExitStack() as stack:
        daemons = []
        for place, proxy in enumerate(numbers):
            file = tmp_path / f"{place}.yaml"
            file.write_text(ROUND.format(proxy=proxy, next=numbers[(place + 1) % 3]))
            daemons.append(stack.enter_context(Daemon(file, tmp_path / f"state-{place}")))
        caller.request("INVITE", numbers[0], uri=f"sip:{DID}@{HOST}:{numbers[0]}")
        assert caller.wait_for("SIP/2.0 4").start_line.startswith("SIP/2.0 482")
        for place, daemon in enumerate(daemons):
            wait_for(daemon, "call")
            counters = ask(tmp_path / f"state-{place}", "status")["status"]["counters"]
            assert (counters["offers"], counters["loops"]) == (1, int(place == 0))
