"""Adapters over a reload, and at the end: others where an account is different, the same where it is not.

Owns which adapters change, that old ones first finish what they have, and that none of them keeps the daemon from its end.
Must not read dialplans.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from controller.broker.broker import Broker
from controller.broker.drivers import make_adapter
from controller.broker.lane import Lane, Spawn
from controller.channels.base import Adapter
from controller.types.messages import Messaging, Provider

CLOSING = 5.0  # seconds that an adapter may take to let go


def make_changed(before: Messaging, after: Messaging, state_dir: Path) -> dict[str, Adapter]:
    """New adapters, not started yet, for accounts that are new or different. The others keep theirs: a session that is
    given up for another price, or for a line that moved in the file, costs what is sent until the next one is bound.

    Raises `StartError`.
    """
    return {
        name: make_adapter(provider, state_dir)
        for name, provider in after.providers.items()
        if after.public != before.public or _account(provider) != _account(before.providers.get(name))
    }


async def swap(
    broker: Broker, before: Messaging, after: Messaging, changed: Mapping[str, Adapter], spawn: Spawn
) -> None:
    """From now on these providers."""
    for name, provider in before.providers.items():
        adapter = broker.adapter(name)
        if name in changed or name not in after.providers:
            spawn(_retire(*broker.drop(name)), f"retire {name}")
        elif adapter is not None and after.providers[name].per_second != provider.per_second:
            broker.use(after.providers[name], adapter)  # what waits goes on at its old rate
    for name, adapter in changed.items():
        broker.use(after.providers[name], adapter)
    await asyncio.gather(*(adapter.start(broker.take) for adapter in changed.values()))


async def close_all(adapters: Iterable[Adapter], on_fault: Callable[[BaseException], None]) -> None:
    """Let all go, whatever one of them does."""
    await asyncio.gather(*(_close(adapter, on_fault) for adapter in adapters))


async def _close(adapter: Adapter, on_fault: Callable[[BaseException], None]) -> None:
    try:
        async with asyncio.timeout(CLOSING):
            await adapter.close()
    except Exception as error:  # noqa: BLE001  # the store must be closed whatever an adapter does
        on_fault(error)


async def _retire(adapter: Adapter | None, lane: Lane | None) -> None:
    if lane is not None:
        await lane.drained()
    if adapter is not None:
        await adapter.close()


def _account(provider: Provider | None) -> tuple[Any, ...]:
    """What an adapter is made of."""
    return () if provider is None else (provider.driver, provider.channel, provider.settings)
