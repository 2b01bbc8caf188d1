"""What the daemon for messages does beside its work: keep what was learnt, learn from others, purge, seal anew.

Owns when each of these is due. Must not touch cascades that are under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from controller import clock
from controller.broker import kept
from controller.broker.clocks import watch_clock
from controller.broker.outcomes import BATCH, Evidence
from controller.log import Log
from controller.messages.bursts import Bursts
from controller.messages.retention import EVERY, keeps
from controller.privacy import Cipher
from controller.store.base import Store, StoreError
from controller.supervise import Supervisor, run_aside
from controller.types.messages import Messaging

#: Seconds between two looks at what other daemons saw.
FOLD = 0.5


@dataclass(slots=True)
class Upkeep:
    """All of it, for one daemon."""

    store: Store
    evidence: Evidence
    bursts: Bursts
    cipher: Cipher
    state_dir: Path
    log: Log
    messaging: Callable[[], Messaging]  # as it is by then

    def start(self, supervisor: Supervisor) -> None:
        """Have it done, for ever."""
        supervisor.keep(self._keep_scores, "scores")
        supervisor.keep(self._purge, "purge")
        supervisor.spawn(self._reseal(), "rotation")
        if self.messaging().store:
            supervisor.keep(self._learn_from_all, "outcomes")
            supervisor.keep(partial(watch_clock, self.store, self.log), "clocks")

    def save(self) -> Callable[[], None]:
        """Writes what was learnt until now, when it is called."""
        scores, bursts = self.evidence.scores.dump(), self.bursts.dump()
        return partial(kept.write_scores, self.state_dir, scores, self.evidence.read, bursts)

    async def _keep_scores(self) -> None:
        while True:
            await asyncio.sleep(kept.EVERY)
            self.evidence.scores.forget(clock.epoch())
            await run_aside(self.save(), "scores")

    async def _learn_from_all(self) -> None:
        """Several daemons, one store: what each saw is known to all within a second."""
        while True:
            read = 0
            with suppress(StoreError):  # whoever needs the store more says so
                read = await self.evidence.fold(self.store, clock.epoch())
            if read < BATCH:
                await asyncio.sleep(FOLD)

    async def _purge(self) -> None:
        while True:
            messaging = self.messaging()
            with suppress(StoreError):  # whoever needs the store more says so
                purged = await self.store.purge(clock.epoch(), messaging.grace, keeps(messaging))
                if any(purged.values()):
                    self.log.info("purged", **purged)
            await asyncio.sleep(EVERY)

    async def _reseal(self) -> None:
        """After a rotation of keys: what older ones have sealed, so that they can go."""
        with suppress(StoreError):  # the next start does the rest
            if rows := await self.store.reseal(self.cipher):
                self.log.info("sealed anew", rows=rows)
