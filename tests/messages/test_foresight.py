"""What is said of a message before it is sent is what becomes of it: `explain_request` and `what-if` against planner and
reducer, whose cascades go through a row between any two events, as they do in a store.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from controller.broker.circumstances import Outlook
from controller.explain.assumed import Assumed, Thing
from controller.explain.message_outlook import CascadeSurvey, scores_of
from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.score import Scores
from controller.messages.cascade import Cascade
from controller.messages.explanation import explain_request
from controller.messages.planning import Planned, Planner
from controller.messages.reducer import reduce
from controller.messages.region import Number
from controller.messages.request import Request
from controller.rules.run import Run
from controller.store.base import Facts, Kept, NewCascade
from controller.store.sqlite import SqliteStore
from controller.types import TRANSPORT_ERROR, Dialplan, Milestone, Order, Verdict
from controller.types.cascades import (
    CascadeBegun,
    CascadeEvent,
    CascadeStatus,
    Circumstances,
    DueReached,
    SendAccepted,
    SendMessage,
    SendRefused,
    SendUnclear,
)
from controller.types.messages import (
    CascadeRules,
    Channel,
    Dedup,
    Messaging,
    NumberKind,
    Policy,
    Provider,
    RouteClass,
    Sender,
    Step,
)
from tests.messages.playbook import reload

NOW = 1.8e9
CHANNELS = (Channel.SMS, Channel.SMS, Channel.WHATSAPP, Channel.EMAIL, Channel.VOICE)
COUNTRIES = ("US", "DE", "FR")
MAX_EVENTS = 200

# --------------------------------------------------------------------------- random dialplans and requests


def random_messaging(dice: random.Random) -> Messaging:
    """Providers, cascades and policies as an operator might write them, only odder."""
    providers = [_provider(dice, f"p{place}") for place in range(dice.randint(2, 7))]
    names = [each.name for each in providers]
    policies = tuple(_policy(dice, f"policy-{place}", names) for place in range(dice.choice([0, 0, 1, 3])))
    cascades = {name: _cascade(dice, name, providers) for name in ("one", "two")}
    return Messaging({each.name: each for each in providers}, cascades, policies)


def _provider(dice: random.Random, name: str) -> Provider:
    senders = (Sender(name, NumberKind.MOBILE, ("US", "DE")),) if dice.random() < 0.2 else ()
    return Provider(
        name,
        dice.choice(CHANNELS),
        "smpp",
        None,
        dice.choice([*Dedup]),
        dice.choice(["", "agg-1", "agg-1", "agg-2"]),
        dice.choice([*RouteClass]),
        {"": dice.choice([0.0, 0.01, 0.05]), dice.choice(COUNTRIES): dice.choice([0.01, 0.1])},
        () if dice.random() < 0.8 else tuple(dice.sample(COUNTRIES, 2)),
        senders,
        floor=dice.choice([0.0, 1.0, 20.0]),
    )


def _cascade(dice: random.Random, name: str, providers: list[Provider]) -> CascadeRules:
    steps = []
    for _ in range(dice.randint(1, 4)):
        channel = dice.choice(providers).channel if dice.random() < 0.9 else Channel.RCS
        able = [each.name for each in providers if each.channel is channel]
        steps.append(
            Step(
                channel,
                dice.choice((Milestone.ANSWERED, Milestone.ANSWERED, Milestone.ACCEPTED, Milestone.CONFIRMED)),
                dice.choice((5.0, 20.0, 60.0)),
                tuple(dice.sample(able, len(able))) if dice.random() < 0.3 else (),
                dice.choice((Order.CONFIGURED, Order.COST, Order.BEST)),
                dice.choice((0, 1, 2)),
            )
        )
    causes = {dice.choice((TRANSPORT_ERROR, "timeout", "*")): dice.choice([*Verdict])} if dice.random() < 0.2 else {}
    return CascadeRules(
        name,
        tuple(steps),
        dice.choice((30.0, 90.0, 600.0)),
        dice.choice((1, 3, 6)),
        dice.choice((None, None, 0.1)),
        causes=causes,
    )


def _policy(dice: random.Random, name: str, providers: list[str]) -> Policy:
    given: dict[str, Any] = {}
    if dice.random() < 0.5:
        given["countries"] = (dice.choice(COUNTRIES),)
    if dice.random() < 0.5:
        given["without"] = (dice.choice(providers),)
    if dice.random() < 0.3:
        given["max_attempts"] = dice.randint(1, 3)
    if dice.random() < 0.2:
        given["tenants"] = ("acme",)
    if dice.random() < 0.1:
        given["allow"] = False
    return Policy(name, **given)


def troubled(messaging: Messaging, dice: random.Random) -> Scores:
    """What messages came to: providers that are held after failures, on their way back, parked, full."""
    scores = scores_of(messaging)
    for name in messaging.providers:
        fate = dice.choice(["well", "well", "well", "failing", "parked", "lost", "back", "full"])
        begin = NOW - dice.choice([5.0, 50.0, 120.0])
        region = dice.choice([(), ("US",), ("DE",)])
        for place in range(dice.choice([0, 5, 15])):
            kind = OutcomeClass.FAILURE if fate == "failing" else OutcomeClass.SUCCESS
            scores.observe(Outcome(name, kind, region), begin - 30.0 + place)
        if fate == "parked":
            scores.park(name, begin)
        if fate in {"lost", "back"}:
            scores.lost(name, begin, "down")
        if fate == "back":
            scores.found(name, begin + 1.0, "back")
        if fate == "full":
            scores.observe(Outcome(name, OutcomeClass.CAPACITY, retry_after=60.0), begin)
    return scores


def random_request(dice: random.Random) -> tuple[Request, Number | None, float]:
    """Who is to be reached, and the risk of fraud."""
    number = Number("+14155550100", dice.choice((*COUNTRIES, "GB", "")), NumberKind.MOBILE)
    request = Request(
        dice.choice(("acme", "other")),
        "" if dice.random() < 0.1 else number.e164,
        "anna@example.com" if dice.random() < 0.7 else "",
        dice.choice(("one", "two")),
        route_class=dice.choice([*RouteClass]),
    )
    return request, number if request.phone else None, dice.choice((0.0, 0.0, 0.3, 0.6, 0.95))


# --------------------------------------------------------------------------- the engine


class Sent(NamedTuple):
    """A message that was handed to a provider: seconds after the request."""

    at: float
    step: int
    provider: str


def refuse(_cascade: Cascade, command: SendMessage) -> CascadeEvent:
    return SendRefused(command.attempt, TRANSPORT_ERROR)


def never_report(cascade: Cascade, command: SendMessage) -> CascadeEvent:
    """It is taken and never heard of again; where to take it would be success, nobody knows whether it was."""
    stage = cascade.run.plan.stages[cascade.run.attempts[command.attempt].stage]
    if stage.until is Milestone.ACCEPTED:
        return SendUnclear(command.attempt, "timeout")
    return SendAccepted(command.attempt, f"ref-{command.attempt}")


def drive(
    planned: Planned, scores: Scores, behave: Any, dead: Collection[str] = (), *, rows: bool = True
) -> tuple[list[Sent], float, str]:
    """What planner and reducer send, when it is over, and as what. ``rows``: each event goes through one."""
    cascade = Cascade("c1", "acme", "p1", Run(planned.plan), planned.terms, created=NOW)
    if planned.refusal:
        return [], 0.0, CascadeStatus.REFUSED
    circumstances = _circumstances(planned, scores)
    now, sent = NOW, list[Sent]()
    waiting: list[CascadeEvent] = [CascadeBegun()]
    for _ in range(MAX_EVENTS):
        if not waiting:
            if cascade.status is not CascadeStatus.ACTIVE:
                break
            assert cascade.due is not None
            now, waiting = cascade.due, [DueReached()]
        if rows:
            cascade = reload(cascade)
        for command in reduce(cascade, waiting.pop(0), now, circumstances).commands:
            if isinstance(command, SendMessage):
                step = int(command.send_key.split(":")[1])
                if command.send_key not in _keys(cascade, command):
                    sent.append(Sent(now - NOW, step, command.provider))
                waiting.append((refuse if command.provider in dead else behave)(cascade, command))
    assert cascade.status is not CascadeStatus.ACTIVE, "it comes to an end"
    return sent, cascade.ended - NOW, cascade.status


def _keys(cascade: Cascade, command: SendMessage) -> set[str]:
    """The keys of what was handed over before and is again, since nobody knew."""
    return {send.send_key for send in cascade.sends if send.attempt == command.attempt and send.asked}


def _circumstances(planned: Planned, scores: Scores) -> Circumstances:
    """As the broker makes them."""
    return Outlook(scores, {}, 1.0).circumstances(tuple(planned.terms.channels), planned.terms.region, NOW)


def hold(dialplans: int, each: int, worlds: int) -> Counter[str]:
    """So many requests, each in one or both worlds: asked about, and then made, with all that the ones before left."""
    seen: Counter[str] = Counter()
    for seed in range(dialplans):
        dice = random.Random(seed)
        messaging = random_messaging(dice)
        scores = troubled(messaging, dice) if dice.random() < 0.6 else scores_of(messaging)
        planner = Planner(messaging, scores, "v1")
        for place in range(each):
            request, number, risk = random_request(dice)
            key = f"{seed}-{place}"
            picked = (("order", refuse), ("worst", never_report))
            for said, behave in picked if worlds == 2 else (picked[place % 2],):
                primary = scores.dump()["primary"] if place == 0 else None
                found = explain_request(planner, request, number, risk, key, NOW)
                if primary is not None:
                    assert scores.dump()["primary"] == primary, "who asks takes no lead"
                planned = planner.plan(request, number, risk, key, NOW)
                sent, over, status = drive(planned, scores, behave, rows=place % 4 == 0)
                about = f"{key} {said} {found}"
                assert [(one["step"], one["provider"]) for one in found[said]] == [one[1:] for one in sent], about
                assert all(abs(one["at"] - two.at) < 1e-6 for one, two in zip(found[said], sent, strict=True)), about
                assert (found["refused"] != "") == (planned.refusal != ""), about
                if said == "worst":
                    assert abs(found["over_after"] - over) < 1e-6, about
                shown = [(step["step"], way["provider"]) for step in found["steps"] for way in step["providers"]]
                assert {one[1:] for one in sent} <= set(shown), about
                seen[said] += 1
                seen["refused"] += status == CascadeStatus.REFUSED
                seen["not all that are shown are sent"] += len(sent) < len(shown)
                in_order = iter(shown)
                seen["another order than that of the steps"] += not all(one[1:] in in_order for one in sent)
                seen["several steps"] += len({one.step for one in sent}) > 1
                states = {way["state"] for step in found["steps"] for way in step["providers"]}
                for state in ("held", "canary", "rising", "parked", "full"):
                    seen[state] += state in states
    return seen


def test_explain_says_what_planner_and_reducer_do_in_5000_random_cases() -> None:
    seen = hold(dialplans=500, each=10, worlds=1)
    assert seen["order"] + seen["worst"] == 5000
    assert min(seen.values()) > 40, seen


@pytest.mark.long
def test_explain_says_what_planner_and_reducer_do_in_20000_random_cases_in_both_worlds() -> None:
    seen = hold(dialplans=2000, each=10, worlds=2)
    assert seen["order"] == seen["worst"] == 20000
    assert min(seen.values()) > 200, seen


def test_what_if_says_what_planner_and_reducer_do() -> None:
    asked, seen = 0, Counter[str]()
    for seed in range(60):
        dice = random.Random(seed)
        messaging = random_messaging(dice)
        dialplan = Dialplan("v1", (), {}, {}, {}, messaging=messaging)
        survey = CascadeSurvey(dialplan, NOW, "acme")
        names = list(messaging.providers)
        down = dice.sample(names, min(len(names), dice.choice([1, 1, 2, 4])))
        answer = survey.compare(Assumed((Thing("provider", "+".join(down), providers=tuple(down)),)))
        after = {(change.cascade, country): change.after for change in answer.changes for country in change.countries}
        lost = {(subject.cascade, subject.country) for subject in answer.unreachable}
        for cascade, country in survey.subjects:
            scores = scores_of(messaging)
            for name in down:
                scores.lost(name, NOW, "down")
            request = Request("acme", "+14155550100", "anna@example.com", cascade)
            number = Number("+14155550100", country, NumberKind.MOBILE)
            planned = Planner(messaging, scores, "v1").plan(request, number, 0.0, "explain", NOW)
            sent, _, _ = drive(planned, scores, refuse, down)
            alive = [one.provider for one in sent if one.provider not in down]
            outlook = after.get((cascade, country or "any other country"))
            about = f"{seed} {cascade} {country} {down} {outlook} {sent}"
            asked += 1
            if outlook is None:
                seen["the same"] += 1
                assert not set(down) & {one.provider for one in drive(planned, scores, refuse)[0]} or not alive, about
                continue
            seen["changed"] += 1
            assert list(outlook.order) == alive, about
            assert outlook.first == (alive[0] if alive else ""), about
            assert ((cascade, country) in lost) == (not alive), about
            seen["unreachable"] += not alive
            waited = [one.at for one in drive(planned, scores, never_report, down)[0] if one.provider not in down]
            assert outlook.last_at == pytest.approx(waited[-1] if waited else 0.0), about
    assert asked > 400
    assert min(seen.values()) > 20, seen


# --------------------------------------------------------------------------- the whole of it, with a store


async def _through_a_store(folder: Path, cases: int) -> int:
    """Accepted, kept and driven by a real store; returns how many cascades sent anything."""
    store, done = SqliteStore(folder / "messages.db", reduce), 0
    await store.open()
    try:
        for seed in range(cases):
            dice = random.Random(seed)
            messaging = random_messaging(dice)
            scores = troubled(messaging, dice)
            request, number, risk = random_request(dice)
            key, planner = f"c{seed}", Planner(messaging, scores, "v1")
            found = explain_request(planner, request, number, risk, key, NOW)
            planned = planner.plan(request, number, risk, key, NOW)
            if planned.refusal:
                assert found["order"] == []
                continue
            circumstances = _circumstances(planned, scores)
            cascade = Cascade(key, "acme", "", Run(planned.plan), planned.terms, created=NOW)
            new = NewCascade(cascade, planned.plan, "", "", "{}", Facts(), audit=[planned.audit()])
            admission = await store.accept(new, NOW, circumstances)
            assert isinstance(admission, Kept)
            commands, sent = list(admission.commands), []
            while commands:
                command = commands.pop(0)
                if isinstance(command, SendMessage):
                    sent.append(command.provider)
                    applied = await store.apply(key, refuse(cascade, command), NOW, circumstances)
                    assert applied is not None
                    commands += applied.commands
            assert [one["provider"] for one in found["order"]] == sent, key
            done += bool(sent)
    finally:
        await store.close()
    return done


def test_the_store_sends_what_was_explained(tmp_path: Path) -> None:
    assert asyncio.run(_through_a_store(tmp_path, 40)) > 15
