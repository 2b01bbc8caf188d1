"""Whether this machine's clock is that of the database which several daemons share.

Leases are times, written by one daemon and read by another: where their clocks differ, one takes sends over that the other
is still at. Owns the look at both clocks. Must not set or bend either: that is the operator's (NTP).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from controller import clock
from controller.log import Log
from controller.store.base import Store, StoreError

EVERY = 60.0  # seconds between two looks
MOST = 0.5  # seconds that they may differ: half of what another daemon's lease is left alone for after its end


async def watch_clock(store: Store, log: Log, every: float = EVERY) -> None:
    """Say so when they begin to differ, and when that is over; for ever."""
    differed = False
    while True:
        with suppress(StoreError):  # whoever needs the store more says so
            ahead = await measure(store)
            if differs := abs(ahead) > MOST:
                if not differed:
                    log.error(
                        "clocks differ",
                        ahead=round(ahead, 1),
                        advice="set this machine's or the database's (NTP): daemons take over each other's sends",
                    )
            elif differed:
                log.info("clocks agree")
            differed = differs
        await asyncio.sleep(every)


async def measure(store: Store) -> float:
    """Seconds that our clock is certainly ahead of the store's; negative: behind. What the way there took is no difference.

    Raises `StoreError`.
    """
    before = clock.epoch()
    there = await store.clock()
    after = clock.epoch()
    if there is None or before <= there <= after:
        return 0.0
    return before - there if there < before else after - there
