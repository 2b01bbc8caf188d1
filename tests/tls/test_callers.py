"""Callers that are known by their certificate alone: from an address of nobody, through the real daemon."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from sip.message import Response
from sip.parser import parse_message
from tests.certificates import Pair, Workshop
from tests.sip import wire
from tests.sipp.daemon import Daemon

HOST, ELSEWHERE = "127.0.0.1", "127.0.0.66"
PATIENCE = 20.0
PLAN = """
version: 1
listen:
  - {{udp: "127.0.0.1:{ours}"}}
  - {{tls: "127.0.0.1:{ours}", certificate: ours.pem, key: ours.key, verify: clients, ca: authority.pem}}
trunks:
  carrier-a: {{uri: "sip:127.0.0.77:5060", probe: off, sources: ["tls:carrier-a.example"]}}
  carrier-b: {{uri: "sip:127.0.0.78:5060", probe: off, sources: [127.0.0.65]}}
endpoints:
  desk: {{user: "100", via: [carrier-b], live: true}}
chains:
  main: [{{ring: [desk]}}]
routes:
  - {{did: "100", chain: main}}
"""


def ask(workshop: Workshop, pair: Pair, port: int, source: str) -> list[int]:
    """An OPTIONS and a call to nobody's number over a connection with this certificate; the statuses until it ends."""
    context = ssl.create_default_context(cafile=str(workshop.authority.certificate))
    context.check_hostname = False
    context.load_cert_chain(pair.certificate, pair.key)
    plain = socket.create_connection((HOST, port), PATIENCE, (source, 0))
    via = f"SIP/2.0/TLS {source}:{plain.getsockname()[1]}"
    with context.wrap_socket(plain) as secure:
        for method, number in (("OPTIONS", 1), ("INVITE", 404)):
            name = f"{pair.certificate.stem}-{method}"
            uri = f"sip:{number}@{HOST}"
            lines = ["Content-Length: 0"]
            secure.sendall(wire.request(method, uri, via=via, branch=f"z9hG4bK-{name}", call_id=name, extra=lines))
        statuses: list[int] = []
        data = b""
        while len(statuses) < 2:
            try:
                more = secure.recv(65_536)
            except (ssl.SSLError, ConnectionError):
                more = b""
            if not more:
                break
            data += more
            while b"\r\n\r\n" in data:
                head, _, data = data.partition(b"\r\n\r\n")
                answer = parse_message(head + b"\r\n\r\n")
                assert isinstance(answer, Response)
                if answer.status >= 200:
                    statuses.append(answer.status)
        return statuses


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("callers"))
    workshop.make("ours", "DNS:callward.example")
    return workshop


def test_a_carrier_is_known_by_its_certificate_and_nobody_else_is(
    workshop: Workshop, free_port: int, tmp_path: Path
) -> None:
    carrier = workshop.make("carrier", "DNS:carrier-a.example")
    other = workshop.make("other", "DNS:evil.example")
    file = workshop.folder / "callers.yaml"
    file.write_text(PLAN.format(ours=free_port))
    with Daemon(file, tmp_path / "state") as daemon:
        assert ask(workshop, carrier, free_port, ELSEWHERE) == [200, 404]
        assert ask(workshop, other, free_port, ELSEWHERE) == [], "a genuine certificate of somebody else"
        assert ask(workshop, other, free_port, "127.0.0.65") == [200, 404], "an address is enough as well"
        daemon.wait_for(lambda _: sum(e.get("event") == "call" for e in daemon.events) == 2, "two calls on record")
        calls = [event for event in daemon.events if event.get("event") == "call"]
    assert [call["from_trunk"] for call in calls] == ["carrier-a", "carrier-b"]
