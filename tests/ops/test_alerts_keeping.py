"""Alerts beside a disk that fails or hangs, notifiers that refuse, and a clock that is set: people are told all the same."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from controller import clock
from controller.config import load
from controller.log import open_log
from controller.ops import alerts
from controller.ops.alerts import FILE, Alerts
from controller.ops.consumer import Picture
from controller.ops.consumers import Tools
from controller.ops.watching import Watching
from controller.supervise import Supervisor
from tests.ops.alerts_stage import People, dialplan, people

DRAFT = Path(FILE).with_suffix(".new").name


class Desk:
    """One consumer, and pictures for it."""

    def __init__(self, made: Alerts, here: People) -> None:
        self.made, self.people = made, here
        self.down: dict[str, float] = {}  # since when, by the clock of now

    def see(self) -> None:
        """A picture; so much of it as alerts look at."""
        now = clock.epoch()
        rows = [
            {
                "name": name,
                "group": "",
                "carrier": name,
                "site": "",
                "address": name,
                "calls": None,
                "code": "",
                "state": "down",
                "for": now - since,
                "why": "no answer",
            }
            for name, since in self.down.items()
        ]
        some: dict[str, Any] = {"trunks": rows, "down": [*self.down], "uplink": "", "registrations": []}
        self.made.see(Picture(now, {**some, "certificates": []}, None, {"calls": True}))

    def fall(self, name: str, ago: float = 60.0) -> None:
        self.down[name] = clock.epoch() - ago
        self.see()

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(30.0):
            while not holds():  # noqa: ASYNC110  # servers, threads and files do it
                await asyncio.sleep(0.01)


def play(
    folder: Path, act: Callable[[Desk], Awaitable[None]], routes: str = "[{notify: chat, settle: 1s}]"
) -> list[str]:
    """One scene; what the log says meanwhile."""
    out = io.StringIO()
    log, writer = open_log(out)
    faults: list[BaseException] = []

    async def main() -> None:
        async with people() as here:
            ways = f'{{chat: {{slack: {{hook: "{here.url}/slack"}}}}, boss: {{slack: {{hook: "{here.url}/services/boss-secret"}}}}}}'
            file = folder / "plan.yaml"
            file.write_text(dialplan(5060, 2, 5061, 5062, f"alerts:\n  notifiers: {ways}\n  routes: {routes}\n"))
            found = load(file).dialplan
            assert found is not None
            watching = Watching(folder, lambda _: None, lambda _: None)
            made = Alerts(Tools(found, folder, watching, log, faults.append))
            supervisor = Supervisor(faults.append)
            supervisor.keep(made.keep, "alerts")
            try:
                await act(Desk(made, here))
            finally:
                async with asyncio.timeout(30.0):
                    await made.close()
                await supervisor.close()

    asyncio.run(main())
    writer.close()
    assert not faults, faults
    return [json.loads(line)["event"] for line in out.getvalue().splitlines()]


def test_a_disk_that_hangs_keeps_nobody_from_being_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "AGAIN", 0.02)
    os.mkfifo(tmp_path / DRAFT)  # whoever opens it waits for a reader

    async def act(desk: Desk) -> None:
        desk.fall("bulk-0")
        await desk.until(lambda: len(desk.people.at("/slack")) == 1)
        desk.fall("bulk-1")
        await desk.until(lambda: len(desk.people.at("/slack")) == 2)
        reader = os.open(tmp_path / DRAFT, os.O_RDONLY | os.O_NONBLOCK)  # it goes on
        (tmp_path / DRAFT).unlink()
        await desk.until(lambda: (tmp_path / FILE).is_fifo() or (tmp_path / FILE).is_file())
        os.close(reader)

    play(tmp_path, act)


def test_what_could_not_be_written_down_is_written_once_it_can_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "AGAIN", 0.02)
    (tmp_path / DRAFT).mkdir()  # nothing can be written there

    async def act(desk: Desk) -> None:
        desk.fall("bulk-0")
        await desk.until(lambda: desk.people.at("/slack") and not desk.made.outbox.entries)
        await asyncio.sleep(0.1)  # some tries
        (tmp_path / DRAFT).rmdir()
        await desk.until((tmp_path / FILE).exists)
        (incident,) = json.loads((tmp_path / FILE).read_text())["open"]
        assert incident["notified"] == ["chat"]

    said = play(tmp_path, act)
    assert [each for each in said if each != "alert"] == ["alerts not kept", "alerts are kept again"]


def test_whoever_refuses_is_not_waited_for_and_what_a_server_repeats_of_a_secret_is_not_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.alerting.outbox.UNHEARD", 0.2)

    async def act(desk: Desk) -> None:
        refusal = "<pre>Cannot POST /services/boss-secret</pre>"
        desk.people.usual["/services/boss-secret"] = (404, refusal, {})
        desk.fall("bulk-0")
        await desk.until(lambda: desk.people.at("/slack"))
        shown = await desk.made.show({})
        (failed,) = shown["alerts"][0]["undelivered"]
        assert failed["next"] > 60.0  # two minutes, for somebody has to mend it
        assert "boss-secret" not in json.dumps(shown)
        assert "Cannot POST" in failed["why"]
        assert shown["alerts"][0]["notified"] == ["chat"]  # who was not reached was not told

    play(tmp_path, act, "[{notify: boss, escalate: [{after: 1h, notify: chat}]}]")


def test_a_clock_that_is_set_back_while_something_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock.epoch

    async def act(desk: Desk) -> None:
        desk.people.usual["/slack"] = (503, "busy", {})
        desk.fall("bulk-0")
        await desk.until(lambda: desk.people.at("/slack"))
        monkeypatch.setattr(clock, "epoch", lambda: real() - 86400.0)
        desk.people.usual["/slack"] = (200, "ok", {})
        desk.down = {name: since - 86400.0 for name, since in desk.down.items()}
        desk.see()
        await desk.until(lambda: len(desk.people.at("/slack")) > 1 and not desk.made.outbox.entries)

    assert "the clock was set: alerts wait as long as before" in play(tmp_path, act)


def test_a_reload_forgets_nothing_where_the_disk_is_full(tmp_path: Path) -> None:
    (tmp_path / DRAFT).mkdir()  # nothing can be written there

    async def act(desk: Desk) -> None:
        desk.fall("bulk-0")
        await desk.until(lambda: desk.people.at("/slack") and not desk.made.outbox.entries)
        await desk.made.close()
        again = Alerts(desk.made._tools)
        assert again.alerting.open.keys() == desk.made.alerting.open.keys()
        assert next(iter(again.alerting.open.values())).notified == ["chat"]

    play(tmp_path, act)
