"""`callward what-if`: what is said about a dialplan's routes and cascades when something is down."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.cli import cli
from controller.config import compile_text, load, render
from controller.exits import FINDINGS, OK, USAGE
from controller.explain import explain
from controller.explain.assumed import Assumed, Thing, read_things, single_failures, things_of
from controller.explain.outlook import Outlook, Reach, look_at
from controller.explain.question import QuestionError
from controller.explain.shape import Shapes
from controller.explain.what_if import ASKED, Survey, WhatIf, subjects_of, ties_of
from controller.health.score import Scores
from controller.rules.match import match_route
from controller.rules.quality import Quality, trunk_targets
from controller.rules.tolls import why_refused
from controller.rules.usage import Usage
from controller.switchboard import Switchboard
from controller.types import (
    AttemptFailed,
    Chain,
    Dialplan,
    HealthView,
    Offer,
    StartAttempt,
    Target,
    TargetState,
    TrunkHealth,
)
from tests.config.sample import compiled
from tests.random_dialplans import BEGIN, CALLERS, TRUNKS, write_dialplan

ROOT = Path(__file__).resolve().parent.parent
TWO_OFFICES = str(ROOT / "dialplans" / "two-offices.yaml")
MESSAGES = str(ROOT / "dialplans" / "messages.yaml")
OUTBOUND = str(ROOT / "dialplans" / "outbound.yaml")
LIMITS = str(ROOT / "dialplans" / "limits.yaml")


def ask(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["what-if", *arguments], env={"COLUMNS": "200"})
    return done.exit_code, done.output


def found(*arguments: str) -> dict[str, Any]:
    code, said = ask(*arguments, "--json")
    assert code in {OK, FINDINGS}, said
    answer: dict[str, Any] = json.loads(said)
    assert (code == FINDINGS) == bool(answer["calls"]["unreachable"] or answer["cascades"]["unreachable"])
    return answer


def dialplan_of(path: str) -> Dialplan:
    dialplan = load(path).dialplan
    assert dialplan is not None
    return dialplan


# --------------------------------------------------------------------------- equal to the engine


def started(dialplan: Dialplan, offer: Offer, view: HealthView, assumed: Assumed) -> list[list[str]]:
    """What the switchboard starts, and what it starts at once, when each attempt fails as soon as it is made."""
    board = Switchboard(dialplan)
    board.usage = assumed.usage(dialplan)
    waiting = board.begin(offer, view, 0.0)
    assert waiting is not None
    rounds = [[each.path.name for each in waiting if isinstance(each, StartAttempt)]]
    while waiting:
        command = waiting.pop(0)
        if isinstance(command, StartAttempt):
            more = board.handle(offer.id, AttemptFailed(command.attempt, "503"), 0.0)
            rounds.append([each.path.name for each in more if isinstance(each, StartAttempt)])
            waiting += more
    return rounds


def offer_of(name: str, did: str, caller: str, moment: float, trunk: str) -> Offer:
    """A call that takes a route: to a number of its own, which no other route has."""
    return Offer(ASKED, did + "99" if name.startswith(("prefix", "outbound")) else did, caller, moment, trunk)


def test_what_if_says_what_the_switchboard_does_for_every_route_of_random_dialplans() -> None:
    seen: Counter[str] = Counter()
    asked = 0
    for seed in range(80):
        dice = random.Random(seed)
        loaded = compile_text(write_dialplan(dice), "random.yaml")
        assert loaded.dialplan is not None, render(loaded.diagnostics, loaded.sources)
        dialplan = loaded.dialplan
        moment, caller = BEGIN + dice.random() * 500 * 86400, dice.choice(CALLERS)
        survey = Survey(dialplan, moment, caller)
        well = dict(survey.well())
        things = list(things_of(dialplan))
        for _ in range(4):
            down = tuple(dice.sample(things, dice.choice([1, 1, 2, 3])))
            full = tuple(dice.sample([*TRUNKS, "did", "tenant"], dice.choice([0, 0, 0, 1, 2])))
            assumed = Assumed(down, tuple(dice.sample(things, dice.choice([0, 1]))), full)
            answer = survey.compare(assumed)
            after = {**well, **{name: change.after for change in answer.changes for name in change.routes}}
            view = assumed.view(dialplan)
            dead = {name for name, health in view.trunks.items() if health.state is TargetState.DOWN}
            dark = {name for name, site in dialplan.sites.items() if dead.issuperset(site.pbx)}
            for name, route, trunk in subjects_of(dialplan):
                offer = offer_of(name, route.did, caller, moment, trunk)
                if route.did == "*":
                    offer = replace(offer, did="+99999")
                taken = match_route(dialplan, offer)
                if taken is None or taken.where != route.where:
                    seen["another route"] += 1  # a longer prefix, or its own number
                    continue
                if taken.tolls is not None and why_refused(taken.tolls, offer.did):
                    seen["may not be dialled"] += 1
                    continue
                rounds = started(dialplan, offer, view, assumed)
                order = [path for each in rounds for path in each]
                asked += 1
                outlook: Outlook = after[name]
                usable = [path for path in order if is_usable(dialplan, path, dead, dark)]
                about = f"{seed} {name} {assumed} {outlook} {order}"
                assert list(outlook.order) == usable, about
                assert (outlook.reach is Reach.NOBODY) == (not usable) or outlook.first, about
                if usable:
                    assert outlook.first[0] == usable[0], about
                    at_once = next(each for each in rounds if usable[0] in each)
                    assert set(outlook.first) >= {path for path in at_once if path in usable} or full, about
                seen[f"reaches {outlook.reach}"] += 1
                seen["changed"] += outlook != well[name]
                seen["limits"] += bool(full)
    assert asked > 1300
    assert min(seen[kind] for kind in ("reaches nobody", "reaches somebody", "changed", "limits")) > 60, seen


def is_usable(dialplan: Dialplan, path: str, dead: set[str], dark: set[str]) -> bool:
    """By other words than those of the plan."""
    trunk = dialplan.trunks[path.rpartition(" via ")[2]]
    return trunk.name not in dead and trunk.site not in dark


def test_what_does_not_concern_a_chain_does_not_change_its_plans() -> None:
    """The short cut of the survey: a plan depends on the trunks that `ties_of` names and on no others."""
    untouched = 0
    for seed in range(40):
        dice = random.Random(seed)
        dialplan = compiled(write_dialplan(dice))
        moment = BEGIN + dice.random() * 500 * 86400
        well = dict(Survey(dialplan, moment).well())
        for name, route, trunk in subjects_of(dialplan):
            ties = ties_of(dialplan, dialplan.chains[route.chain])
            others = {each: TrunkHealth(dice.choice([*TargetState])) for each in TRUNKS if each not in ties}
            if not others or route.outbound or route.did == "*" or route.prefix:
                continue
            untouched += 1
            offer = Offer(ASKED, route.did, "", moment, trunk)
            there, here = explain(dialplan, offer, HealthView(1, others)), explain(dialplan, offer, HealthView())
            assert (there.order, there.worst, there.stages) == (here.order, here.worst, here.stages)
            assert well[name].wait == there.over_after
    assert untouched > 10


def twin(dialplan: Dialplan) -> Dialplan:
    """The same with a second chain and number beside each: other people behind the same trunks, one of whom keeps his name."""

    def of(target: Target) -> Target:
        name = f"{target.endpoint}-twin"
        paths = [
            replace(
                path,
                name=path.name.replace(target.endpoint, name, 1),
                endpoint=name,
                address=f"sip:9{path.address[4:]}",
            )
            for path in target.paths
        ]
        return replace(target, endpoint=name, paths=tuple(paths))

    chains, routes = dict(dialplan.chains), dict(dialplan.routes)
    for did, route in dialplan.routes.items():
        chain, name = dialplan.chains[route.chain], f"{route.chain}-twin"
        stages = [replace(stage, where="elsewhere", targets=tuple(map(of, stage.targets))) for stage in chain.stages]
        chains[name] = Chain(name, tuple(stages))
        routes[f"{did}7"] = replace(route, did=f"{did}7", chain=name)
    return replace(dialplan, chains=chains, routes=routes)


def test_chains_of_one_shape_are_asked_about_once_and_each_is_told_what_it_would_have_been() -> None:
    shared = told = 0
    for seed in range(30):
        dice = random.Random(seed)
        dialplan = twin(compiled(write_dialplan(dice)))
        moment, caller = BEGIN + dice.random() * 500 * 86400, dice.choice(CALLERS)
        survey = Survey(dialplan, moment, caller)
        things = list(things_of(dialplan))
        quality, usage = Quality(Scores(trunk_targets(dialplan)), 0.0), Usage(dialplan)
        for _ in range(2):
            assumed = Assumed(tuple(dice.sample(things, 2)), full=tuple(dice.sample(TRUNKS, dice.choice([0, 1]))))
            view, full = assumed.view(dialplan), assumed.usage(dialplan)
            answer = survey.compare(assumed)
            well = dict(survey.well())
            after = {**well, **{name: change.after for change in answer.changes for name in change.routes}}
            for name, route, trunk in subjects_of(dialplan):
                offer = Offer(ASKED, route.did, caller, moment, trunk)
                assert well[name] == look_at(dialplan, route, offer, HealthView(), quality, usage), (seed, name)
                assert after[name] == look_at(dialplan, route, offer, view, quality, full), (seed, name, assumed)
                told += 1
        chains = {route.chain for _, route, _ in subjects_of(dialplan)}
        shapes = Shapes()
        shared += len(chains) - len({shapes.number(dialplan.chains[chain]) for chain in chains})
    assert told > 500
    assert shared > 25, "twins are of one shape, but where `order: best` has a leader for each of them"


def test_a_voicemail_and_somebody_who_is_rung_twice_are_no_phones_like_others() -> None:
    plan = """\
