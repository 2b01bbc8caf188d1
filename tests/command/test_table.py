"""Every command, as somebody asks: which exit code, which words, and JSON of the shape that its help page promises.

One daemon with everything on is there for those that ask one. A new command has to have its lines here.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.exits import FINDINGS, OK, UNREACHABLE, USAGE
from tests.command.test_startup import heavy_of, modules_of
from tests.command.walking import does_something, run, top_keys, walk
from tests.sipp.daemon import Daemon

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "importers" / "samples"
TOKEN = "token-of-everybody"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
BAD = "version: 1\nlisten: [{udp: '127.0.0.1:0'}]\ntrunks: {pbx: {ury: 'sip:127.0.0.1'}}\n"
GOOD = """\
version: 1
listen: [{{udp: "127.0.0.1:{sip}"}}]
trunks:
  pbx: {{uri: "sip:127.0.0.1:{pbx}", probe: off}}
  carrier-a: {{uri: "sip:127.0.0.1:{carrier}", carrier: a, probe: off}}
  carrier-b: {{uri: "sip:127.0.0.1:{carrier}", carrier: b, probe: off}}
endpoints:
  desk: {{user: "100", via: [pbx]}}
  answering: {{number: "+15550199", via: [carrier-a, carrier-b], live: true}}
chains:
  main:
    - ring: [desk]
      for: 10s
    - ring: [answering]
routes:
  - {{did: "+15557000", chain: main}}
providers:
  sms: {{channel: sms, preset: generic, url: "http://127.0.0.1:{closed}", token: none, secret: {secret}}}
cascades: {{otp: [{{send: sms, wait: 20s}}]}}
templates: {{otp: {{text: {{"*": "Your code is {{code}}"}}}}}}
messages:
  listen: "127.0.0.1:{api}"
  public: "http://127.0.0.1:{api}"
  tokens: [{{name: all, sha256: {digest}, tenant: acme, scopes: [send, read]}}, {{name: office, sha256: {office}, scopes: [operate, erase]}}]
console:
  listen: "127.0.0.1:0"
  tokens: [{{name: anna, sha256: {digest}, role: operator}}]
records: {{}}
alerts:
  notifiers: {{pager: {{alertmanager: {{url: "http://127.0.0.1:{closed}"}}}}}}
  routes: [{{notify: pager}}]
