"""Findings as SARIF 2.1.0, which code hosts and editors show at the lines of a change.

Owns the format (OASIS SARIF 2.1.0 §3). What a comment in the file says is meant comes along as suppressed (§3.35), so that
whoever reviews sees the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from controller import __version__
from controller.config.diagnostics import Diagnostic
from controller.config.lint.codes import WARNINGS

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def to_sarif(findings: Iterable[Diagnostic], ignored: Mapping[Diagnostic, str]) -> str:
    """A log of one run, as JSON."""
    found = [*findings, *ignored]
    codes = list(dict.fromkeys(each.code for each in found))
    results = [_result(each, codes.index(each.code), ignored.get(each)) for each in found]
    driver = {"name": "callward", "version": __version__, "rules": [_rule(code) for code in codes]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, Any]:
    text = WARNINGS.get(code, "an error: callward does not start with it")
    page = f"see docs/lint.md, {code}" if code in WARNINGS else "see docs/dialplan.md, what check says"
    return {"id": code, "shortDescription": {"text": text}, "help": {"text": page}}


def _result(found: Diagnostic, index: int, reason: str | None) -> dict[str, Any]:
    # §3.30: end columns are exclusive, as ours are
    region = {"startLine": found.line, "startColumn": found.col, "endLine": found.line, "endColumn": found.end_col}
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": index,
        "level": found.severity,
        "message": {"text": found.message + (f": {found.hint}" if found.hint else "")},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(found.file)}, "region": region}}],
    }
    if reason is not None:
        result["suppressions"] = [{"kind": "inSource", "justification": reason}]
    return result


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
