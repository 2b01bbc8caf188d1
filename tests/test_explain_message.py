"""`callward explain-message` and the figures of `check`: the planner's word, before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.cli import cli
from controller.exits import FINDINGS, OK, USAGE

EXAMPLE = str(Path(__file__).parents[1] / "dialplans" / "messages.yaml")


def ask(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["explain-message", EXAMPLE, *arguments])
    return done.exit_code, done.output


def found(*arguments: str) -> dict[str, Any]:
    code, said = ask(*arguments, "--json")
    assert code in {OK, FINDINGS}, said
    answer: dict[str, Any] = json.loads(said)
    return answer


def ways(answer: dict[str, Any]) -> dict[str, list[str]]:
    return {step["channel"]: [way["provider"] for way in step["providers"]] for step in answer["steps"]}


def test_a_german_number_is_sent_to_by_the_rules_for_germany() -> None:
    answer = found("+4915112345678", "--tenant", "acme")
    assert (answer["country"], answer["kind"]) == ("DE", "mobile")
    assert answer["policies"] == ["germany", "base"]
    assert ways(answer) == {"whatsapp": ["whatsapp-1"], "sms": ["sms-2", "sms-1"], "voice": ["voice"]}
    sms = answer["steps"][1]
    assert [way["sender"] for way in sms["providers"]] == ["Callward", "+4915112345678"]
    assert sms["why"] == "the best first, by what is known"


def test_a_tenant_in_a_country_is_narrower_than_both() -> None:
    answer = found("+14155550123", "--tenant", "acme")
    assert answer["policies"] == ["acme-us", "base"]
    assert (answer["max_cost"], answer["decided_by"]["max_cost"]) == (0.1, "acme-us")
    assert ways(answer)["sms"] == ["sms-1"]
    assert ways(found("+14155550123"))["sms"] == ["sms-1", "sms-2"]
    assert {row["provider"]: row["why"] for row in answer["excluded"]}["sms-2"] == "policy 'acme-us' forbids it"


def test_who_is_not_used_is_told_with_a_reason_for_people() -> None:
    code, said = ask("+14155550123", "--tenant", "acme", "--use-case", "payout", "--risk", "0.6")
    assert code == OK
    assert "policies: acme-us, fraud-desk, base" in said
    assert "  step 1  all of it: policy 'fraud-desk' does not name whatsapp (NOT_ALLOWED)" in said
    assert "  step 4  voice: it is not premium, and the request may be fraud (FRAUD)" in said
    assert "  1. sms-1: premium, upstream agg-1, costs 0.008, from +14155550100" in said


def test_what_is_refused_ends_with_a_code_of_its_own() -> None:
    code, said = ask("+14155550123", "--risk", "0.95")
    assert code == FINDINGS
    assert "refused:  FRAUD: the risk of fraud is 0.95, and nothing is sent from 0.9 on" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["+14155550123", "--cascade", "opt"], "--cascade is one of otp, missed-call"),
        (["0151"], "is not a number that messages go to: a number begins with +"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered(arguments: list[str], says: str) -> None:
    code, said = ask(*arguments)
    assert code == USAGE
    assert says in said


def test_check_shows_the_cascades() -> None:
    done = CliRunner().invoke(cli, ["check", EXAMPLE, "--json"])
    rows = {row["name"]: row for row in json.loads(done.output)["summary"]["cascades"]}
    assert rows["otp"]["steps"] == ["whatsapp", "sms", "email", "voice"]
    assert (rows["otp"]["silent"], rows["otp"]["window"], rows["otp"]["upstreams"]) == (120.0, 180.0, 5)
    done = CliRunner().invoke(cli, ["check", EXAMPLE])
    assert done.exit_code == OK
    assert "missed-call  sms, email" in done.output
