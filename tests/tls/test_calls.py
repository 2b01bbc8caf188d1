"""Calls over TLS through the real daemon, both sides of it, from the INVITE to the BYE."""

from __future__ import annotations

import json
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli import cli
from sip.message import Request, Response
from sip.parser import parse_message
from tests.certificates import Pair, Workshop
from tests.sip import wire
from tests.sipp.daemon import Daemon
from tests.tls.trunk import HOST, PATIENCE, TlsCaller, TlsTrunk, client_context, server_context

OURS = "callward.example"
PLAN = """
version: 1
access: anyone
tls: {{certificate: ours.pem, key: ours.key, ca: authority.pem}}
listen: [{{udp: "127.0.0.1:{ours}"}}, {{tls: "127.0.0.1:{ours}"}}]
trunks:
  secure: {{uri: "{scheme}:127.0.0.1:{trunk}{kind}", probe: off, tls: {{name: trunk.example}}}}
  plain: {{uri: "sip:127.0.0.1:{plain}", probe: off}}
endpoints:
  desk: {{user: "100", via: [secure]}}
  mixed: {{user: "101", via: [plain, secure]}}
  open: {{user: "102", via: [plain]}}
chains:
  desk: [{{ring: [desk]}}]
  mixed: [{{ring: [mixed]}}]
  open: [{{ring: [open]}}]
routes:
  - {{did: "1", chain: desk}}
  - {{did: "2", chain: mixed}}
  - {{did: "3", chain: open}}
"""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("certificates"))
    workshop.make("ours", f"DNS:{OURS}")
    return workshop


@pytest.fixture(scope="module")
def good(workshop: Workshop) -> Pair:
    return workshop.make("good")


class Stage:
    """A daemon between TLS and UDP, a trunk of each, and callers."""

    def __init__(self, workshop: Workshop, pair: Pair, port: int, tmp_path: Path, scheme: str) -> None:
        self.port = port
        self.workshop = workshop
        self.trunk = TlsTrunk(server_context(pair, workshop.authority))
        self.plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.plain.bind((HOST, 0))
        self.plain.settimeout(PATIENCE)
        self.file = tmp_path / "plan.yaml"
        for name in ("ours.pem", "ours.key", "authority.pem"):
            shutil.copy(workshop.folder / name, tmp_path)
        kind = "" if scheme == "sips" else ";transport=tls"
        self.file.write_text(
            PLAN.format(ours=port, scheme=scheme, kind=kind, trunk=self.trunk.port, plain=self.plain.getsockname()[1])
        )
        self.state = tmp_path / "state"
        self.daemon = Daemon(self.file, self.state)

    def connect(self) -> TlsCaller:
        return TlsCaller(self.port, client_context(self.workshop.authority), OURS)


@contextmanager
def staged(workshop: Workshop, pair: Pair, port: int, tmp_path: Path, scheme: str = "sip") -> Iterator[Stage]:
    stage = Stage(workshop, pair, port, tmp_path, scheme)
    with stage.plain, stage.trunk, stage.daemon:
        yield stage
        assert not [line for line in stage.daemon.lines if "Traceback" in line]


def invite(caller: TlsCaller, uri: str, call_id: str = "one") -> bytes:
    contact = f"Contact: <{uri.partition(':')[0]}:anna@{HOST}:{caller.sock.getsockname()[1]};transport=tls>"
    return wire.request(
        "INVITE",
        uri,
        via=caller.via,
        branch=f"z9hG4bK-{call_id}",
        call_id=call_id,
        extra=[contact, "Content-Length: 0"],
    )


def within(caller: TlsCaller, method: str, ok: Response, cseq: int, call_id: str = "one") -> bytes:
    """A request of the caller within the call that was answered so."""
    contact = ok.get("contact")
    assert contact is not None
    route = [f"Route: {value}" for value in ok.get_all("record-route")]
    return wire.request(
        method, contact.strip("<>"), via=caller.via, branch=f"z9hG4bK-{method}-{cseq}", call_id=call_id, to_tag="callee",
        cseq=cseq, extra=[*route, "Content-Length: 0"],
    )  # fmt: skip


