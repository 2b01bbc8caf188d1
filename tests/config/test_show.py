"""`callward config show`: what may be seen by everybody, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from controller.cli import cli
from controller.exits import FINDINGS, OK

FILE = """\
# +15550199 is a number in a comment
version: 1
include: [more.yaml]
listen: [{udp: "192.0.2.1:5060"}]
trunks:
  carrier-a: {uri: "sip:192.0.2.10:5071", auth: {user: "15557000123", password: hunter2}}
  carrier-b: {uri: "sip:192.0.2.20", auth: {user: u, password: "${file:b.pw}"}}
endpoints:
  anna: {number: "+15550100", via: [carrier-a]}
  desk: {user: "100", via: [carrier-a]}
"""
MORE = """\
users: {anna: {"Password": "hunter2 with blanks", api_token: [hunter2, hunter2]}}
routes: [{did: "+15557000", chain: sales}, {prefix: "+1555", chain: sales}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "more.yaml").write_text(MORE)
    path = tmp_path / "acme.yaml"
    path.write_text(FILE)
    return path


def show(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["config", "show", *arguments])
    return done.exit_code, done.output


def test_secrets_and_numbers_are_not_shown(file: Path) -> None:
    code, text = show(str(file))
    assert code == OK
    assert "hunter2" not in text
    assert not any(number in text for number in ("15550199", "15557000", "15550100"))
    shown = yaml.safe_load(text)
    assert shown["trunks"]["carrier-a"] == {"uri": "sip:192.0.2.10:5071", "auth": {"user": "…23", "password": "***"}}
    assert shown["trunks"]["carrier-b"]["auth"]["password"] == "${file:b.pw}"
    assert shown["endpoints"]["desk"] == {"user": "100", "via": ["carrier-a"]}
    assert shown["routes"] == [{"did": "…00", "chain": "sales"}, {"prefix": "+1555", "chain": "sales"}]
    assert "include" not in shown


def test_numbers_are_shown_to_whoever_asks_for_them(file: Path) -> None:
    code, text = show(str(file), "--numbers")
    assert code == OK
    assert "+15550100" in text
    assert "hunter2" not in text


def test_what_cannot_be_read_is_said(file: Path) -> None:
    file.write_text("version: [")
    code, text = show(str(file))
    assert code == FINDINGS
    assert "acme.yaml:2:1: a value is missing here" in text
