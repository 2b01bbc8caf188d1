"""What the daemon for calls does beside them: keep what was learnt and which calls are up, watch certificates.

Owns when each of these is due. Nothing here is waited for by a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from controller import callbook, clock
from controller.callbook import write_calls
from controller.engine import Engine
from controller.snapshot import EVERY, write_scores
from controller.supervise import Supervisor, run_aside
from controller.trust import Trust

#: How often certificates are looked at, in seconds; warnings are in days.
WATCH_CERTIFICATES = 3600.0


class Upkeep:
    """All of it, for one daemon."""

    def __init__(self, state_dir: Path, engine: Engine, trust: Trust | None) -> None:
        self._state_dir = state_dir
        self._engine = engine
        self._trust = trust

    def start(self, supervisor: Supervisor) -> None:
        """Have it done, for ever."""
        supervisor.spawn(self._keep_scores(), "scores")
        supervisor.spawn(self._keep_calls(), "calls")
        if self._trust is not None:
            supervisor.spawn(self._watch_certificates(self._trust), "certificates")

    def save(self) -> None:
        """Write all down as it is now."""
        write_scores(self._state_dir, self._engine.scores.dump())
        self._note_calls()()

    async def _keep_scores(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await run_aside(partial(write_scores, self._state_dir, self._engine.scores.dump()), "scores")

    async def _keep_calls(self) -> None:
        pause = callbook.OFTEN
        while True:
            await asyncio.sleep(pause)
            up = self._engine.switchboard.usage.up
            if up.changed and self._engine.switchboard.usage.is_limited():
                up.changed = False
                begun = clock.monotonic()
                await run_aside(self._note_calls(), "calls")
                pause = max(callbook.OFTEN, (clock.monotonic() - begun) / callbook.SHARE)

    def _note_calls(self) -> Callable[[], None]:
        """Writes the calls that are up as of now, when it is called."""
        rows = self._engine.switchboard.usage.up.copy()
        return partial(write_calls, self._state_dir, rows, clock.epoch() - clock.monotonic())

    async def _watch_certificates(self, trust: Trust) -> None:
        while True:
            await asyncio.sleep(WATCH_CERTIFICATES)
            trust.look()