version: 1
listen: [{udp: "127.0.0.1:5060"}]
trunks: {a: {uri: "sip:192.0.2.1"}, b: {uri: "sip:192.0.2.2"}}
endpoints: {one: {user: "100", via: [a, b]}, two: {user: "101", via: [a, b]}, voicemail: {user: "102", via: [a, b]}}
chains:
  phones: [{ring: [one]}, {ring: [two]}]
  others: [{ring: [two]}, {ring: [one]}]
  twice: [{ring: [one]}, {ring: [one]}]
  machine: [{ring: [one]}, {ring: [voicemail]}]
  later: [{ring: [one], for: 10s}, {ring: [two]}]
  best: [{ring: [one], order: best}, {ring: [two]}]
  other-best: [{ring: [two], order: best}, {ring: [one]}]
routes: [{did: "+15557000", chain: phones}]
"""
    chains = compiled(plan).chains
    shapes = Shapes()
    numbers = {name: shapes.number(chain) for name, chain in chains.items()}
    assert numbers["phones"] == numbers["others"]
    assert len({*numbers.values()}) == len(numbers) - 1, numbers


# --------------------------------------------------------------------------- what it says


def test_a_dark_site_moves_its_numbers() -> None:
    code, said = ask(TWO_OFFICES, "--down", "site:hq")
    assert code == OK
    assert "down:      site hq (hq-pbx, hq-spare)\n" in said
    assert "calls:     2 of 2 numbers change; all of them reach somebody\n" in said
    assert "chain support: +15557001\n  first    branch-desk via branch-pbx; was support-desk via hq-pbx\n" in said
    assert "  stages   2, 3 of 3; was 1, 3\n" in said
    assert "  wait     35s at the worst; was 51s\n" in said


def test_the_reference_shows_what_is_really_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    reference = (ROOT / "docs" / "dialplan.md").read_text(encoding="utf-8")
    command, _, expected = reference.split("$ callward what-if ")[1].split("```")[0].partition("\n")
    assert ask(*command.split()) == (OK, expected)


def test_who_reaches_nobody_is_named_and_ends_with_findings() -> None:
    text = """\
