"""`--role all`: calls in one process, messages in another that comes and goes with it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from controller.cli import cli
from controller.control import ask_soon
from tests.broker.stage import Stage, children_of, client, is_alive, memory_of, stage

#: What the process for calls must never have loaded: extensions of the libraries that messages need.
FOREIGN = ("smpp34", "asyncpg", "_http_parser", "_websocket", "httptools", "frozenlist", "multidict")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while True:
            if holds():
                return
            await asyncio.sleep(0.02)


async def status(here: Stage) -> Any:
    answer = await ask_soon(here.folder / "state", "status", 10.0)
    assert answer["ok"], answer
    return answer["status"]


def datagram_sockets(pid: int) -> set[str]:
    """Inodes of the UDP sockets that a process has open."""
    lines = [line for name in ("udp", "udp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    inodes = {line.split()[9] for line in lines}
    links = [str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()]
    return inodes & {link[8:-1] for link in links if link.startswith("socket:[")}


def prepare(here: Stage) -> None:
    here.role = "all"
    here.plan["messages"]["tokens"][0]["scopes"] = ["send", "read", "operate"]
    here.plan["cascades"] = {"otp": [{"send": "sms", "wait": "20s"}]}


def test_messages_come_and_go_beside_the_calls(tmp_path: Path, free_port: int) -> None:
    """One daemon, two processes: killed, started again, reloaded, shown, ended together."""
    runner = CliRunner()
    state = str(tmp_path / "state")

    async def main() -> None:
        async with stage(tmp_path, free_port, {"sms": "sms", "other": "sms"}) as here:
            prepare(here)
            other = here.plan["providers"].pop("other")
            await here.start()
            assert here.process is not None
            calls = here.process.pid
            (messages,) = children_of(calls)
            assert not [name for name in memory_of(calls) if name.startswith(FOREIGN)]
            assert [name for name in memory_of(messages) if name.startswith(FOREIGN)]
            async with client(here.url) as asker:
                first = await asker.send("k1")
                await asker.over([first])

                os.kill(messages, signal.SIGKILL)
                await until(lambda: children_of(calls) not in ([], [messages]))
                await here.until_ready()
                assert (await asker.over([first]))[first]["status"] == "completed"
                await asker.over([await asker.send("k2")])
                found = await status(here)
                assert found["messages"]["restarts"] == 1
                assert found["messages"]["version"] == found["version"]

                here.plan["providers"]["other"] = other
                here.plan["cascades"]["otp"] = [{"send": "sms", "via": ["other"], "wait": "20s"}]
                here.write()
                reloaded = await asyncio.to_thread(runner.invoke, cli, ["reload", "--state-dir", state])
                assert reloaded.exit_code == 0, reloaded.output
                found = await status(here)
                assert found["messages"]["version"] == found["version"]
                assert [row["provider"] for row in found["messages"]["providers"]] == ["sms", "other"]
                third = await asker.send("k3")
                assert (await asker.over([third]))[third]["attempts"][0]["provider"] == "other"

                here.plan["cascades"]["otp"][0]["wait"] = "21s"
                here.write()
                answered, reloaded = await asker.ask("POST", "/v1/reload")
                assert answered == 200
                found = await status(here)
                assert reloaded["version"] == found["version"] == found["messages"]["version"]

                here.plan["messages"]["lease"] = "3s"
                here.plan["messages"]["listen"] = "127.0.0.1:1"
                here.write()
                refused = await asyncio.to_thread(runner.invoke, cli, ["reload", "--state-dir", state])
                assert refused.exit_code == 1
                assert "restart it for that" in refused.output
                answered, problem = await asker.ask("POST", "/v1/reload")
                assert (answered, problem["code"]) == (409, "not-whole")
                assert "restart it for that" in problem["detail"]

            shown = await asyncio.to_thread(runner.invoke, cli, ["status", "--state-dir", state])
            assert f"messages at 127.0.0.1:{free_port}" in shown.output.replace("\n", " ")
            (messages,) = children_of(calls)
            await here.kill(signal.SIGTERM)
            assert here.process.returncode == 0
            assert not is_alive(messages)
            assert not here.faults()
            stopped = [line.get("role", "calls") for line in here.lines if line["event"] == "stopped"]
            assert sorted(stopped) == ["calls", "messages"]

    asyncio.run(main())


def test_messages_end_when_the_calls_are_killed(tmp_path: Path, free_port: int) -> None:
    async def main() -> None:
        async with stage(tmp_path, free_port, {"sms": "sms"}) as here:
            prepare(here)
            await here.start()
            assert here.process is not None
            (messages,) = children_of(here.process.pid)
            await here.kill(signal.SIGKILL)
            await until(lambda: not is_alive(messages))
            assert not here.faults()

    asyncio.run(main())


def test_a_dialplan_of_messages_alone_opens_no_sip(tmp_path: Path, free_port: int) -> None:
    """One process, no datagram socket; status and reload are its own, and calls that are new are not taken for carried."""
    runner = CliRunner()
    state = str(tmp_path / "state")

    async def main() -> None:
        async with stage(tmp_path, free_port, {"sms": "sms"}) as here:
            prepare(here)
            here.plan["messages"]["workers"] = 0  # nobody reads requests for it: there is one process
            calls = {name: here.plan.pop(name) for name in ("listen", "trunks", "endpoints", "chains", "routes")}
            await here.start()
            assert here.process is not None
            assert not children_of(here.process.pid)
            assert not datagram_sockets(here.process.pid)
            async with client(here.url) as asker:
                await asker.over([await asker.send("k1")])
                here.plan["messages"]["tokens"][0]["scopes"] = ["send", "read"]
                here.write()
                assert (await asker.ask("POST", "/v1/reload"))[0] == 200
                assert (await asker.ask("POST", "/v1/reload"))[1]["code"] == "scope"  # it does not have it any more
            shown = await asyncio.to_thread(runner.invoke, cli, ["status", "--state-dir", state, "--json"])
            assert shown.exit_code == 0, shown.output
            assert json.loads(shown.output)["messages"]["listen"] == f"127.0.0.1:{free_port}"
            reloaded = await asyncio.to_thread(runner.invoke, cli, ["reload", "--state-dir", state])
            assert reloaded.exit_code == 0, reloaded.output
            drained = await asyncio.to_thread(runner.invoke, cli, ["drain", "a", "--state-dir", state])
            assert (drained.exit_code, drained.output.startswith("drain is for trunks")) == (2, True), drained.output
            erased = await asyncio.to_thread(runner.invoke, cli, ["erase", "+14155550100", "--state-dir", state])
            assert (erased.exit_code, "leave --state-dir out" in erased.output) == (2, True), erased.output
            here.plan |= calls
            here.write()
            refused = await asyncio.to_thread(runner.invoke, cli, ["reload", "--state-dir", state])
            assert refused.exit_code == 1
            assert "restart this one" in refused.output
            here.plan["cascades"] = {"otp": [{"send": "nothing"}]}
            here.write()
            refused = await asyncio.to_thread(runner.invoke, cli, ["reload", "--state-dir", state])
            assert refused.exit_code == 1
            assert "plan.yaml" in refused.output
            await here.kill(signal.SIGTERM)
            assert here.process.returncode == 0

    asyncio.run(main())


def test_calls_alone_have_no_other_process_and_know_the_one_beside_them(tmp_path: Path, free_port: int) -> None:
    """Two services, one state folder: status and reload are about both."""
    runner = CliRunner()
    state = str(tmp_path / "state")

    async def main() -> None:
        async with stage(tmp_path, free_port, {"sms": "sms"}) as here:
            prepare(here)
            here.role = "messages"
            await here.start()
            calls = replace(here, role="calls", process=None, lines=[], _reader=None)
            await calls.launch()
            try:
                assert calls.process is not None
                await until(lambda: any(line["event"] == "ready" for line in calls.lines))
                assert not children_of(calls.process.pid)
                assert (await status(here))["messages"]["listen"] == f"127.0.0.1:{free_port}"

                here.plan["messages"]["lease"] = "3s"
                here.write()
                reloaded = await asyncio.to_thread(runner.invoke, cli, ["reload", "--state-dir", state])
                assert reloaded.exit_code == 0, reloaded.output
                found = await status(here)
                assert found["messages"]["version"] == found["version"]

                await here.kill(signal.SIGTERM)
                assert (await status(here))["messages"] is None
            finally:
                await calls.kill(signal.SIGTERM)
            assert calls.process.returncode == 0

    asyncio.run(main())
