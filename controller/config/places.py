"""Nodes by their place, names by their section: what every compiler of a part of the file needs.

Owns the words of findings about unknown, repeated, missing and contradicting keys and names. Knows no section.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.config.diagnostics import Report, quoted
from controller.config.model import FileModel
from controller.config.names import Names
from controller.config.source import MapNode, Node
from controller.config.validate import Loc, describe, find


@dataclass(slots=True)
class Places:
    """A file under compilation: its models, what they were read from, its names, and where findings go."""

    file: FileModel
    root: Node
    names: Names
    report: Report

    def one_of(self, keys: list[str], loc: Loc, hints: tuple[str, str]) -> str | None:
        """Which of the keys that exclude each other an entry has; several and none are reported."""
        node = self.map_at(*loc)
        written = [key for key in keys if key in node.entries]
        for other in written[1:]:
            message = f"{quoted(written[0])} and {quoted(other)} exclude each other in {self.describe(loc)}"
            self.report.error(node.keys[other], "BOTH_KEYS", message, hints[0])
        if not written and not node.lost & {*keys}:
            *most, last = map(quoted, keys)
            message = f"{', '.join(most)} or {last} is missing in {self.describe(loc)}"
            self.report.error(node, "MISSING_KEY", message, hints[1])
        return written[0] if written else None

    def use(self, section: str, name: str, loc: Loc, inside: Loc | None = None) -> bool:
        return self.names.use(section, name, self.at(*loc), lambda: describe(self.root, inside or loc[:-1]))

    def distinct(self, section: str, used: Iterable[str], loc: Loc, inside: Loc | None = None) -> list[str]:
        """The known ones of a list of names; unknown and repeated ones are reported."""
        seen: dict[str, Node] = {}
        known = []
        for index, name in enumerate(used):
            item = (*loc, index)
            is_known = self.use(section, name, item, inside or loc[:-1])
            if name in seen:
                message = f"{quoted(name)} stands twice in {describe(self.root, loc)}"
                self.report.error(self.at(*item), "DUPLICATE", message, f"first at {seen[name]}: remove one of the two")
            elif is_known:
                known.append(name)
            seen.setdefault(name, self.at(*item))
        return known

    def describe(self, loc: Loc) -> str:
        """A place in the operator's words."""
        return describe(self.root, loc)

    def at(self, *loc: int | str) -> Node:
        return find(self.root, loc)

    def map_at(self, *loc: int | str) -> MapNode:
        """The same, where it is known to be a mapping."""
        node = self.at(*loc)
        assert isinstance(node, MapNode)
        return node

    def key(self, section: str, name: str) -> Node:
        return self.map_at(section).keys[name]

    def where(self, node: Node) -> str:
        return f"{node.file or self.report.file}:{node.line}"
