"""Alerts end to end: fifty trunks die with one socket, and everybody is told once, by every way there is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import deque
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from controller.cli import cli
from controller.control import OPS, ask_soon
from controller.signing import sign
from tests.ops.alerts_stage import (
    PAGERDUTY_BUSY,
    SLACK_BROKEN,
    Alertmanager,
    People,
    alertmanager,
    bulk,
    people,
)
from tests.ops.stage import CONSOLE, OPERATOR, Stage, ops_of, play

TRUNKS = 50
SECRET = "a secret of twelve"


def alerts(url: str, manager: str, mail: int, more: str = "hold: 1s, settle: 1s") -> str:
    return f"""\
alerts:
  notifiers:
    oncall: {{pagerduty: {{routing_key: key-of-a-service, url: "{url}/pd"}}}}
    chat: {{slack: {{hook: "{url}/slack"}}}}
    own: {{webhook: {{url: "{url}/own", secret: "{SECRET}"}}}}
    manager: {{alertmanager: {{url: "{manager}"}}}}
    desk: {{email: {{host: 127.0.0.1, port: {mail}, from: callward@example.com, to: anna@example.com, security: "off"}}}}
    more: {{apprise: {{urls: "json://{url.removeprefix("http://")}/apprise"}}}}
  routes:
    - {{notify: [oncall, chat, own, manager, desk, more], {more}}}
"""


def test_fifty_trunks_on_a_dead_socket_are_one_page_by_every_way_and_resolve(tmp_path: Path) -> None:
    async def scene() -> None:
        async with people() as here:
            with alertmanager(tmp_path, here.url) as manager:
                await scenes(here, manager)

    async def scenes(here: People, manager: Alertmanager) -> None:
        here.replies["/pd/v2/enqueue"] = deque([PAGERDUTY_BUSY])
        here.replies["/slack"] = deque([SLACK_BROKEN, SLACK_BROKEN])
        async with bulk(tmp_path, alerts(here.url, manager.url, here.mail_port), TRUNKS) as run:
            run.box.kill()
            await here.until(lambda: here.actions() == ["trigger"] and len(here.at("/slack")) == 3 and here.mails)
            first, second = here.at("/pd")[:2]
            assert first.body == second.body
            assert second.at - first.at > 0.99  # as Retry-After asked
            payload = second.body["payload"]
            assert payload["summary"] == "carrier bulk: all 50 trunks are down"
            assert (payload["severity"], payload["source"]) == ("critical", "bulk")
            assert second.body["routing_key"] == "key-of-a-service"

            firing = await manager.until(lambda found: len(found) == TRUNKS)
            assert {each["labels"]["alertname"] for each in firing} == {"CallwardTrunk"}
            assert {each["labels"]["carrier"] for each in firing} == {"bulk"}
            groups = [each for each in await manager.groups() if each["alerts"]]
            assert len(groups) == 1

            # Killed between: it tells nobody again, and still knows that it is not over.
            # (Killed between a delivery and its being written down, it would deliver again.)
            kept = run.state_dir / "alerts.json"
            await run.until(lambda: kept.exists() and not json.loads(kept.read_text())["outbox"])
            shown = await ask_soon(run.state_dir, "alerts", 5.0, file=OPS)
            (incident,) = shown["alerts"]
            os.kill(ops_of(run.daemon.pid), signal.SIGKILL)
            await run.until(lambda: sum(line.get("role") == "ops" for line in run.of("ready")) == 2)
            shown = await ask_soon(run.state_dir, "alerts", 5.0, file=OPS)
            assert [each["id"] for each in shown["alerts"]] == [incident["id"]]
            acknowledged = await ask_soon(
                run.state_dir, "acknowledge", 5.0, {"id": incident["id"], "who": "anna"}, file=OPS
            )
            assert acknowledged["ok"]
            await here.until(lambda: here.actions() == ["trigger", "acknowledge"])
            # What ends before its acknowledgement was delivered is only said to be over.
            await here.until(lambda: len(here.mails) == len(here.at("/own")) == len(here.at("/apprise")) == 2)
            await here.until(lambda: sum(bool(each.headers["taken"]) for each in here.at("/slack")) == 2)

            run.box.revive()
            await here.until(lambda: here.actions() == ["trigger", "acknowledge", "resolve"] and len(here.mails) == 3)
            assert len({each.body["dedup_key"] for each in here.at("/pd")}) == 1
            await manager.until(lambda found: not found)
            await here.until(lambda: here.at("/am") and here.at("/am")[-1].body["status"] == "resolved")
            assert {each.body["status"] for each in here.at("/am")} == {"firing", "resolved"}

            texts = [each.body["text"].split("\n")[0] for each in here.at("/slack") if each.headers["taken"]]
            assert texts == [
                "*carrier bulk: all 50 trunks are down*",
                "*anna looks after: carrier bulk: all 50 trunks are down*",
                "*over: carrier bulk: all 50 trunks are down*",
            ]
            assert here.mails[0]["subject"] == "[callward] carrier bulk: all 50 trunks are down"
            assert "trunk bulk-" in here.mails[0].get_content()
            assert here.mails[0]["references"] == here.mails[2]["references"]
            await here.until(lambda: len(here.at("/apprise")) == 3)
            own = here.at("/own")
            assert [each.body["what"] for each in own] == ["trigger", "acknowledge", "resolve"]
            for each in own:
                name, stamp = each.headers["webhook-id"], int(each.headers["webhook-timestamp"])
                assert each.headers["webhook-signature"] == sign(SECRET, name, stamp, each.text)
            assert not run.of("fault"), run.of("fault")
            await run.until(lambda: not json.loads(kept.read_text())["open"])
            assert [each["id"] for each in json.loads(kept.read_text())["over"]] == [incident["id"]]

            # A notifier is tried, and taken away by a reload, through which nothing is forgotten.
            tried = await ask_soon(run.state_dir, "try notifier", 5.0, {"notifier": "chat"}, file=OPS)
            assert tried == {"ok": True, "text": ""}
            assert here.at("/slack")[-1].body["text"].startswith("*over: a test of callward*")
            plan = tmp_path / "bulk.yaml"
            kept_lines = [line for line in plan.read_text().splitlines() if not line.startswith("    more:")]
            plan.write_text("\n".join(kept_lines).replace(", more]", "]"))
            assert (await ask_soon(run.state_dir, "reload", 20.0, file=OPS))["ok"]
            shown = await ask_soon(run.state_dir, "alerts", 5.0, file=OPS)
            assert [each["id"] for each in shown["alerts"]] == [incident["id"]]
            tried = await ask_soon(run.state_dir, "try notifier", 5.0, {"notifier": "more"}, file=OPS)
            assert tried["text"] == "no notifier 'more'; there are oncall, chat, own, manager, desk"
            assert not run.of("fault"), run.of("fault")

    asyncio.run(scene())


def test_operators_see_it_look_after_it_and_hear_what_was_not_delivered(tmp_path: Path, free_port: int) -> None:
    nobody = f"http://127.0.0.1:{free_port}"
    wanted = f"""\
alerts:
  notifiers:
    gone: {{slack: {{hook: "{nobody}/services/hunter2"}}}}
  routes: [{{notify: gone, hold: 0s, settle: 1s}}]
"""

    async def act(here: Stage) -> None:
        here.testbed.boxes["carrier-a"].silence()

        def is_undelivered(found: Any) -> bool:
            return any(each["undelivered"] for each in found["alerts"])

        found = await here.until("/v1/alerts", is_undelivered)
        (alert,) = found["alerts"]
        assert (alert["title"], alert["severity"]) == ("trunk carrier-a is down", "critical")
        assert alert["undelivered"][0]["why"] == "connection refused"
        path = f"/v1/alerts/{alert['id']}/acknowledge"
        assert (await here.ask("POST", path))[0] == 403  # who may only look
        assert (await here.ask("POST", "/v1/alerts/none/acknowledge", token=OPERATOR))[0] == 404

        shown = await _run(here, "alerts")
        assert shown[0] == 1
        assert f"{alert['id']} critical trunk carrier-a is down" in shown[1]
        assert "not delivered to gone: connection refused" in shown[1]
        status = await _run(here, "status")
        assert "alert: trunk carrier-a is down" in status[1]
        assert "1 not delivered: callward alerts says why" in status[1]
        assert (await _run(here, "alerts", "test", "gone"))[0] == 1
        assert (await _run(here, "alerts", "test", "desk"))[1] == "no notifier 'desk'; there are gone\n"
        assert (await _run(here, "alerts", "ack", "none"))[0] == 2

        assert (await here.ask("POST", path, token=OPERATOR)) == (200, {"changed": True})
        again = await _run(here, "alerts", "ack", alert["id"], "--who", "ben")
        assert again == (0, "trunk carrier-a is down: somebody looks after it already\n")
        found = (await here.get("/v1/alerts"))[1]
        assert found["alerts"][0]["acknowledged"] == "operator"

        here.testbed.boxes["carrier-a"].revive()
        await here.until("/v1/alerts", lambda found: found["alerts"][0]["resolved"])
        code, text = await _run(here, "alerts", "--json")
        assert code == 0
        assert [each["what"] for each in json.loads(text)["alerts"][0]["lines"]][-1] == "over"
        everything = "".join(json.dumps(line) for line in here.lines) + (here.state_dir / "alerts.json").read_text()
        assert "hunter2" not in everything

    play(tmp_path, act, CONSOLE + wanted)


async def _run(here: Stage, *command: str) -> tuple[int, str]:
    """What a command says, and how it ends."""
    words = [*command, "--state-dir", str(here.state_dir)]
    done = await asyncio.to_thread(lambda: CliRunner().invoke(cli, words))
    return done.exit_code, done.output
