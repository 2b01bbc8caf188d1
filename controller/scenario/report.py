"""What came of tests, for people and as JSON.

Owns the words and the shape. Must not play or compare.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from controller.config.diagnostics import render
from controller.scenario.calls import Seen
from controller.scenario.run import Result, Results


def show_results(results: Results, seconds: float) -> str:
    """The results as text; ``seconds`` is how long it took."""
    parts: list[str] = []
    if results.findings:
        parts.append(render(results.findings, results.sources))
    passed = Counter(result.case.file for result in results.tests if not result.differences)
    failed = Counter(result.case.file for result in results.failed)
    parts += [f"{_show_failure(result, results)}\n" for result in results.failed]
    for file in results.files:
        words = [f"{passed[file]} passed"] + ([f"{failed[file]} failed"] if failed[file] else [])
        if any(found.file == file for found in results.findings):
            words.append("with errors in the file")
        parts.append(f"{file}: {', '.join(words)}\n")
    total = f"{_count(len(results.tests), 'test')} in {seconds:.2f} s: "
    end = "all passed" if not failed else f"{sum(failed.values())} failed"
    if results.findings:
        end = f"{_count(len(results.findings), 'error')} in the files, {sum(failed.values())} failed"
    return "".join(parts) + total + end + "\n"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _show_failure(result: Result, results: Results) -> str:
    findings = [difference.to_diagnostic(result.case) for difference in result.differences]
    lines = [f"  {line}\n" for difference in result.differences for line in difference.lines()]
    head = f"FAILED {result.case.name}  ({result.case.file}:{result.case.line})\n"
    return head + render(findings, results.sources) + "".join(lines) + "what happened:\n" + show_ladder(result.seen)


def show_ladder(seen: Seen) -> str:
    """What happened, line by line, with times after the call or the request."""
    width = max((len(who) for _, who, _ in seen.ladder), default=0)
    return "".join(f"  {at:8.2f} s  {who:<{width}}  {what}\n" for at, who, what in seen.ladder)


def to_data(results: Results, seconds: float) -> dict[str, Any]:
    """The results as plain data; times in seconds."""
    return {
        "passed": len(results.tests) - len(results.failed),
        "failed": len(results.failed),
        "seconds": round(seconds, 3),
        "findings": [asdict(found) for found in results.findings],
        "tests": [_to_data(result) for result in results.tests],
    }


def _to_data(result: Result) -> dict[str, Any]:
    case, seen = result.case, asdict(result.seen)
    seen["ladder"] = [{"at": at, "who": who, "what": what} for at, who, what in result.seen.ladder]
    return {
        "file": case.file,
        "line": case.line,
        "name": case.name,
        "passed": not result.differences,
        "differences": [
            {
                "key": each.key,
                "line": each.at.line,
                "col": each.at.col,
                "expected": list(each.expected),
                "got": list(each.got),
            }
            for each in result.differences
        ],
        "seen": seen,
    }
