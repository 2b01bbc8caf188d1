"""The shipped alert rules: every one fires when it should, and does not when it nearly should, by Prometheus' own promtool."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "docker" / "prometheus" / "callward.rules.yml"
DAY = 1440  # minutes


@dataclass(frozen=True)
class Case:
    """Series as promtool has them, one value a minute; at ``at`` minutes the alert fires with the first, and not with the second."""

    fires: dict[str, str]
    calm: dict[str, str]
    at: int = 20
    every: int = 1  # minutes between evaluations; more where days go by


def flat(series: str, bad: float, good: float, at: int = 20) -> Case:
    """A gauge."""
    return Case({series: f"{bad}x60"}, {series: f"{good}x60"}, at)


def grows(series: str, at: int = 20) -> Case:
    """A counter that grows, and one that stands still."""
    return Case({series: "0+1x60"}, {series: "7x60"}, at)


def both(*pairs: tuple[str, float, float]) -> Case:
    """Several gauges."""
    return Case({name: f"{bad}x60" for name, bad, _ in pairs}, {name: f"{good}x60" for name, _, good in pairs})


def down(carrier: str, site: str, *bad: int, good: tuple[int, ...]) -> Case:
    """Trunks a, b ...: whether each is down."""

    def made(values: tuple[int, ...]) -> dict[str, str]:
        return {
            f'callward_trunk_state{{state="down",trunk="t{number}",carrier="{carrier}",site="{site}"}}': f"{value}x60"
            for number, value in enumerate(values)
        }

    return Case(made(bad), made(good))


def histogram(name: str, slow: str, fast: str) -> Case:
    """Most are fast; one of five, or of a hundred, is slow."""

    def made(late: int) -> dict[str, str]:
        return {
            f'{name}_bucket{{le="{fast}"}}': f"0+{100 - late}x60",
            f'{name}_bucket{{le="{slow}"}}': "0+100x60",
            f'{name}_bucket{{le="+Inf"}}': "0+100x60",
            f"{name}_count": "0+100x60",
        }

    return Case(made(20), made(1))


def ratio(name: str, good: str, bad: str) -> Case:
    """A day of good, then hours of bad; and of good to the end."""
    days = DAY
    return Case(
        {f"{name}{good}": f"0+9x{days} {9 * days}x300", f"{name}{bad}": f"0+1x{days} {days}+9x300"},
        {f"{name}{good}": f"0+9x{days + 300}", f"{name}{bad}": f"0+1x{days + 300}"},
        at=days + 180,
        every=30,
    )


CASES: dict[str, Case] = {
    "CallwardTrunkDown": Case(
        {
            'callward_trunk_state{trunk="t",address="a",state="down"}': "1x60",
            'callward_trunk_state{trunk="t",address="b",state="down"}': "1x60",
        },
        {
            'callward_trunk_state{trunk="t",address="a",state="down"}': "1x60",
            'callward_trunk_state{trunk="t",address="b",state="down"}': "0x60",
        },
    ),
    "CallwardPage": flat('callward_trunk_paged{trunk="t"}', 1, 0),
    "CallwardCarrierDown": down("a", "", 1, 1, good=(1, 0)),
    "CallwardSiteDown": down("", "hq", 1, 1, good=(0, 1)),
    "CallwardAllTrunksDown": down("", "", 1, 1, 1, good=(1, 1, 0)),
    "CallwardUplinkSuspected": flat("callward_uplink_suspected", 1, 0),
    "CallwardTrunkDegraded": flat('callward_trunk_state{trunk="t",state="degraded"}', 1, 0),
    "CallwardTrunkHeld": Case(
        {
            'callward_trunk_gate{trunk="t",gate="held"}': "1 0x60",
            'callward_trunk_gate{trunk="t",gate="canary"}': "0 1x60",
        },
        {'callward_trunk_gate{trunk="t",gate="held"}': "1x60", 'callward_trunk_state{trunk="t",state="down"}': "1x60"},
    ),
    "CallwardTrunkFlaps": Case(
        {'callward_trunk_changes_total{trunk="t",state="down"}': "0x10 1x10 2x10 3x10 4x60"},
        {'callward_trunk_changes_total{trunk="t",state="down"}': "0x10 1x10 2x100"},
        at=60,
    ),
    "CallwardTrunkLossy": flat('callward_trunk_loss_ratio{trunk="t"}', 0.2, 0.05),
    "CallwardRegistrationLost": flat('callward_registration_bound{trunk="t"}', 0, 1),
    "CallwardTrunkFull": both(
        ('callward_limit_calls{kind="trunk",name="t"}', 3, 2), ('callward_limit_most{kind="trunk",name="t"}', 3, 3)
    ),
    "CallwardCertificateEnds": flat('callward_certificate_end_seconds{owner="trunk t"}', 13 * 86400, 15 * 86400),
    "CallwardCertificateRefused": flat('callward_certificate_refused{owner="trunk t"}', 1, 0),
    "CallwardNameStale": flat('callward_name_stale{name="sbc"}', 1, 0),
    "CallwardCallsLost": grows('callward_calls_lost_total{chain="sales"}'),
    "CallwardNoCalls": Case(
        {'callward_calls_total{chain="sales"}': f"0+1x{DAY} {DAY}x{8 * DAY}"},
        {'callward_calls_total{chain="sales"}': f"0+1x{8 * DAY}"},
        at=7 * DAY + 720,
        every=30,
    ),
    "CallwardManyFailovers": Case(
        {"callward_calls_failed_over_total": "0+3x60", 'callward_calls_total{result="ANSWERED"}': "0+10x60"},
        {"callward_calls_failed_over_total": "0+1x60", 'callward_calls_total{result="ANSWERED"}': "0+10x60"},
        at=40,
    ),
    "CallwardAnswersDrop": ratio(
        "callward_attempts_total", '{trunk="t",outcome="ANSWERED"}', '{trunk="t",outcome="503"}'
    ),
    "CallwardSlowRinging": histogram("callward_call_ring_seconds", "10.0", "1.0"),
    "CallwardAddedDelay": histogram("callward_added_delay_seconds", "4.0", "0.3"),
    "CallwardOverload": grows('callward_edge_messages_total{what="turned_away"}'),
    "CallwardStoreLost": flat("callward_store_lost", 1, 0),
    "CallwardProviderDown": flat('callward_provider_alive{provider="p"}', 0, 1),
    "CallwardProviderHeld": Case(
        {'callward_provider_gate{provider="p",gate="held"}': "1x60"},
        {'callward_provider_gate{provider="p",gate="open"}': "1x60"},
    ),
    "CallwardProviderQueue": flat('callward_provider_waiting{provider="p"}', 2000, 1000),
    "CallwardCompletionDrop": ratio("callward_cascades_total", '{status="completed"}', '{status="exhausted"}'),
    "CallwardCallbacksStuck": Case(
        {'callward_callbacks_total{result="again"}': "0+1x60", 'callward_callbacks_total{result="heard"}': "5x60"},
        {'callward_callbacks_total{result="again"}': "0+1x60", 'callward_callbacks_total{result="heard"}': "5+1x60"},
        at=40,
    ),
    "CallwardCallbacksGivenUp": grows('callward_callbacks_total{result="given_up"}'),
    "CallwardAbsent": Case({"other": "1x60"}, {'up{job="callward"}': "1x60"}),
    "CallwardProcessDown": flat('callward_role_up{role="calls"}', 0, 1),
    "CallwardProcessRestarts": grows('callward_process_restarts_total{role="messages"}'),
    "CallwardNewsUnfollowed": Case(
        {'callward_news_followed{role="calls"}': "0x60", 'callward_role_up{role="calls"}': "1x60"},
        {
            'callward_news_followed{role="calls"}': "0x60",
            'callward_role_up{role="calls"}': "0x60",
        },  # that is another alert
    ),
    "CallwardNewsMissed": grows('callward_news_missed_total{role="calls"}'),
    "CallwardLogDropped": grows('callward_log_dropped_total{role="calls"}'),
    "CallwardFault": grows('callward_faults_total{role="calls"}'),
    "CallwardReloadRefused": flat("callward_reload_ok", 0, 1),
    "CallwardLate": Case({"callward_late_timers_total": "0+30x60"}, {"callward_late_timers_total": "0+1x60"}),
    "CallwardAlertsUndelivered": flat("callward_alerts_undelivered", 1, 0),
    "CallwardRecordsLost": grows('callward_records_total{result="lost"}'),
    "CallwardBrokerLost": flat("callward_mqtt_connected", 0, 1),
    "CallwardCollectorLost": flat("callward_otel_taken", 0, 1),
}


def rules() -> list[dict[str, Any]]:
    """As they are shipped."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)


