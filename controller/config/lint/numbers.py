"""Numbers that load but are wrong: that lead back to us, that are written twice, that nobody should call.

Owns findings about numbers of endpoints, routes and test calls.
"""

from __future__ import annotations

from controller.config.diagnostics import quoted
from controller.config.lint.ground import Ground
from controller.config.source import MapNode
from controller.rules.match import find_inbound


def check_test_numbers(ground: Ground) -> None:
    """A test call to a number of ours would come back as a call, and ring people."""
    dialplan = ground.dialplan
    for name, node in ground.section("trunks").entries.items():
        deep = dialplan.trunks[name].deep
        keys = node.entries.get("deep") if isinstance(node, MapNode) else None
        if deep is None or not isinstance(keys, MapNode) or "number" not in keys.entries:
            continue
        route = find_inbound(dialplan, deep.user)
        if route is not None:
            message = f"the test number of trunk {quoted(name)} is a number of ours: each test call rings people"
            hint = f"name a test number of the carrier ({quoted(deep.user)} is routed at {route.where})"
            ground.report.warning(keys.entries["number"], "LEADS_BACK", message, hint)
