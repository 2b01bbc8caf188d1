"""The scenarios themselves: SIPp calls SIPp, with nothing between; and what every file must say of itself."""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.sipp.ladder import print_ladder
from tests.sipp.matrix import read_cases
from tests.sipp.process import SCENARIOS, Ports, Sipp, read_script

ROOT = SCENARIOS.parent
FILES = sorted(SCENARIOS.glob("*.xml"))
LIMIT = 8.0  # seconds; a safety limit
PORTS = Ports(start=os.getpid() * 7)

# Caller, callee, further arguments of the caller. What needs a proxy between the two is in the matrix only.
PAIRS = [
    ("uac-basic", "uas-answer", ""),
    ("uac-basic", "uas-answer-after-ring", ""),
    ("uac-basic", "uas-answer-glare", ""),
    ("uac-basic", "uas-drop-first-invite", ""),
    ("uac-basic", "uas-options-200", ""),
    ("uac-drop-ack", "uas-answer", ""),
    ("uac-reinvite", "uas-reinvite", ""),
    ("uac-cancel-while-ringing", "uas-ring-forever", ""),
    ("uac-cancel-while-ringing", "uas-late-ring", ""),
    ("uac-cancel-before-ringing", "uas-trying-forever", ""),
    ("uac-expect-final", "uas-redirect-302", "-set want 302"),
    ("uac-expect-final", "uas-busy-486", "-set want 486"),
    ("uac-expect-final", "uas-not-acceptable-488", "-set want 488"),
    ("uac-expect-final", "uas-unavailable-503", "-set want 503"),
    ("uac-expect-final", "uas-decline-603", "-set want 603"),
    ("uac-load", "uas-load", "-m 20"),
]
# The same, where one of the two must complain: a check that never fails proves nothing.
MISMATCHES = [
    ("uac-expect-final", "uas-busy-486", "-set want 500", "caller"),
    ("uac-expect-final", "uas-answer", "-set want 486", "caller"),
    ("uac-basic", "uas-busy-486", "", "caller"),
    ("uac-basic", "uas-silent", "-max_retrans 1", "caller"),
    ("uac-cancel-while-ringing", "uas-ring-forever-lost", "", "callee"),
]


def call(folder: Path, caller: str, callee: str, arguments: str) -> tuple[dict[str, int | None], str]:
    """The exit codes of both, and what helps to find out why."""
    uas = Sipp("callee", read_script(callee), folder, PORTS, LIMIT)
    with uas:
        uac = Sipp("caller", read_script(caller), folder, PORTS, LIMIT, uas.port, tuple(arguments.split()))
        with uac:
            codes = {"caller": uac.finish(LIMIT + 3)}
        if uas.script.stays:
            alive = uas.finish(0) is None
            uas.stop()
            codes["callee"] = 0 if alive else 1
        else:
            codes["callee"] = uas.finish(LIMIT + 3)
    ladder = print_ladder(uac.messages() + uas.messages())
    return codes, f"\n{ladder}\n{uac.complaints()}\n{uas.complaints()}"


@pytest.mark.sipp
@pytest.mark.parametrize(("caller", "callee", "arguments"), PAIRS, ids=lambda value: value or None)
def test_pair_goes_as_written(tmp_path: Path, caller: str, callee: str, arguments: str) -> None:
    codes, report = call(tmp_path, caller, callee, arguments)
    assert codes == {"caller": 0, "callee": 0}, report


@pytest.mark.sipp
@pytest.mark.parametrize(("caller", "callee", "arguments", "complainer"), MISMATCHES)
def test_mismatch_is_noticed(tmp_path: Path, caller: str, callee: str, arguments: str, complainer: str) -> None:
    codes, report = call(tmp_path, caller, callee, arguments)
    assert codes[complainer] != 0, report


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario_begins_with_what_it_is_about(file: Path) -> None:
    comment = re.match(
        r'<\?xml version="1.0" encoding="UTF-8" \?>\n<!--\n(.*?)-->\n', file.read_text(), flags=re.DOTALL
    )
    assert comment, "a comment first, please"
    said = re.findall(r"^  (\w[\w ]+):", comment[1], flags=re.MULTILINE)
    assert said == ["Role", "Twist", "Proves", "Run with"]
    assert ("caller" if file.stem.startswith("uac-") else "callee") in comment[1].splitlines()[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario_has_the_name_of_its_file(file: Path) -> None:
    assert ET.parse(file).getroot().get("name") == file.stem


def test_every_scenario_is_used() -> None:
    matrix = {scenario for case in read_cases() for scenario in (case.caller, *case.phones.values())}
    sources = [file.read_text() for folder in ("tests", "bench") for file in (ROOT / folder).rglob("*.py")]
    unused = {file.stem for file in FILES} - matrix
    assert not {name for name in unused if not any(f'"{name}"' in source for source in sources)}


def test_cases_have_names_of_their_own() -> None:
    names = [case.name for case in read_cases()]
    assert len(names) == len(set(names))