"""
OFFICE = "token-of-the-office"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True)
class Case:
    """What somebody asks, and what comes."""

    words: str  # after `callward`; in braces what the scene has
    code: int = OK
    said: str = ""  # in what is wrong, or in what was asked for


NO_DAEMON = (UNREACHABLE, "no daemon")
NO_FILE = (USAGE, "missing.yaml: no such file or directory; check the path")
#: By command. Those with --json have a case that ends well with it; those that stay until they are stopped have none.
TABLE: dict[str, list[Case]] = {
    "check": [
        Case("check {good} --json"),
        Case("check {good} --strict", FINDINGS, "ok"),
        Case("check {bad}", FINDINGS, "did you mean 'uri'?"),
        Case("check {missing}", *NO_FILE),
        Case("check {folder}", USAGE, ": a folder; name a file in it"),
        Case("check {good} --json --sarif", USAGE, "name one of the two"),
    ],
    "schema": [Case("schema", OK, "callward dialplan"), Case("schema --tests", OK, "callward tests of dialplans")],
    "explain": [
        Case("explain {good} +15557000 --json"),
        Case("explain {bad} +15557000", FINDINGS, "did you mean 'uri'?"),
        Case("explain {missing} +15557000", *NO_FILE),
        Case("explain {good} +15557000 --down carier-a", USAGE, "did you mean 'carrier-a'?"),
        Case("explain {good} +15557000 --at noon", USAGE, "noon"),
        Case("explain {good} +15557000 --state-dir {nowhere}", UNREACHABLE, "no such folder"),
    ],
    "explain-message": [
        Case("explain-message {good} +14155550123 --json"),
        Case("explain-message {good} +14155550123 --cascade otpp", USAGE, "otp"),
        Case("explain-message {missing} +14155550123", *NO_FILE),
    ],
    "what-if": [
        Case("what-if {good} --down carrier:a --json"),
        Case("what-if {good} --all --json", FINDINGS),
        Case("what-if {good} --down carrier:c", USAGE, "'c' is no carrier; there are a, b"),
        Case("what-if {good}", USAGE, "--all"),
        Case("what-if {missing} --all", *NO_FILE),
    ],
    "diff": [
        Case("diff {good} {good} --json"),
        Case("diff {good} {other} --json", FINDINGS),
        Case("diff {good} {missing}", *NO_FILE),
    ],
    "test": [
        Case("test {tests} --json"),
        Case("test {failing}", FINDINGS, "winner"),
        Case("test {missing}", USAGE, "missing.yaml"),
        Case("test {nowhere}", USAGE, ""),
    ],
    "fmt": [
        Case("fmt {tests} --check --json"),
        Case("fmt {bad} --check", FINDINGS, "would be formatted"),
        Case("fmt {missing}", *NO_FILE),
    ],
    "import freeswitch": [
        Case("import freeswitch {freeswitch} --json"),
        Case("import freeswitch {good}", FINDINGS, "good.yaml:1: not XML"),
        Case("import freeswitch {missing}", *NO_FILE),
        Case("import freeswitch {freeswitch} -o {good}", USAGE, "is there already; name another file"),
    ],
    "import freepbx": [
        Case("import freepbx {freepbx} --json"),
        Case("import freepbx {good}", FINDINGS, "no row of a known table is in it"),
        Case("import freepbx {missing}", *NO_FILE),
    ],
    "config show": [Case("config show {good}", OK, "carrier-a"), Case("config show {missing}", *NO_FILE)],
    "run": [
        Case("run {missing}", *NO_FILE),
        Case("run {bad} --state-dir {nowhere}", FINDINGS, "callward was not started"),
        Case("run {good} --role boss", USAGE, "write calls, messages, ops or all"),
        Case("run {good} --drain-timeout 5", USAGE, "--drain-timeout: duration needs a unit"),
    ],
    "status": [Case("status {state} --json"), Case("status {state}", OK, "3 of 3 trunks"), Case("status {none}", *NO_DAEMON)],
    "reload": [Case("reload {state} --json"), Case("reload {state}", OK, "reloaded: "), Case("reload {none}", *NO_DAEMON)],
    "drain": [
        Case("drain carrier-a {state} --json"),
        Case("drain carrier-a {state}", OK, "carrier-a was drained already"),
        Case("drain carier-a {state}", USAGE, "did you mean 'carrier-a'?"),
        Case("drain carrier-a {none}", *NO_DAEMON),
    ],
    "undrain": [
        Case("undrain carrier-a {state} --json"),
        Case("undrain carrier-a {state}", OK, "carrier-a was not drained"),
        Case("undrain carier-a {state}", USAGE, "did you mean 'carrier-a'?"),
        Case("undrain carrier-a {none}", *NO_DAEMON),
    ],
    "drill": [Case("drill carier-a {state}", USAGE, "did you mean 'carrier-a'?"), Case("drill carrier-a {none}", *NO_DAEMON)],
    "rotate-keys": [Case("rotate-keys {state} --json"), Case("rotate-keys {none}", UNREACHABLE, "no keys")],
    "top": [
        Case("top {state} --json"),
        Case("top {state}", USAGE, "top wants a terminal"),
        Case("top {none}", *NO_DAEMON),
    ],
    "alerts": [
        Case("alerts {state} --json"),
        Case("alerts {state}", OK, "nothing is wrong"),
        Case("alerts {none}", *NO_DAEMON),
    ],
    "alerts ack": [Case("alerts ack A99 {state}", USAGE, "A99"), Case("alerts ack A99 {none}", *NO_DAEMON)],
    "alerts test": [
        Case("alerts test pager {state}", FINDINGS, "pager"),
        Case("alerts test pagr {state}", FINDINGS, "did you mean 'pager'?"),
        Case("alerts test pager {none}", *NO_DAEMON),
    ],
    "calls": [
        Case("calls {state} --json"),
        Case("calls {state} --live --json"),
        Case("calls {state} --since 5", USAGE, "--since: duration needs a unit"),
        Case("calls {none}", UNREACHABLE, "nothing is kept there"),
        Case("calls {none} --live", *NO_DAEMON),
    ],
    "ladder": [
        Case("ladder 99 {state}", FINDINGS, "no call '99' is kept"),
        Case("ladder 99 {none}", UNREACHABLE, "nothing is kept there"),
    ],
    "send": [
        Case("send +14155550123 --cascade otp --param code=1234 --json"),
        Case("send +14155550123 --cascade otpp --param code=1234", FINDINGS, "there is no such cascade"),
        Case("send Anna --cascade otp", USAGE, "give a number in full"),
        Case("send +14155550123 --cascade otp --param code", USAGE, "write it as NAME=VALUE"),
        Case("send +14155550123 --cascade otp --url http://127.0.0.1:{closed}", UNREACHABLE, "127.0.0.1"),
    ],
    "cascades": [
        Case("cascades --json"),
        Case("cascades --wait", USAGE, "give its id"),
        Case("cascades --url http://127.0.0.1:{closed}", UNREACHABLE, "127.0.0.1"),
    ],
    "stats": [Case("stats --json"), Case("stats --url http://127.0.0.1:{closed}", UNREACHABLE, "127.0.0.1")],
    "erase": [
        Case("erase +14155550123 --json --token-file {office}"),
        Case("erase +14155550123", FINDINGS, "erase"),
        Case("erase anna", USAGE, "give a number in full"),
        Case("erase +14155550123 {none}", UNREACHABLE, "there is no such file"),
    ],
    "demo": [Case("demo again", USAGE, "again")],
    "relay": [
        Case("relay --listen 127.0.0.1:0", USAGE, "--to is missing"),
        Case("relay --listen here --to 127.0.0.1:1", USAGE, "--listen"),
        Case("relay --listen 127.0.0.1:0 --to 127.0.0.1:1 --loss much", USAGE, "much"),
        Case("relay --listen 127.0.0.1:0 --to 127.0.0.1:1 --script {missing}", *NO_FILE),
    ],
    "simulate": [
        Case("simulate {missing}", *NO_FILE),
        Case("simulate {bad}", FINDINGS, "did you mean 'uri'?"),
        Case("simulate {good}", FINDINGS, "a simulated one has url"),
        Case("simulate {simulated} --fault much", USAGE, "--fault: "),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, pick_port: Callable[[], int]) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("commands")
    ports = {name: pick_port() for name in ("sip", "pbx", "carrier", "closed", "api")}
    text = GOOD.format(**ports, digest=DIGEST, office=hashlib.sha256(OFFICE.encode()).hexdigest(), secret=SECRET)
    files = {
        "good": ("good.yaml", text),
        "bad": ("bad.yaml", BAD),
        "other": ("other.yaml", text.replace("+15557000", "+15557001")),
        "tests": ("good.test.yaml", TESTS),
        "failing": ("failing.test.yaml", TESTS.replace("winner: desk", "winner: answering via carrier-b")),
        "office": ("office.token", OFFICE),
    }
    for name, content in files.values():
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "nothing").mkdir()
    state = folder / "state"
    places = {key: str(folder / name) for key, (name, _) in files.items()}
    places |= {"missing": str(folder / "missing.yaml"), "folder": str(folder), "nowhere": str(folder / "nowhere")}
    places |= {
        "state": f"--state-dir {state}",
        "none": f"--state-dir {folder / 'nothing'}",
        "closed": str(ports["closed"]),
    }
    places |= {
        name: str(SAMPLES / f"acme-{name}.{ending}") for name, ending in (("freeswitch", "xml"), ("freepbx", "sql"))
    }
    places["simulated"] = str(ROOT / "dialplans" / "messages-simulated.yaml")
    with pytest.MonkeyPatch.context() as patch, Daemon(folder / "good.yaml", state) as daemon:
        patch.setenv("CALLWARD_URL", f"http://127.0.0.1:{ports['api']}")
        patch.setenv("CALLWARD_TOKEN", TOKEN)
        patch.setenv("COLUMNS", "80")
        daemon.wait_until(lambda: daemon.counts["ready"] == 3, "all three processes to be ready")
        yield places
        assert daemon.counts["fault"] == 0, daemon.lines


TESTS = """\
version: 1
dialplan: good.yaml
tests:
  - name: the desk answers
    given: {desk: answers}
    call: {did: "+15557000"}
    expect: {winner: desk}