@pytest.mark.parametrize("scheme", ["sip", "sips"])
def test_a_call_over_tls_on_both_sides(
    workshop: Workshop, good: Pair, free_port: int, tmp_path: Path, scheme: str
) -> None:
    with staged(workshop, good, free_port, tmp_path) as stage:
        caller = stage.connect()
        caller.send(invite(caller, f"{scheme}:1@{OURS}"))
        ok = caller.final()
        asked = stage.trunk.wait_for("INVITE")
        secure = f"sips:100@{HOST}:{stage.trunk.port}"
        assert (ok.status, asked.uri) == (
            200,
            secure if scheme == "sips" else f"sip:100@{HOST}:{stage.trunk.port};transport=tls",
        )
        assert asked.get_all("via")[0].startswith(f"SIP/2.0/TLS {HOST}:{free_port};alias;branch=")
        (route,) = asked.get_all("record-route")
        where = f"<sips:{HOST}:{free_port};lr" if scheme == "sips" else f"<sip:{HOST}:{free_port};transport=tls;lr"
        assert route.startswith(where)
        caller.send(within(caller, "ACK", ok, 7))
        stage.trunk.wait_for("ACK")

        # the callee asks on the connection that it has
        again = wire.request(
            "INFO", f"{scheme}:anna@{HOST}:{caller.sock.getsockname()[1]};transport=tls",
            via=f"SIP/2.0/TLS {HOST}:{stage.trunk.port}", branch="z9hG4bK-info", call_id="one", caller_tag=";tag=callee",
            to_tag="caller", extra=[f"Route: {route}", "Content-Length: 0"],
        )  # fmt: skip
        stage.trunk.say(again)
        info = caller.read()
        assert isinstance(info, Request)
        assert info.method == "INFO"
        caller.send(wire.answer(info, 200, extra=["Content-Length: 0"]))

        caller.send(within(caller, "BYE", ok, 8))
        assert caller.final().status == 200
        assert stage.trunk.wait_for("BYE").uri == ok.require("contact").strip("<>")
        assert stage.trunk.names == [OURS], "one connection, and we have shown who we are"
        caller.close()


def test_a_call_from_udp_to_a_sips_trunk(workshop: Workshop, good: Pair, free_port: int, tmp_path: Path) -> None:
    """Each side finds on top of its route the entry that it can use (RFC 5658)."""
    with (
        staged(workshop, good, free_port, tmp_path, "sips") as stage,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller,
    ):
        caller.bind((HOST, 0))
        caller.settimeout(PATIENCE)
        via = f"SIP/2.0/UDP {HOST}:{caller.getsockname()[1]}"
        caller.sendto(wire.request("INVITE", f"sip:1@{HOST}", via=via), (HOST, free_port))
        statuses = []
        while not statuses or statuses[-1] < 200:
            ok = parse_message(caller.recv(65536))
            assert isinstance(ok, Response)
            statuses.append(ok.status)
        asked = stage.trunk.wait_for("INVITE")
        assert asked.uri == f"sips:100@{HOST}:{stage.trunk.port}"
        theirs, ours = asked.get_all("record-route")
        assert theirs.startswith(f"<sips:{HOST}:{free_port};lr")
        assert ours.startswith(f"<sip:{HOST}:{free_port};lr")
        route = [f"Route: {value}" for value in reversed(ok.get_all("record-route"))]
        contact = ok.require("contact").strip("<>")
        caller.sendto(
            wire.request("ACK", contact, via=via, branch="z9hG4bK-ack", to_tag="callee", extra=route), (HOST, free_port)
        )
        stage.trunk.wait_for("ACK")
        caller.sendto(
            wire.request("BYE", contact, via=via, branch="z9hG4bK-bye", to_tag="callee", cseq=8, extra=route),
            (HOST, free_port),
        )
        assert stage.trunk.wait_for("BYE").uri == contact


def test_a_sips_call_takes_tls_or_nothing(workshop: Workshop, good: Pair, free_port: int, tmp_path: Path) -> None:
    """RFC 3261 §26.2.2."""
    with staged(workshop, good, free_port, tmp_path) as stage:
        caller = stage.connect()
        caller.send(invite(caller, f"sips:3@{OURS}", "open"))
        assert caller.final().status == 480
        stage.daemon.wait_for(
            lambda event: event.get("event") == "call" and event["attempts"][0]["cause"] == "NOT_SECURE", "the reason"
        )
        caller.send(invite(caller, f"sips:2@{OURS}", "mixed"))
        assert caller.final().status == 200
        assert stage.trunk.wait_for("INVITE").uri == f"sips:101@{HOST}:{stage.trunk.port}"
        stage.plain.setblocking(False)
        with pytest.raises(BlockingIOError):
            stage.plain.recv(65536)
        caller.close()


