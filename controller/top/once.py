"""One picture for scripts: what `callward top` would show now, as plain data.

Owns its form. Must not import what draws.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.ops.consumer import Event, Picture
from controller.supervise import Supervisor
from controller.top.link import PATIENCE, Link
from controller.top.seen import Seen


async def take_picture(state_dir: Path, *, whole: bool) -> dict[str, Any] | None:
    """How everything is, and what happened lately as far as it is told to whoever comes; None where nobody answers.

    Numbers of people are masked unless ``whole``.
    """
    seen, looked = Seen(whole=whole), asyncio.Event()
    faults: list[BaseException] = []

    def look() -> None:
        if seen.is_known and link.has_caught_up():
            looked.set()

    def hear(event: Event) -> None:
        seen.hear(event)
        look()

    def see(picture: Picture) -> None:
        seen.see(picture)
        look()

    def on_fault(error: BaseException) -> None:
        faults.append(error)
        looked.set()

    link = Link(state_dir, hear, see)
    supervisor = Supervisor(on_fault)
    try:
        for name, job in link.jobs():
            supervisor.spawn(job(), name)
        try:
            async with asyncio.timeout(2 * PATIENCE):
                await looked.wait()
        except TimeoutError:  # what there is by now
            pass
        if faults:
            raise faults[0]
        if not seen.is_known:
            return None
        if (found := await link.calls()) is not None:
            seen.take_live(found)
        if (cascades := await link.cascades()) is not None:
            seen.take_cascades(cascades)
        seen.alerts = await link.alerts()
    finally:
        await supervisor.close()
    return show_picture(seen)


def show_picture(seen: Seen) -> dict[str, Any]:
    """Rows as the console's stream has them; the timeline in sentences."""
    return {
        "head": _bare(seen.head),
        "alarms": seen.alarms(),
        "trunks": [_bare(row) for row in seen.of_kind("trunk")],
        "providers": [_bare(row) for row in seen.of_kind("provider")],
        "figures": _bare(seen.figures),
        "live": {**seen.live, "ringing": [{k: v for k, v in row.items() if k != "id"} for row in seen.live["ringing"]]},
        "calls": [told.data for told in seen.calls()],
        "cascades": [told.data for told in seen.cascades()],
        "timeline": [{"at": entry.at, "what": entry.kind, **entry.said._asdict()} for entry in seen.timeline()],
    }


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only a board needs."""
    return {key: value for key, value in row.items() if key not in ("kind", "told")}
