"""Dialplans: YAML in, a frozen `Dialplan` or all that is wrong with the file out.

The way of a file: `source` (text -> nodes with positions), `include` and `references` (what stands elsewhere), `model` and `validate` (nodes -> typed models), `compile`
(models -> dialplan, names resolved, timers inherited), `lint` (what loads but is wrong), `ignores` (what of it is meant).
`diagnostics` is what is said.
No text whatever makes these functions raise: what cannot be read is a finding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.config.compile import build
from controller.config.diagnostics import Diagnostic, Report, printable, render, to_json
from controller.config.ignores import apply_ignores
from controller.config.include import join_includes
from controller.config.lint import lint
from controller.config.model import FileModel
from controller.config.names import Names
from controller.config.references import resolve_references
from controller.config.source import MapNode, compose, read_text
from controller.config.validate import validate
from controller.inputs import Inputs
from controller.types import Dialplan

__all__ = ["Diagnostic", "Loaded", "compile_text", "load", "load_models", "render", "to_json"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a file: a dialplan unless there are errors; warnings come with a dialplan."""

    dialplan: Dialplan | None
    diagnostics: list[Diagnostic]
    sources: Mapping[str, str] = field(default_factory=dict)  # file -> text, for `render`
    inputs: Inputs = field(default_factory=Inputs)  # all that was read for it
    ignored: Mapping[Diagnostic, str] = field(default_factory=dict)  # warnings that the file says are meant, and why


def load(path: str | Path) -> Loaded:
    """Read and compile a file."""
    filename = printable(str(path))
    report = Report(filename)
    text = read_text(Path(path), report)
    if report.errors:
        return Loaded(None, report.sorted(), {filename: text})
    return _compile_as(text, filename, report)


def load_models(path: str | Path) -> tuple[FileModel, Dialplan] | str:
    """What is written in a file beside what it is compiled to, for those who need both; else its errors, for people."""
    filename = printable(str(path))
    report = Report(filename)
    text = read_text(Path(path), report).removeprefix("\ufeff")
    sources = {filename: text}
    found = None if report.errors else _compile(text, report, sources)
    return render(report.sorted(), sources) if found is None or report.errors else found


def compile_text(text: str, filename: str) -> Loaded:
    """Compile the text of a file; ``filename`` is what its findings are named after."""
    return _compile_as(text, filename, Report(filename))


def _compile_as(text: str, filename: str, report: Report) -> Loaded:
    text = text.removeprefix("\ufeff")  # a byte order mark, as some editors leave it
    sources = {filename: text}
    found = _compile(text, report, sources)
    dialplan = None if report.errors or found is None else found[1]
    return Loaded(dialplan, report.sorted(), sources, report.inputs, report.ignored)


def _compile(text: str, report: Report, sources: dict[str, str]) -> tuple[FileModel, Dialplan] | None:
    root = compose(text, report)
    if root is None:
        return None
    join_includes(root, report, sources)
    resolve_references(root, report)
    names = Names(root, report)  # before validation cuts out what is wrong
    file = validate(root, report)
    version = hashlib.sha256("".join(sources.values()).encode()).hexdigest()[:12]
    dialplan = build(file, root, names, report, version)
    if not report.errors and isinstance(root, MapNode):
        lint(dialplan, root, names, report)
    apply_ignores(report, sources)
    return file, dialplan
