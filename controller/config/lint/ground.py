"""What the rules look at: the dialplan, what it was read from, and the day.

Owns the way from a name to the node where it stands. Knows no rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from controller.config.diagnostics import Report
from controller.config.lint.week import moods
from controller.config.names import Names
from controller.config.source import ListNode, MapNode, Node
from controller.types import Chain, Dialplan, Stage


@dataclass(frozen=True, slots=True)
class Ground:
    """A dialplan without errors, its nodes (all that the models promise is there), and where findings go."""

    dialplan: Dialplan
    root: MapNode
    names: Names
    report: Report
    today: date
    _moods: dict[tuple[str, ...], list[dict[str, bool]]] = field(default_factory=dict)

    def section(self, name: str) -> MapNode:
        """A section of names; an empty one where it is not written."""
        node = self.root.entries.get(name)
        return node if isinstance(node, MapNode) else MapNode(line=1, col=1, end_col=2)

    def chains(self) -> Iterator[tuple[Chain, ListNode]]:
        """Each chain that was written (outbound routes make others) with its stages."""
        for name, node in self.section("chains").entries.items():
            assert isinstance(node, ListNode)
            yield self.dialplan.chains[name], node

    def stages_of(self, chain: Chain) -> Iterator[tuple[Chain, Stage, MapNode]]:
        """The stages of one chain that was written."""
        nodes = self.section("chains").entries[chain.name]
        assert isinstance(nodes, ListNode)
        for stage, node in zip(chain.stages, nodes.items, strict=True):
            assert isinstance(node, MapNode)
            yield chain, stage, node

    def stages(self) -> Iterator[tuple[Chain, Stage, MapNode]]:
        """Each stage of these."""
        for chain, _ in self.chains():
            yield from self.stages_of(chain)

    def moods_of(self, chain: Chain) -> list[dict[str, bool]]:
        """Which of the calendars of a chain are open and closed together at some time, fewest open first."""
        whens = [stage.when for stage in chain.stages if stage.when is not None]
        names = tuple(sorted({name for when in whens for name in (when.hours, when.not_hours) if name}))
        if names not in self._moods:
            found = moods(self.dialplan.hours[name] for name in names) if names else set()
            self._moods[names] = [
                dict(zip(names, mood, strict=True)) for mood in sorted(found, key=lambda m: (sum(m), m))
            ]
        return self._moods[names]

    def routes(self) -> Iterator[MapNode]:
        """The routes as they are written, of all kinds."""
        node = self.root.entries.get("routes")
        for item in node.items if isinstance(node, ListNode) else ():
            assert isinstance(item, MapNode)
            yield item


def items(node: Node) -> list[Node]:
    """The items of a list, or the one value that was written without brackets."""
    return node.items if isinstance(node, ListNode) else [node]
