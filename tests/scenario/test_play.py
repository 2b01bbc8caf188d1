"""Tests of dialplans, played: what each word does, and that each key of `expect` can fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli import cli
from controller.exits import FINDINGS, OK, USAGE
from controller.scenario.run import Result, run_tests

PLAN = (Path(__file__).parent / "bad" / "plan.yaml").read_text(encoding="utf-8")


def play(folder: Path, *tests: str) -> list[Result]:
    """Play these tests of ``plan.yaml``; each is the inside of a mapping."""
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    lines = "".join(f"  - {{name: test {number}, {test}}}\n" for number, test in enumerate(tests))
    (folder / "plan.test.yaml").write_text(f"version: 1\ntests:\n{lines}", encoding="utf-8")
    results = run_tests([folder / "plan.test.yaml"])
    assert not results.findings, results.findings
    return results.tests


def differences(folder: Path, test: str) -> list[str]:
    """The keys that do not hold."""
    (result,) = play(folder, test)
    return [each.key for each in result.differences]


CALL = 'call: {did: "+15557000"}'


@pytest.mark.parametrize(
    ("given", "tried", "status", "over"),
    [
        ("{desk: answers after 3s}", ["desk"], 200, 3.0),
        ("{desk: answers}", ["desk"], 200, 2.0),
        ("{desk: rings}", ["desk", "mobile"], 200, 12.0),
        ("{desk: busy}", ["desk", "mobile"], 200, 2.0),
        ("{desk: busy after 4s}", ["desk", "mobile"], 200, 6.0),
        ("{desk: 404}", ["desk", "mobile"], 200, 2.0),
        ("{hq-pbx: 503}", ["desk", "mobile"], 200, 2.0),
        ("{hq-pbx: full}", ["mobile"], 200, 2.0),
        ("{hq-pbx: down}", ["mobile"], 200, 2.0),
        ("{hq: down}", ["mobile"], 200, 2.0),
        ("{hq-pbx: closed}", ["desk", "mobile"], 200, 2.0),
        ("{hq-pbx: silent}", ["desk", "mobile"], 200, 2.25),
        ("{desk: silent}", ["desk", "mobile"], 200, 2.25),
        ("{desk: hangs}", ["desk", "mobile"], 200, 10.0),  # no_progress
        ("{hq-pbx: degraded, desk: answers}", ["desk"], 200, 2.0),  # there is no other way to a desk
        ("{desk: busy, mobile: busy}", ["desk", "mobile"], 486, 0.0),
        ("{desk: busy, a: 503}", ["desk", "mobile"], 486, 0.0),
    ],
)
def test_each_word_does_what_it_says(given: str, tried: list[str], status: int, over: float, tmp_path: Path) -> None:
    (result,) = play(tmp_path, f"given: {given}, {CALL}, expect: {{status: {status}}}")
    assert [path.partition(" ")[0] for path in result.seen.tried] == tried
    assert result.seen.status == status
    assert result.seen.over == pytest.approx(over, abs=0.06)


@pytest.mark.parametrize(
    ("given", "expect", "key"),
    [
        ("{desk: answers}", "{winner: mobile}", "winner"),
        ("{desk: answers}", "{winner: nobody}", "winner"),
        ("{desk: busy, mobile: busy}", "{winner: desk}", "winner"),
        ("{desk: answers}", "{via: carrier-a}", "via"),
        ("{desk: answers after 5s}", "{within: 4s}", "within"),
        ("{desk: answers after 5s}", "{not_before: 6s}", "not_before"),
        ("{desk: busy}", "{rang: [desk, mobile]}", "rang"),
        ("{desk: busy}", "{rang: nobody}", "rang"),
        ("{}", "{rang: [mobile, desk]}", "rang"),
        ("{desk: busy}", "{tried: [mobile]}", "tried"),
        ("{desk: answers}", "{never: [desk]}", "never"),
        ("{desk: answers}", "{never: [hq]}", "never"),
        ("{desk: answers}", "{status: 486}", "status"),
        ("{desk: answers}", "{refused: true}", "refused"),
        ("{desk: answers}", '{shows: {hq-pbx: "1"}}', "shows hq-pbx"),
        ("{desk: answers}", '{shows: {carrier-a: "+15550001"}}', "shows carrier-a"),
    ],
)
def test_each_key_about_calls_can_fail(given: str, expect: str, key: str, tmp_path: Path) -> None:
    assert differences(tmp_path, f"given: {given}, {CALL}, expect: {expect}") == [key]


@pytest.mark.parametrize(
    ("given", "expect", "key"),
    [
        ("{}", "{provider: nobody}", "provider"),
        ("{sms-1: refuses}", "{provider: sms-1}", "provider"),
        ("{}", "{channel: email}", "channel"),
        ("{}", "{step: 2}", "step"),
        ("{}", "{cost: 0.5}", "cost"),
        ("{}", "{tried: nobody}", "tried"),
        ("{}", "{never: [sms-1]}", "never"),
        ("{sms-1: fails}", "{status: completed}", "status"),
        ("{}", "{status: refused}", "status"),
        ("{}", "{reason: FRAUD}", "reason"),
        ("{sms-1: delivers after 9s}", "{within: 3s}", "within"),
        ("{sms-1: delivers after 9s}", "{not_before: 10s}", "not_before"),
    ],
)
def test_each_key_about_messages_can_fail(given: str, expect: str, key: str, tmp_path: Path) -> None:
    test = f'given: {given}, message: {{to: "+14155550100"}}, expect: {expect}'
    assert differences(tmp_path, test) == [key]


@pytest.mark.parametrize(
    ("given", "status", "over"),
    [
        ("delivers after 3s", "completed", 3.0),
        ("reads after 3s", "completed", 3.0),
        ("accepts", "exhausted", 20.0),  # its wait
        ("refuses", "exhausted", 0.2),
        ("refuses not-on-channel", "exhausted", 0.2),
        ("fails after 4s", "exhausted", 4.0),
        ("silent", "exhausted", 20.0),
        ("down", "exhausted", 0.2),
        ("full", "refused", 0.0),
    ],
)
def test_each_word_about_providers_does_what_it_says(given: str, status: str, over: float, tmp_path: Path) -> None:
    test = f'given: {{sms-1: {given}}}, message: {{to: "+14155550100"}}, expect: {{status: {status}}}'
    (result,) = play(tmp_path, test)
    assert not result.differences, result.seen
    assert result.seen.over == pytest.approx(over, abs=0.01)


def test_a_trunk_that_dies_while_it_rings_and_one_that_comes_back(tmp_path: Path) -> None:
    dies, back = play(
        tmp_path,
        f"given: {{desk: answers after 8s}}, {CALL}, timeline: [{{at: 2s, becomes: {{hq-pbx: down}}}}], "
        "expect: {winner: mobile, not_before: 4s, within: 5s}",
        f"given: {{hq-pbx: down, mobile: busy after 5s, desk: answers}}, {CALL}, "
        "timeline: [{at: 1s, becomes: {hq-pbx: up}}], expect: {winner: desk, within: 8s}",
    )
    assert not dies.differences, dies.seen.ladder
    assert not back.differences, back.seen.ladder


def test_a_missed_call_is_followed_by_messages(tmp_path: Path) -> None:
    plan = PLAN.replace(
        "chain: sales}", 'chain: sales, missed: {cascade: otp, to: [caller, "+14155550177"], template: m}}'
    )
    (tmp_path / "plan.yaml").write_text(plan + "templates: {m: {text: missed}}\n", encoding="utf-8")
    busy = "given: {desk: busy, mobile: busy}"
    lines = [
        f'{busy}, call: {{did: "+15557000", from: "+14155550100"}}, expect: {{missed: [caller, "+14155550177"]}}',
        f'{busy}, call: {{did: "+15557000", from: anonymous}}, expect: {{missed: "+14155550177"}}',
        'given: {desk: answers}, call: {did: "+15557000"}, expect: {missed: nobody}',
        'given: {desk: answers}, call: {did: "+15557000"}, expect: {missed: caller}',
    ]
    tests = "".join(f"  - {{name: test {number}, {line}}}\n" for number, line in enumerate(lines))
    (tmp_path / "plan.test.yaml").write_text(f"version: 1\ntests:\n{tests}", encoding="utf-8")
    results = run_tests([tmp_path / "plan.test.yaml"])
    assert not results.findings, results.findings
    assert [[each.key for each in result.differences] for result in results.tests] == [[], [], [], ["missed"]]


def test_a_full_trunk_has_room_again(tmp_path: Path) -> None:
    before, after = play(
        tmp_path,
        f"given: {{a: full}}, {CALL}, expect: {{winner: nobody, status: 480, rang: [desk]}}",
        f"given: {{a: full}}, {CALL}, timeline: [{{at: 5s, becomes: {{a: up}}}}], expect: {{winner: mobile}}",
    )
    assert not before.differences, before.seen
    assert not after.differences, after.seen


def test_people_change_their_minds_while_it_rings(tmp_path: Path) -> None:
    takes, gives = play(
        tmp_path,
        f"{CALL}, timeline: [{{at: 4s, becomes: {{desk: answers after 1s}}}}], expect: {{winner: desk, within: 5s}}",
        f"{CALL}, timeline: [{{at: 4s, becomes: {{desk: declines}}}}], expect: {{winner: mobile, within: 6s}}",
    )
    assert not takes.differences, takes.seen.ladder
    assert not gives.differences, gives.seen.ladder


@pytest.mark.parametrize(
    ("test", "key"),
    [
        (f"given: {{desk: answers}}, {CALL}, timeline: [{{at: 9s, becomes: {{a: down}}}}], expect: {{winner: desk}}", "timeline"),
        (f"{CALL}, timeline: [{{at: 1h, becomes: {{hq: down}}}}], expect: {{winner: mobile}}", "timeline"),
        ('given: {desk: answers}, call: {did: "+15557000", gives_up: 9s}, expect: {winner: desk}', "gives_up"),
        ('call: {did: "+15557009"}, expect: {winner: nobody, never: [desk]}', "route"),
        ('message: {to: "+14155550100"}, timeline: [{at: 5s, becomes: {sms-1: down}}], expect: {status: completed}', "timeline"),
    ],
)  # fmt: skip
def test_what_never_came_to_pass_proves_nothing(test: str, key: str, tmp_path: Path) -> None:
    """It would hold whatever somebody does to the dialplan."""
    assert differences(tmp_path, test) == [key]


@pytest.mark.parametrize("expect", ["status: 404", "refused: true", "tried: nobody"])
def test_whoever_expects_that_nobody_has_a_number_says_so(expect: str, tmp_path: Path) -> None:
    assert differences(tmp_path, f'call: {{did: "+15557009"}}, expect: {{{expect}}}') == []


def test_a_fault_of_callward_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is expected may come to pass all the same."""

    def fail(*_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("controller.planes.calls.make_record", fail)
    (result,) = play(tmp_path, f"given: {{desk: answers}}, {CALL}, expect: {{status: 200}}")
    assert [each.key for each in result.differences] == ["fault"]
    assert "on purpose" in result.differences[0].got[0]


def test_who_ring_at_once_stand_as_the_stage_has_them(tmp_path: Path) -> None:
    text = PLAN.replace("[{ring: [desk], for: 10s}", "[{ring: [mobile, desk], mode: parallel, for: 10s}")
    text = text.replace("  desk: ", "  zoe: {user: '7', via: [hq-pbx]}\n  desk: ").replace(
        "[mobile, desk]", "[zoe, desk]"
    )
    (tmp_path / "plan.yaml").write_text(text, encoding="utf-8")
    test = f"{{name: x, given: {{desk: answers}}, {CALL}, expect: {{rang: [zoe, desk]}}}}"
    (tmp_path / "plan.test.yaml").write_text(f"version: 1\ntests: [{test}]\n", encoding="utf-8")
    (result,) = run_tests([tmp_path / "plan.test.yaml"]).tests
    assert not result.differences, result.seen


def test_a_drained_trunk_is_used_where_nothing_else_leads(tmp_path: Path) -> None:
    plan = PLAN.replace("via: [carrier-a]", "via: [carrier-a, carrier-b]").replace(
        "endpoints:", '  carrier-b: {uri: "sip:192.0.2.20", carrier: b}\nendpoints:'
    )
    (tmp_path / "plan.yaml").write_text(plan, encoding="utf-8")
    lines = [
        f"given: {{desk: busy, carrier-a: drained}}, {CALL}, expect: {{winner: mobile, via: carrier-b}}",
        f"given: {{desk: busy, carrier-a: drained, carrier-b: 503}}, {CALL}, expect: {{winner: mobile, via: carrier-a}}",
    ]
    tests = "".join(f"  - {{name: test {number}, {line}}}\n" for number, line in enumerate(lines))
    (tmp_path / "plan.test.yaml").write_text(f"version: 1\ntests:\n{tests}", encoding="utf-8")
    results = run_tests([tmp_path / "plan.test.yaml"])
    assert len(results.tests) == 2
    assert not results.failed, results.failed


@pytest.mark.parametrize(("carriers", "tried"), [(4, ["d"]), (3, ["a"])])
def test_three_dead_carriers_are_no_dead_uplink_while_a_fourth_lives(
    carriers: int, tried: list[str], tmp_path: Path
) -> None:
    """Where all are dead health is ignored, as in the daemon, and the first one is tried first."""
    names = "abcd"[:carriers]
    trunks = "".join(f'  {name}: {{uri: "sip:192.0.2.1{n}", carrier: of-{name}}}\n' for n, name in enumerate(names))
    plan = (
        f'version: 1\nlisten: [{{udp: "192.0.2.1:5060"}}]\ntrunks:\n{trunks}'
        f'endpoints: {{x: {{number: "+15550100", via: [{", ".join(names)}]}}}}\n'
        'chains: {c: [{ring: [x]}]}\nroutes: [{did: "+15557000", chain: c}]\n'
    )
    (tmp_path / "plan.yaml").write_text(plan, encoding="utf-8")
    test = f"{{name: t, given: {{a: down, b: down, c: down, x: answers}}, {CALL}, expect: {{status: 200}}}}"
    (tmp_path / "plan.test.yaml").write_text(f"version: 1\ntests:\n  - {test}\n", encoding="utf-8")
    (result,) = run_tests([tmp_path / "plan.test.yaml"]).tests
    assert [path.removeprefix("x via ") for path in result.seen.tried[:1]] == tried, result.seen


def test_a_difference_is_shown_at_its_place_with_what_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(tmp_path, f"{CALL}, expect: {{rang: [desk, desk], within: 3s}}")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["test"])
    assert result.exit_code == FINDINGS
    assert (
        "plan.test.yaml:3:68: expected rang desk, desk, but got desk via hq-pbx, mobile via carrier-a" in result.output
    )
    assert "    - desk\n    + mobile via carrier-a\n" in result.output
    assert "     10.00 s  mobile via carrier-a  is tried\n" in result.output
    assert result.output.endswith(": 1 failed\n")


