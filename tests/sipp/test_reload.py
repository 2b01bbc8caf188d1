"""The dialplan of a running daemon changes: by SIGHUP, by `callward reload`, or not at all; no call notices."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from controller.exits import FINDINGS, OK, UNREACHABLE
from sip.message import Request, Response
from sip.parser import parse_message
from tests.sip import wire
from tests.sipp.daemon import ROOT, Daemon
from tests.sipp.process import HOST, Ports, Sipp, read_script

pytestmark = pytest.mark.sipp

#: Scenarios that this file runs outside the matrix.
USED = frozenset(("uac-basic", "uas-ring-then-answer"))
DID = "+15557000"


class Peer:
    """A party that is played by hand, on a UDP socket of its own."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.bind((HOST, 0))
        sock.settimeout(20)
        self.port = sock.getsockname()[1]
        self.contact = f"<sip:someone@{HOST}:{self.port}>"

    def send(self, data: bytes, port: int) -> None:
        self.sock.sendto(data, (HOST, port))

    def request(self, method: str, port: int, **options: object) -> None:
        """A request of the caller's."""
        uri = str(options.pop("uri", f"sip:{DID}@{HOST}:{port}"))
        self.send(wire.request(method, uri, via=f"SIP/2.0/UDP {HOST}:{self.port}", **options), port)  # type: ignore[arg-type]

    def answer(self, request: Request, status: int, port: int) -> None:
        self.send(wire.answer(request, status, f"tag-{self.port}", extra=[f"Contact: {self.contact}"]), port)

    def wait_for(self, start: str) -> Request | Response:
        """The next message whose start line begins so; others are passed over."""
        while True:
            message = parse_message(self.sock.recv(65536))
            if message.start_line.startswith(start):
                return message

    def wait_for_request(self, method: str) -> Request:
        message = self.wait_for(f"{method} ")
        assert isinstance(message, Request)
        return message


@contextmanager
def peers(count: int) -> Iterator[list[Peer]]:
    with ExitStack() as stack:
        yield [Peer(stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))) for _ in range(count)]


def write(file: Path, proxy: int, trunks: dict[str, int], ring: list[str]) -> None:
    """A dialplan whose one chain rings a phone behind each trunk in this order."""
    lines = ["version: 1", f'listen: [{{udp: "{HOST}:{proxy}"}}]', "trunks:"]
    lines += [f'  {name}: {{uri: "sip:{HOST}:{port}", probe: off}}' for name, port in trunks.items()]
    lines += ["endpoints:", *(f'  phone-{name}: {{user: "100", via: [{name}]}}' for name in trunks)]
    lines += ["chains:", "  main:", *(f"    - {{ring: [phone-{name}], for: 60s, no_progress: 60s}}" for name in ring)]
    file.write_text("\n".join([*lines, "routes:", f'  - {{did: "{DID}", chain: main}}', ""]))


