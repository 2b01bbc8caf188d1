"""`callward diff`: what another dialplan would change, in words of chains, stages and targets."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli import cli
from controller.config import compile_text
from controller.exits import FINDINGS, OK
from controller.explain.diff import Diff, diff
from controller.rules.plain import dump_plan
from controller.rules.plan import make_plan
from controller.types import Dialplan, HealthView, Offer, Route, TargetState, TrunkHealth
from tests.config.sample import bend, compiled
from tests.random_dialplans import BEGIN, TRUNKS, write_dialplan

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted(each for each in (ROOT / "dialplans").glob("*.yaml") if not each.name.endswith(".test.yaml"))


def bent(*changes: tuple[str, str]) -> Diff:
    return diff(compiled(bend()), compiled(bend(*changes)))


def changes_of(found: Diff) -> dict[str, tuple[str, ...]]:
    return {name: change.changes for change in found.changed for name in change.routes}


BOTH = ("+15557000", "any other number")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("for: 10s", "for: 12s", "stage 1: for 12s, was 10s"),
        ("ring: [front-desk]\n", "ring: [answering]\n", "stage 1: rings answering; was front-desk"),
        ("[anna-mobile, front-desk]", "[anna-mobile]", "stage 2: rings front-desk no longer"),
        ("[anna-mobile, front-desk]", "[anna-mobile, answering, front-desk]", "stage 2: rings answering as well"),
        ("[anna-mobile, front-desk]", "[front-desk, anna-mobile]", "stage 2: rings front-desk, anna-mobile; was anna-mobile, front-desk"),
        ("mode: hybrid", "mode: parallel", "stage 2: mode parallel, was hybrid"),
        ("hedge: 500ms", "hedge: auto", "stage 2: hedge auto, was 500ms"),
        ("hedge: off", "when: {trunk: {hq-pbx: down}}", "stage 3: when trunk hq-pbx down, was none"),
        ("via: [hq-pbx, carrier-a]}", "via: [carrier-a, hq-pbx]}", "front-desk: over carrier-a, hq-pbx; was hq-pbx, carrier-a"),
        ('user: "100"', 'user: "101"', "front-desk: called as 101, was 100"),
        ("live: true", "live: false", "answering: does not always answer any more"),
        ("192.0.2.30:5081", "192.0.2.31:5081", "hq-pbx: host 192.0.2.31, was 192.0.2.30"),
        ("every: 250ms", "every: 500ms", "carrier-a: probe.every 500ms, was 250ms"),
    ],
)  # fmt: skip
def test_what_a_change_means_for_numbers(old: str, new: str, says: str) -> None:
    found = changes_of(bent((old, new)))
    assert tuple(found) == BOTH
    assert says in found["+15557000"]
    back = diff(compiled(bend((old, new))), compiled(bend()))
    assert tuple(changes_of(back)) == BOTH, "and the other way round"


def test_a_stage_between_others_is_new_and_not_all_that_follow() -> None:
    text = bend(("    - ring: [answering]\n", "    - ring: [front-desk]\n      for: 15s\n    - ring: [answering]\n"))
    found = diff(compiled(bend()), compiled(text))
    assert changes_of(found)["+15557000"] == ("stage 3 is new: front-desk, sequential, for 15s",)
    back = diff(compiled(text), compiled(bend()))
    assert changes_of(back)["+15557000"] == ("stage 3 of before is gone: front-desk, sequential, for 15s",)


def test_numbers_come_and_go_with_where_they_lead() -> None:
    found = bent(('{did: "+15557000", chain: sales}', '{did: "+15557001", chain: sales}'))
    assert [(each.routes, each.chain) for each in found.new] == [(("+15557001",), "sales")]
    assert [each.routes for each in found.gone] == [("+15557000",)]
    assert found.new[0].rings == "front-desk, then anna-mobile and front-desk, then answering"


def test_what_no_number_shows_is_named_by_its_section() -> None:
    found = bent(("127.0.0.1:5060", "127.0.0.1:5062"), ("probes:", "tenants: {acme: {limits: {calls: 9}}}\nprobes:"))
    assert (found.changed, found.other) == ((), ("listen: changed", "tenants: new acme"))
    unused = bend(("routes:", "  spare:\n    - ring: [answering]\nroutes:"))
    assert diff(compiled(bend()), compiled(unused)).other == ("chains that no number has: new spare",)


def test_what_operators_are_shown_by_is_told_by_its_section() -> None:
    old = bend() + 'records: {calls: 90d}\nconsole: {listen: "127.0.0.1:8090"}\n'
    new = bend() + 'records: {calls: 30d}\notel: {endpoint: "http://127.0.0.1:4318"}\n'
    found = diff(compiled(old), compiled(new))
    assert found.other == ("console: gone", "records: calls 720h, was 2160h", "otel: new")
    assert not found.changed


def test_secrets_are_never_shown() -> None:
    password = "auth: {user: u, password: %s}"
    old = bend(("carrier: a, probe: fast", f"carrier: a, probe: fast, {password % 'first-secret'}"))
    new = bend(("carrier: a, probe: fast", f"carrier: a, probe: fast, {password % 'other-secret'}"))
    found = diff(compiled(old), compiled(new))
    assert "carrier-a: auth.password changed" in changes_of(found)["+15557000"]
    assert "secret" not in json.dumps(found.to_data())


def test_comments_order_of_keys_and_places_change_nothing() -> None:
    text = bend(
        ("trunks:", "# a comment\n\ntrunks:"), ("mode: hybrid\n      stagger: 4s", "stagger: 4s\n      mode: hybrid")
    )
    found = diff(compiled(bend()), compiled(text))
    assert found.is_same, found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_the_same_as_itself(path: Path) -> None:
    done = CliRunner().invoke(cli, ["diff", str(path), str(path)])
    assert (done.exit_code, done.output) == (OK, "nothing changes\n")


MESSAGES = (ROOT / "dialplans" / "messages.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("wait: 15s", "wait: 10s", ("otp", "step 1: wait 10s, was 15s")),
        ("max_attempts: 6", "max_attempts: 4", ("otp", "max_attempts 4, was 6")),
        ("upstream: agg-1", "upstream: agg-2", ("missed-call", "provider sms-1: upstream agg-2, was agg-1")),
        ("window: 20", "window: 10", ("otp", "provider sms-2: settings changed")),
        ("    - {send: email}\n", "", ("missed-call", "step 2 of before is gone: email, wait 20s")),
        ("rate: 50/s", "rate: 40/s", ("otp", "provider sms-1: per_second 40, was 50")),
    ],
)
def test_what_a_change_means_for_cascades(old: str, new: str, says: tuple[str, str]) -> None:
    assert old in MESSAGES
    found = diff(compiled(MESSAGES), compiled(MESSAGES.replace(old, new, 1)))
    cascade, sentence = says
    assert sentence in {each.cascade: each.changes for each in found.cascades.changed}[cascade]
    assert not found.changed


def test_policies_and_cascades_come_and_go() -> None:
    text = MESSAGES.replace("  missed-call:\n    - {send: sms", "  call-back:\n    - {send: sms").replace(
        "tenant: acme, country: US, without: sms-2", "tenant: acme, country: CA, without: sms-2"
    )
    found = diff(compiled(MESSAGES), compiled(text)).cascades
    assert (found.new, found.gone) == (("call-back",), ("missed-call",))
    assert found.policies == ("acme-us: countries CA, was US",)


def test_output_and_exit_code(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(bend(), encoding="utf-8")
    new.write_text(bend(("for: 10s", "for: 12s"), ('"+15557000"', '"+15557001"')), encoding="utf-8")
    done = CliRunner().invoke(cli, ["diff", str(old), str(new)], env={"COLUMNS": "80"})
    assert done.exit_code == FINDINGS
    assert done.output == (
        "numbers: 1 of 2 change, 1 new, 1 gone\n"
        "\nnew: +15557001 (chain sales)\n  rings front-desk, then anna-mobile and front-desk, then answering\n"
        "\ngone: +15557000 (chain sales)\n  rings front-desk, then anna-mobile and front-desk, then answering\n"
        "\nany other number (chain sales)\n  stage 1: for 12s, was 10s\n"
    )
    data = json.loads(CliRunner().invoke(cli, ["diff", str(old), str(new), "--json"]).output)
    assert (data["same"], data["changed"][0]["routes"]) == (False, ["any other number"])
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 2\n")
    assert CliRunner().invoke(cli, ["diff", str(old), str(broken)]).exit_code == FINDINGS


# --------------------------------------------------------------------------- nothing is missed


BENDS = (
    (r"for: 9s", "for: 11s"),
    (r"mode: parallel", "mode: hybrid"),
    (r"hedge: off", "hedge: 2s"),
    (r"no_reply: 3s", "no_reply: 4s"),
    (r"cost: 0\.1", "cost: 0.35"),
    (r"priority: 1", "priority: 3"),
    (r"active: t2", "active: t1"),
    (r"live: true", "live: false"),
    (r"via: \[t1, ", "via: [t6, t1, "),
    (r"ring: \[p1", "ring: [p5, p1"),
    (r"hours: day", "not_hours: day"),
    (r"open: \{mon-fri: \"0", 'open: {mon-fri: "1'),
    (r"order: cost", "order: priority"),
    (r"max_cost: 0.3", "max_cost: 0.2"),
    (r"calls: 1", "calls: 2"),
    (r"trunk: \{t1: up\}", "trunk: {t1: down}"),
)


def plans(dialplan: Dialplan, route: Route, trunk: str, dice: random.Random) -> list[object]:
    """What is planned for a route in some states, without the places in the file."""
    made: list[object] = []
    for _ in range(4):
        states = {name: TrunkHealth(dice.choice([*TargetState])) for name in TRUNKS if dice.random() < 0.7}
        offer = Offer("explain", "+15557000", dice.choice(["", "+15550100"]), BEGIN + dice.random() * 1e7, trunk)
        plan = dump_plan(make_plan(dialplan, dialplan.chains[route.chain], HealthView(1, states), offer))
        text = re.sub(r'"where": "[^"]*"|"version": "[^"]*"', "", json.dumps(plan, default=str))
        made.append((text, route.tenant, route.limits, route.tolls))
    return made


def test_a_number_that_is_not_named_is_planned_as_before() -> None:
    seen: Counter[str] = Counter()
    for seed in range(50):
        dice = random.Random(seed)
        text = write_dialplan(dice)
        old = compiled(text)
        pattern, instead = dice.choice([each for each in BENDS if re.search(each[0], text)])
        places = list(re.finditer(pattern, text))
        place = dice.choice(places)
        loaded = compile_text(text[: place.start()] + instead + text[place.end() :], "bent.yaml")
        if loaded.dialplan is None:
            seen["makes no sense"] += 1
            continue
        new = loaded.dialplan
        found = diff(old, new)
        assert not found.is_same, f"{seed} {pattern}"
        assert not found.new
        assert not found.gone
        named = set(changes_of(found))
        for prefix, by_trunk in old.outbound.items():
            for trunk, route in by_trunk.items():
                name = f"outbound {prefix or '*'} from {trunk}"
                check(
                    seen, f"{seed} {name} {pattern}", name in named, old, new, route, new.outbound[prefix][trunk], trunk
                )
        for did, route in old.routes.items():
            check(seen, f"{seed} {did} {pattern}", did in named, old, new, route, new.routes[did], "")
        for prefix, route in old.prefixes.items():
            name = f"prefix {prefix}"
            check(seen, f"{seed} {name} {pattern}", name in named, old, new, route, new.prefixes[prefix], "")
    assert seen["named, and planned otherwise"] > 25, seen
    assert seen["not named"] > 40, seen


def check(
    seen: Counter[str], about: str, named: bool, old: Dialplan, new: Dialplan, was: Route, now: Route, trunk: str
) -> None:
    before, after = plans(old, was, trunk, random.Random(about)), plans(new, now, trunk, random.Random(about))
    if named:
        seen["named, and planned otherwise"] += before != after
        return
    seen["not named"] += 1
    assert before == after, about


def test_many_numbers_are_compared_by_their_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    from controller.explain import diff as module

    numbers = "".join(f'  - {{did: "+1555{n:07d}", chain: sales}}\n' for n in range(2000))
    old, new = compiled(bend() + numbers), compiled(bend(("for: 10s", "for: 12s")) + numbers)
    asked, compare = [], module._compare_chains
    monkeypatch.setattr(module, "_compare_chains", lambda *given: asked.append(given) or compare(*given))
    found = diff(old, new)
    assert len(asked) == 1
    assert len(found.changed) == 1
    assert len(found.changed[0].routes) == 2002


def test_the_reference_shows_what_is_really_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reference = (ROOT / "docs" / "dialplan.md").read_text(encoding="utf-8")
    shown = reference.split("$ callward diff ")[1].split("```")[0]
    expected = shown.partition("\n")[2]
    text = (ROOT / "dialplans" / "two-offices.yaml").read_text(encoding="utf-8")
    new = tmp_path / "new.yaml"
    new.write_text(
        text.replace("for: 15s", "for: 12s", 1)
        .replace("ring: [branch-desk]", "ring: [branch-desk, anna-mobile]")
        .replace("carrier: b}", "carrier: b, cost: 0.02}")
        .replace('  - {did: "+15557001"', '  - {did: "+15557009", chain: sales}\n  - {did: "+15557001"'),
        encoding="utf-8",
    )
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(cli, ["diff", "dialplans/two-offices.yaml", str(new)], env={"COLUMNS": "120"})
    assert done.output == expected
