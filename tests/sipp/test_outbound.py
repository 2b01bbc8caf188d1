"""Calls of a PBX outward through the real daemon: they fail over between carriers, and nobody else gets out."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sipp.daemon import Daemon
from tests.sipp.process import Ports, Sipp, read_script

pytestmark = pytest.mark.sipp

NUMBER = "+12125550100"
DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
trunks:
  hq-pbx:    {{uri: "sip:127.0.0.1:{pbx}", probe: off}}
  carrier-a: {{uri: "sip:127.0.0.1:{first}", carrier: a, probe: off}}
  carrier-b: {{uri: "sip:127.0.0.1:{second}", carrier: b, probe: off}}
endpoints:
  front-desk: {{user: "100", via: [hq-pbx], live: true}}
chains:
  main:
    - ring: [front-desk]
routes:
  - {{did: "+15557000", chain: main}}
  - {{outbound: {{prefix: "+1"}}, from: [hq-pbx], via: [carrier-a, carrier-b]}}
"""


class Scene:
    """The ports and files of one test: all are at one address, so the port says who calls."""

    def __init__(self, folder: Path, start: int) -> None:
        self.folder = folder
        self.ports = Ports(31 * os.getpid() + start)
        self.numbers = {who: self.ports.pick() for who in ("proxy", "pbx", "first", "second")}
        self.dialplan = folder / "dialplan.yaml"
        self.dialplan.write_text(DIALPLAN.format(**self.numbers))

    def phone(self, who: str, scenario: str) -> Sipp:
        return Sipp(who, read_script(scenario), self.folder, self.ports, 20, port=self.numbers[who])

    def caller(self, who: str, scenario: str, *arguments: str) -> Sipp:
        script, port = read_script(scenario), self.numbers.get(who, 0)
        arguments = ("-s", NUMBER, *arguments)
        return Sipp(f"{who}-calls", script, self.folder, self.ports, 20, self.numbers["proxy"], arguments, port)


def record_of(daemon: Daemon) -> dict[str, object]:
    daemon.wait_for(lambda event: event.get("event") == "call", "the record of the call")
    (record,) = (event for event in daemon.events if event.get("event") == "call")
    return dict(record)


@pytest.mark.parametrize(("first", "cause"), [("uas-unavailable-503", "503"), ("uas-silent", "COMPLETED_ELSEWHERE")])
def test_a_call_of_the_pbx_fails_over_to_the_other_carrier(tmp_path: Path, first: str, cause: str) -> None:
    scene = Scene(tmp_path, 8000)
    with ExitStack() as stack:
        daemon = stack.enter_context(Daemon(scene.dialplan, tmp_path / "state"))
        stack.enter_context(scene.phone("first", first))
        second = stack.enter_context(scene.phone("second", "uas-answer"))
        pbx = stack.enter_context(scene.caller("pbx", "uac-basic"))
        assert pbx.finish(20) == 0, pbx.complaints()
        assert second.finish(20) == 0, second.complaints()
        record = record_of(daemon)
    assert (record["from_trunk"], record["winner"]) == ("hq-pbx", "outbound +1 from hq-pbx via carrier-b")
    attempts = record["attempts"]
    assert isinstance(attempts, list)
    assert [attempt["path"].rpartition(" ")[2] for attempt in attempts] == ["carrier-a", "carrier-b"]
    assert [attempt["cause"] for attempt in attempts] == [cause, ""]
    assert f"INVITE sip:{NUMBER}@127.0.0.1:{scene.numbers['second']} SIP/2.0" in second.log.read_text()


@pytest.mark.parametrize("who", ["second", "stranger"])
def test_a_carrier_or_stranger_does_not_get_out(tmp_path: Path, who: str) -> None:
    scene = Scene(tmp_path, 9000)
    with ExitStack() as stack:
        daemon = stack.enter_context(Daemon(scene.dialplan, tmp_path / "state"))
        first = stack.enter_context(scene.phone("first", "uas-answer"))
        caller = stack.enter_context(scene.caller(who, "uac-expect-final", "-set", "want", "404"))
        assert caller.finish(20) == 0, caller.complaints()
        record = record_of(daemon)
        assert first.finish(0) is None, "it still waits for its first call"
    assert (record["status"], record["cause"], record["attempts"]) == (404, "NO_ROUTE", [])
    assert record["from_trunk"] == {"second": "carrier-b", "stranger": ""}[who]
