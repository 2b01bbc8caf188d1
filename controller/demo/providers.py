"""The simulated providers of messages: servers on real sockets that can be killed, slowed and broken, and come back.

Owns what is wrong with each, and the faults that make it so. The servers themselves are those of `controller.simulate`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from controller import clock
from controller.config import load_models
from controller.demo.boxes import Condition
from controller.demo.daemon import DemoError
from controller.simulate.base import Faults, Journal
from controller.simulate.town import Running, TownError, plan_town

#: Messages that are remembered: the long demo has no end.
KEPT = 500

_ANSWER, _REPORT = (0.02, 0.08), (0.15, 0.4)  # seconds: a good day
_FAULTS = {
    Condition.RUNNING: Faults(delay=_ANSWER, report_delay=_REPORT),
    Condition.CLOSED: Faults(),
    Condition.SILENT: Faults(delay=_ANSWER, lost=1.0),  # it takes messages, and nothing more is heard of them
    Condition.SLOW: Faults(delay=(2.0, 3.0), report_delay=(1.5, 2.5)),
    Condition.FAILING: Faults(delay=_ANSWER, fail=1.0),
}


class Provider:
    """One of them."""

    def __init__(self, name: str, channel: str, running: Running) -> None:
        self.name = name
        self.channel = channel
        self.port = running.places[name][1]
        self.condition = Condition.RUNNING
        self.since = clock.monotonic()
        self._running = running
        running.set_faults(name, _FAULTS[Condition.RUNNING])

    async def become(self, condition: Condition) -> None:
        """Be like that from now on. Messages that are under way keep their fate; who is killed forgets them.

        Raises `DemoError` if its port was taken meanwhile.
        """
        before, closed = self.condition, Condition.CLOSED
        self._running.set_faults(self.name, _FAULTS[condition])
        if condition is closed and before is not closed:
            await self._running.kill(self.name)
        elif condition is not closed and before is closed:
            try:
                await self._running.revive(self.name)
            except OSError as error:
                raise DemoError(f"port {self.port}: {error.strerror}; another program took it, end that one") from error
        self.condition, self.since = condition, clock.monotonic()


class Providers:
    """All of a dialplan, and what they were handed."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.all: dict[str, Provider] = {}

    def forget(self) -> None:
        """Clear their books where these are long."""
        if len(self.journal.entries) > KEPT:
            self.journal.entries.clear()


@asynccontextmanager
async def open_providers(file: Path) -> AsyncIterator[Providers]:
    """Every provider of the dialplan that it looks for on this machine.

    Raises `DemoError`.
    """
    loaded = load_models(file)
    if isinstance(loaded, str):
        raise DemoError(loaded)
    models, dialplan = loaded
    try:
        town = plan_town(dialplan.messaging, models.providers)
    except TownError as error:
        raise DemoError(f"{file}: {error}") from error
    providers = Providers()
    running = Running(town, {"": Faults()}, 0, providers.journal)
    try:
        try:
            await running.open()
        except OSError as error:
            raise DemoError(f"a provider cannot listen: {error.strerror}; end what listens there") from error
        for name in town.providers:
            providers.all[name] = Provider(name, str(models.providers[name].channel), running)
        yield providers
    finally:
        await running.close()
