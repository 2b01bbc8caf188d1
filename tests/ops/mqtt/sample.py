"""The consumer alone, with pictures made up by a test; the broker is real.

Owns a dialplan, pictures of it, and the consumer's life.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from controller import clock
from controller.config import load
from controller.log import Log, open_log
from controller.ops.consumer import Picture
from controller.ops.consumers import Tools
from controller.ops.mqtt.consumer import Mqtt
from controller.ops.watching import Watching
from controller.types import Dialplan
from controller.types.ops import Mqtt as Settings
from controller.types.ops import Ops

PLAN = """
version: 1
listen: [{udp: "127.0.0.1:15060"}]
trunks:
  hq-pbx:    {uri: "sip:127.0.0.1:15061"}
  carrier-a: {uri: "sip:127.0.0.1:15062", carrier: a, site: hq}
  carrier.b: {uri: "sip:127.0.0.1:15063", carrier: b}
sites:
  hq: {pbx: [hq-pbx]}
endpoints:
  front-desk: {user: "100", via: [hq-pbx]}
  answering:  {number: "+15550199", via: [carrier-a, carrier.b], live: true}
chains:
  sales: [{ring: [front-desk]}, {ring: [answering]}]
routes: [{did: "+15557000", chain: sales}]
"""


def compiled(folder: Path, text: str = PLAN) -> Dialplan:
    """A dialplan out of its text."""
    file = folder / "plan.yaml"
    file.write_text(text)
    loaded = load(file)
    assert loaded.dialplan is not None, loaded.diagnostics
    return loaded.dialplan


def trunk(name: str, state: str = "up", *, gate: str = "", group: str = "", lasting: float = 5.0) -> dict[str, Any]:
    """One of `callward status`."""
    calls = {"gate": gate} if gate else None
    said = {"code": "OK", "why": "answers", "paged": False, "for": lasting}
    return {"name": name, "group": group, "state": state, "calls": calls, **said}


def picture(states: Mapping[str, str] | None, *, up: int = 0, at: float = 0.0) -> Picture:
    """How trunks are; None: the process for calls does not answer."""
    moment = at or clock.epoch()
    if states is None:
        return Picture(moment)
    rows = [trunk(name, state) for name, state in states.items()]
    return Picture(moment, {"trunks": rows, "up": up, "calls": 0}, answers={"calls": True})


ALL_UP = {"hq-pbx": "up", "carrier-a": "up", "carrier.b": "up"}


@asynccontextmanager
async def consumer(
    folder: Path, plan: Dialplan, settings: Settings, faults: list[BaseException], says: TextIO = sys.stderr
) -> AsyncIterator[Mqtt]:
    """One that runs, until the end of its life in order. ``says`` gets its log."""
    log, writer = open_log(says)
    try:
        tools = _tools(folder, replace(plan, ops=Ops(mqtt=settings)), log, faults)
        one = Mqtt(tools)
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(one.keep())
            try:
                yield one
            finally:
                await one.close()
                keeping.cancel()
    finally:
        writer.close()


def _tools(folder: Path, plan: Dialplan, log: Log, faults: list[BaseException]) -> Tools:
    watching = Watching(folder, lambda _: None, lambda _: None)
    return Tools(plan, folder, watching, log, faults.append)
