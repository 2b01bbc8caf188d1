"""The same dialplan, written as oddly as YAML allows: for tests of its layout.

Owns the writing: indentation, brackets or lines, quotes, blank lines, the order of sections, and comments everywhere, each
with a number of its own.
"""

from __future__ import annotations

import random
import re
from itertools import count

from controller.config.diagnostics import Report
from controller.config.source import ListNode, MapNode, Node, ScalarNode, compose

_PLAIN = re.compile(r"[\w+./][\w+./@*-]*( [\w+./][\w+./-]*)*")
_PLAIN_OUTSIDE = re.compile(r"[\w+./][\w+./@:*;=-]*[\w/]( [\w+./][\w+./-]*)*")


def write_oddly(text: str, dice: random.Random) -> str:
    """A text that says what ``text`` says."""
    report = Report("")
    root = compose(text, report)
    assert isinstance(root, MapNode)
    assert not report.errors
    return _Writer(dice).whole(root)


class _Writer:
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._numbers = count(1)
        self._lines: list[str] = []
        self._after_block = False  # what is indented now belongs to a text behind | or >

    def whole(self, root: MapNode) -> str:
        sections = [*root.entries]
        if self._dice.random() < 0.5:
            self._dice.shuffle(sections)
        if self._dice.random() < 0.3:
            self._lines += ["# yaml-language-server: $schema=./callward.schema.json", ""]
        for section in sections:
            self._between(0)
            self._entry(section, root.entries[section], 0)
        self._between(0)
        ending = self._dice.choice(["\n", "\n", "\r\n"])
        return ending.join(self._lines) + self._dice.choice(["", ending])

    # ----------------------------------------------------------------------- what stands between

    def _comment(self) -> str:
        return f"#{self._dice.choice(['', ' ', '  '])}c{next(self._numbers)}{self._dice.choice(['', ' {a: [', ': #x', ' '])}"

    def _between(self, depth: int) -> None:
        while self._dice.random() < 0.3:
            kind = self._dice.random()
            if kind < 0.4:
                self._lines.append(" " * (0 if self._after_block else self._dice.choice([0, 0, 3])))
            else:
                at = 0 if self._after_block else self._dice.choice([depth, depth, 0, depth + 3])
                self._lines.append(" " * at + self._comment())

    def _end(self, line: str) -> None:
        if self._dice.random() < 0.25:
            line += " " * self._dice.choice([1, 2, 9]) + self._comment()
        self._lines.append(line + " " * self._dice.choice([0, 0, 2]))
        self._after_block = False

    # ----------------------------------------------------------------------- values

    def _entry(self, key: str, node: Node, depth: int, before: str = "") -> None:
        """``key: value``, behind what stands on the line already."""
        head = (before or " " * depth) + self._key(key) + ":"
        if isinstance(node, ScalarNode):
            self._value(head, node, depth)
        elif self._is_flow(node):
            self._flow(head + " " * self._dice.choice([1, 1, 5]), node)
        else:
            self._end(head)
            deeper = depth + self._dice.choice([1, 2, 2, 4])
            if isinstance(node, ListNode) and self._dice.random() < 0.4:
                deeper = depth
            self._block(node, deeper)

    def _block(self, node: Node, depth: int) -> None:
        if isinstance(node, MapNode):
            for key, value in node.entries.items():
                self._between(depth)
                self._entry(key, value, depth)
            return
        assert isinstance(node, ListNode)
        for item in node.items:
            self._between(depth)
            self._item(item, depth)

    def _item(self, item: Node, depth: int) -> None:
        dash = " " * depth + "-" + " " * self._dice.choice([1, 1, 3])
        if isinstance(item, ScalarNode):
            self._end(dash + self._scalar(item))
        elif self._is_flow(item):
            self._flow(dash, item)
        elif isinstance(item, MapNode) and self._dice.random() < 0.7:
            before = dash
            for key, value in item.entries.items():
                if not before:
                    self._between(len(dash))
                self._entry(key, value, len(dash), before)
                before = ""
        else:
            self._end(dash.rstrip())
            self._block(item, depth + self._dice.choice([1, 2, 4]))

    def _value(self, head: str, node: ScalarNode, depth: int) -> None:
        text = node.text
        if node.is_blank:
            self._end(head)
        elif " " in text and _PLAIN.fullmatch(text) and self._dice.random() < 0.5:
            first, _, rest = text.partition(" ")
            quote = self._dice.choice(['"', "'", ""])
            self._lines.append(f"{head} {quote}{first}" + " " * self._dice.choice([0, 2]))
            self._end(" " * (depth + 3) + rest + quote)
        elif self._dice.random() < 0.1 and text.strip() == text and text.isprintable():
            self._lines.append(f"{head} {self._dice.choice(['|-', '>-', '|2-'])}")
            indent = depth + 2
            self._lines.append(" " * indent + text)
            self._after_block = True
        elif self._dice.random() < 0.1:
            self._end(head)
            self._end(" " * (depth + 1) + self._scalar(node))
        else:
            self._end(head + " " * self._dice.choice([1, 1, 4]) + self._scalar(node, outside=True))

    # ----------------------------------------------------------------------- brackets

    def _is_flow(self, node: Node) -> bool:
        empty = not (node.entries if isinstance(node, MapNode) else node.items if isinstance(node, ListNode) else [])
        return empty or (node.height <= 4 and self._dice.random() < 0.6)

    def _flow(self, head: str, node: Node) -> None:
        breaks = self._dice.choice([0.0, 0.0, 0.2])
        pieces = self._pieces(node)
        line = head
        for piece in pieces:
            line += piece
            if breaks and piece in {", ", ",", "[", "{"} and self._dice.random() < breaks:
                self._end(line)
                self._between(8)
                line = " " * self._dice.choice([len(head), 9, 12])
        self._end(line)

    def _pieces(self, node: Node) -> list[str]:
        space = self._dice.choice(["", "", " "])
        comma = self._dice.choice([", ", ", ", ",", " , "])
        if isinstance(node, ScalarNode):
            return [self._scalar(node)]
        inside: list[list[str]]
        if isinstance(node, MapNode):
            inside = [[self._key(key), ": ", *self._pieces(value)] for key, value in node.entries.items()]
            left, right = "{", "}"
        else:
            assert isinstance(node, ListNode)
            inside = [self._pieces(item) for item in node.items]
            left, right = "[", "]"
        found = [left]
        for number, each in enumerate(inside):
            found += [comma if number else space, *each]
        if inside and self._dice.random() < 0.1:
            found.append(",")
        return [*found, space, right]

    def _key(self, key: str) -> str:
        return (
            self._dice.choice([f'"{key}"', f"'{key}'"])
            if self._dice.random() < 0.1 or not _PLAIN.fullmatch(key)
            else key
        )

    def _scalar(self, node: ScalarNode, *, outside: bool = False) -> str:
        text = node.text
        if node.is_blank:
            return ""
        kinds = []
        if _PLAIN.fullmatch(text) or (outside and _PLAIN_OUTSIDE.fullmatch(text)):
            kinds += ["plain", "plain"]
        if "'" not in text:
            kinds.append("single")
        if "\\" not in text and '"' not in text:
            kinds.append("double")
        kind = self._dice.choice(kinds)
        return text if kind == "plain" else f"'{text}'" if kind == "single" else f'"{text}"'
