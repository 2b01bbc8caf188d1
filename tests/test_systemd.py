"""What systemd hears of the daemon, on a real socket, from the real daemon."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.main import get_command

from controller.cli import cli
from controller.config.duration import parse_duration
from controller.systemd import Inherited, Notifier
from tests.sip import wire
from tests.sipp.daemon import ROOT, Daemon
from tests.sipp.process import HOST, Ports
from tests.sipp.test_reload import Peer, write


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Where systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(20)
        yield sock


def hear(manager: socket.socket) -> dict[str, str]:
    """The next datagram's assignments."""
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().split("\n"))


def hear_of(manager: socket.socket, name: str) -> dict[str, str]:
    """The next datagram with this assignment; others are passed over."""
    while name not in (heard := hear(manager)):
        pass
    return heard


def test_systemd_hears_that_it_is_ready_reloads_lives_and_stops(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    port = Ports(31 * os.getpid() + 8100).pick()
    write(tmp_path / "dialplan.yaml", port, {"only": 5071}, ["only"])
    with Daemon(tmp_path / "dialplan.yaml", tmp_path / "state") as daemon:
        assert hear_of(manager, "READY")["STATUS"].startswith("1 trunks, 1 routes, version ")
        for _ in range(3):  # without a call, a probe or anything else that turns the pump
            assert hear_of(manager, "WATCHDOG")["WATCHDOG"] == "1"
        daemon.signal(signal.SIGHUP)
        assert int(hear_of(manager, "RELOADING")["MONOTONIC_USEC"]) > 0
        hear_of(manager, "READY")
        (tmp_path / "dialplan.yaml").write_text("spoilt: [")
        daemon.signal(signal.SIGHUP)
        hear_of(manager, "RELOADING")
        assert hear_of(manager, "READY")["READY"] == "1"
        assert daemon.stop() == 0
        assert hear_of(manager, "STOPPING")["STOPPING"] == "1"


def test_a_socket_of_the_abstract_namespace_is_heard_on_as_well() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = f"callward-test-{os.getpid()}"
        manager.bind(f"\0{name}")
        manager.settimeout(20)
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).tell("READY=1")
        assert hear(manager) == {"READY": "1"}


def test_the_watchdog_is_fed_once_a_beat(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "10000000"})
    for tenths in range(1000, 1100):
        notifier.feed(tenths / 10)
    manager.setblocking(False)
    assert [hear(manager), hear(manager), hear(manager)] == [{"WATCHDOG": "1"}] * 3
    with pytest.raises(BlockingIOError):
        manager.recv(1)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
    ],
)
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    notifier.tell("READY=1")
    notifier.feed(100.0)
    assert notifier.beat is None


def test_inherited_sockets_are_answered_on_and_outlive_a_restart(tmp_path: Path) -> None:
    """What comes between two lives waits in the socket, which we hold as systemd would."""
    with ExitStack() as stack:
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        port = Ports(31 * os.getpid() + 8200).pick()
        udp.bind((HOST, port))
        other = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        other.bind(("127.0.0.2", port))
        tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        tcp.bind((HOST, port))
        tcp.listen()
        caller = Peer(stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        write(tmp_path / "dialplan.yaml", port, {"only": 5071}, ["only"])
        text = (tmp_path / "dialplan.yaml").read_text()
        both = f'listen: [{{udp: "{HOST}:{port}"}}, {{tcp: "{HOST}:{port}"}}, {{udp: "127.0.0.2:{port}"}}]'
        (tmp_path / "dialplan.yaml").write_text(text.replace(text.split("\n")[1], both))
        for life in range(3):
            caller.request(
                "OPTIONS", port, uri=f"sip:{HOST}:{port}", branch=f"z9hG4bK-{life}", call_id=f"{life}@caller"
            )
            asks = wire.request("OPTIONS", f"sip:127.0.0.2:{port}", branch=f"z9hG4bK-other-{life}", rport=True)
            caller.sock.sendto(asks, ("127.0.0.2", port))
            phone = stack.enter_context(socket.create_connection((HOST, port), 20))
            via = f"SIP/2.0/TCP {HOST}:{phone.getsockname()[1]}"
            phone.sendall(
                wire.request(
                    "OPTIONS", f"sip:{HOST}:{port}", via=via, branch=f"z9hG4bK-tcp-{life}", extra=["Content-Length: 0"]
                )
            )
            daemon = Daemon(tmp_path / "dialplan.yaml", tmp_path / "state")
            daemon.sockets = (tcp.fileno(), other.fileno(), udp.fileno())
            with daemon:
                for _ in range(2):
                    caller.wait_for("SIP/2.0 200")
                assert phone.recv(4096).startswith(b"SIP/2.0 200")
                assert daemon.stop() == 0


def test_sockets_meant_for_another_process_are_left_alone() -> None:
    inherited = Inherited({"LISTEN_FDS": "1", "LISTEN_PID": "1"})
    assert inherited.take(HOST, 5060, "udp") is None
    assert inherited.rest() == []


def test_the_unit_file_runs_a_command_that_exists_and_waits_for_the_drain() -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(ROOT / "docker" / "callward.service")
    service = unit["Service"]
    _, verb, _, *options = service["ExecStart"].split()
    assert verb == "run"
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert given["--state-dir"] == f"/var/lib/{service['StateDirectory']}"
    assert parse_duration(given["--drain-timeout"]) < parse_duration(service["TimeoutStopSec"])
    assert set(given) <= {name for parameter in get_command(cli).commands["run"].params for name in parameter.opts}  # type: ignore[attr-defined]
