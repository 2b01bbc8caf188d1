"""What `explain` says, to people and as data. That it is what the engine does stands in `test_explain_engine`."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli import cli
from controller.config import load
from controller.config.figures import worst_wait
from controller.exits import FINDINGS, OK, USAGE
from controller.explain import QuestionError, assume_down, explain, parse_moment
from controller.types import (
    HealthView,
    Offer,
)
from tests.config.sample import bend, compiled
from tests.random_dialplans import cases, write_dialplan

ROOT = Path(__file__).resolve().parent.parent


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
    assert "did you mean" not in say(AFTER_HOURS, "+4930123")
    mistyped = say(TWO_OFFICES, "+15557010")
    assert "nobody has that number; did you mean +15557001?" in mistyped


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
        (("--full", "fax"), "'fax' is nothing that can be full; there are"),
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
