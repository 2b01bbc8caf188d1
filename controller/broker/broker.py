"""The broker: carries out what cascades command, and gives back what comes of it.

An intent is durable before its effect: a `SendMessage` comes out of the store only after it was committed. What a provider
answers goes back as an event; where the store cannot take it now it is offered again and again, and if this process ends
before it could be written down, the row still says "sending", and whoever takes it over does what the provider's way
against sending twice allows.

Owns the way between store and adapters, the sweeper (one timer, for the earliest due of all cascades) and what must be
known to judge circumstances. Must not decide what becomes of a cascade: that is the reducer, inside the store.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from controller import clock
from controller.broker.circumstances import NOTHING_ELSE, Outlook
from controller.broker.insisting import FIRST_RETRY, LAST_RETRY, Insisting
from controller.broker.lane import Job, Lane, Spawn
from controller.broker.outcomes import Evidence
from controller.broker.sending import Composer
from controller.channels.base import (
    Accepted,
    Adapter,
    Inbound,
    Liveness,
    News,
    Refused,
    Report,
    Submission,
    Unclear,
    Withdrawing,
)
from controller.limit import Limit
from controller.messages.cascade import Cascade
from controller.messages.limits import SenderTurns
from controller.store.base import Applied, Facts, Store, StoreError
from controller.types import WITHDRAWN
from controller.types.cascades import (
    LIMITED,
    NO_PROVIDER,
    NO_TIME,
    TIMEOUT,
    CascadeCommand,
    CascadeEvent,
    CascadeStatus,
    Circumstances,
    DueReached,
    LookUpSend,
    ObserveOutcome,
    SendAccepted,
    SendMessage,
    SendPhase,
    SendRefused,
    SendUnclear,
    TellClient,
    WithdrawSend,
)
from controller.types.messages import Provider

T = TypeVar("T")

#: So many cascades whose due has come are taken at once.
BATCH = 500

#: Other daemons' cascades, and clocks that are set, show themselves within so many seconds.
POLL = 0.5

#: Of the lease so much is left to an adapter: what comes later is unclear before anybody else may have the cascade.
SHARE_OF_LEASE = 0.9

#: So many cascades are remembered, for what their events depend on; others are looked up.
REMEMBERED = 20_000

#: "Something happened to this cascade": for whoever watches it.
Watcher = Callable[[Cascade, Sequence[TellClient]], None]
#: The same with all that was commanded, for whoever counts.
See = Callable[[Cascade, Facts, Sequence[CascadeCommand]], None]
TakeInbound = Callable[[Inbound, float], Awaitable[None]]


class _Known(NamedTuple):
    """What circumstances of a cascade depend on."""

    providers: tuple[str, ...]
    region: tuple[str, ...]


class Broker:
    """One daemon's hands."""

    def __init__(
        self,
        store: Store,
        composer: Composer,
        evidence: Evidence,
        turns: SenderTurns,
        spawn: Spawn,
        *,
        lease: float,
        watch: Watcher,
        take_inbound: TakeInbound,
        on_fault: Callable[[BaseException], None],
        on_store: Callable[[str], None],
        see: See = lambda _cascade, _facts, _commands: None,
    ) -> None:
        """``lease`` in seconds; ``on_store`` hears why the store is lost, once, and "" when it is back."""
        self._store = store
        self._composer = composer
        self._evidence = evidence
        self.turns = turns  # swapped by a reload
        self._spawn = spawn
        self._watch = watch
        self._take_inbound = take_inbound
        self._on_fault = on_fault
        self._see = see
        self._insisting = Insisting(on_store)
        self._adapters: dict[str, Adapter] = {}
        self._lanes: dict[str, Lane] = {}
        self.outlook = Outlook(evidence.scores, self._lanes, lease / 2)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._jobs: dict[str, list[Job]] = {}  # by cascade: those that wait or are under way
        self._refs: OrderedDict[tuple[str, str], str] = OrderedDict()  # (provider, its name for it) -> cascade
        self._sleeps_until = 0.0
        self._woken = asyncio.Event()
        self._resting = False
        self.counters = {"sent": 0, "accepted": 0, "refused": 0, "unclear": 0, "reports": 0, "recovered": 0}

    # -- who carries messages

    def use(self, provider: Provider, adapter: Adapter) -> None:
        """This adapter carries the messages of a provider from now on."""
        self._adapters[provider.name] = adapter
        self._lanes[provider.name] = Lane(provider.name, self._work, self._spawn, per_second=provider.per_second)

    def drop(self, name: str) -> tuple[Adapter | None, Lane | None]:
        """Nothing more goes to this provider: who carried its messages, and what is still under way."""
        return self._adapters.pop(name, None), self._lanes.pop(name, None)

    def adapter(self, name: str) -> Adapter | None:
        """Who carries for a provider."""
        return self._adapters.get(name)

    def waiting(self) -> Mapping[str, int]:
        """By provider, how many sends wait or are under way."""
        return {name: len(lane) for name, lane in self._lanes.items()}

    # -- events

    def at_first(self, cascade: Cascade, now: float) -> Circumstances:
        """Circumstances of a cascade that begins: who has no room now. Whom to avoid its plan knows, canaries included."""
        barred = self.outlook.circumstances(tuple(cascade.terms.channels), cascade.terms.region, now).barred
        return Circumstances(barred=barred) if barred else NOTHING_ELSE

    async def apply(self, cascade_id: str, event: CascadeEvent) -> Applied | None:
        """Give a cascade an event, and carry out what comes of it. None for one that is not there.

        Raises `StoreError`.
        """
        now = clock.epoch()
        known = self._known.get(cascade_id) or await self._look(cascade_id)
        if known is None:
            return None
        circumstances = self.outlook.circumstances(known.providers, known.region, now)
        applied = await self._store.apply(cascade_id, event, now, circumstances)
        if applied is not None:
            self.carry_out(applied.cascade, applied.facts, applied.commands)
        return applied

    async def take(self, news: Sequence[News]) -> None:
        """Take what an adapter or a webhook brings; durable on return.

        Raises `StoreError`: whoever brought it must keep it, and bring it again.
        """
        lost: StoreError | None = None
        if reports := [one for one in news if isinstance(one, Report)]:
            lost = await self._take_reports(reports)
        if len(reports) < len(news):
            await asyncio.gather(*(self._take_other(one) for one in news if not isinstance(one, Report)))
        if lost is not None:
            raise lost

    async def _take_reports(self, reports: Sequence[Report]) -> StoreError | None:
        """Take all that arrived together. A fault of ours with one, which brought again for ever would hold up all others, is
        only told; where the store is lost, that is what comes back."""
        now, lost = clock.epoch(), None
        self.counters["reports"] += len(reports)
        given = [(report, self._circumstances_of(report, now)) for report in reports]
        for applied in await self._store.take_reports(given, now):
            try:
                if isinstance(applied, Applied):
                    self.carry_out(applied.cascade, applied.facts, applied.commands)
                elif applied is not None:
                    raise applied
            except StoreError as error:
                lost = error
            except Exception as error:  # noqa: BLE001
                self._on_fault(error)
        return lost

    async def _take_other(self, news: News) -> None:
        try:
            match news:
                case Inbound():
                    await self._take_inbound(news, clock.epoch())
                case Liveness():
                    self._evidence.see(news, clock.epoch())
                case Report():
                    pass  # above
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # as above
            self._on_fault(error)

    def _circumstances_of(self, report: Report, now: float) -> Circumstances:
        """A report names a message, not a cascade: what is remembered of it must do, else providers as a whole."""
        cascade_id = report.send_key.partition(":")[0] or self._refs.get((report.provider, report.ref), "")
        known = self._known.get(cascade_id) or _Known(tuple(self._adapters), ())
        return self.outlook.circumstances(known.providers, known.region, now)

    async def _look(self, cascade_id: str) -> _Known | None:
        found = await self._store.get(cascade_id)
        return None if found is None else self._remember(found[0])

    def _remember(self, cascade: Cascade) -> _Known:
        known = self._known.get(cascade.id)
        if cascade.status is not CascadeStatus.ACTIVE:
            self._known.pop(cascade.id, None)
        elif known is None:
            known = self._known[cascade.id] = _Known(tuple(cascade.terms.channels), cascade.terms.region)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known or _Known(tuple(cascade.terms.channels), cascade.terms.region)

    # -- commands

    def carry_out(self, cascade: Cascade, facts: Facts, commands: Sequence[CascadeCommand]) -> None:
        """Do what an event came to, now that it is durable. Returns at once."""
        now = clock.epoch()
        self._remember(cascade)
        for job in self._jobs.get(cascade.id, ()):
            job.wanted = cascade.wants(job.command.attempt)
        if cascade.due is not None and cascade.due < self._sleeps_until:
            self._sleeps_until = cascade.due
            self._woken.set()
        told = []
        for command in commands:
            match command:
                case SendMessage() | LookUpSend():
                    self._hand_over(self._job(cascade, facts, command, now))
                case WithdrawSend():
                    self._withdraw(command)
                case ObserveOutcome():
                    self._evidence.observe(command, cascade, now)
                case TellClient():
                    told.append(command)
        self._evidence.let_go(cascade)
        self._watch(cascade, told)
        self._see(cascade, facts, commands)

    def _withdraw(self, command: WithdrawSend) -> None:
        adapter = self._adapters.get(command.provider)
        if isinstance(adapter, Withdrawing):
            self._spawn(adapter.withdraw(command.send_key), "withdraw")

    @staticmethod
    def _job(cascade: Cascade, facts: Facts, command: SendMessage | LookUpSend, now: float) -> Job:
        send = cascade.send_of(command.attempt)
        asked = send.asked if send is not None else 0
        latest = now + cascade.terms.lease * SHARE_OF_LEASE
        return Job(cascade.id, cascade.tenant, facts.country, command, asked > 0, now, latest, asked)

    def _hand_over(self, job: Job) -> None:
        self._jobs.setdefault(job.cascade_id, []).append(job)
        lane = self._lanes.get(job.command.provider)
        if lane is None:
            self._spawn(self._bring_home(job, self._not_sent(job, NO_PROVIDER)), "no provider")
        elif not lane.put(job):
            self._spawn(self._bring_home(job, self._not_sent(job, LIMITED)), "too many")

    @staticmethod
    def _not_sent(job: Job, cause: str) -> CascadeEvent:
        """It was not handed to the provider: now, that is; in an earlier life it may have been."""
        if job.again:
            return SendUnclear(job.command.attempt, cause)
        return SendRefused(job.command.attempt, cause)

    async def _work(self, job: Job) -> None:
        """Do one job of a lane, whatever happens."""
        try:
            event = await self._try(job)
        except Exception as error:  # noqa: BLE001  # a fault of ours: it is logged, and the cascade goes on
            self._on_fault(error)
            event = SendUnclear(job.command.attempt, "fault")
        await self._bring_home(job, event)

    async def _bring_home(self, job: Job, event: CascadeEvent) -> None:
        try:
            await self._settle(job, event)
        finally:
            jobs = self._jobs[job.cascade_id]
            jobs.remove(job)
            if not jobs:
                del self._jobs[job.cascade_id]

    async def _try(self, job: Job) -> CascadeEvent:
        command, now = job.command, clock.epoch()
        adapter = self._adapters.get(command.provider)
        if adapter is None:
            return self._not_sent(job, NO_PROVIDER)
        if now >= job.latest:
            return self._not_sent(job, LIMITED)
        try:
            with Limit(job.latest - now):
                if isinstance(command, LookUpSend):
                    return self._event(command.attempt, await adapter.look_up(command.send_key))
                return await self._send(job, command, adapter)
        except TimeoutError:
            return self._event(command.attempt, Unclear(TIMEOUT)) if job.handed else self._not_sent(job, LIMITED)

    async def _send(self, job: Job, command: SendMessage, adapter: Adapter) -> CascadeEvent:
        message = await self._insisting.surely(lambda: self._composer.compose(job, command, clock.epoch()))
        if isinstance(message, SendRefused):
            return self._not_sent(job, message.cause) if message.cause in (NO_PROVIDER, NO_TIME) else message
        left = min(job.latest, command.until) - clock.epoch()
        wait = self.turns.reserve(command.provider, message.sender, clock.monotonic(), left)
        if wait > max(left, 0.0):
            return self._not_sent(job, LIMITED)
        if wait > 0:
            await asyncio.sleep(wait)
            message = replace(message, lifetime=command.until - clock.epoch())
        now = clock.epoch()
        if now >= min(job.latest, command.until):
            return self._not_sent(job, NO_TIME if now >= command.until else LIMITED)
        if not job.wanted:
            return self._not_sent(job, WITHDRAWN)
        self.counters["sent"] += 1
        job.handed = True
        return self._event(command.attempt, await adapter.submit(message))

    def _event(self, attempt: int, submission: Submission) -> CascadeEvent:
        match submission:
            case Accepted(ref=ref, milestone=milestone, cost=cost):
                self.counters["accepted"] += 1
                return SendAccepted(attempt, ref, milestone, cost)
            case Refused(cause=cause, code=code, retry_after=retry_after):
                self.counters["refused"] += 1
                return SendRefused(attempt, cause, code, retry_after)
            case Unclear(cause=cause):
                self.counters["unclear"] += 1
                return SendUnclear(attempt, cause)

    async def _settle(self, job: Job, event: CascadeEvent) -> None:
        """Bring home what came of a job, however long the store is lost."""
        if isinstance(event, SendRefused | SendUnclear):
            event.asked = job.asked
        if isinstance(event, SendAccepted) and event.ref:
            self._refs[job.command.provider, event.ref] = job.cascade_id
            if len(self._refs) > REMEMBERED:
                self._refs.popitem(last=False)
        try:
            applied = await self._insisting.surely(lambda: self.apply(job.cascade_id, event))
            if applied is not None and isinstance(event, SendAccepted):
                self._evidence.await_report(applied.cascade, event.attempt, clock.epoch())
        except Exception as error:  # noqa: BLE001  # a fault of ours: the lease ends, and the cascade goes on
            self._on_fault(error)

    def hear_store(self, why: str) -> None:
        """Why a request could not be written down; "" when one could."""
        self._insisting.note("requests", why)

    # -- time

    async def sweep(self) -> None:
        """Give cascades their due, for ever: timers, ends of windows, and sends of daemons that are gone."""
        pause = FIRST_RETRY
        while not self._resting:
            self._woken.clear()
            now = clock.epoch()
            try:
                rows = await self._store.due(now, BATCH)
                await asyncio.gather(*(self._reach(cascade_id, recovered) for cascade_id, recovered in rows))
                due = now if len(rows) == BATCH else await self._store.next_due()
            except StoreError as error:
                self._insisting.note(self, str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_RETRY)
                continue
            self._insisting.note(self, "")
            pause = FIRST_RETRY
            if len(rows) == BATCH:
                continue
            self._evidence.look(now)
            await self._sleep_until(min(due, now + POLL) if due is not None else now + POLL)

    async def _reach(self, cascade_id: str, recovered: bool) -> None:
        if recovered:
            self.counters["recovered"] += 1
        try:
            applied = await self.apply(cascade_id, DueReached(recovered))
            if not recovered and applied is not None and applied.changed and self._has_lost(applied.cascade):
                self.counters["recovered"] += 1
                await self.apply(cascade_id, DueReached(recovered=True))
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # a fault of ours with one cascade: the others have their due
            self._on_fault(error)

    def _has_lost(self, cascade: Cascade) -> bool:
        """Whether a send is said to be with us since a lease or more, and nobody here has it: whoever was told to send it
        was cancelled, or failed, after the commit. As after a crash."""
        send = cascade.current() if cascade.status is CascadeStatus.ACTIVE else None
        if send is None or send.phase is not SendPhase.SENDING or cascade.id in self._jobs:
            return False
        return clock.epoch() >= send.started + cascade.terms.lease

    async def _sleep_until(self, until: float) -> None:
        self._sleeps_until = until
        left = until - clock.epoch()
        while left > 0 and not self._resting:
            try:
                async with asyncio.timeout(left):
                    await self._woken.wait()
            except TimeoutError:
                return
            self._woken.clear()
            left = self._sleeps_until - clock.epoch()

    def rest(self) -> None:
        """Give no cascade its due any more: what is under way is finished, no more."""
        self._resting = True
        self._woken.set()

    async def drained(self) -> None:
        """Wait until nothing is under way."""
        while any(self.waiting().values()):
            await asyncio.gather(*(lane.drained() for lane in list(self._lanes.values())))