def test_renewed_certificates_are_taken_by_a_reload_and_drop_nobody(
    workshop: Workshop, good: Pair, free_port: int, tmp_path: Path
) -> None:
    with staged(workshop, good, free_port, tmp_path) as stage:
        caller = stage.connect()
        caller.send(invite(caller, f"sip:1@{OURS}"))
        ok = caller.final()
        caller.send(within(caller, "ACK", ok, 7))
        stage.trunk.wait_for("ACK")
        renewed = workshop.make("renewed", "DNS:renewed.example", days=(-1, 2.5))
        shutil.copy(renewed.certificate, tmp_path / "ours.pem")
        shutil.copy(renewed.key, tmp_path / "ours.key")
        stage.daemon.signal(signal.SIGHUP)
        stage.daemon.wait_for(
            lambda event: event.get("event") == "certificate" and event["days"] == 3, "a warning of the new certificate"
        )
        stage.daemon.wait_for(lambda event: event.get("event") == "reloaded", "the reload")
        after = TlsCaller(free_port, client_context(workshop.authority), "renewed.example")
        after.send(wire.request("OPTIONS", via=after.via, extra=["Content-Length: 0"]))
        assert after.final().status == 200
        after.close()
        caller.send(within(caller, "BYE", ok, 8))
        assert caller.final().status == 200
        caller.close()

        shown = CliRunner().invoke(cli, ["status", "--state-dir", str(stage.state)]).output
        assert "listener tls:127.0.0.1" in shown
        assert "2 days" in shown
        assert "trunk secure" in shown


def test_check_shows_whom_our_certificate_is_for(
    workshop: Workshop, good: Pair, free_port: int, tmp_path: Path
) -> None:
    stage = Stage(workshop, good, free_port, tmp_path, "sips")
    with stage.plain, stage.trunk:
        done = CliRunner().invoke(cli, ["check", str(stage.file)])
    assert done.exit_code == 0
    assert f"tls:127.0.0.1:{free_port}" in done.output
    assert OURS in done.output


def test_a_renewal_that_is_not_whole_changes_nothing(
    workshop: Workshop, good: Pair, free_port: int, tmp_path: Path
) -> None:
    with staged(workshop, good, free_port, tmp_path) as stage:
        shutil.copy(workshop.make("half").certificate, tmp_path / "ours.pem")
        stage.daemon.signal(signal.SIGHUP)
        stage.daemon.wait_for(
            lambda event: event.get("event") == "not reloaded" and "is not that of the certificate" in event["why"],
            "the reason",
        )
        caller = stage.connect()
        caller.send(wire.request("OPTIONS", via=caller.via, extra=["Content-Length: 0"]))
        assert caller.final().status == 200
        caller.close()


def test_a_call_over_tls_outlives_the_daemon(workshop: Workshop, good: Pair, free_port: int, tmp_path: Path) -> None:
    """Connections do not; what is on the wire is the memory all the same."""
    with staged(workshop, good, free_port, tmp_path) as stage:
        caller = stage.connect()
        caller.send(invite(caller, f"sip:1@{OURS}"))
        ok = caller.final()
        caller.send(within(caller, "ACK", ok, 7))
        stage.trunk.wait_for("ACK")
        stage.daemon.kill()
        caller.close()
        with Daemon(stage.file, stage.state):
            caller = stage.connect()
            caller.send(within(caller, "BYE", ok, 8))
            assert caller.final().status == 200
            stage.trunk.wait_for("BYE")
            caller.close()


def test_the_trunk_that_hangs_up_moves_the_call_on(
    workshop: Workshop, good: Pair, free_port: int, tmp_path: Path
) -> None:
    """Its connection is lost before it has said anything."""
    with staged(workshop, workshop.make("bad", days=(-9, -1)), free_port, tmp_path) as stage:
        file = stage.file.read_text().replace("via: [plain, secure]", "via: [secure, plain]")
        stage.file.write_text(file)
        stage.daemon.signal(signal.SIGHUP)
        stage.daemon.wait_for(lambda event: event.get("event") == "reloaded", "the reload")
        caller = stage.connect()
        caller.send(invite(caller, f"sip:2@{OURS}"))
        data, us = stage.plain.recvfrom(65536)
        asked = parse_message(data)
        assert isinstance(asked, Request)
        assert asked.method == "INVITE"
        stage.plain.sendto(wire.answer(asked, 200, extra=[f"Contact: <sip:{HOST}:5060>"]), us)
        assert caller.final().status == 200
        stage.daemon.wait_for(lambda event: event.get("event") == "tls" and "has expired" in event["why"], "the reason")
        assert stage.trunk.raw == b""
        caller.close()
        shown = CliRunner().invoke(cli, ["status", "--state-dir", str(stage.state), "--json"]).output
        (refused,) = [each for each in json.loads(shown)["certificates"] if each["refused"]]
        assert (refused["owner"], refused["until"]) == ("trunk secure", None)
