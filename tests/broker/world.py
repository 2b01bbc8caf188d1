"""A broker over a real store, with providers in this process that outlive it: what a provider knows is not lost with us.

`World` is what lasts (the store's file, the providers), `Life` one daemon in it. A life may be told to die at its n-th
step; a step is each call of the store or of a provider, and each return from one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from controller import clock
from controller.broker.broker import Broker
from controller.broker.outcomes import Evidence, targets_of
from controller.broker.sending import Composer
from controller.channels.base import (
    Accepted,
    Inbound,
    Message,
    Refused,
    Report,
    Sink,
    Submission,
    Webhook,
    WebhookAnswer,
)
from controller.health.score import Scores
from controller.messages.cascade import Cascade, Terms
from controller.messages.content import Content
from controller.messages.limits import SenderTurns
from controller.messages.reducer import reduce
from controller.privacy import BlindIndex, Cipher, Place, load_keyring
from controller.rules.run import Run
from controller.store.base import Facts, Kept, NewCascade, StoreError
from controller.store.opening import open_store
from controller.supervise import Supervisor
from controller.types import Milestone, Plan
from controller.types.cascades import CascadeStatus, Circumstances
from controller.types.messages import Channel, Dedup, Messaging, Provider
from tests.messages.playbook import make_plan, make_stage

PHONE = "+4915112345678"
LEASE = 0.5  # seconds


class Died(BaseException):
    """The process is gone; no `except Exception` sees it."""


class Carrier:
    """A provider, with its memory: what it got, what it sent to phones, what it has to report."""

    def __init__(self, name: str, dedup: Dedup = Dedup.NONE) -> None:
        self.name = name
        self.dedup = dedup
        self.got: list[Message] = []
        self.sent: Counter[str] = Counter()  # by send key: how often a phone rang
        self.outbox: list[Report] = []
        self.answer: Callable[[Message], Awaitable[Submission]] = self.accept
        self.reports = True

    async def start(self, sink: Sink) -> None:
        """Nothing to connect."""

    async def submit(self, message: Message) -> Submission:
        """Take it."""
        self.got.append(message)
        return await self.answer(message)

    async def accept(self, message: Message) -> Submission:
        """Send it to the phone, and say so."""
        if self.dedup is not Dedup.NATIVE or not self.sent[message.send_key]:
            self.sent[message.send_key] += 1
            if self.reports:
                self.outbox.append(Report(self.name, self.ref(message.send_key), Milestone.ANSWERED))
        return Accepted(self.ref(message.send_key))

    def ref(self, send_key: str) -> str:
        """What it calls a message."""
        return f"{self.name}/{send_key}"

    async def look_up(self, send_key: str) -> Submission:
        """Whether it has it."""
        return Accepted(self.ref(send_key)) if self.sent[send_key] else Refused("404")

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        """There are none."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing to let go."""


class Fate:
    """When a life ends."""

    def __init__(self, at: int = 0) -> None:
        """``at``: the number of the step that it does not survive; 0: none."""
        self.at = at
        self.steps = 0
        self.dead = asyncio.Event()

    def step(self) -> None:
        """One more."""
        self.steps += 1
        if self.steps == self.at:
            self.dead.set()
        if self.dead.is_set():
            raise Died


class Mortal:
    """Something whose every call is a step."""

    def __init__(self, inner: Any, fate: Fate) -> None:
        self._inner = inner
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._fate.step()
            result = await found(*args, **kwargs)
            self._fate.step()
            return result

        return call


