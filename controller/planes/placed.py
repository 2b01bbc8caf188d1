"""The way of a call of our own: not by a route, but by the trunks that it was ordered for.

Owns the chain that such an order becomes; everything behind it is as for any call. Must not make calls: that is
`controller.placing`.
"""

from __future__ import annotations

from controller.types import DIALLED, CallOrder, Chain, Dialplan, Path, Stage, Target
from controller.wording import uri_of

NAME = "calls of our own"


def make_chain(order: CallOrder, dialplan: Dialplan) -> Chain:
    """One stage, whose one target is the number, by each address of each trunk in turn."""
    trunks = dialplan.trunks.values()
    via = [trunk for name in order.trunks for trunk in trunks if name in (trunk.name, trunk.group)]
    paths = tuple(
        Path(f"{NAME} via {trunk.name}", NAME, trunk.name, uri_of(trunk, DIALLED), group=trunk.group) for trunk in via
    )
    target = Target(NAME, paths, dialled=True, drawn=any(trunk.group for trunk in via))
    return Chain(NAME, (Stage((target,), ring=order.ring),))