def reload_by_command(state: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "controller.cli", "reload", "--state-dir", str(state)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def wait_for(daemon: Daemon, event: str, times: int = 1) -> None:
    daemon.wait_until(lambda: daemon.counts[event] >= times, f"{times} times {event!r}")


@pytest.fixture
def proxy() -> int:
    """A port for the daemon."""
    return Ports(31 * os.getpid() + 7600).pick()


def test_a_ringing_call_keeps_its_plan_and_a_call_that_is_up_its_trunk(tmp_path: Path, proxy: int) -> None:
    """SIGHUP takes both trunks of the first call out of the dialplan while its first phone rings."""
    file = tmp_path / "dialplan.yaml"
    with peers(4) as (caller, first, second, third):
        write(file, proxy, {"first": first.port, "second": second.port}, ["first", "second"])
        with Daemon(file, tmp_path / "state") as daemon:
            caller.request("INVITE", proxy)
            ringing = first.wait_for_request("INVITE")
            first.answer(ringing, 180, proxy)
            caller.wait_for("SIP/2.0 180")

            write(file, proxy, {"third": third.port}, ["third"])
            daemon.signal(signal.SIGHUP)
            wait_for(daemon, "reloaded")

            caller.request("INVITE", proxy, branch="z9hG4bK-new", call_id="new@caller")
            new = third.wait_for_request("INVITE")
            third.answer(new, 486, proxy)

            first.answer(ringing, 486, proxy)
            moved = second.wait_for_request("INVITE")
            second.answer(moved, 200, proxy)
            answered = caller.wait_for("SIP/2.0 200")
            route = [f"Route: {value}" for value in answered.get_all("record-route")]
            within = {"uri": second.contact[1:-1], "to_tag": f"tag-{second.port}", "extra": route}
            caller.request("ACK", proxy, branch="z9hG4bK-ack", **within)
            second.wait_for("ACK ")
            caller.request("BYE", proxy, branch="z9hG4bK-bye", cseq=8, **within)
            second.answer(second.wait_for_request("BYE"), 200, proxy)
            caller.wait_for("SIP/2.0 200")


def test_a_file_that_is_not_whole_changes_nothing_and_is_told_to_whoever_asked(tmp_path: Path, proxy: int) -> None:
    file, state = tmp_path / "dialplan.yaml", tmp_path / "state"
    with peers(2) as (caller, phone):
        write(file, proxy, {"only": phone.port}, ["only"])
        good = file.read_text()
        with Daemon(file, state) as daemon:
            for bad, complaint in (
                (good.replace("ring: [phone-only]", "ring: [phone-onyl]"), "did you mean 'phone-only'?"),
                (good.replace(f"{HOST}:{proxy}", f"{HOST}:{proxy + 1}"), "dialplan.yaml:2: 'listen' differs"),
                (good.replace(f"sip:{HOST}", "sip:nowhere.invalid"), "cannot resolve 'nowhere.invalid'"),
            ):
                file.write_text(bad)
                told = reload_by_command(state)
                assert told.returncode == FINDINGS
                assert complaint in told.stderr
                assert "not reloaded; what runs goes on" in told.stderr
            wait_for(daemon, "not reloaded", times=3)
            file.unlink()
            daemon.signal(signal.SIGHUP)
            wait_for(daemon, "not reloaded", times=4)
            caller.request("INVITE", proxy)
            phone.wait_for_request("INVITE")

            file.write_text(good)
            told = reload_by_command(state)
            assert told.returncode == OK
            assert "reloaded: version" in told.stdout


def reload_under_load(folder: Path, proxy: int, reloads: int, calls_between: int) -> None:
    """Each tenth file is not whole. So many calls go by from one reload to the next, at 50 calls/s."""
    file = folder / "dialplan.yaml"
    ports = Ports(31 * os.getpid() + 7700)
    trunk = ports.pick()
    write(file, proxy, {"only": trunk}, ["only"])
    calls = max(200, reloads * calls_between)
    limit = 60 + calls / 50
    load = ("-s", DID, "-r", "50", "-m", str(calls))
    with (
        Sipp("callee", read_script("uas-ring-then-answer"), folder, ports, limit, None, ("-t", "u1"), trunk),
        Daemon(file, folder / "state") as daemon,
        Sipp("caller", read_script("uac-basic"), folder, ports, limit, proxy, ("-t", "u1", *load), 0) as calling,
    ):
        bad = 0
        for turn in range(1, reloads + 1):  # trunks come and go, and the one that stays gets other names
            name = "only" if turn % 2 else "renamed"
            write(file, proxy, {name: trunk, f"spare-{turn}": trunk + 1}, [name, f"spare-{turn}"])
            if turn % 10 == 0:
                file.write_text(file.read_text().replace("ring: [", "ring: [nobody, "))
                bad += 1
            daemon.signal(signal.SIGHUP)
            wait_for(daemon, "not reloaded" if turn % 10 == 0 else "reloaded", bad if turn % 10 == 0 else turn - bad)
            wait_for(daemon, "call", min(turn * calls_between, calls))
        assert calling.finish(limit) == 0, calling.complaints()
        versions = {event["version"] for event in daemon.events if event.get("event") == "reloaded"}
        assert len(versions) == reloads - bad
        assert not [event for event in daemon.events if event.get("event") == "fault"]


def test_no_call_is_lost_to_reloads_under_load(tmp_path: Path, proxy: int) -> None:
    reload_under_load(tmp_path, proxy, reloads=10, calls_between=0)


@pytest.mark.long
def test_no_call_is_lost_to_a_storm_of_five_hundred_reloads_in_five_minutes(tmp_path: Path, proxy: int) -> None:
    reload_under_load(tmp_path, proxy, reloads=500, calls_between=30)


def test_two_daemons_do_not_share_a_state_folder(tmp_path: Path, proxy: int) -> None:
    file, state = tmp_path / "dialplan.yaml", tmp_path / "state"
    write(file, proxy, {"only": 5071}, ["only"])
    other = tmp_path / "other.yaml"
    write(other, proxy + 1, {"only": 5071}, ["only"])
    with Daemon(file, state):
        command = [sys.executable, "-m", "controller.cli", "run", str(other), "--state-dir", str(state)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == UNREACHABLE
        assert "another daemon runs with this folder" in second.stderr
        assert reload_by_command(state).returncode == OK, "the first one is still reached"
    with Daemon(file, state):  # the first was killed: what it left behind is in nobody's way
        assert reload_by_command(state).returncode == OK


def test_a_reload_without_a_daemon_says_so(tmp_path: Path) -> None:
    told = reload_by_command(tmp_path)
    assert told.returncode == UNREACHABLE
    assert "no daemon runs with --state-dir" in told.stderr


def control(state: Path, data: bytes) -> dict[str, object]:
    """What the daemon says to a line on its control socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(20)
        sock.connect(str(state / "control.sock"))
        sock.sendall(data)
        with sock.makefile("rb") as lines:
            answer: dict[str, object] = json.loads(lines.readline())
            return answer


def test_nonsense_on_the_control_socket_is_refused_and_logs_no_traceback(tmp_path: Path, proxy: int) -> None:
    file, state = tmp_path / "dialplan.yaml", tmp_path / "state"
    write(file, proxy, {"only": 5071}, ["only"])
    with Daemon(file, state) as daemon:
        for data in (b"[1]\n", b'{"command": []}\n', b'{"command": "dance"}\n', b"{\n", b"x" * 5000 + b"\n", b"\n"):
            answer = control(state, data)
            assert (answer["ok"], answer["text"]) == (
                False,
                "this daemon does not know that command: is it another version?",
            )
        assert control(state, b'{"command": "status"}\n')["ok"] is True
        assert daemon.stop() == 0
        assert "Traceback" not in "".join(daemon.lines)
        assert not [event for event in daemon.events if event["event"] == "fault"]


def test_status_shows_trunks_as_the_daemon_sees_them(tmp_path: Path, proxy: int) -> None:
    file, state = tmp_path / "dialplan.yaml", tmp_path / "state"
    with peers(1) as (gone,):
        write(file, proxy, {"only": gone.port}, ["only"])
        file.write_text(file.read_text().replace("probe: off", "carrier: a"))
        gone.sock.close()
        with Daemon(file, state) as daemon:
            daemon.wait_for(lambda event: event.get("event") == "trunk" and event.get("new") == "down", "it down")
            command = [sys.executable, "-m", "controller.cli", "status", "--state-dir", str(state)]
            wide = {**os.environ, "COLUMNS": "160"}
            told = subprocess.run(command, cwd=ROOT, env=wide, capture_output=True, text=True, timeout=60, check=False)
            assert told.returncode == FINDINGS
            row = next(line.split() for line in told.stdout.splitlines() if line.startswith("only"))
            assert (row[1], row[-2:]) == ("down", [f"udp:{HOST}:{gone.port}", "PORT_CLOSED"])
            told = subprocess.run(
                [*command, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
            )
            (trunk,) = json.loads(told.stdout)["trunks"]
            assert (trunk["name"], trunk["state"], trunk["heard"]) == ("only", "down", None)
