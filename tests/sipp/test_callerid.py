"""What a carrier sees of a call, read off the wire at the far side of the real daemon."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from sip.message import Request
from tests.sipp.daemon import Daemon
from tests.sipp.ladder import Message
from tests.sipp.process import HOST, Ports, Sipp, read_script
from tests.sipp.test_killed import Wire, answer_to, wires

pytestmark = pytest.mark.sipp

#: Scenarios that this file runs outside the matrix.
USED = frozenset(("uac-identity", "uas-reinvite"))

POLICIES = {
    "own": "caller_id: own, diversion: true, history_info: true, format: {out: plus-less}, trusted: false",
    "number": 'caller_id: {number: "+12125551000", name: Acme, identity: asserted}',
    "pass": 'caller_id: {show: pass, identity: preferred, number: "+12125551000"}, format: {out: national, country: US}',
    "plain": "",
}
DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
defaults: {{hedge: off}}
trunks:
  pstn: {{uri: "sip:127.0.0.1:{pstn}", probe: off, format: {{in: national, out: national, country: US}}}}
{trunks}
endpoints:
{endpoints}
chains:
{chains}
routes:
{routes}
"""
NATIONAL = "4155551234"
DIDS = {name: f"+1212555700{number}" for number, name in enumerate(POLICIES)}


