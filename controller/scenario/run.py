"""All tests of some files, one after the other.

Owns which files are meant and what came of each test. Must not print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from controller.config.diagnostics import Diagnostic
from controller.scenario.calls import Seen, play_call
from controller.scenario.cast import flatten
from controller.scenario.expect import Difference, compare
from controller.scenario.messages import play_message
from controller.scenario.read import SUFFIX, Case, Suite, read_suite


class NothingToTestError(ValueError):
    """There is no such file, or no tests are meant; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one test."""

    case: Case
    seen: Seen
    differences: list[Difference]


@dataclass(slots=True)
class Results:
    """What came of all of them."""

    tests: list[Result] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)  # wrong files
    sources: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[Result]:
        """Those that are not as expected."""
        return [result for result in self.tests if result.differences]


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The files of tests that are meant: themselves, those of dialplans, all in folders. Raises `NothingToTestError`."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob(f"*{SUFFIX}") if not _is_hidden(each, path))
            if not inside:
                raise NothingToTestError(f"{path}: no file here ends in {SUFFIX}")
            found.update(dict.fromkeys(inside))
            continue
        beside = path if path.name.endswith(SUFFIX) else path.with_suffix(SUFFIX)
        if not beside.is_file():
            tests = "" if beside == path else f", where tests of {path.name} would be"
            raise NothingToTestError(f"{beside}: no such file{tests}")
        found[beside] = None
    return list(found)


def _is_hidden(path: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(below).parts)


def run_tests(files: Iterable[Path], only: str = "") -> Results:
    """Play them. ``only``: tests in whose name this stands, in whatever case. Raises `NothingToTestError`."""
    results = Results()
    for path in files:
        suite = read_suite(path)
        results.files.append(suite.file)
        results.sources.update(suite.sources)
        results.findings += suite.findings
        results.tests += run_suite(suite, only)
    if only and not results.tests and not results.findings:
        raise NothingToTestError(f"no test has {only!r} in its name")
    return results


def run_suite(suite: Suite, only: str = "") -> Iterator[Result]:
    """Play the tests of one file."""
    dialplan = suite.dialplan
    if dialplan is None:
        return
    flat = flatten(dialplan)
    for case in suite.cases:
        if only.casefold() in case.name.casefold():
            calls = case.call is not None
            seen = play_call(case, flat, suite.names) if calls else play_message(case, dialplan)
            yield Result(case, seen, compare(case, seen, suite.names))
