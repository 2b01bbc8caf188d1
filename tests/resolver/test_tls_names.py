"""A TLS trunk found by DNS has to be who its domain says, wherever the records lead (RFC 5922 §4)."""

from __future__ import annotations

import socket
from pathlib import Path

from sip.message import Response
from sip.parser import parse_message
from tests.certificates import DOMAIN, Workshop
from tests.resolver.server import serving
from tests.sip import wire
from tests.sipp.daemon import Daemon
from tests.tls.trunk import HOST, PATIENCE, TlsTrunk, server_context

PLAN = """
version: 1
access: anyone
dns: {{servers: "{dns}"}}
tls: {{ca: authority.pem}}
listen: [{{udp: "127.0.0.1:{ours}"}}, {{tls: "127.0.0.1:{ours}", certificate: ours.pem, key: ours.key}}]
trunks:
  carrier: {{uri: "sips:{domain}", probe: off}}
endpoints:
  anna: {{user: "100", via: [carrier]}}
chains:
  main: [{{ring: [anna], no_reply: 10s, no_progress: 15s}}]
routes:
  - {{did: "1", chain: main}}
"""


def test_the_certificate_has_to_name_the_domain_and_not_where_it_led(tmp_path: Path, free_port: int) -> None:
    workshop = Workshop(tmp_path)
    workshop.make("ours", "DNS:callward.example")
    target = server_context(workshop.make("target", "DNS:target.example"))  # right for where SRV leads, and wrong
    domain = server_context(workshop.make("domain", f"DNS:{DOMAIN}"))
    with TlsTrunk(target) as first, TlsTrunk(domain) as second, socket.socket(type=socket.SOCK_DGRAM) as caller:
        zone = {
            (f"_sips._tcp.{DOMAIN}", "SRV"): [
                f"1 1 {first.port} target.example.",
                f"2 1 {second.port} target.example.",
            ],
            ("target.example", "A"): [HOST],
        }
        with serving(zone) as dns:
            plan = PLAN.format(dns=":".join(map(str, dns.address)), ours=free_port, domain=DOMAIN)
            (tmp_path / "plan.yaml").write_text(plan)
            caller.bind((HOST, 0))
            caller.settimeout(PATIENCE)
            with Daemon(tmp_path / "plan.yaml", tmp_path / "state") as daemon:
                via = f"SIP/2.0/UDP {HOST}:{caller.getsockname()[1]}"
                caller.sendto(wire.request("INVITE", f"sip:1@{HOST}:{free_port}", via=via), (HOST, free_port))
                status = 100
                while status < 200:
                    answer = parse_message(caller.recv(65536))
                    assert isinstance(answer, Response)
                    status = answer.status
                assert status == 200
                assert second.wait_for("INVITE").uri == f"sips:100@{DOMAIN}"
                assert first.heard == []
                refused = f"carrier/{HOST}:{first.port}/tls"
                daemon.wait_for(lambda event: event["event"] == "tls" and event["trunk"] == refused, "the refusal")
