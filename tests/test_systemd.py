"""What systemd hears of the daemon, on a real socket, from the real daemon."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.systemd import Notifier
from tests.sipp.daemon import Daemon
from tests.sipp.process import Ports
from tests.sipp.test_reload import write


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