class Scene:
    """A carrier, a daemon, and a mobile behind a carrier of each policy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = Ports(31 * os.getpid() + 9600)
        self.port_of = {who: self.ports.pick() for who in ("proxy", "pstn", *POLICIES)}
        self.dialplan = folder / "dialplan.yaml"
        lines: dict[str, list[str]] = {"trunks": [], "endpoints": [], "chains": [], "routes": []}
        for name, policy in POLICIES.items():
            keys = ", ".join(filter(None, [f'uri: "sip:{HOST}:{self.port_of[name]}"', "probe: off", policy]))
            lines["trunks"].append(f"  {name}: {{{keys}}}")
            lines["endpoints"].append(f'  {name}-mobile: {{number: "+13125550100", via: [{name}], live: true}}')
            lines["chains"].append(f"  {name}: [{{ring: [{name}-mobile]}}]")
            lines["routes"].append(f'  - {{did: "{DIDS[name]}", chain: {name}}}')
        text = {key: "\n".join(value) for key, value in lines.items()}
        self.dialplan.write_text(DIALPLAN.format(proxy=self.port_of["proxy"], pstn=self.port_of["pstn"], **text))

    def daemon(self) -> Daemon:
        return Daemon(self.dialplan, self.folder / "state")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Request]:
    """The INVITE that each carrier got of the same call of a carrier that writes national numbers."""
    scene = Scene(tmp_path_factory.mktemp("callerid"))
    proxy, found = scene.port_of["proxy"], {}
    with scene.daemon(), wires(scene.port_of["pstn"], *(scene.port_of[name] for name in POLICIES)) as (pstn, *others):
        for name, mobile in zip(POLICIES, others, strict=True):
            pstn.send(invite_to(name, pstn, proxy), proxy)
            invite = mobile.wait_for("INVITE")
            assert isinstance(invite, Request)
            found[name] = invite
            mobile.send(answer_to(invite, "486 Busy Here", mobile.port), proxy)
            refusal = pstn.wait_for("SIP/2.0 486")
            assert refusal.require("from") == f'"Bob" <sip:{NATIONAL}@pstn.example>;tag=caller'
            assert refusal.require("to") == f"<sip:{DIDS[name][2:]}@{HOST}>;tag=callee"
    return found


def invite_to(name: str, pstn: Wire, proxy: int) -> bytes:
    """An INVITE with all that says who calls."""
    lines = [
        f"INVITE sip:{DIDS[name][2:]}@{HOST}:{proxy} SIP/2.0",
        f"Via: SIP/2.0/UDP {HOST}:{pstn.port};branch=z9hG4bK{name}",
        "Max-Forwards: 70",
        f'From: "Bob" <sip:{NATIONAL}@pstn.example>;tag=caller',
        f"To: <sip:{DIDS[name][2:]}@{HOST}>",
        f"Call-ID: {name}@{HOST}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:bob@{HOST}:{pstn.port}>",
        f"P-Asserted-Identity: <sip:{NATIONAL}@pstn.example>",
        "Diversion: <sip:4155550001@pstn.example>;reason=no-answer",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_carrier_that_is_shown_our_number_hears_who_diverted_and_nothing_of_the_caller(
    seen: dict[str, Request],
) -> None:
    invite = seen["own"]
    assert invite.require("from") == f"<sip:{DIDS['own'][1:]}@{HOST}>;tag=caller"
    assert invite.uri.startswith("sip:13125550100@")
    assert invite.require("to") == f"<sip:{DIDS['own'][1:]}@{HOST}>"
    assert "p-asserted-identity" not in invite.names
    assert invite.get_all("diversion") == [
        f"<sip:{DIDS['own'][1:]}@{HOST}>;reason=unconditional;counter=1;privacy=off",
        "<sip:14155550001@pstn.example>;reason=no-answer",
    ]
    assert [value.partition(">")[2] for value in invite.get_all("history-info")] == [";index=1", ";index=1.1;mp=1"]
    assert NATIONAL.encode() not in invite.encode(), "who really calls is nowhere in it"


def test_a_carrier_is_shown_the_number_that_the_dialplan_names(seen: dict[str, Request]) -> None:
    invite = seen["number"]
    assert invite.require("from") == f'"Acme" <sip:+12125551000@{HOST}>;tag=caller'
    assert invite.get_all("p-asserted-identity") == [f'"Acme" <sip:+12125551000@{HOST}>']
    assert invite.uri.startswith("sip:+13125550100@")


def test_a_carrier_is_shown_the_caller_in_its_own_form_and_a_number_of_ours_beside_it(seen: dict[str, Request]) -> None:
    invite = seen["pass"]
    assert invite.require("from") == f'"Bob" <sip:{NATIONAL}@pstn.example>;tag=caller'
    assert invite.get_all("p-preferred-identity") == [f"<sip:2125551000@{HOST}>"]
    assert "p-asserted-identity" not in invite.names
    assert invite.uri.startswith("sip:3125550100@")


def test_a_trunk_without_policy_gets_e164_of_what_came_in_another_form(seen: dict[str, Request]) -> None:
    invite = seen["plain"]
    assert invite.require("from") == f'"Bob" <sip:+1{NATIONAL}@pstn.example>;tag=caller'
    assert invite.get_all("p-asserted-identity") == [f"<sip:+1{NATIONAL}@pstn.example>"]
    assert invite.require("to") == f"<sip:{DIDS['plain']}@{HOST}>"


# --------------------------------------------------------------------------- the dialog


def parties(messages: list[Message], caller: bool) -> set[tuple[str, str]]:
    """The addresses of caller and callee in all messages of a log, without tags."""
    found = set()
    for message in messages:
        ends = [re.sub(r";tag=.*", "", message.first(name)) for name in ("from", "to")]
        ours = message.received == (message.status is not None)  # a request of this party, or an answer to it
        found.add((ends[0], ends[1]) if ours == caller else (ends[1], ends[0]))
    return found


@pytest.mark.parametrize("killed", [False, True], ids=["one life", "kill -9 in mid-call"])
def test_each_side_sees_one_from_and_to_in_every_message_of_the_call(tmp_path: Path, killed: bool) -> None:
    scene = Scene(tmp_path)
    numbers = ("-s", DIDS["own"][2:], "-d", "1500" if killed else "100")
    with ExitStack() as stack:
        first = stack.enter_context(scene.daemon())
        script, port = read_script("uas-reinvite"), scene.port_of["own"]
        mobile = stack.enter_context(Sipp("mobile", script, tmp_path, scene.ports, 30, port=port))
        script, port, proxy = read_script("uac-identity"), scene.port_of["pstn"], scene.port_of["proxy"]
        pstn = stack.enter_context(Sipp("pstn", script, tmp_path, scene.ports, 30, proxy, numbers, port))
        first.wait_for(lambda event: event.get("event") == "call", "the call to be up")
        if killed:
            first.kill()
            stack.enter_context(scene.daemon())
        assert pstn.finish(20) == 0, pstn.complaints()
        assert mobile.finish(20) == 0, mobile.complaints()
    messages = pstn.messages()
    assert {"INVITE", "ACK", "BYE"} <= {message.method for message in messages if message.status is None}
    own = DIDS["own"][1:]
    assert parties(messages, caller=True) == {
        (f'"Bob" <sip:{NATIONAL}@pstn.example>', f"<sip:{own[1:]}@{HOST}:{proxy}>")
    }
    assert parties(mobile.messages(), caller=False) == {(f"<sip:{own}@{HOST}>", f"<sip:{own}@{HOST}:{proxy}>")}
