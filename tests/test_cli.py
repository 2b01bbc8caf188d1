"""The commands: exit codes, words on the right stream, and a bad file that never starts the daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller import __version__
from controller.cli import cli
from controller.exits import FINDINGS, OK, UNREACHABLE, USAGE
from controller.keys import load_keys

GOOD = """\
version: 1
listen: [{udp: "127.0.0.1:0"}]
trunks:
  pbx: {uri: "sip:127.0.0.1:5071", probe: off}
  carrier: {uri: "sip:127.0.0.1:5072", carrier: b}
endpoints:
  desk: {user: "100", via: [pbx, carrier]}
  answering: {number: "+15550199", via: [carrier], live: true}
chains:
  main:
    - ring: [desk]
      for: 10s
    - ring: [answering]
routes:
  - {did: "+15557000", chain: main}
"""
BAD = GOOD.replace("ring: [desk]", "ring: [dsk]").replace("10s", "10").replace("probe: off", "prob: off")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    return file


def test_version_is_printed() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert (result.exit_code, result.output) == (OK, f"callward {__version__}\n")


def test_help_cuts_no_sentence() -> None:
    """At 80 columns each command has its whole first sentence."""
    said = CliRunner().invoke(cli, ["--help"], env={"COLUMNS": "80"}).output.partition("Dialplans:")[2]
    assert "simulate" in said
    assert [line for line in said.splitlines() if line.endswith("...")] == []


def test_check_prints_what_the_dialplan_promises(good: Path) -> None:
    result = CliRunner().invoke(cli, ["check", str(good)])
    assert result.exit_code == OK
    assert "1 route, 1 chain, 2 trunks" in result.output
    lines = {line.split()[0]: line.split() for line in result.output.splitlines() if line.strip()}
    assert lines["carrier"][1:] == ["udp:127.0.0.1:5072", "250", "ms", "775", "ms", "1.10", "s"]
    assert lines["pbx"][1:] == ["udp:127.0.0.1:5071", "never", "calls", "only", "-"]


def test_an_ipv6_address_is_printed_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "six.yaml"
    for address in ("[2001:db8:b::20]", "[fd00:db8:b::20]"):
        file.write_text(GOOD.replace('"127.0.0.1:0"', '"[::1]:0"').replace("127.0.0.1", address))
        output = CliRunner().invoke(cli, ["check", str(file)]).output
        assert output.count(f"udp:{address}:507") == 2, "':b:' is no letter B in red, and '[fd00' no style"


def test_check_says_everything_at_once_with_places(bad: Path) -> None:
    result = CliRunner().invoke(cli, ["check", str(bad)])
    assert result.exit_code == FINDINGS
    assert f"{bad}:4:36: unknown key 'prob'" in result.output
    assert f"{bad}:11:14: unknown endpoint 'dsk' in chain 'main', stage 1" in result.output
    assert f"{bad}:12:12: duration needs a unit in chain 'main', stage 1, key 'for'" in result.output
    assert "3 errors; callward will not start with this file" in result.output


def test_check_as_json_is_one_document(good: Path, bad: Path) -> None:
    document = json.loads(CliRunner().invoke(cli, ["check", "--json", str(good)]).output)
    assert document["findings"] == []
    assert document["summary"]["trunks"][1]["detection"] == pytest.approx(0.775)
    assert document["summary"]["trunks"][1]["detection_lossy"] == pytest.approx(1.105)
    document = json.loads(CliRunner().invoke(cli, ["check", "--json", str(bad)]).output)
    assert document["summary"] is None
    assert len(document["findings"]) == 3


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as an operator runs it."""
    command = [sys.executable, "-m", "controller.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_bad_file_never_starts_the_daemon(bad: Path, tmp_path: Path) -> None:
    result = run("run", str(bad), "--state-dir", str(tmp_path / "state"))
    assert result.returncode == FINDINGS
    assert result.stderr.count("bad.yaml:") == 3
    assert result.stderr.endswith("callward was not started\n")
    assert "ready" not in result.stderr
    assert not (tmp_path / "state").exists()


MESSAGES_ALONE = """\
version: 1
providers: {mail: {channel: email, smtp: {host: mail.example, from: "codes@example.com"}}}
cascades: {otp: [{send: email}]}
"""


@pytest.mark.parametrize(
    ("text", "role", "said"),
    [
        (GOOD, "nope", "--role: 'nope' is none; write calls, messages, ops or all\n"),
        (MESSAGES_ALONE, "calls", "has messages alone; write 'listen' and 'trunks', or --role messages\n"),
    ],
)
def test_a_role_that_makes_no_sense_is_wrong_usage(tmp_path: Path, text: str, role: str, said: str) -> None:
    file = tmp_path / "dialplan.yaml"
    file.write_text(text)
    state = tmp_path / "state"
    result = CliRunner().invoke(cli, ["run", str(file), "--state-dir", str(state), "--role", role])
    assert result.exit_code == USAGE
    assert result.output.endswith(said)
    assert not state.exists()


def test_explain_of_messages_alone_names_the_command_for_them(tmp_path: Path) -> None:
    file = tmp_path / "dialplan.yaml"
    file.write_text(MESSAGES_ALONE)
    result = CliRunner().invoke(cli, ["explain", str(file), "+15557000"])
    assert (result.exit_code, "callward explain-message" in result.output) == (USAGE, True)


def test_check_of_messages_alone_shows_no_empty_tables_of_calls(tmp_path: Path) -> None:
    file = tmp_path / "dialplan.yaml"
    file.write_text(MESSAGES_ALONE)
    result = CliRunner().invoke(cli, ["check", str(file)])
    assert result.exit_code == OK
    assert "ok  messages alone: 1 provider, 1 cascade, version" in result.output
    assert "trunk" not in result.output
    assert "otp      email" in result.output


def test_missing_file_is_wrong_usage_not_a_traceback(tmp_path: Path) -> None:
    result = run("run", str(tmp_path / "none.yaml"))
    assert result.returncode == USAGE
    assert "none.yaml" in result.stderr
    assert "Traceback" not in result.stderr


def test_state_that_cannot_be_kept_is_unreachable(good: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("run", str(good), "--state-dir", str(tmp_path / "file" / "state"))
    assert result.returncode == UNREACHABLE
    assert "give --state-dir a folder" in result.stderr


def test_wrong_usage_has_its_own_exit_code() -> None:
    assert run("chek").returncode == USAGE


def test_rotated_keys_are_said(tmp_path: Path) -> None:
    load_keys(tmp_path)
    result = CliRunner().invoke(cli, ["rotate-keys", "--state-dir", str(tmp_path)])
    assert result.exit_code == OK
    assert "key 2 seals from the next start on" in result.output


def test_keys_are_rotated_only_where_there_are_some(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["rotate-keys", "--state-dir", str(tmp_path / "slip")])
    assert result.exit_code == UNREACHABLE
    assert "there are no keys to rotate; is --state-dir another folder?" in result.output
    assert not (tmp_path / "slip").exists()


def test_explain_wants_a_state_folder_that_exists(good: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["explain", str(good), "+15557000", "--state-dir", str(tmp_path / "slip")])
    assert result.exit_code == UNREACHABLE
    assert "slip: no such folder; is --state-dir another one?" in result.output


def test_check_says_who_is_let_in_beside_trunks() -> None:
    example = Path(__file__).parents[1] / "dialplans" / "registering.yaml"
    text = CliRunner().invoke(cli, ["check", str(example)]).output
    assert "tcp:192.0.2.1:5060: strangers are asked for a password (2 users)" in text
    assert "carrier-b: registers as sip:+15558000@carrier-b.example, called by that from anywhere" in " ".join(
        text.split()
    )
    assert "replace me" not in text