version: 1
listen: [{udp: "127.0.0.1:5060"}]
trunks: {a: {uri: "sip:192.0.2.1", carrier: x}, b: {uri: "sip:192.0.2.2", carrier: x}, pbx: {uri: "sip:192.0.2.3"}}
endpoints:
  desk: {user: "100", via: [a, b]}
  spare: {user: "101", via: [pbx]}
  messages: {user: "*98", via: [pbx]}
  answering: {number: "+15550199", via: [a], live: true}
chains:
  lost: [{ring: [desk]}, {ring: [answering]}]
  kept: [{ring: [desk]}, {ring: [spare]}]
  boxed: [{ring: [desk]}, {ring: [messages]}]
  alive: [{ring: [answering]}, {ring: [spare]}]
  night: [{when: {site: {office: down}}, ring: [desk]}]
sites: {office: {pbx: [pbx]}}
routes:
  - {did: "+15557000", chain: lost}
  - {did: "+15557001", chain: kept}
  - {did: "+15557002", chain: boxed}
  - {did: "+15557003", chain: alive}
  - {did: "+15557004", chain: night}
"""
    dialplan = compiled(text)
    answer = WhatIf(dialplan, 0.0).compare(Assumed(read_things(dialplan, ["carrier:x"])))
    calls = answer.calls
    assert calls.unreachable == ("+15557000",)
    assert calls.voicemail == ("+15557002",)
    assert calls.not_live == ("+15557003",)
    assert calls.never == ("+15557004",)
    assert (calls.counts.routes, calls.counts.changed) == (5, 4)
    assert answer.is_bad
    ranking = WhatIf(dialplan, 0.0).compare_all()
    assert str(ranking[0].assumed.down[0]) == "carrier x"
    assert not any(each.is_bad for each in ranking[1:])


def test_json_names_every_number() -> None:
    answer = found(OUTBOUND, "--down", "carrier-a", "--at", "2026-11-24T12:00")
    assert answer["down"] == ["trunk carrier-a"]
    assert answer["calls"]["counts"]["routes"] == 5
    assert answer["calls"]["unreachable"] == []
    changes = {change["chain"]: change for change in answer["calls"]["changes"]}
    assert changes["outbound +1"]["before"]["first"] == ["outbound +1 via carrier-a"]
    assert changes["outbound +1"]["after"]["first"] == ["outbound +1 via carrier-b"]


def test_what_is_full_sends_numbers_to_their_overflow() -> None:
    answer = found(LIMITS, "--full", "did", "--down", "carrier-b")
    change = next(each for each in answer["calls"]["changes"] if each["chain"] == "sales")
    assert change["after"]["order"] == ["callback via carrier-a"]
    assert answer["calls"]["unreachable"] == ["+15557001", "outbound +1"]


def test_cascades_are_told_by_country() -> None:
    answer = found(MESSAGES, "--down", "upstream:agg-2")
    changes = {(each["cascade"], tuple(each["countries"])): each for each in answer["cascades"]["changes"]}
    french = changes["otp", ("FR", "GB")]
    assert (french["before"]["order"], french["after"]["order"]) == (
        ["whatsapp-1", "sms-2", "mail", "voice"],
        ["whatsapp-1", "mail", "voice"],
    )
    assert (french["before"]["steps"], french["after"]["steps"]) == ([1, 2, 3, 4], [1, 3, 4])
    code, said = ask(MESSAGES, "--down", "mail")
    assert code == FINDINGS
    assert "nobody left to carry messages:\n  missed-call to any other country\n" in said


def test_a_provider_that_calls_is_down_with_all_its_trunks() -> None:
    both = found(MESSAGES, "--down", "carrier-a", "--down", "carrier-b")["cascades"]["changes"]
    assert all("voice" in each["before"]["order"] and "voice" not in each["after"]["order"] for each in both)
    assert found(MESSAGES, "--down", "carrier-a")["cascades"]["changes"] == []


def test_a_degraded_provider_comes_behind_others() -> None:
    answer = found(MESSAGES, "--degraded", "provider:sms-1")
    change = next(each for each in answer["cascades"]["changes"] if each["cascade"] == "missed-call")
    assert (change["before"]["first"], change["after"]["first"]) == ("sms-1", "sms-2")
    assert change["after"]["order"] == ["sms-2", "sms-1", "mail"]


def test_all_of_them_in_turn() -> None:
    code, said = ask(MESSAGES, "--all", "--at", "2026-11-24T12:00")
    assert code == FINDINGS
    lines = said.splitlines()
    assert lines[4].split() == ["provider", "mail", "12", "1", "-", "-", "-"]
    assert "without provider mail there is nobody for missed-call to any other country" in lines
    code, said = ask(MESSAGES, "--all", "--json")
    answers = json.loads(said)["answers"]
    named = [each["down"] for each in answers]
    assert sorted(named) == sorted([str(thing)] for thing in single_failures(dialplan_of(MESSAGES)))
    assert ["upstream meta"] in named
    assert ["provider whatsapp-1"] not in named, "the same thing by another name"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--down", "carrier:hq"], "'hq' is no carrier; there are a, b"),
        (["--down", "site:hqq"], "'hqq' is no site; did you mean 'hq'?"),
        (
            ["--down", "hq-pxb"],
            "'hq-pxb' is neither a trunk, a site, a carrier, a provider nor an upstream; did you mean",
        ),
        (["--down", "pbx:hq"], "'pbx:hq': there is no kind 'pbx'; write carrier, site, trunk, provider, upstream"),
        (["--full", "hq"], "'hq' is nothing that can be full"),
        ([], "name what is down, by --down carrier:X and the like, or ask for --all"),
        (["--all", "--down", "hq"], "name what is down"),
        (["--all", "--at", "noon"], "'noon' is not a time"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered(arguments: list[str], says: str) -> None:
    code, said = ask(TWO_OFFICES, *arguments)
    assert code == USAGE
    assert says in said


def test_a_name_of_two_things_has_to_say_which() -> None:
    dialplan = compiled(
        """\
