"""Do two texts say the same? Before a file is replaced, this is asked.

Owns the comparison: the same values under the same keys in the same order (sections may stand in another one), and the
same findings, ignored ones included.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from controller.config import compile_text
from controller.config.diagnostics import Diagnostic, Report
from controller.config.source import ListNode, MapNode, Node, ScalarNode, compose


def says_the_same(before: str, after: str, filename: str) -> bool:
    """Whether a file with the second text would load as one with the first."""
    old, new = _read(before), _read(after)
    if old is None or new is None or old != new:
        return False
    if before == after or not isinstance(old, frozenset) or "version" not in {key for key, _ in old}:
        return True  # a part of a dialplan, or a file of tests: nothing is said about it by itself
    return _findings(before, filename) == _findings(after, filename)


def _read(text: str) -> Any:
    report = Report("")
    root = compose(text, report)
    if root is None or report.errors:
        return None
    if isinstance(root, MapNode):
        return frozenset((key, _data(value)) for key, value in root.entries.items())
    return _data(root)


def _data(node: Node) -> Any:
    """As tuples, which keep the order of keys."""
    if isinstance(node, MapNode):
        return "map", tuple((key, _data(value)) for key, value in node.entries.items())
    if isinstance(node, ListNode):
        return "list", tuple(map(_data, node.items))
    assert isinstance(node, ScalarNode)
    return "blank" if node.is_blank else node.text


def _findings(text: str, filename: str) -> Counter[tuple[str, str, str]]:
    loaded = compile_text(text, filename)
    return Counter(map(_gist, [*loaded.diagnostics, *loaded.ignored]))


def _gist(found: Diagnostic) -> tuple[str, str, str]:
    return found.severity, found.code, "".join(sign for sign in found.message if not sign.isdigit())
