"""Values from outside the file: ``${file:PATH}`` and ``${env:NAME}``, so that no secret stands in a dialplan.

Owns their syntax and reading them, once, when the dialplan is loaded. What they hold is never shown: a finding about
such a value names the reference (see `Report`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from controller.config.diagnostics import Mistake, Report, quoted
from controller.config.source import ListNode, MapNode, Node, ScalarNode
from controller.inputs import Inputs

MAX_BYTES = 64 << 10

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_HINT = "write ${file:PATH} or ${env:NAME}"


def resolve_references(root: Node, report: Report) -> None:
    """Put what references hold in their place, in all values of a file; keys stay as they are."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue  # what aliases repeat
        seen.add(id(node))
        if isinstance(node, MapNode):
            waiting += node.entries.values()
        elif isinstance(node, ListNode):
            waiting += node.items
        elif isinstance(node, ScalarNode) and "${" in node.text:
            _resolve(node, report)


def _resolve(node: ScalarNode, report: Report) -> None:
    folder = Path(node.file or report.file).parent
    written = node.text
    try:
        text = _REFERENCE.sub(lambda match: _read(match[1], folder, report.inputs), written)
        if "${" in _REFERENCE.sub("", written):
            raise Mistake("BAD_REFERENCE", f"the reference in {quoted(written)} is never closed", _HINT)
    except Mistake as mistake:
        report.error(node, mistake.code, mistake.message, mistake.hint)
        node.origin = "!"
        return
    node.text, node.origin, node.plain = text, written, False


def _read(reference: str, folder: Path, inputs: Inputs) -> str:
    kind, colon, name = reference.partition(":")
    if kind == "env" and colon and name:
        try:
            value = os.environ[name]
        except (KeyError, ValueError):
            message = f"environment variable {quoted(name)} is not set"
            raise Mistake("BAD_REFERENCE", message, "set it where callward is started") from None
        inputs.note_variable(name, value)
        return value
    if kind == "file" and colon and name:
        return _read_file(folder / name, inputs)
    raise Mistake("BAD_REFERENCE", f"{quoted('${' + reference + '}')} is no reference", _HINT)


def _read_file(path: Path, inputs: Inputs) -> str:
    name = quoted(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        inputs.note_file(path, data)
        if len(data) > MAX_BYTES:
            raise Mistake("BAD_REFERENCE", f"{name} is larger than {MAX_BYTES >> 10} KiB", "is this the right file?")
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Mistake("BAD_REFERENCE", f"cannot read {name}: {reason}", "check the path and its permissions") from None
    except UnicodeDecodeError:
        raise Mistake("BAD_REFERENCE", f"{name} is not UTF-8", "save the file as UTF-8") from None
    except ValueError:  # a NUL in the name
        raise Mistake("BAD_REFERENCE", f"cannot read {name}: no such name", "check the path") from None