version: 1
listen: [{udp: "127.0.0.1:5060"}]
trunks: {a: {uri: "sip:192.0.2.1", carrier: b}, b: {uri: "sip:192.0.2.2", carrier: c}}
endpoints: {desk: {user: "100", via: [a, b]}}
chains: {main: [{ring: [desk]}]}
routes: [{did: "100", chain: main}]
"""
    )
    with pytest.raises(QuestionError, match="'b' is more than one thing; write carrier:b or trunk:b"):
        read_things(dialplan, ["b"])
    assert read_things(dialplan, ["trunk:b"]) == (Thing("trunk", "b", ("b",)),)
    assert read_things(dialplan, ["c"])[0].trunks == ("b",)


def test_numbers_of_one_chain_are_asked_about_once() -> None:
    """Work, and not time: 2,000 numbers of two chains are two questions."""
    numbers = "".join(f'  - {{did: "+1555{n:07d}", chain: {"main" if n % 2 else "other"}}}\n' for n in range(2000))
    dialplan = compiled(
        """\
version: 1
listen: [{udp: "127.0.0.1:5060"}]
trunks: {a: {uri: "sip:192.0.2.1", carrier: x}, b: {uri: "sip:192.0.2.2"}, c: {uri: "sip:192.0.2.3"}}
endpoints: {desk: {user: "100", via: [a, b]}, spare: {user: "100", via: [c]}}
chains: {main: [{ring: [desk]}], other: [{ring: [spare]}]}
routes:
"""
        + numbers
    )

    class Counting(Survey):
        asked = 0

        def _look(self, *arguments: Any) -> Outlook:
            Counting.asked += 1
            return super()._look(*arguments)

    survey = Counting(dialplan, 0.0)
    assert Counting.asked == 2
    answer = survey.compare(Assumed(read_things(dialplan, ["carrier:x"])))
    assert Counting.asked == 3, "the chain that has nothing to do with it is not asked about again"
    assert (answer.counts.routes, answer.counts.changed) == (2000, 1000)
