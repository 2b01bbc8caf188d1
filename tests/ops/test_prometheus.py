"""A real Prometheus that scrapes a real daemon: every query of the dashboard and every series of the rules is there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from controller.control import ask_soon
from tests.ops.scrape import fail_over, play, send
from tests.ops.stage import PATIENCE, VIEWER, Stage
from tests.ops.test_rules import RULES, promtool, rules

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "docker" / "grafana" / "callward.json"
HOST = "127.0.0.1"
#: What the demo's trunks on loopback do not have. Each is shown in tests/ops/test_metrics.py instead.
ELSEWHERE = {
    "callward_registration_bound": "no trunk registers",
    "callward_name_stale": "no trunk has a name",
    "callward_certificate_end_seconds": "nobody speaks TLS",
    "callward_certificate_refused": "nobody speaks TLS",
    "callward_limit_calls": "there are no limits",
    "callward_limit_most": "there are no limits",
    "callward_reload_ok": "the dialplan was read once",
    "callward_provider_alive": "a provider behind HTTP has no connection to lose",
    "callward_alerts_undelivered": "nobody is to be told",
    "callward_mqtt_connected": "there is no broker",
    "callward_otel_taken": "there is no collector",
}
VARIABLES = {"$instance": ".*", "$trunk": ".*", "$__rate_interval": "1m"}


def queries() -> Iterator[tuple[str, str]]:
    """Of the dashboard: the panel, and the query with Grafana's variables filled in."""
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            found = target["expr"]
            for name, value in VARIABLES.items():
                found = found.replace(name, value)
            assert "$" not in found, found
            yield panel["title"], found


def series_of_rules() -> set[str]:
    """Each series that a rule looks at, with what it asks of labels but those of values that are not there in good times."""
    return {name for rule in rules() for name in re.findall(r"\bcallward_[a-z_]+", rule["expr"])}


@asynccontextmanager
async def prometheus(folder: Path, target: str, port: int) -> AsyncIterator[str]:
    """Its address, once it answers. It scrapes twice a second, as the shipped file says otherwise."""
    shipped = yaml.safe_load((ROOT / "docker" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    shipped["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    (scrape,) = shipped["scrape_configs"]
    scrape["static_configs"] = [{"targets": [target]}]
    del shipped["alerting"]
    (folder / "callward.token").write_text(VIEWER)
    (folder / RULES.name).write_text(RULES.read_text(encoding="utf-8"))
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(shipped))
    checked = await asyncio.to_thread(promtool, "check", "config", str(file))
    assert checked.returncode == 0, checked.stderr
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={HOST}:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=error",
        preexec_fn=lambda: os.nice(5),
    )
    try:
        yield f"http://{HOST}:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


class Asker:
    """Whoever looks at a dashboard."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self._session = url, session

    async def find(self, query: str) -> list[Any]:
        """What it answers now; it must understand the question."""
        async with self._session.post(f"{self.url}/api/v1/query", data={"query": query}) as answer:
            shown = await answer.json()
            assert shown["status"] == "success", (query, shown)
            return list(shown["data"]["result"])

    async def exemplars(self, query: str) -> list[Any]:
        """Those of a series."""
        span = {"query": query, "start": "0", "end": "4000000000"}
        async with self._session.post(f"{self.url}/api/v1/query_exemplars", data=span) as answer:
            return list((await answer.json())["data"])

    async def until(self, query: str) -> None:
        """Ask until there is something."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    if await self.find(query):
                        return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)


def test_every_query_of_dashboard_and_rules_finds_something(tmp_path: Path, free_port: int) -> None:
    async def act(here: Stage) -> None:
        target = here.url.removeprefix("http://")
        async with prometheus(tmp_path, target, free_port) as url:
            asker = Asker(url, here.session)
            await here.call()
            await send(here)
            await fail_over(here)
            await asker.until("callward_calls_failed_over_total > 0")
            await asker.until("callward_cascades_total > 0")
            await asker.until("rate(callward_message_sends_total[1m])")
            empty = [(title, query) for title, query in queries() if not await asker.find(query)]
            assert not empty
            missing = {name for name in series_of_rules() if not await asker.find(name)}
            assert missing == set(ELSEWHERE)
            await asker.until('ALERTS{alertname="CallwardTrunkDown",trunk="hq-pbx"}')
            assert not await asker.find('ALERTS{trunk!="hq-pbx"}')
            assert await asker.exemplars("callward_call_answer_seconds_bucket")
            await _check_words(here)
            before = await asker.find("callward_calls_total")
            answer = await ask_soon(here.state_dir, "reload", PATIENCE)
            assert answer["ok"], answer
            await asker.until("callward_reload_ok == 1")
            after = await asker.find("callward_calls_total")
            assert [one["value"][1] for one in after] == [
                one["value"][1] for one in before
            ]  # a reload begins no count anew

    play(tmp_path, act)


async def _check_words(here: Stage) -> None:
    """What is there is in the text that everybody reads, too, and only with a token."""
    _, text = await here.get("/metrics")
    shown = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    for name in {name for _, query in queries() for name in re.findall(r"\bcallward_[a-z_]+", query)}:
        assert {name, re.sub(r"_(bucket|sum|count)$", "", name)} & shown, name
    assert "+1555" not in text
    assert (await here.get("/metrics", ""))[0] == 401


def test_provisioning_is_what_grafana_reads() -> None:
    folder = ROOT / "docker" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    (provider,) = yaml.safe_load((folder / "dashboards" / "callward.yml").read_text())["providers"]
    assert provider["type"] == "file"
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
    rows = [panel["title"] for panel in dashboard["panels"] if panel["type"] == "row"]
    assert rows == ["Now", "Calls", "Trunks", "Failover", "Messages", "callward itself"]


def test_the_testbed_mounts_what_is_there() -> None:
    """It was never run here: there is no Docker."""
    folder = ROOT / "docker"
    services = yaml.safe_load((folder / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == {"prometheus", "grafana"}
    mounted = {}
    for service in services.values():
        for volume in service["volumes"]:
            ours, theirs, mode = volume.split(":")
            assert (folder / ours).exists(), ours
            assert mode == "ro"
            mounted[theirs] = ours
    (provider,) = yaml.safe_load((folder / "grafana/provisioning/dashboards/callward.yml").read_text())["providers"]
    assert f"{provider['options']['path']}/callward.json" in mounted
    assert (folder / mounted["/etc/prometheus"] / "prometheus.yml").exists()
    for service in services.values():
        assert service["network_mode"] == "host"
