"""``docs/dialplan.md`` knows the whole language: no key, reserved key, code or default without its line."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from controller.config import alerts, http_compile, http_provider, http_values, media, model
from controller.config.duration import show_duration
from controller.config.lint.codes import WARNINGS
from controller.config.messages_cascades import StepModel
from controller.config.messages_providers import SenderModel
from controller.config.presets import PRESETS
from controller.rules.verdicts import judge
from controller.types import DeepProbe, Dns, Order, Probe, Stage, Verdict

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "dialplan.md").read_text(encoding="utf-8")
HEADINGS = {
    model.FileModel: "## Sections",
    model.TlsModel: "### `tls`",
    model.DnsModel: "### `dns`",
    model.ListenModel: "### `listen`",
    model.DefaultsModel: "### `defaults`",
    model.TrunkModel: "### `trunks`",
    model.DeepModel: "### `deep`",
    model.AuthModel: "### `auth`",
    model.UserModel: "### `users`",
    model.RegisterModel: "### `register`",
    model.ProbeModel: "### `probes`",
    model.SiteModel: "### `sites`",
    model.HoursModel: "### `hours`",
    media.MediaModel: "### `media`",
    model.EndpointModel: "### `endpoints`",
    model.StageModel: "### `chains`",
    model.RouteModel: "### `routes`",
    model.OutboundModel: "### `outbound`",
    model.TrunkLimitsModel: "### `limits`",
    model.TenantModel: "### `tenants`",
    model.ProviderModel: "### `providers`",
    model.CascadeModel: "### `cascades`",
    model.PolicyModel: "### `policies`",
    model.TemplateModel: "### `templates`",
    model.MessagesModel: "### `messages`",
    model.ConsoleModel: "### `console`",
    model.RecordsModel: "### `records`",
    model.MqttModel: "### `mqtt`",
    model.AlertsModel: "### `alerts`",
    alerts.AlertRouteModel: "#### `alerts`: routes",
    http_provider.HttpModel: "### `http`",
    http_provider.HttpAuthModel: "#### `http`: `auth`",
    http_provider.ResponseModel: "#### `http`: `response`",
    http_provider.ReportModel: "#### `http`: `reports`",
    http_provider.InboundModel: "#### `http`: `inbound`",
    http_provider.WebhookModel: "#### `http`: `webhook`",
}
#: Models whose keys stand in the tables of another.
WITHIN = {model.ProviderModel: SenderModel, model.CascadeModel: StepModel}
RESERVED = {
    model.ListenModel: "`listen`",
    model.EndpointModel: "endpoint",
}


def rows(heading: str) -> Iterator[tuple[list[str], str]]:
    """The keys of each table row below a heading, and the row."""
    section = re.split(r"\n#+ ", REFERENCE.split(f"\n{heading}\n")[1])[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield re.findall(r"`([^`]+)`", line.split("|")[1]), line


@pytest.mark.parametrize("section", HEADINGS, ids=lambda section: section.__name__)
def test_every_key_has_its_row_and_no_other(section: type[model.Section]) -> None:
    keys = {field.alias or name for name, field in section.model_fields.items()}
    documented = {key for names, _ in rows(HEADINGS[section]) for key in names}
    if section is model.TlsModel:
        keys |= set(model.TrunkTlsModel.model_fields)
    if section is model.DefaultsModel:
        keys |= {"next-path", "next-target", "stop"} | {*map(str, Order)}
    if section in WITHIN:
        keys |= set(WITHIN[section].model_fields)
    if section is model.AlertsModel:
        keys |= set(alerts.WAYS)
    if section is model.StageModel:
        keys |= set(model.WhenModel.model_fields)
    assert documented == keys


@pytest.mark.parametrize("section", RESERVED, ids=lambda section: section.__name__)
def test_every_reserved_key_is_listed_where_it_stands(section: type[model.Section]) -> None:
    table = REFERENCE.split("\n## Reserved keys\n")[1]
    row = next(line for line in table.splitlines() if line.startswith(f"| {RESERVED[section]} |"))
    assert set(re.findall(r"`([^`]+)`", row.split("|")[2])) == set(section.RESERVED)


def test_every_code_is_listed() -> None:
    """Errors here, warnings in docs/lint.md, whose own test is tests/lint/test_docs.py."""
    sources = (ROOT / "controller" / "config").rglob("*.py")
    codes = {code for path in sources for code in re.findall(r'"([A-Z][A-Z_0-9]{2,})"', path.read_text())}
    listed = set(re.findall(r"`([A-Z][A-Z_0-9]{2,})`", REFERENCE))
    assert codes == listed | WARNINGS.keys()


def test_defaults_are_those_of_the_vocabulary() -> None:
    stage: dict[str, Any] = {field.name: field.default for field in fields(Stage)}
    probe = Probe()
    expected = {name: show_duration(stage[name]) for name in ("ring", "no_reply", "no_progress", "stagger")}
    expected |= {name: show_duration(getattr(probe, name)) for name in ("every", "burst")}
    written = {keys[0]: row for heading in ("### `defaults`", "### `probes`") for keys, row in rows(heading)}
    for key, value in expected.items():
        assert f"| `{value}` |" in written[key]
    assert (probe.timeout, probe.misses) == (None, None)
    assert all("| `auto` |" in written[key] for key in ("timeout", "misses"))
    assert f"| `{probe.alive_on}` |" in written["alive_on"]
    assert f"| `{probe.rise}` |" in written["rise"]
    dns, written = Dns(), {keys[0]: row for keys, row in rows("### `dns`")}
    assert f"| `{show_duration(dns.timeout)}` |" in written["timeout"]
    assert f"| `{{least: {show_duration(dns.least)}, most: {show_duration(dns.most)}}}` |" in written["ttl"]
    deep, rule = DeepProbe("9196"), {keys[0]: row for keys, row in rows("### `deep`")}
    assert f"| `{show_duration(deep.every)}` |" in rule["every"]
    assert f"| `{show_duration(deep.within)}` |" in rule["within"]
    assert f"| `{deep.expect[0]}` |" in rule["expect"]


@pytest.mark.parametrize("verdict", Verdict)
def test_verdicts_without_causes_are_those_of_the_rules(verdict: Verdict) -> None:
    row = next(row for keys, row in rows("### `defaults`") if keys == [verdict.value])
    by_default = row.split("|")[3]
    statuses = re.findall(r"\b[3-6]\d\d\b", by_default) + [f"{digit}99" for digit in re.findall(r"(\d)xx", by_default)]
    assert statuses
    assert {judge(status, {}) for status in statuses} == {verdict}


def test_presets_places_and_causes_are_listed() -> None:
    section = REFERENCE.split("\n### `http`\n")[1].split("\n### ")[0]
    assert all(f"`{{{place}}}`" in section for place in http_compile.OF_MESSAGES)
    assert all(f"`{cause}`" in section for cause in http_values.CAUSES if cause.islower())
    row = next(row for keys, row in rows("### `providers`") if keys == ["preset"])
    assert all(f"`{preset}`" in row for preset in PRESETS)
