"""What trunks say for the order in which they are tried, where nothing orders them.

Owns what each order looks at.
"""

from __future__ import annotations

from controller.config.diagnostics import quoted
from controller.config.lint.ground import Ground
from controller.config.source import MapNode
from controller.types import Order

#: What each order looks at.
_LOOKS_AT = {
    Order.CONFIGURED: frozenset[str](),
    Order.PRIORITY: frozenset(("priority", "weight")),
    Order.COST: frozenset(("cost", "priority")),
    Order.BEST: frozenset(("cost",)),
}


def check_order(ground: Ground) -> None:
    """What does nothing must not look as if it did something."""
    stages = [stage for chain in ground.dialplan.chains.values() for stage in chain.stages]
    ordered = {
        (path.trunk, word)
        for stage in stages
        if (words := _LOOKS_AT[stage.order])
        for target in stage.targets
        for path in target.paths
        for word in words
    }
    ordered |= {
        (path.trunk, "cost")
        for stage in stages
        if stage.max_cost is not None
        for target in stage.targets
        for path in target.paths
    }
    for name, trunk in ground.section("trunks").entries.items():
        assert isinstance(trunk, MapNode)
        for word in ("priority", "weight", "cost"):
            if word in trunk.keys and (name, word) not in ordered:
                message = f"{quoted(word)} has no effect: no chain orders trunk {quoted(name)} by it"
                order = Order.COST if word == "cost" else Order.PRIORITY
                hint = f"write order: {order} in a stage that uses it, or in defaults, or remove it"
                ground.report.warning(trunk.keys[word], "NO_EFFECT", message, hint)
