"""A dialplan that can be shown around: joined with what it includes, without secrets and without numbers of people.

Owns what is left out. References such as ``${file:a.pw}`` stay as they are written: what they hold is not read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from controller.config.diagnostics import Report, printable, render
from controller.config.hidden import is_secret, mask_urls
from controller.config.include import join_includes
from controller.config.source import ListNode, MapNode, Node, ScalarNode, compose, read_text
from controller.masking import GONE, mask_numbers

#: Where a webhook goes may be all that it asks for: whoever knows the path may post there.
_PATH = re.compile(r"(?<=//)([^/\s]*/)\S+")
_REFERENCE = re.compile(r"\$\{[^{}]*\}")


def show_file(path: Path, *, numbers: bool = False) -> tuple[str, bool]:
    """The file as YAML and True, or what keeps it from being read and False. ``numbers``: show them."""
    filename = printable(str(path))
    report = Report(filename)
    text = read_text(path, report)
    sources = {filename: text}
    root = None if report.errors else compose(text.removeprefix("\ufeff"), report)
    if root is not None:
        join_includes(root, report, sources)
    if report.errors or root is None:
        return render(report.sorted(), sources), False
    return yaml.dump(_shown(root, numbers), sort_keys=False, allow_unicode=True, width=120), True


def _shown(node: Node, numbers: bool, key: str = "", above: str = "") -> Any:
    if isinstance(node, MapNode):
        return {
            _masked(name, numbers): _shown(value, numbers, name, key)
            for name, value in node.entries.items()
            if name != "include"
        }
    if isinstance(node, ListNode):
        return [_shown(item, numbers, key, above) for item in node.items]
    assert isinstance(node, ScalarNode)
    if is_secret(key) or key == "sha256":
        return node.text if _REFERENCE.fullmatch(node.text) else GONE
    text = mask_urls(node.text)
    if (above, key) == ("webhook", "url"):
        text = _PATH.sub(rf"\1{GONE}", text)
    return _masked(text, numbers)


def _masked(text: str, numbers: bool) -> str:
    return text if numbers else mask_numbers(text)
