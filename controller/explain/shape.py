"""Which chains play out alike: those that differ in nothing but who is rung at the end of the same trunks.

Owns what a chain's course depends on, and how what is found for one chain is said of another of the same shape. Nothing that
plans or runs a call looks at who somebody is, but for three things, and these are in the shape: whether two targets are the
same one, who sounds like a voicemail, and, where `order: best` has a leader for each endpoint, its name. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields, replace

from controller.explain.outlook import Outlook, is_voicemail
from controller.types import Chain, Order, Stage, Target

#: Of a stage all that can matter: where it is written does not, and its targets are looked at one by one.
_FIELDS = tuple(one.name for one in fields(Stage) if one.name not in ("where", "targets"))


class Shapes:
    """The shapes of some chains; chains of one shape have equal numbers."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._ways: dict[int, tuple[Target, Hashable]] = {}  # by the identity of the target, which is kept with it

    def number(self, chain: Chain) -> int:
        """The shape of a chain."""
        endpoints: dict[str, int] = {}
        shape = tuple(self._stage(stage, endpoints) for stage in chain.stages)
        return self._numbers.setdefault(shape, len(self._numbers))

    def _stage(self, stage: Stage, endpoints: dict[str, int]) -> Hashable:
        named = stage.order is Order.BEST
        targets = tuple(
            (
                endpoints.setdefault(target.endpoint, len(endpoints)),
                target.endpoint if named else "",
                self._target(target),
            )
            for target in stage.targets
        )
        return tuple([getattr(stage, name) for name in _FIELDS]), targets

    def _target(self, target: Target) -> Hashable:
        """A target without its names."""
        known = self._ways.get(id(target))
        if known is None:
            paths = tuple((path.trunk, path.group, path.cancellable, is_voicemail(path)) for path in target.paths)
            known = self._ways[id(target)] = target, (target.live, target.dialled, target.drawn, paths)
        return known[1]


def say_of(outlook: Outlook, there: Chain, here: Chain) -> Outlook:
    """What was found for one chain, of another of the same shape."""
    if there is here:
        return outlook
    names = dict(zip(_names(there), _names(here), strict=True))
    return replace(
        outlook,
        first=tuple([names[path] for path in outlook.first]),
        order=tuple([names[path] for path in outlook.order]),
    )


def _names(chain: Chain) -> list[str]:
    return [path.name for stage in chain.stages for target in stage.targets for path in target.paths]
