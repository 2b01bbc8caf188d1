"""`explain` says what the switchboard does: the same random dialplans, numbers, moments and states to both."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli import FINDINGS, OK, USAGE, cli
from controller.config import compile_text, load, render
from controller.config.figures import worst_wait
from controller.explain import QuestionError, assume_down, explain, parse_moment
from controller.rules.usage import Usage
from controller.switchboard import Switchboard
from controller.types import (
    AttemptFailed,
    Dialplan,
    HealthView,
    Offer,
    Order,
    StartAttempt,
    TargetState,
    TrunkHealth,
)
from tests.config.sample import bend, compiled

ROOT = Path(__file__).resolve().parent.parent
OURS = ["t1", "t2", "t3"]  # PBXs; the others are carriers' trunks
TRUNKS = [f"t{n}" for n in range(1, 7)]
NUMBERS = ["+15557000", "15557000", "+15557123", "+1555", "+4930123", "100", "107", "7", "anna", ""]
OUTBOUND = ["+1", "+44", "+1900", "*"]
PREFIXES = ["+1", "+1555", "+15557", "+155571", "1", "10", "49"]
DIALLED = ["+12125550100", "12125550100", "+442071234", "+19005550100", "*67", "#31#100", "1900x", "9" * 33]
CALLERS = ["", "+15550100", "15550100", "+442071234", "100", "anna"]
IN_OUT = ["in", "out"]  # limits that only trunks have
BEGIN = 1_760_000_000  # October 2025; the moments reach over two changes of the clock, two Christmases and a New Year


def write_dialplan(dice: random.Random) -> str:
    """A dialplan as an operator might write it, only odder."""
    lines = ["version: 1", 'listen: [{udp: "127.0.0.1:5060"}]']
    lines += ["sites:", "  hq: {pbx: [t1, t2], active: t2}", "  branch: {pbx: [t3]}", "trunks:"]
    limited = dice.random() < 0.5
    for name in TRUNKS:
        site = ", site: hq" if name == "t4" else ", site: branch" if name == "t5" and dice.random() < 0.5 else ""
        carrier = "" if name in OURS else f", carrier: c{dice.randint(1, 3)}"
        rank = f", priority: {dice.randint(0, 2)}, weight: {dice.randint(0, 3)}, cost: 0.{dice.randint(1, 3)}"
        lines.append(
            f'  {name}: {{uri: "sip:192.0.2.{name[1:]}"{carrier}{site}{rank}{_limits(dice, limited, *IN_OUT)}}}'
        )
    if limited:
        lines += ["tenants:", f"  acme: {{{_limits(dice, True)[2:] or 'limits: {calls: 1}'}}}"]
    lines += ["hours:"]
    for name, zone in (("day", "America/New_York"), ("night", "Europe/Berlin")):
        first, last = dice.sample(range(24), 2)
        days = dice.choice(["mon-fri", "mon-sun", "sat-mon", "wed"])
        holidays = dice.choice(["", ", holidays: US", ", holidays: [2025-12-24, DE]"])
        lines.append(f'  {name}: {{zone: {zone}{holidays}, open: {{{days}: "{first:02}:00-{last:02}:30"}}}}')
    lines += ["endpoints:"]
    people = [f"p{n}" for n in range(1, 6)]
    for name in people:
        via = ", ".join(dice.sample(TRUNKS, dice.randint(1, 3)))
        lines.append(f'  {name}: {{user: "{name}", via: [{via}], live: {dice.choice(["true", "false"])}}}')
    lines += ["chains:"]
    chains = ["one", "two", "three"]
    for chain in chains:
        lines.append(f"  {chain}:")
        for _ in range(dice.randint(1, 4)):
            lines.append(f"    - ring: [{', '.join(dice.sample(people, dice.randint(1, 3)))}]")
            lines.append(f"      mode: {dice.choice(['sequential', 'parallel', 'hybrid'])}")
            lines.append(f"      for: {dice.choice(['9s', '10s', '25s'])}")
            if dice.random() < 0.5:
                lines.append(f"      order: {dice.choice([*Order])}")
            if dice.random() < 0.5:
                lines.append(f"      when: {{{', '.join(_conditions(dice, limited))}}}")
            if limited and dice.random() < 0.2:
                lines.append(f"      after: {dice.choice(['busy', 'no-answer', '[busy, no-answer]'])}")
    lines += ["routes:"]
    dids = [number for number in NUMBERS if number.strip("+").isdigit() and number != "7"]
    routes = [f'did: "{did}"' for did in dice.sample(dids, 2)]
    routes += [f'prefix: "{prefix}"' for prefix in dice.sample(PREFIXES, 3)]
    for route in routes:
        tenant = ", tenant: acme" if limited and dice.random() < 0.5 else ""
        lines.append(f"  - {{{route}, chain: {dice.choice(chains)}{tenant}{_limits(dice, limited)}}}")
    if dice.random() < 0.5:
        lines.append(f'  - {{did: "*", chain: {dice.choice(chains)}}}')
    for prefix in dice.sample(OUTBOUND, 2):
        keys = [f'outbound: {{prefix: "{prefix}"}}', f"via: [{', '.join(dice.sample(TRUNKS[3:], dice.randint(1, 3)))}]"]
        keys += [f"from: [{', '.join(dice.sample(OURS, dice.randint(1, 2)))}]"] if dice.random() < 0.5 else []
        keys += [f"order: {dice.choice([*Order])}"] if dice.random() < 0.7 else []
        keys += [f"when: {{{', '.join(_conditions(dice))}}}"] if dice.random() < 0.3 else []
        keys += ["countries: [US, GB]"] if dice.random() < 0.3 else []
        keys += ["premium: true"] if prefix == "+1900" else []
        keys += ["max_cost: 0.3"] if dice.random() < 0.3 else []
        lines.append(f"  - {{{', '.join(keys)}}}")
    return "\n".join(lines) + "\n"


def _limits(dice: random.Random, limited: bool, *more: str) -> str:
    if not limited or dice.random() < 0.4:
        return ""
    kinds = dice.sample(["calls", "cps", *more], dice.choice([1, 1, 2]))
    answer = ", answer: 503" if dice.random() < 0.3 else ""
    return f", limits: {{{', '.join(f'{kind}: {dice.randint(1, 3)}' for kind in kinds)}{answer}}}"


def _conditions(dice: random.Random, limited: bool = False) -> list[str]:
    state = dice.choice(["up", "down"])
    every = [
        "hours: day",
        "not_hours: night",
        'caller: ["+1555", "44"]',
        f"trunk: {{{dice.choice(TRUNKS)}: {state}}}",
        f"site: {{{dice.choice(['hq', 'branch'])}: {state}}}",
    ]
    if limited and dice.random() < 0.6:
        return [f"overflow: {dice.choice(['true', 'did', 'tenant', 't1', '[t2, t4, did]'])}"]
    return dice.sample(every, dice.choice([1, 1, 2]))


def busy_usage(dialplan: Dialplan, dice: random.Random) -> Usage:
    """As if other calls were up."""
    usage = Usage(dialplan)
    routes = [*dialplan.routes.values(), *dialplan.prefixes.values()]
    for number in range(dice.choice([0, 0, 3, 8])):
        offer = Offer(f"other-{number}", "x", trunk=dice.choice(["", *TRUNKS]))
        usage.enter(offer, dice.choice(routes), 0.0)
        trunk = dice.choice(TRUNKS)
        if usage.start(offer.id, 1, trunk, 0.0) and dice.random() < 0.7:
            usage.answered(offer.id, "tag", trunk, usage.leave(offer.id, 1, trunk), 0.0, 0.0)
    return usage


def cases(dialplans: int, each: int) -> Iterator[tuple[Dialplan, Offer, HealthView]]:
    """Random dialplans with random offers and states; the seed of each is its number."""
    for dialplan, offer, view, _ in busy_cases(dialplans, each):
        yield dialplan, offer, view


def busy_cases(dialplans: int, each: int) -> Iterator[tuple[Dialplan, Offer, HealthView, Usage]]:
    """The same with other calls."""
    for seed in range(dialplans):
        dice = random.Random(seed)
        loaded = compile_text(write_dialplan(dice), "random.yaml")
        assert loaded.dialplan is not None, render(loaded.diagnostics, loaded.sources)
        for call in range(each):
            chance = dice.choice([0.0, 0.3, 0.6, 1.0])
            states = {
                name: TrunkHealth(TargetState.DOWN if dice.random() < chance else dice.choice([*TargetState]), code="X")
                for name in TRUNKS
                if dice.random() < 0.9
            }
            moment = BEGIN + dice.random() * 500 * 86400
            trunk = dice.choice(["", *OURS, *TRUNKS])
            did = dice.choice(NUMBERS if dice.random() < 0.6 else DIALLED)
            offer = Offer(f"call-{call}", did, dice.choice(CALLERS), moment, trunk)
            yield loaded.dialplan, offer, HealthView(1, states), busy_usage(loaded.dialplan, dice)


def order_of(dialplan: Dialplan, offer: Offer, view: HealthView, usage: Usage) -> list[str] | None:
    """What the switchboard starts when each attempt fails as soon as it is made; None if it wants no such offer."""
    board = Switchboard(dialplan)
    board.usage = usage
    waiting = board.begin(offer, view, 0.0)
    if waiting is None:
        return None
    started = []
    while waiting:
        command = waiting.pop(0)
        if isinstance(command, StartAttempt):
            started.append(command.path.name)
            waiting += board.handle(offer.id, AttemptFailed(command.attempt, "503"), 0.0)
    assert board.runs[offer.id].finished
    return started


def test_explain_says_what_the_switchboard_does_in_5000_random_cases() -> None:
    seen: Counter[str] = Counter()
    for dialplan, offer, view, usage in busy_cases(dialplans=250, each=20):
        limited = bool(dialplan.tenants)
        found = explain(dialplan, offer, view, usage=usage)
        order = order_of(dialplan, offer, view, usage)
        about = f"{offer} {view} {found}"
        if order is None:
            assert (found.rule, found.order, found.status) == ("", (), 404), about
            seen["no route"] += 1
            continue
        assert list(found.order) == order, about
        seen["forbidden"] += found.status == 403
        seen["a number is full"] += bool({"did", "tenant"} & set(found.full))
        seen["a trunk is full"] += any(name in TRUNKS for name in found.full)
        seen["nobody, since all is full"] += not order and found.status in (486, 503)
        ways = [way for stage in found.stages for target in stage.targets for way in target.ways]
        barred = {way.path for way in ways if way.barred}
        seen["full or dear"] += bool(barred)
        assert not {way.path for way in ways if way.barred and "costs" in way.skipped} & set(order), about
        if any(stage.waits for stage in found.stages):
            seen["waits, and its turn comes"] += any(
                way.path in order for stage in found.stages if stage.waits for t in stage.targets for way in t.ways
            )
        if limited or barred or found.refused:  # what is tried, and when, depends on what is full by then
            seen["limited"] += 1
            assert set(order) <= {way.path for way in ways}, about
            continue
        near, far = [], []
        for target in (target for stage in found.stages if not stage.skipped for target in stage.targets):
            ways = sorted(target.ways, key=lambda way: (bool(way.skipped), bool(way.demoted)))
            if found.panic:
                near += list(target.ways)
            elif not ways[0].skipped:
                near += ways
            else:
                far += ways
        left = [way.path for way in (*near, *far)]
        assert sorted(left) == sorted(order), f"every way is tried, what is skipped last: {about}"
        if all(stage.mode == "sequential" for stage in found.stages):
            assert left == order, f"in the order in which it is shown: {about}"
            seen["sequential only"] += 1
        seen["panic" if found.panic else "nobody's turn" if not order else "planned"] += 1
        seen[found.rule.split()[0]] += 1
        seen["drawn by weight"] += any(stage.order == "priority" for stage in found.stages)
        seen["by cost"] += any(stage.order == "cost" for stage in found.stages)
        if found.rule.startswith("outbound"):
            assert offer.trunk in OURS, about
            (target,) = found.stages[0].targets
            assert {way.address.split("@")[0] for way in target.ways} == {f"sip:{offer.did.replace('#', '%23')}"}, about
        elif offer.trunk in OURS:
            seen["a PBX calls us"] += 1
        ways = [way for stage in found.stages for target in stage.targets for way in target.ways]
        assert all(not (way.demoted and way.skipped) for way in ways), about
        assert {way.path.split(" via ")[1] for way in ways if way.demoted} <= set(found.degraded), about
        seen["behind the others"] += any(way.demoted for way in ways)
        seen["degraded, with none better"] += bool(found.degraded) and any(
            way.path in order and not way.demoted and way.path.split(" via ")[1] in found.degraded for way in ways
        )
        seen["stage skipped"] += any(stage.skipped for stage in found.stages)
        seen["dark site"] += any("site" in way.skipped for s in found.stages for t in s.targets for way in t.ways)
    assert seen.total() > 5000
    assert min(seen.values()) > 50, f"every kind of case comes: {seen}"


def test_the_worst_wait_of_explain_is_that_of_check() -> None:
    for dialplan, offer, _ in cases(dialplans=100, each=3):
        found = explain(dialplan, offer, HealthView())
        ways = [way for stage in found.stages for target in stage.targets for way in target.ways]
        if dialplan.tenants or found.refused or any(way.barred for way in ways):
            continue  # what is left out waits for nobody
        if found.rule and not any(stage.skipped for stage in found.stages):
            assert found.over_after == pytest.approx(worst_wait(dialplan.chains[found.chain]))


def test_the_route_is_that_of_the_longest_prefix() -> None:
    for dialplan, offer, view in cases(dialplans=50, each=10):
        digits = offer.did.removeprefix("+")
        exact = {did for did in (offer.did, "+" + digits, digits) if did and did in dialplan.routes}
        fitting = [p for p in dialplan.prefixes if digits.startswith(p.removeprefix("+"))]
        longest = max((len(prefix.removeprefix("+")) for prefix in fitting), default=0)
        best = {f"prefix {p}" for p in fitting if len(p.removeprefix("+")) == longest}
        own = {f"did {did}" for did in exact} or best
        can_be_dialled = re.fullmatch(r"\+?[0-9*#]{1,31}", offer.did)
        out = sorted((p for p in dialplan.outbound if digits.startswith(p.removeprefix("+"))), key=len)
        gets_out = can_be_dialled and out and offer.trunk in dialplan.outbound[out[-1]]
        expected = own or ({f"outbound {out[-1] or '*'}"} if gets_out else {"did *" if dialplan.default else ""})
        assert explain(dialplan, offer, view).rule in expected


# --------------------------------------------------------------------------- what it says

TWO_OFFICES = str(ROOT / "dialplans" / "two-offices.yaml")
AFTER_HOURS = str(ROOT / "dialplans" / "after-hours.yaml")


def say(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["explain", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == OK, result.output
    return result.output


def test_a_dark_site_is_explained() -> None:
    said = say(TWO_OFFICES, "+15557001", "--down", "hq")
    assert "rule:  did +15557001  (" in said
    assert "support-desk via hq-pbx  sip:200@192.0.2.30:5060  skipped: hq-pbx is down (ASSUMED)" in said
    assert "skipped: site hq is down" in said
    assert "  1. branch-desk via branch-pbx\n  2. answering via carrier-b\n" in said
    up = say(TWO_OFFICES, "+15557001")
    assert "skipped: site hq is up" in up


def test_hours_are_explained_in_local_time() -> None:
    said = say(AFTER_HOURS, "+15557000", "--at", "2026-11-26T12:00")
    assert "at Thu 2026-11-26 12:00:00 America/New_York" in said
    assert "hours: office is closed, Thu 2026-11-26 12:00 America/New_York, Thanksgiving" in said
    assert "skipped: office is closed: Thu 2026-11-26 12:00 America/New_York, Thanksgiving" in said
    assert "is rung after 8.00 s at the worst; if nobody answers at all, the caller gets 480 after 28.00 s" in said
    assert "hours: office is open" in say(AFTER_HOURS, "+15557000", "--at", "2026-11-25T17:30+00:00")


def test_a_number_that_nobody_owns_is_explained() -> None:
    assert "no route: the caller gets 404" in say(AFTER_HOURS, "+4930123")


def test_panic_is_explained() -> None:
    said = say(AFTER_HOURS, "+15557000", "--at", "2026-11-25T12:30", "--down", "a", "--down", "b", "--down", "hq-pbx")
    assert "panic: every way is down" in said
    assert "tried although hq-pbx is down (ASSUMED)" in said


def test_a_caller_decides() -> None:
    night = (AFTER_HOURS, "+15557015", "--at", "2026-11-22T20:00")
    assert "1. anna-mobile via carrier-a" in say(*night, "--from", "+15558001234")
    assert "1. answering via carrier-b" in say(*night, "--from", "+15559001234")
    assert "rule:  prefix +1555701  (" in say(*night)


def test_json_has_everything() -> None:
    data = json.loads(say(TWO_OFFICES, "+15557000", "--down", "branch-pbx", "--json"))
    assert data["where"].endswith("two-offices.yaml:48")
    assert data["order"][0] == "sales-desk via hq-pbx", "the active PBX first"
    assert data["stages"][0]["targets"][0]["ways"][2]["skipped"] == "branch-pbx is down (ASSUMED)"
    assert data["live_after"] == pytest.approx(8 + 15 + 8 + 20 + 8)


def test_what_is_put_behind_is_explained() -> None:
    question = (TWO_OFFICES, "+15557000", "--degraded", "hq-pbx")
    said = say(*question)
    assert "degraded: hq-pbx\n" in said
    assert "sales-desk via hq-pbx  sip:100@192.0.2.30:5060  behind the others: hq-pbx is degraded (ASSUMED)" in said
    data = json.loads(say(*question, "--json"))
    assert data["order"].index("sales-desk via hq-pbx") > 0
    assert (data["degraded"], data["down"]) == (["hq-pbx"], [])
    assert json.loads(say(*question, "--down", "hq-pbx", "--json"))["down"] == ["hq-pbx"], "dead is worse"


def test_wrong_questions_are_usage_errors(tmp_path: Path) -> None:
    for wrong, words in (
        (("--down", "hqq"), "'hqq' is neither a trunk nor a site nor a carrier"),
        (("--full", "carrier-x"), "'carrier-x' is nothing that can be full; there are"),
        (("--at", "noon"), "'noon' is not a time: write 2026-12-24T18:30"),
    ):
        result = CliRunner().invoke(cli, ["explain", TWO_OFFICES, "100", *wrong])
        assert result.exit_code == USAGE
        assert words in result.output
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 2\n")
    assert CliRunner().invoke(cli, ["explain", str(broken), "100"]).exit_code == FINDINGS


LIMITS = str(ROOT / "dialplans" / "limits.yaml")


def test_what_is_full_is_explained() -> None:
    said = say(LIMITS, "+15557000", "--full", "carrier-a")
    assert "full: carrier-a\n" in said
    assert "anna-mobile via carrier-a  sip:+15550100@192.0.2.10:5060  skipped: carrier-a is full (ASSUMED)" in said
    assert "  1. front-desk via hq-pbx\n  2. anna-mobile via carrier-b\n" in said
    data = json.loads(say(LIMITS, "+15557000", "--full", "did", "--json"))
    assert (data["full"], data["refused"]) == (["did"], "+15557000 is full: as assumed")
    assert data["order"] == ["callback via carrier-b", "callback via carrier-a"]
    assert data["stages"][0]["skipped"] == "+15557000 is full: as assumed"
    full = say(LIMITS, "+15557000", "--full", "did")
    assert "limit: +15557000 is full: as assumed; stages for overflow alone are left\n" in full
    free = say(LIMITS, "+15557000")
    assert "waits for somebody who is busy" in free
    assert "waits for a full trunk" in free
    assert "callback" not in free[free.index("if each attempt fails") :]


def test_a_number_at_its_limit_without_overflow_is_refused() -> None:
    said = say(LIMITS, "+15557001", "--full", "did")
    assert "refused: +15557001 is full: as assumed\n" in said
    assert "nobody's turn: the caller gets 503 at once" in said


def test_numbers_that_may_not_be_dialled_are_explained() -> None:
    said = say(LIMITS, "+19005550100", "--from-trunk", "hq-pbx")
    assert "refused: +19005550100 is a premium-rate number\n" in said
    assert "nobody's turn: the caller gets 403 at once" in said
    said = say(LIMITS, "+12125550100", "--from-trunk", "hq-pbx")
    assert "skipped: carrier-b costs 0.06 a minute, more than 0.05" in said
    assert "  1. outbound +1 via carrier-a\nif each" in said


def test_moments_without_offset_are_utc_where_zones_differ() -> None:
    after_hours = load(AFTER_HOURS).dialplan
    assert after_hours is not None
    assert parse_moment(after_hours, "2026-01-01T00:00") == parse_moment(after_hours, "2026-01-01T05:00Z")
    random_one = compiled(write_dialplan(random.Random(1)))
    assert parse_moment(random_one, "2026-01-01T00:00") == parse_moment(random_one, "2026-01-01T00:00Z")


def test_a_carrier_takes_its_trunks_down() -> None:
    plan = load(TWO_OFFICES).dialplan
    assert plan is not None
    assert set(assume_down(plan, ["a", "hq"]).trunks) == {"hq-line", "hq-pbx", "hq-spare"}
    with pytest.raises(QuestionError):
        assume_down(plan, [""])


def test_the_reference_shows_what_is_really_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    reference = (ROOT / "docs" / "dialplan.md").read_text(encoding="utf-8")
    shown = reference.split("$ callward explain ")[1].split("```")[0]
    command, _, expected = shown.partition("\n")
    assert say(*command.split()) == expected


OUTBOUND_FILE = str(ROOT / "dialplans" / "outbound.yaml")


def test_a_call_outward_is_explained() -> None:
    said = say(OUTBOUND_FILE, "+442071234", "--from-trunk", "hq-fax", "--down", "carrier-a", "--from", "100")
    assert "call to +442071234 from 100 by hq-fax at " in said
    assert "rule:  outbound +44  (" in said
    assert "no_progress 6s, hedge auto, order cost\n" in said
    assert "outbound +44 via carrier-a  sip:+442071234@192.0.2.10:5060  skipped: carrier-a is down (ASSUMED)" in said
    assert "  1. outbound +44 via carrier-b\n  2. outbound +44 via carrier-c\n" in said
    assert "one draw" not in said
    assert "one draw" in say(OUTBOUND_FILE, "+12125550100", "--from-trunk", "hq-pbx")


def test_who_may_not_call_outward_is_explained() -> None:
    premium = (OUTBOUND_FILE, "+19005550100", "--at", "2026-11-24T12:00")
    assert "rule:  outbound +1900  (" in say(*premium, "--from-trunk", "hq-pbx")
    for stranger in ((), ("--from-trunk", "carrier-a"), ("--from-trunk", "hq-fax")):
        assert "no route: the caller gets 404" in say(*premium, *stranger)
    night = say(OUTBOUND_FILE, "+19005550100", "--at", "2026-11-24T22:00", "--from-trunk", "hq-pbx")
    assert "nobody's turn: the caller gets 480 at once" in night


def test_an_unknown_trunk_is_a_usage_error() -> None:
    result = CliRunner().invoke(cli, ["explain", OUTBOUND_FILE, "100", "--from-trunk", "hq"])
    assert result.exit_code == USAGE
    assert "'hq' is no trunk; there are hq-pbx, hq-fax, carrier-a" in result.output


def test_numbers_are_shown_as_they_are_sent() -> None:
    text = bend(("carrier: a, probe: fast}", 'carrier: a, probe: fast, format: {out: plus-less, tech_prefix: "77#"}}'))
    found = explain(compiled(text), Offer("explain", "+15557000"), HealthView())
    addresses = [way.address for turn in found.stages for who in turn.targets for way in who.ways]
    assert "sip:77%2315550100@192.0.2.10:5071" in addresses


def test_the_number_that_a_carrier_is_shown_is_explained() -> None:
    text = bend(("carrier: a, probe: fast}", "carrier: a, probe: fast, caller_id: own, format: {out: plus-less}}"))
    found = explain(compiled(text), Offer("explain", "+15557000", "+14155551234"), HealthView())
    shown = {way.path: way.shows for turn in found.stages for who in turn.targets for way in who.ways}
    assert shown["anna-mobile via carrier-a"] == "15557000"
    assert shown["front-desk via hq-pbx"] == ""