@dataclass
class World:
    """What lasts."""

    folder: Path
    carriers: dict[str, Carrier]
    plan: Plan
    terms: dict[str, Any] = field(default_factory=dict)
    inbound: list[Inbound] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        keyring = load_keyring(self.folder)
        self.cipher, self.index = Cipher(keyring), BlindIndex(keyring)
        self.accepted: list[str] = []
        self.content = Content(text="Your code is 123456")
        self.messaging = Messaging({name: Provider(name, Channel.SMS, "test", None) for name in self.carriers}, {})

    def new(self, name: str) -> NewCascade:
        """A request for one cascade."""
        plan = self.plan
        channels = {path.trunk: path.endpoint for stage in plan.stages for t in stage.targets for path in t.paths}
        terms = Terms(
            expires=clock.epoch() + 60.0,
            lease=LEASE,
            channels=channels,
            dedup={name: carrier.dedup.value for name, carrier in self.carriers.items()},
            region=("DE",),
        )
        cascade = Cascade(name, "acme", "", Run(plan), replace(terms, **self.terms), created=clock.epoch())
        content = self.content.write()
        return NewCascade(
            cascade,
            plan,
            name,
            "hash",
            "{}",
            Facts(country="DE"),
            {"phone": self.cipher.seal(PHONE, Place("acme", "recipient", "phone", name))},
            {"phone": self.index.of("phone", PHONE)},
            self.cipher.seal(content, Place("acme", "payload", "body", name)),
        )


class Life:
    """One daemon."""

    def __init__(self, world: World, fate: Fate | None = None) -> None:
        self.world = world
        self.fate = fate or Fate()
        self.faults: list[BaseException] = []
        self.store = open_store("", world.folder, reduce)
        self.supervisor = Supervisor(self._on_fault)
        self.store_news: list[str] = []
        mortal: Any = Mortal(self.store, self.fate)
        self.mortal = mortal
        self.evidence = Evidence(Scores(targets_of(world.messaging)), lambda _: None)
        self.broker = Broker(
            mortal,
            Composer(mortal, world.cipher, world.index, world.messaging),
            self.evidence,
            SenderTurns(world.messaging),
            self.supervisor.spawn,
            lease=LEASE,
            watch=lambda *_: None,
            take_inbound=self._keep,
            on_fault=self._on_fault,
            on_store=self.store_news.append,
        )

    def _on_fault(self, error: BaseException) -> None:
        if not isinstance(error, Died):
            self.faults.append(error)

    async def _keep(self, message: Inbound, _now: float) -> None:
        self.world.inbound.append(message)

    async def __aenter__(self) -> Life:
        await self.store.open()
        for name, carrier in self.world.carriers.items():
            adapter: Any = Mortal(carrier, self.fate)
            self.broker.use(self.world.messaging.providers[name], adapter)
        self.supervisor.spawn(self.broker.sweep(), "sweeper")
        self.supervisor.spawn(self._bring_reports(), "reports")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.supervisor.close()
        await self.store.close()
        assert not self.faults

    async def _bring_reports(self) -> None:
        """Providers keep a report until they know that we have it."""
        while True:
            for carrier in self.world.carriers.values():
                for report in list(carrier.outbox):
                    try:
                        await self.broker.take([report])
                    except StoreError:
                        continue
                    carrier.outbox.remove(report)
            await asyncio.sleep(0.005)

    async def accept(self, name: str) -> None:
        """As the API does it: the answer is given once it is durable."""
        new = self.world.new(name)
        admission = await self.mortal.accept(new, clock.epoch(), Circumstances())
        assert isinstance(admission, Kept)
        self.world.accepted.append(name)
        self.broker.carry_out(new.cascade, new.facts, admission.commands)

    async def get(self, name: str) -> Cascade:
        """How it is."""
        found = await self.store.get(name)
        assert found is not None, f"{name} was accepted and is lost"
        return found[0]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something, not for long."""
        async with asyncio.timeout(30):
            while True:
                if holds():
                    return
                await asyncio.sleep(0.005)

    async def over(self, names: Iterable[str], patience: float = 30.0) -> list[Cascade]:
        """Wait until they are over, or this life is; how they are then."""
        async with asyncio.timeout(patience):
            while True:
                found = [await self.get(name) for name in names]
                if self.fate.dead.is_set() or all(one.status is not CascadeStatus.ACTIVE for one in found):
                    return found
                await asyncio.sleep(0.01)


def three_steps(wait: float = 0.4, last: float = 10.0) -> Plan:
    """Three channels with one provider each, and how long each may take."""
    first = (make_stage(words, wait=wait) for words in ("whatsapp/one", "sms/two"))
    return make_plan(*first, make_stage("viber/three", wait=last))
