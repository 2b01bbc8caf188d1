"""The process for operators beside that for calls: it sees what happens there, and calls do not need it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from controller.control import ask_soon
from controller.process import NICE
from tests.ops.stage import OPERATOR, PATIENCE, Stage, ops_of, play, trunk


def test_a_trunk_that_dies_is_seen_down_and_tokens_are_asked_for(tmp_path: Path) -> None:
    async def act(here: Stage) -> None:
        found = await here.until("/v1/status", lambda found: found["calls"] and found["answers"]["calls"])
        assert trunk(found, "carrier-a")["state"] == "up"
        assert found["messages"] is None
        here.testbed.boxes["carrier-a"].silence()
        await here.until("/v1/status", lambda found: trunk(found, "carrier-a")["state"] == "down")
        for token, status in (("", 401), ("wrong", 401), (OPERATOR, 200)):
            assert (await here.get("/v1/status", token))[0] == status
        status, problem = await here.get("/nowhere")
        assert (status, problem["code"]) == (404, "not-found")
        plan = here.testbed.file  # what it cannot take by a reload is said to whoever asked for one
        text = plan.read_text()
        plan.write_text(text.replace('listen: "127.0.0.1:0"', 'listen: "127.0.0.1:1"'))
        answer = await ask_soon(here.state_dir, "reload", PATIENCE)
        assert not answer["ok"]
        assert answer["text"].startswith("the process for operators: 'listen' of 'console' differs")
        plan.write_text(text)
        assert (await ask_soon(here.state_dir, "reload", PATIENCE))["ok"]

    play(tmp_path, act)


def test_calls_go_on_without_it_and_it_comes_back(tmp_path: Path) -> None:
    async def act(here: Stage) -> None:
        ready = [line for line in here.lines if line.get("role") == "ops" and line["event"] == "ready"]
        assert len(ready) == 1
        pid = ops_of(here.testbed.daemon.pid)
        daemon = here.testbed.daemon.pid
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, daemon) + NICE)
        os.kill(pid, signal.SIGSTOP)  # it hangs, with everything that it has open
        await here.call()
        os.kill(pid, signal.SIGKILL)
        await here.call()

        def is_back() -> bool:
            return sum(line.get("role") == "ops" and line["event"] == "ready" for line in here.lines) == 2

        assert await here.testbed.until(is_back, PATIENCE)

    play(tmp_path, act)
