"""Secrets of every kind that the language has are shown by no command that reads a dialplan; and each is warned of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli import cli
from controller.config import load
from controller.config.hidden import is_secret, mask_line

#: Each secret has SEC in it, and its number.
TEXT = """\
version: 1
listen:
  - {udp: "192.0.2.1:5060", tcp: "192.0.2.1:5060"}
  - {tcp: "192.0.2.1:5062", phones: true, name: home}
users:
  carol: {password: "SEC1-xxxxxxxxx", trunk: carol-phone}
trunks:
  carrier-a: {uri: "sip:198.51.100.10", carrier: a, auth: {user: "15557000", password: "SEC2-xxxxxx", realm: carrier-a.example}}
  carrier-b: {uri: "sip:198.51.100.20", carrier: b}
  hq-pbx: {uri: "sip:192.0.2.30"}
  carol-phone: {uri: registered}
endpoints:
  front-desk: {user: "100", via: [hq-pbx]}
  carol: {user: carol, via: [carol-phone]}
  answering: {number: "+15550199", via: [carrier-b, carrier-a], live: true}
chains:
  sales: [{ring: [front-desk]}, {ring: [carol]}, {ring: [answering]}]
routes:
  - {did: "+15557000", chain: sales, missed: {cascade: notice, to: [caller, "+15550101"], template: missed}}
providers:
  sms-1: {channel: sms, preset: twilio, account: AC00000000000000000000000000000000, token: "SEC3-xxxxxx", upstream: agg-1, senders: [{id: "+14155550100"}]}
  sms-2: {channel: sms, smpp: {host: smsc.example, system_id: x, password: "SEC4xxx"}, upstream: agg-2, senders: [{id: "+14155550101"}]}
  mail: {channel: email, smtp: {host: mail.example.com, from: "codes@example.com", user: u, password: "SEC5-xxxx"}}
  own:
    channel: sms
    token: "SEC6-xxxx"
    secret: "SEC7-xxxx"
    upstream: own
    senders: [{id: "+14155550102"}]
    http:
      url: "https://sms.shop.example/send"
      auth: {bearer: "{token}"}
      headers: {x-api-key: "SEC8-xxxx"}
      json: {to: "{to}", text: "{text}"}
      response: {ref: "id"}
      webhook: {verify: hmac, header: x-signature}
cascades:
  notice: [{send: sms, until: delivered, wait: 20s}, {send: email, wait: 1m}]
templates:
  missed: {text: "{caller} called {called}.", subject: "x"}
messages:
  public: "https://messages.example.com"
  store: "postgresql://callward:SEC9xxx@127.0.0.1/callward"
  tokens:
    - {name: app, sha256: 7f14c33dfe13ac4af4884e14da5760f9b930205aa8055478c3e74296470d71af, tenant: acme}
console: {tokens: [{name: anna, sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae, role: operator}]}
mqtt: {broker: "mqtts://broker.example", user: callward, password: "SEC10-xxxx"}
alerts:
  notifiers:
    pd: {pagerduty: {routing_key: "SEC11xxxxxxxxxxxxxxxxxxxxxxxxxxx"}}
    chat: {slack: {hook: "https://hooks.slack.com/services/SEC12/xx/yy"}}
    hook: {webhook: {url: "https://example.com/x/SEC13xx", secret: "SEC14-xxxxxxxxxxxx"}}
    mail: {email: {host: mail.example.com, from: callward@example.com, to: anna@example.com, user: callward, password: "SEC15-xxx"}}
    am: {alertmanager: {url: "https://am.example"}}
  routes: [{notify: [pd, chat, hook, mail, am]}]
otel: {endpoint: "https://otel.example", token: "SEC17xxx"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


COMMANDS = (
    "check FILE",
    "check --json FILE",
    "check --sarif FILE",
    "config show FILE",
    "config show --numbers FILE",
    "explain FILE +15557000",
    "explain --json FILE +15557000",
    "explain-message FILE +14155550100",
    "explain-message --json FILE +14155550100",
    "what-if FILE --all",
    "what-if --json FILE --all",
    "diff FILE OTHER",
    "diff --json FILE OTHER",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_one(command: str, file: Path) -> None:
    other = file.with_name("other.yaml")
    other.write_text(TEXT.replace("SEC", "NEWSEC").replace(" 1m}", " 2m}"), encoding="utf-8")
    words = command.replace("FILE", str(file)).replace("OTHER", str(other)).split()
    said = CliRunner().invoke(cli, words)
    assert said.exit_code in (0, 1), said.output
    assert said.output
    assert re.findall(r".*SEC[0-9].*", said.output) == []


def test_each_that_stands_in_the_file_is_warned_of(file: Path) -> None:
    found = {each.line for each in load(file).diagnostics if each.code == "PLAIN_SECRET"}
    assert found == {number for number, line in enumerate(TEXT.splitlines(), 1) if "SEC" in line}


def test_a_finding_quotes_no_secret_of_a_url(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(
        TEXT.replace("https://example.com/x/SEC13xx", "https://u:SEC13@example.com/?key=SEC14"), encoding="utf-8"
    )
    said = CliRunner().invoke(cli, ["check", str(file)]).output
    assert "https://u:***@example.com/" in said
    assert "SEC" not in said


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('  a: {password: "${env:A_B}", realm: x}', '  a: {password: "${env:A_B}", realm: x}'),
        ("token: ${file:parts/a}", "token: ${file:parts/a}"),
        ("password: x${env:A}", "password: ********}"),
        ("headers: {X-Api-Key: abc, accept: y}", "headers: {X-Api-Key: ***, accept: y}"),
        ("url: https://a.example/x?token=abc", "url: https://a.example/x?*********"),
        ("tokens: [{name: a}]", "tokens: [{name: a}]"),
        ("webhook: {verify: token}", "webhook: {verify: token}"),
        ("auth: {user: a}", "auth: {user: a}"),
    ],
)
def test_a_line_is_shown_without_its_secrets(line: str, shown: str) -> None:
    assert mask_line(line) == shown


@pytest.mark.parametrize("key", ["password", "api_token", "x-api-key", "Authorization", "hook", "bearer"])
def test_keys_of_secrets(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize("key", ["tokens", "webhook", "key", "auth", "user", "sha256"])
def test_keys_of_none(key: str) -> None:
    assert not is_secret(key)