def counts(alert: str, at: int, value: int) -> dict[str, Any]:
    """That so many alerts of this name fire then."""
    samples = [{"labels": "{}", "value": value}] if value else []
    return {
        "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
        "eval_time": f"{at}m",
        "exp_samples": samples,
    }


def scene(series: dict[str, str], check: dict[str, Any]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [check],
    }


def test_promtool_takes_them() -> None:
    found = promtool("check", "rules", str(RULES))
    assert found.returncode == 0, found.stderr


def test_each_has_a_case_a_severity_and_says_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert [rule["alert"] for rule in alerts] == list(CASES)
    for rule in alerts:
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule
        assert set(rule["annotations"]) == {"summary", "description"}, rule


def test_each_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    found = judge(tmp_path, {name: [(case.fires, 1), (case.calm, 0)] for name, case in CASES.items()})
    assert found.returncode == 0, found.stdout + found.stderr


def test_what_an_operator_has_drained_wakes_nobody(tmp_path: Path) -> None:
    parked = {
        f'callward_trunk_gate{{gate="parked",trunk="t{number}",carrier="c",site="s"}}': "1x60" for number in range(3)
    }
    names = ("CallwardTrunkDown", "CallwardCarrierDown", "CallwardSiteDown", "CallwardAllTrunksDown")
    series = {name: down("c", "s", 1, 1, 1, good=()).fires for name in names}
    series["CallwardPage"] = {'callward_trunk_paged{trunk="t0",carrier="c",site="s"}': "1x60"}
    fire = {"CallwardTrunkDown": 3}
    wanted = {name: [(shown, fire.get(name, 1)), (shown | parked, 0)] for name, shown in series.items()}
    found = judge(tmp_path, wanted)
    assert found.returncode == 0, found.stdout + found.stderr


def judge(folder: Path, wanted: dict[str, list[tuple[dict[str, str], int]]]) -> subprocess.CompletedProcess[str]:
    """Each alert has a file with what it needs of the rules: all of them in every scene would take ten times as long."""
    shipped = rules()
    records = [rule for rule in shipped if "record" in rule]
    files = []
    for name, scenes in wanted.items():
        case = CASES[name]
        (alert,) = [rule for rule in shipped if rule.get("alert") == name]
        needed = [rule for rule in records if "callward:" in alert["expr"]]
        (folder / f"{name}.yml").write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [*needed, alert]}]}))
        tests = [scene(series, counts(name, case.at, value)) for series, value in scenes]
        shown = {"rule_files": [f"{name}.yml"], "evaluation_interval": f"{case.every}m", "tests": tests}
        files.append(folder / f"{name}.test.yml")
        files[-1].write_text(yaml.safe_dump(shown))
    return promtool("test", "rules", *map(str, files))


def test_a_case_that_is_wrong_is_found(tmp_path: Path) -> None:
    found = judge(tmp_path, {"CallwardStoreLost": [(CASES["CallwardStoreLost"].calm, 1)]})
    assert found.returncode == 1, found.stdout
