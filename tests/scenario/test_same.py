"""What tests of dialplans play is what `explain` says: attempts in the same order, for every dialplan that ships."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from controller.config import load
from controller.explain import assume_down, assume_full, explain, parse_moment
from controller.explain.message import explain_message
from controller.scenario.report import show_results
from controller.scenario.run import run_tests
from controller.types import Dialplan, Offer, Order
from tests.random_dialplans import BEGIN, CALLERS, DIALLED, NUMBERS, OURS, TRUNKS, write_dialplan

DIALPLANS = Path(__file__).parents[2] / "dialplans"
FILES = sorted(path for path in DIALPLANS.glob("*.yaml") if "\nroutes:" in path.read_text(encoding="utf-8"))
MOMENTS = ("2026-03-04T10:30", "2026-03-07T23:10", "2026-11-26T12:00")
CASES = 12


def make_test(dialplan: Dialplan, dice: random.Random, number: int) -> dict[str, object] | None:
    """A random moment and state in which every phone refuses at once, with the order that `explain` gives."""
    routes = [route.did for route in dialplan.routes.values()] + [f"{each}12345" for each in dialplan.prefixes]
    trunks = list(dialplan.trunks)
    did, moment = dice.choice(routes), dice.choice(MOMENTS)
    states = {name: dice.choice(("down", "degraded", "full")) for name in trunks if dice.random() < 0.3}
    by_state = {
        word: [name for name, state in states.items() if state == word] for word in ("down", "degraded", "full")
    }
    view = assume_down(dialplan, by_state["down"], by_state["degraded"])
    offer = Offer("explain", did, "+15550001", parse_moment(dialplan, moment))
    found = explain(dialplan, offer, view, usage=assume_full(dialplan, by_state["full"]))
    down = set(by_state["down"])
    order = list(found.order)
    if any(path.rpartition(" via ")[2] in down for path in order):
        return None  # a dead trunk does not fail at once
    endpoints = {target.endpoint for chain in dialplan.chains.values() for s in chain.stages for target in s.targets}
    given = {**states, **{name: "503" for name in endpoints if not name.startswith("outbound")}}
    expect = {"tried": order or ["nobody"]}
    return {"name": f"case {number}", "at": moment, "given": given, "call": {"did": did}, "expect": expect}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_attempts_come_in_the_order_that_is_explained(path: Path, tmp_path: Path) -> None:
    dialplan, dice = load(path).dialplan, random.Random(path.stem)
    assert dialplan is not None
    tests = [made for number in range(CASES * 4) if (made := make_test(dialplan, dice, number)) is not None][:CASES]
    assert len(tests) == CASES
    (tmp_path / "plan.yaml").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "plan.test.yaml").write_text(yaml.safe_dump({"version": 1, "tests": tests}), encoding="utf-8")
    results = run_tests([tmp_path / "plan.test.yaml"])
    assert not results.findings, show_results(results, 0.0)
    assert not results.failed, show_results(results, 0.0)
    assert len(results.tests) == CASES


def test_messages_go_where_explain_message_says_first(tmp_path: Path) -> None:
    path, dice = DIALPLANS / "messages.yaml", random.Random(7)
    dialplan = load(path).dialplan
    assert dialplan is not None
    tests: list[dict[str, object]] = []
    for number in range(40):
        to = dice.choice(("+14155550100", "+4915112345678", "+33612345678", "+442079460000"))
        asked = {"tenant": dice.choice(("", "acme")), "use_case": dice.choice(("", "payout"))}
        risk = dice.choice((0.0, 0.6, 0.95))
        found = explain_message(dialplan, to, 0.0, risk=risk, **asked)
        first = [] if found["refused"] else [found["steps"][0]["providers"][0]["provider"]]
        message = {"to": to, "risk": str(risk), **{key: word for key, word in asked.items() if word}}
        expect: dict[str, object] = {"tried": first or ["nobody"]}
        tests.append({"name": f"case {number}", "message": message, "expect": expect})
    (tmp_path / "plan.yaml").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "plan.test.yaml").write_text(yaml.safe_dump({"version": 1, "tests": tests}), encoding="utf-8")
    results = run_tests([tmp_path / "plan.test.yaml"])
    assert not results.findings, show_results(results, 0.0)
    assert not results.failed, show_results(results, 0.0)


def test_random_dialplans_are_played_in_the_order_that_is_explained(tmp_path: Path) -> None:
    played = tried = outward = 0
    for seed in range(24):
        dice = random.Random(f"scenario {seed}")
        (tmp_path / "plan.yaml").write_text(write_dialplan(dice), encoding="utf-8")
        dialplan = load(tmp_path / "plan.yaml").dialplan
        assert dialplan is not None
        tests = [test for number in range(8) if (test := _random_case(dialplan, dice, number)) is not None]
        if not tests:
            continue
        text = yaml.safe_dump({"version": 1, "tests": tests})
        (tmp_path / "plan.test.yaml").write_text(text, encoding="utf-8")
        results = run_tests([tmp_path / "plan.test.yaml"])
        assert not results.findings, show_results(results, 0.0)
        assert not results.failed, f"seed {seed}\n{show_results(results, 0.0)}"
        played += len(results.tests)
        tried += sum(len(result.seen.tried) for result in results.tests)
        outward += sum(bool(result.case.call and result.case.call.from_trunk) for result in results.tests)
    assert played > 60
    assert tried > 120
    assert outward > 15


def _random_case(dialplan: Dialplan, dice: random.Random, number: int) -> dict[str, object] | None:
    did = dice.choice(NUMBERS if dice.random() < 0.6 else DIALLED) or "100"
    caller, trunk = dice.choice(CALLERS) or "anonymous", dice.choice(["", *OURS])
    chance = dice.choice([0.0, 0.2, 0.5])
    down = [name for name in TRUNKS if dice.random() < chance]
    degraded = [name for name in TRUNKS if name not in down and dice.random() < 0.2]
    moment = int(BEGIN + dice.random() * 500 * 86400)
    found = explain(dialplan, Offer("explain", did, caller, moment, trunk), assume_down(dialplan, down, degraded))
    if any(stage.order in (Order.PRIORITY, Order.BEST) for stage in found.stages):
        return None  # drawn for each call
    if trunk in down or any(path.rpartition(" via ")[2] in down for path in found.order):
        return None  # a dead trunk does not fail at once
    paths = {path.name for c in dialplan.chains.values() for s in c.stages for t in s.targets for path in t.paths}
    given = {
        **dict.fromkeys(down, "down"),
        **dict.fromkeys(degraded, "degraded"),
        **dict.fromkeys(sorted(paths), "503"),
    }
    call = {"did": did, "from": caller, **({"from_trunk": trunk} if trunk else {})}
    at = datetime.fromtimestamp(moment, UTC).isoformat()
    return {
        "name": f"case {number}",
        "at": at,
        "given": given,
        "call": call,
        "expect": {"tried": list(found.order) or ["nobody"]},
    }
