"""What a person sees who writes a dialplan in an editor: the language server of editors, on our schemas and examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.editor.language_server import LanguageServer, why_not

ROOT = Path(__file__).parents[2]
DIALPLANS = ROOT / "dialplans"
EXAMPLES = sorted(DIALPLANS.glob("*.yaml"))
GOOD = sorted((ROOT / "tests" / "lint" / "good").glob("*.yaml"))
MODELINE = "# yaml-language-server: $schema=./callward.schema.json\n"

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


_names = count(1)


def new_file() -> Path:
    """A name beside the schemas; never the same twice, for what is said of a file that was closed comes late."""
    return DIALPLANS / f"new-{next(_names)}.yaml"


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    with LanguageServer() as server:
        yield server


def test_nothing_is_underlined_in_examples_and_every_one_has_its_schema(server: LanguageServer) -> None:
    found = server.open_all({path: path.read_text(encoding="utf-8") for path in EXAMPLES})
    assert {path.name: marks for path, marks in found.items() if marks} == {}
    for path in EXAMPLES:
        schema = "callward.test.schema.json" if path.name.endswith(".test.yaml") else "callward.schema.json"
        line = next(n for n, text in enumerate(path.read_text().splitlines()) if text.startswith("version:"))
        assert schema in server.hover(path, line, 2), f"{path.name}: no comment '# yaml-language-server: $schema=...'"
        server.close(path)


def test_nothing_is_underlined_in_what_check_has_nothing_against(server: LanguageServer) -> None:
    """Files without the comment, opened as if they had it; what they read from beside them does not matter."""
    texts = {DIALPLANS / f"good-{path.name}": MODELINE + path.read_text(encoding="utf-8") for path in GOOD}
    found = server.open_all(texts)
    assert {path.name: marks for path, marks in found.items() if marks} == {}
    for path in texts:
        server.close(path)


#: In which file what is written instead, and what the language server says of it.
MISTAKES = [
    ("simple.yaml", "version: 1 ", "version: 2 ", "Value must be 1"),
    ("simple.yaml", "    carrier: a ", "    carier: a ", "carier is not allowed"),
    ("simple.yaml", "trunks: ", "trunk: ", "trunk is not allowed"),
    ("simple.yaml", "    every: 250ms", "    every: 250", ""),
    ("simple.yaml", "    alive_on: any", "    alive_on: anything", "Valid values"),
    ("simple.yaml", "    rise: 2 ", "    rise: two ", "Incorrect type"),
    ("simple.yaml", "    live: true ", "    live: sure ", "Incorrect type"),
    ("simple.yaml", '    uri: "sip:192.0.2.30:5060"', '    uri: "192.0.2.30:5060"', ""),
    ("simple.yaml", "    - ring: [front-desk]", "    - rings: [front-desk]", "rings is not allowed"),
    ("simple.yaml", "    - ring: [anna-mobile]", "    - ring: []", "too few items"),
    ("after-hours.yaml", "    zone:", "    zoen:", "zoen is not allowed"),
    (
        "operators.yaml",
        "    - {notify: alertmanager, group_by: cause}",
        "    - {notify: alertmanager, group_by: couse}",
        "",
    ),
    ("operators.yaml", 'mqtt: {broker: "mqtt', 'mqtt: {brokr: "mqtt', "brokr is not allowed"),
    ("messages.yaml", "    channel: email", "    channel: mail", "Valid values"),
    ("simple.test.yaml", "  expect:", "  expects:", "expects is not allowed"),
    ("simple.test.yaml", "winner:", "winer:", "winer is not allowed"),
]


@pytest.fixture(scope="module")
def underlined(server: LanguageServer) -> list[tuple[int, list[Any]]]:
    """The line of each mistake, and all that is underlined. In one go: the server waits a moment before it looks at a file."""
    texts, lines = {}, []
    for name, old, new, _ in MISTAKES:
        text = (DIALPLANS / name).read_text(encoding="utf-8")
        lines.append(text[: text.index(old)].count("\n"))
        texts[new_file()] = text.replace(old, new, 1)
    return list(zip(lines, server.open_all(texts).values(), strict=True))


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=lambda number: MISTAKES[number][2].strip())
def test_a_mistake_is_underlined_in_its_line(underlined: list[tuple[int, list[Any]]], number: int) -> None:
    (line, marks), said = underlined[number], MISTAKES[number][3]
    assert [mark for mark in marks if mark["range"]["start"]["line"] == line and said in mark["message"]], marks


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("version: 1\n|", {"listen", "trunks", "endpoints", "chains", "routes", "alerts", "records"}),
        ("version: 1\ntrunks:\n  a:\n    |", {"uri", "carrier", "probe", "limits", "caller_id", "auth"}),
        ("version: 1\nchains:\n  c:\n    - |", {"ring", "for", "mode", "stagger", "when"}),
        ("version: 1\nchains:\n  c:\n    - ring: [a]\n      mode: |", {"sequential", "parallel", "hybrid"}),
        ("version: 1\nalerts:\n  notifiers:\n    n:\n      |", {"pagerduty", "slack", "email", "alertmanager"}),
        ("version: 1\ncascades:\n  c:\n    steps:\n      - send: |", {"sms", "email", "whatsapp", "rcs"}),
    ],
)
def test_keys_and_choices_are_offered(server: LanguageServer, text: str, offered: set[str]) -> None:
    text = MODELINE + text
    before = text[: text.index("|")]
    path = new_file()
    server.open(path, text.replace("|", ""))
    found = server.complete(path, before.count("\n"), len(before.rpartition("\n")[2]))
    server.close(path)
    assert offered <= found.keys(), sorted(found)


def test_a_key_that_is_offered_says_what_it_means(server: LanguageServer) -> None:
    path = new_file()
    server.open(path, MODELINE + "version: 1\n")
    found = server.complete(path, 2, 0)
    server.close(path)
    assert found["chains"]["documentation"] == "whom to ring, in what order"
    assert [name for name, item in found.items() if not item["documentation"]] == []


@pytest.mark.parametrize(
    ("name", "word", "shown"),
    [
        ("simple.yaml", "hedge: auto", "start the next way beside an attempt that is silent"),
        ("simple.yaml", "live: true", "somebody always answers here"),
        ("operators.yaml", "records: ", "what is kept of calls, and how long"),
        ("operators.yaml", "group_by: ", "what is told as one"),
        ("simple.test.yaml", "winner:", "who answers"),
    ],
)
def test_a_key_says_what_it_means(server: LanguageServer, name: str, word: str, shown: str) -> None:
    path = DIALPLANS / name
    text = path.read_text(encoding="utf-8")
    place = re.search(rf"(?m)^[^#\n]*?({re.escape(word)})", text)
    assert place is not None
    before = text[: place.start(1)]
    path = new_file()
    server.open(path, text)
    assert shown in server.hover(path, before.count("\n"), len(before.rpartition("\n")[2]) + 1)
    server.close(path)
