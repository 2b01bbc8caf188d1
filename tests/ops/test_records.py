"""What is kept of calls, end to end: calls through the daemon, and then the list, ladders, pcap and the API."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.control import ask
from controller.records.reading import Reader, Wanted
from controller.records.store import FILE
from sip.agent import Script
from tests.ops.stage import CONSOLE, OPERATOR, PATIENCE, Stage, ops_of, play
from tests.records.captures import read_hep, read_pcap

DID, CALLER = "+15557000", "+15550001"
SERVER = "127.0.0.2"  # a capture server: the testbed may move what is at 127.0.0.1


async def callward(here: Stage, *words: str) -> tuple[int, str]:
    """A command about this state folder: exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "controller.cli",
        *words,
        "--state-dir",
        str(here.state_dir),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def kept(here: Stage, call_id: str, last: str) -> dict[str, Any]:
    """One call, as soon as its last message is kept too."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if (here.state_dir / FILE).exists():
                found = Reader(here.state_dir).call(call_id)
                if found and found["record"] and last.encode() in b"".join(row.data for row in found["messages"]):
                    return found
            await asyncio.sleep(0.02)


def test_a_call_that_failed_over_is_listed_drawn_and_exported(tmp_path: Path) -> None:
    async def act(here: Stage) -> None:
        await here.until("/v1/status", lambda found: found["calls"])
        here.testbed.boxes["hq-pbx"].silence()
        call_id = await here.call()
        found = await kept(here, call_id, "BYE")
        await _look_at_list(here, call_id)
        await _look_at_ladder(here, found["id"])
        await _look_at_api(here, call_id, found["id"])
        await _look_at_pcap(here, found, tmp_path)
        assert oct((here.state_dir / FILE).stat().st_mode & 0o777) == "0o600"
        await _look_at_what_nobody_heard(here)

    play(tmp_path, act)


async def _look_at_what_nobody_heard(here: Stage) -> None:
    """A call while the process for operators is dead is kept by the next one, once, without its messages."""
    os.kill(ops_of(here.testbed.daemon.pid), signal.SIGKILL)
    call_id = await here.call()
    found = None
    async with asyncio.timeout(PATIENCE):
        while found is None or found["record"] is None:
            await asyncio.sleep(0.02)
            found = Reader(here.state_dir).call(call_id)
    assert found["record"]["status"] == 200
    assert len(Reader(here.state_dir).calls(Wanted())) == 2
    code, said = await callward(here, "ladder", call_id)
    assert (code, "200 OK" in said) == (0, True)


async def _look_at_list(here: Stage, call_id: str) -> None:
    code, said = await callward(here, "calls", "--json", "--numbers")
    (row,) = json.loads(said)["calls"]
    assert code == 0
    assert (row["call"], row["did"], row["status"], row["tried"]) == (call_id, DID, 200, 2)
    assert row["winner"].endswith("via carrier-a")
    assert row["trunks"] == ["hq-pbx", "carrier-a"]
    code, said = await callward(here, "calls")
    assert code == 0
    assert DID not in said  # masked unless asked for
    assert "…00" in said
    reader = Reader(here.state_dir)
    for wanted, count in (
        (Wanted(failed=True), 1),
        (Wanted(trunk="hq-pbx"), 1),
        (Wanted(trunk="carrier-b"), 0),
        (Wanted(did=DID.removeprefix("+")), 1),
        (Wanted(did="+1"), 0),
        (Wanted(caller=row["caller"]), 1),
        (Wanted(status="2xx"), 1),
        (Wanted(status="486"), 0),
        (Wanted(since=row["at"] + 1), 0),
        (Wanted(before=row["id"]), 0),
    ):
        assert (wanted, len(reader.calls(wanted))) == (wanted, count)
    code, said = await callward(here, "calls", "--live", "--json")
    assert (code, json.loads(said)["ringing"]) == (0, [])


async def _look_at_ladder(here: Stage, number: int) -> None:
    code, said = await callward(here, "ladder", str(number))
    assert code == 0
    lines = [line.strip() for line in said.splitlines()]
    wanted = (
        "attempt 1: front-desk via hq-pbx; stage 1, the first",
        "which gave no sign of life",
        "180 Ringing",
        "200 OK [SDP]",
        "attempt 2 won",
        "BYE",
    )
    places = [next(index for index, line in enumerate(lines) if text in line) for text in wanted]
    assert places == sorted(places), said
    assert any("INVITE" in line and "(again)" in line for line in lines), said
    assert DID not in said


async def _look_at_api(here: Stage, call_id: str, number: int) -> None:
    status, found = await here.get("/v1/calls?failed=true")
    assert (status, [row["id"] for row in found["calls"]], found["next"]) == (200, [number], None)
    assert (found["calls"][0]["did"], found["calls"][0]["caller"]) == (DID, "…01"), "our own number, and nobody else's"
    status, found = await here.get("/v1/calls", OPERATOR)
    assert found["calls"][0]["did"] == DID
    status, found = await here.get(f"/v1/calls/{number}")
    assert (status, found["record"]["did"], found["call"]) == (200, DID, call_id)
    assert CALLER not in json.dumps(found)
    assert found["record"]["caller"] == "…01"
    assert {line["kind"] for line in found["ladder"]["lines"]} == {"note", "message"}
    status, found = await here.get(f"/v1/calls/{call_id}", OPERATOR)
    assert DID in found["messages"][0]["text"]
    assert CALLER in json.dumps(found)
    assert [column["name"] for column in found["ladder"]["columns"]] == ["caller", "callward", "hq-pbx", "carrier-a"]
    status, problem = await here.get("/v1/calls/nope")
    assert (status, problem["code"]) == (404, "not-found")
    found = await here.until("/v1/timeline", lambda found: any(each["kind"] == "failover" for each in found["events"]))
    failover = next(each for each in found["events"] if each["kind"] == "failover")
    assert (failover["what"], failover["data"]["did"]) == ("hq-pbx", DID)
    found = await here.until(
        "/v1/timeline?kind=trunk&what=hq-pbx", lambda found: found["events"][0]["data"]["new"] == "down"
    )
    assert {each["what"] for each in found["events"]} == {"hq-pbx"}


async def _look_at_pcap(here: Stage, found: dict[str, Any], folder: Path) -> None:
    file = folder / "call.pcap"
    code, said = await callward(here, "calls", "--pcap", str(file), str(found["id"]))
    assert (code, "messages" in said) == (0, True)
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    packets = read_pcap(file.read_bytes())
    sent = [row.data for row in found["messages"]]
    assert [data for _, _, data in packets][: len(sent)] == sent
    ours = (here.testbed.listen.host, here.testbed.listen.port)
    assert packets[0][1] == ours
    assert {ours} <= {where for source, target, _ in packets for where in (source, target)}
    if shutil.which("sngrep") is None:
        pytest.skip("sngrep is not here: Debian's package of that name has it")
    again = folder / "again.pcap"
    words = ["sngrep", "-N", "-q", "-I", str(file), "-O", str(again)]
    process = await asyncio.create_subprocess_exec(*words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 0
    assert [data for _, _, data in read_pcap(again.read_bytes())][: len(sent)] == sent


def test_a_call_that_rings_is_shown_as_it_is(tmp_path: Path) -> None:
    """Also where records are kept and nothing is served."""

    async def act(here: Stage) -> None:
        for box in here.testbed.boxes.values():
            for user in ("100", "+15550100", "+15550199"):
                box.install(user, Script(answer_after=300.0))  # nobody is at home
        ringing = asyncio.get_running_loop().create_task(here.call())
        found: dict[str, Any] = {"ringing": []}
        async with asyncio.timeout(PATIENCE):
            while not found["ringing"] or found["ringing"][0]["attempts"][0]["milestone"] != "alerting":
                found = await asyncio.to_thread(lambda: ask(here.state_dir, "calls")["calls"])
        (row,) = found["ringing"]
        assert (row["did"], row["chain"]) == (DID, "sales")
        assert row["attempts"][0]["path"] == "front-desk via hq-pbx"
        assert row["attempts"][0]["open"]
        code, said = await callward(here, "calls", "--live")
        assert (code, DID in said) == (0, False)
        assert "(alerting)" in said
        assert "1 being set up, 0 up" in said
        ringing.cancel()
        os.kill(here.testbed.daemon.pid, signal.SIGTERM)  # the testbed's own will be the second: it ends at once

    play(tmp_path, act, "records: {calls: 1d}\n")


def test_a_capture_server_is_told_of_every_message_and_sngrep_reads_them(tmp_path: Path, free_port: int) -> None:
    """One that reads as the documents say, and hands what it got to the real one."""
    file = tmp_path / "heard.pcap"
    words = ["sngrep", "-L", f"udp:127.0.0.1:{free_port}", "-N", "-q", "-O", str(file)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((SERVER, 0))
        server.setblocking(False)

        async def act(here: Stage) -> None:
            await here.until("/v1/status", lambda found: found["calls"])
            call_id = await here.call()
            found = await kept(here, call_id, "BYE")
            loop = asyncio.get_running_loop()
            packets: list[bytes] = []
            async with asyncio.timeout(PATIENCE):
                while len(packets) < len(found["messages"]):
                    packets.append(await loop.sock_recv(server, 65_536))
            heard, rows = [read_hep(packet) for packet in packets], found["messages"]
            assert [each.data for each in heard] == [row.data for row in rows]
            assert {(each.call, each.capture, each.kind, each.protocol) for each in heard} == {(call_id, 77, 1, 17)}
            assert heard[0].target == (here.testbed.listen.host, here.testbed.listen.port)
            assert heard[0].source == heard[1].target  # 100 Trying goes back to the caller
            assert abs(heard[0].at - rows[0].at) < 0.001
            if shutil.which("sngrep") is None:
                pytest.skip("sngrep is not here: Debian's package of that name has it")
            await _hand_to_sngrep(packets)
            assert read_pcap(file.read_bytes()) == [(each.source, each.target, each.data) for each in heard]

        async def _hand_to_sngrep(packets: list[bytes]) -> None:
            process = await asyncio.create_subprocess_exec(
                *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            size = sum(map(len, packets)) // 2  # that much has been written by the end of it, or a little more
            try:
                async with asyncio.timeout(PATIENCE):
                    while not _listens(free_port):  # noqa: ASYNC110  # another program does
                        await asyncio.sleep(0.02)
                    for packet in packets:
                        server.sendto(packet, ("127.0.0.1", free_port))
                    while _unread(free_port):  # noqa: ASYNC110  # the same
                        await asyncio.sleep(0.02)
                    while not file.exists() or file.stat().st_size < size:  # noqa: ASYNC110  # the same
                        await asyncio.sleep(0.02)
                    process.terminate()
                    await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()

        port = server.getsockname()[1]
        play(tmp_path, act, f'{CONSOLE}records: {{hep: "udp:{SERVER}:{port}", hep_id: 77}}\n')


def _line_of(port: int) -> list[str]:
    """Of /proc/net/udp, whoever has this port."""
    lines = Path("/proc/net/udp").read_text().splitlines()
    return next((line.split() for line in lines[1:] if line.split()[1].endswith(f":{port:04X}")), [])


def _listens(port: int) -> bool:
    return bool(_line_of(port))


def _unread(port: int) -> bool:
    line = _line_of(port)
    return bool(line) and not line[4].endswith(":00000000")
