"""A call over ::1 through the real daemon, from its dialplan to the BYE."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sip.message import Request, Response
from sip.parser import parse_message
from tests.sip import wire
from tests.sipp.daemon import Daemon

PLAN = """
version: 1
listen: [{{udp: "[::1]:{ours}"}}]
trunks:
  pbx: {{uri: "sip:[::1]:{pbx}", probe: off}}
endpoints:
  desk: {{user: "100", via: [pbx]}}
chains:
  main: [{{ring: [desk], for: 10s}}]
routes:
  - {{did: "*", chain: main}}
"""


@pytest.fixture
def peers() -> Callable[[], socket.socket]:
    """Makes UDP sockets on ::1."""

    def bind() -> socket.socket:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.settimeout(5.0)
        try:
            sock.bind(("::1", 0))
        except OSError as error:
            sock.close()
            pytest.skip(f"no IPv6 on the loopback interface here: {error}")
        return sock

    return bind


def read(sock: socket.socket) -> Request | Response:
    return parse_message(sock.recv(65536))


def test_a_call_over_ipv6_through_the_daemon(
    tmp_path: Path, free_port: int, peers: Callable[[], socket.socket]
) -> None:
    plan = tmp_path / "six.yaml"
    with peers() as caller, peers() as pbx:
        plan.write_text(PLAN.format(ours=free_port, pbx=pbx.getsockname()[1]))
        us, via = ("::1", free_port), f"SIP/2.0/UDP [0:0:0:0:0:0:0:1]:{caller.getsockname()[1]}"
        with Daemon(plan, tmp_path / "state") as daemon:
            caller.sendto(wire.request("INVITE", f"sip:1@[::1]:{free_port}", via=via), us)
            trying, invite = read(caller), read(pbx)
            assert isinstance(trying, Response)
            assert isinstance(invite, Request)
            assert invite.uri == f"sip:100@[::1]:{pbx.getsockname()[1]}"
            contact = f"Contact: <sip:100@[::1]:{pbx.getsockname()[1]}>"
            pbx.sendto(wire.answer(invite, 200, extra=[contact]), us)
            ok = read(caller)
            assert isinstance(ok, Response)
            assert (trying.status, ok.status) == (100, 200)
            route = [f"Route: {value}" for value in ok.get_all("record-route")]
            for method, cseq in (("ACK", 7), ("BYE", 8)):
                branch, target = f"z9hG4bK-{method}", contact[10:-1]
                caller.sendto(
                    wire.request(method, target, via=via, branch=branch, to_tag="callee", cseq=cseq, extra=route), us
                )
                relayed = read(pbx)
                assert isinstance(relayed, Request)
                assert relayed.method == method
            pbx.sendto(wire.answer(relayed, 200), us)
            done = read(caller)
            assert isinstance(done, Response)
            assert (done.status, done.cseq) == (200, (8, "BYE"))
            assert daemon.stop() == 0