"""
CASES = [(name, case) for name, cases in TABLE.items() for case in cases]
COMMANDS = {" ".join(path): command for path, command in walk() if does_something(command)}


def test_every_command_has_its_lines() -> None:
    assert TABLE.keys() == COMMANDS.keys()
    wrong = {name for name, cases in TABLE.items() if all(case.code == OK for case in cases)}
    assert wrong == {"schema"}, "how does it end where something is wrong?"


@pytest.mark.parametrize(("name", "case"), CASES, ids=[case.words for _, case in CASES])
def test_it_ends_and_says_as_it_should(scene: dict[str, str], name: str, case: Case) -> None:
    words = shlex.split(case.words.format_map(scene))
    done = run(words)
    assert done.code == case.code, done
    said = done.stdout if case.code == OK or case.said in done.stdout else done.stderr
    assert case.said in said, done
    for text in (done.stdout, done.stderr):
        assert "Traceback" not in text
        assert "a bug in callward" not in text
    if case.code in {USAGE, UNREACHABLE}:
        assert done.stdout == "", "what is wrong is no answer"
        assert 1 <= len(done.stderr.splitlines()) <= 6
        assert done.stderr.endswith("\n")
        assert not done.stderr.rstrip().endswith(".")
    if "--json" in words and case.code in {OK, FINDINGS}:
        check_shape(json.loads(done.stdout), COMMANDS[name].manner.shape, words)


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("callward dra", ["drain"]),
        ("callward alerts ", ["ack", "test"]),
        ("callward check --s", ["--sarif", "--strict"]),
        ("callward drain {state} carr", ["carrier-a", "carrier-b"]),
        ("callward calls {state} --trunk p", ["pbx"]),
        ("callward drain {none} carr", []),
        ("callward alerts ack {state} ", []),
    ],
)
def test_a_shell_completes_it(
    scene: dict[str, str], monkeypatch: pytest.MonkeyPatch, line: str, completed: list[str]
) -> None:
    line = line.format_map(scene)
    monkeypatch.setenv("_CALLWARD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    done = run([])
    assert (done.stdout.split(), done.stderr) == (completed, "")


def test_status_of_a_daemon_imports_nothing_heavy(scene: dict[str, str]) -> None:
    """It is asked again and again; only for its tables it needs rich."""
    words = ["status", *scene["state"].split()]
    assert not heavy_of(modules_of(*words, "--json"))
    assert heavy_of(modules_of(*words)) == {"rich"}


def check_shape(data: Any, shape: str, words: list[str]) -> None:
    """What is written down is there, and nothing else unless it says so; a shape may say what an option changes."""
    first, *others = shape.split("; ")
    shape = next((part for part in others if part.startswith("with ") and part.split()[1] in words), first)
    keys, is_open = top_keys(shape)
    found = (data[0] if isinstance(data, list) else data).keys()
    assert keys <= found, shape
    assert is_open or keys == found, shape
