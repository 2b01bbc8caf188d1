"""Every decision replays from its record: what a real store kept of cascades leads to the same routes again."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from controller.health.outcomes import MESSAGE, Outcome, classify
from controller.messages import planning
from controller.messages.cascade import Cascade
from controller.messages.planning import Planner
from controller.messages.reducer import reduce
from controller.messages.replay import replay
from controller.messages.request import Request
from controller.rules.run import Run
from controller.store.base import Facts, Kept, NewCascade
from controller.store.sqlite import SqliteStore
from controller.types import Milestone
from controller.types.cascades import (
    CascadeCommand,
    CascadeEvent,
    CascadeStatus,
    Circumstances,
    DueReached,
    FeedbackGiven,
    ObserveOutcome,
    ReportReceived,
    SendAccepted,
    SendMessage,
    SendRefused,
    SendUnclear,
)
from controller.types.cascades import (
    Outcome as Word,
)
from tests.messages.test_planning import NOW, PHONE, PROVIDERS, messaging, number, scores_of

CASCADES = 60
NAMES = [each.name for each in PROVIDERS]


def random_event(dice: random.Random, command: SendMessage) -> CascadeEvent:
    attempt = command.attempt
    kind = dice.random()
    if kind < 0.2:
        return SendRefused(attempt, dice.choice(("503", "429", "not-on-channel", "blocked")))
    if kind < 0.25:
        return SendUnclear(attempt, "timeout")
    return SendAccepted(attempt, f"ref-{attempt}")


def random_circumstances(dice: random.Random) -> Circumstances:
    if dice.random() < 0.6:
        return Circumstances()
    return Circumstances({dice.choice(NAMES): "held"}, {dice.choice(NAMES): "full"})


class Office:
    """A planner whose scores learn, and a store."""

    def __init__(self, folder: Path) -> None:
        self.dice = random.Random(7)
        self.now = NOW
        self.messaging = messaging()
        self.scores = scores_of(self.messaging)
        self.planner = Planner(self.messaging, self.scores, "v1")
        self.store = SqliteStore(folder / "messages.db", reduce)

    def learn(self, commands: list[CascadeCommand], region: tuple[str, ...]) -> list[SendMessage]:
        for command in commands:
            if isinstance(command, ObserveOutcome):
                kind = classify(MESSAGE, command.code, command.retry_after)
                assert kind is not None
                self.scores.observe(Outcome(command.provider, kind, region, after=command.after), self.now)
        return [command for command in commands if isinstance(command, SendMessage)]

    async def one(self, name: str) -> None:
        """One cascade from its request to its end."""
        dice = self.dice
        request = Request("acme", PHONE, "anna@example.com", "otp")
        planned = self.planner.plan(request, number(), 0.0, name, self.now)
        cascade = Cascade(name, "acme", "", Run(planned.plan), planned.terms, created=self.now)
        new = NewCascade(cascade, planned.plan, "", "", "{}", Facts(), audit=[planned.audit()])
        admission = await self.store.accept(new, self.now)
        assert isinstance(admission, Kept)
        sends = self.learn(admission.commands, planned.terms.region)
        for _ in range(40):
            self.now += dice.choice((0.0, 0.1, 2.0))
            if sends:
                event: CascadeEvent = random_event(dice, sends.pop())
            else:
                kept = await self.store.get(name)
                assert kept is not None
                cascade = kept[0]
                if cascade.status is not CascadeStatus.ACTIVE and dice.random() < 0.7:
                    return
                event = self.happening(cascade)
            applied = await self.store.apply(name, event, self.now, random_circumstances(dice))
            assert applied is not None
            sends += self.learn(applied.commands, planned.terms.region)

    def happening(self, cascade: Cascade) -> CascadeEvent:
        dice = self.dice
        sends = cascade.sends
        if sends and dice.random() < 0.4:
            return ReportReceived(
                dice.choice(sends).attempt, dice.choice((None, Milestone.ALERTING, Milestone.ANSWERED)), "undelivered"
            )
        if dice.random() < 0.1:
            return FeedbackGiven(Word.VERIFIED)
        self.now = max(self.now, cascade.due or 0.0)
        return DueReached(recovered=dice.random() < 0.1)


async def play(folder: Path) -> None:
    office = Office(folder)
    await office.store.open()
    try:
        for place in range(CASCADES):
            await office.one(f"c{place}")
        routes, chosen, withheld = set(), 0, 0
        for place in range(CASCADES):
            kept = await office.store.get(f"c{place}")
            assert kept is not None
            cascade = kept[0]
            audits = [row.audit for row in await office.store.history(f"c{place}")]
            orders = planning.replay(audits[0].decision)
            stages = [tuple(path.trunk for path in stage.targets[0].paths) for stage in cascade.run.plan.stages]
            assert orders == stages
            chosen += any(choice["record"] for choice in audits[0].decision["choices"])
            again = replay(cascade, audits)
            assert not again.differs, again.differs
            assert again.cascade.dump() == cascade.dump()
            routes.add(tuple(send.provider for send in cascade.sends))
            withheld += any(audit.event == "withheld" for audit in audits)
        assert len(routes) > 10  # they did go different ways
        assert chosen == CASCADES  # the order was a choice each time
        assert withheld > 5
    finally:
        await office.store.close()


def test_every_decision_replays_to_the_same_route_from_its_record(tmp_path: Path) -> None:
    asyncio.run(play(tmp_path))