def test_exit_codes_and_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(tmp_path, f"{CALL}, expect: {{winner: mobile}}", f"{CALL}, expect: {{winner: desk}}")
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    assert run(cli, ["test", "."]).exit_code == FINDINGS
    assert run(cli, ["test", "plan.yaml", "-k", "TEST 0"]).exit_code == OK  # the tests of that dialplan
    none = run(cli, ["test", "-k", "no such"])
    assert none.exit_code == USAGE
    assert "no test has 'no such' in its name" in none.output
    missing = run(cli, ["test", "other.yaml"])
    assert missing.exit_code == USAGE
    assert "other.test.yaml: no such file, where tests of other.yaml would be" in missing.output
    (tmp_path / "empty").mkdir()
    assert run(cli, ["test", "empty"]).exit_code == USAGE
    (tmp_path / "bad.test.yaml").write_text("version: 1\ntests: []\n", encoding="utf-8")
    assert run(cli, ["test", "bad.test.yaml"]).exit_code == FINDINGS


def test_the_same_as_json(tmp_path: Path) -> None:
    play(tmp_path, f"{CALL}, expect: {{winner: mobile}}", f"{CALL}, expect: {{winner: desk}}")
    result = CliRunner().invoke(cli, ["test", str(tmp_path), "--json"])
    assert result.exit_code == FINDINGS
    found = json.loads(result.output)
    assert (found["passed"], found["failed"], found["findings"]) == (1, 1, [])
    good, bad = found["tests"]
    assert good["passed"]
    assert good["seen"]["winner"] == "mobile via carrier-a"
    assert bad["differences"] == [
        {"key": "winner", "line": 4, "col": 63, "expected": ["desk"], "got": ["mobile via carrier-a"]}
    ]
    assert bad["seen"]["ladder"][0] == {"at": 0.0, "who": "the caller", "what": "calls +15557000"}
