"""Trunks and what may be done with them that load but are wrong: copies, wide doors, dear ways out, too few lines.

Owns findings about addresses, sources, prices, causes and limits.
"""

from __future__ import annotations

import ipaddress
from collections import Counter

from controller.config.diagnostics import quoted
from controller.config.lint.ground import Ground, items
from controller.config.source import MapNode, ScalarNode
from controller.types import Mode, Stage, Trunk, Verdict

#: No carrier has more than a /16 of IPv4, or a /32 of IPv6 (what registries give to whole providers).
_WIDEST = {4: 16, 6: 32}
#: Digits of a country code at most: behind such a prefix is a whole country, premium rates and all.
_COUNTRY = 3


def check_trunks(ground: Ground) -> None:
    """All findings of this file."""
    _check_copies(ground)
    _check_sources(ground)
    _check_tolls(ground)
    _check_causes(ground)
    for _, stage, node in ground.stages():
        _check_lines(ground, stage, node)


def _check_copies(ground: Ground) -> None:
    """Two carriers at one address are one carrier, whatever they are called."""
    first: dict[tuple[str, int, str], Trunk] = {}
    for name, trunk in ground.dialplan.trunks.items():
        if not trunk.carrier or trunk.registered:
            continue
        other = first.setdefault((trunk.host.lower(), trunk.port, trunk.transport), trunk)
        if other.carrier != trunk.carrier:
            node = ground.section("trunks").entries[name]
            assert isinstance(node, MapNode)
            message = (
                f"trunks {quoted(other.name)} of carrier {quoted(other.carrier)} and {quoted(name)} of carrier "
                f"{quoted(trunk.carrier)} have one address: they fail together"
            )
            hint = "write its own uri, or the same carrier in both"
            ground.report.warning(node.entries["uri"], "SAME_PLACE", message, hint)


def _check_sources(ground: Ground) -> None:
    """Whoever calls from the sources of a trunk is that trunk."""
    for name, node in ground.section("trunks").entries.items():
        written = node.entries.get("sources") if isinstance(node, MapNode) else None
        for item in items(written) if written is not None else ():
            assert isinstance(item, ScalarNode)
            if "/" not in item.text:
                continue
            network = ipaddress.ip_network(item.text)
            if network.prefixlen < _WIDEST[network.version]:
                message = f"whoever calls from {network} is taken for trunk {quoted(name)}"
                hint = "name the networks that the carrier names for firewalls"
                ground.report.warning(item, "WIDE_SOURCES", message, hint)


def _check_tolls(ground: Ground) -> None:
    """Toll fraud is the dearest thing that can happen to a PBX: one phone that is taken over, one night."""
    for route in ground.routes():
        outbound = route.entries.get("outbound")
        prefix = outbound.entries.get("prefix") if isinstance(outbound, MapNode) else None
        if not isinstance(prefix, ScalarNode) or "max_cost" in route.entries:
            continue
        is_any = prefix.text in ("", "*")
        premium = route.entries.get("premium")
        if isinstance(premium, ScalarNode) and premium.text == "true":
            if is_any or len(prefix.text.removeprefix("+")) <= _COUNTRY:
                message = f"premium-rate numbers may be called at any price, by prefix {quoted(prefix.text or '*')}"
                hint = "give them a route with a longer prefix of their own, or add max_cost"
                ground.report.warning(premium, "TOLLS", message, hint)
        elif is_any and "countries" not in route.entries:
            message = "every country may be called at any price: who takes over one phone calls the dearest"
            ground.report.warning(prefix, "TOLLS", message, "add countries: [US, CA], or max_cost")


def _check_causes(ground: Ground) -> None:
    """A trunk that is out of order says so by these: stopping there is what callward is there to prevent."""
    causes = ground.section("defaults").entries.get("causes")
    if not isinstance(causes, MapNode):
        return
    for cause, node in causes.entries.items():
        assert isinstance(node, ScalarNode)
        if node.text == Verdict.STOP and (cause in ("408", "480") or (cause.isdigit() and 500 <= int(cause) < 600)):
            message = f"a {cause} of one trunk ends the call: nobody else is tried"
            hint = "write next-path or next-target, or remove it"
            ground.report.warning(node, "STOPS_CALLS", message, hint)


def _check_lines(ground: Ground, stage: Stage, node: MapNode) -> None:
    """A stage that rings more phones over a trunk than it has lines never rings them all."""
    if stage.mode is Mode.SEQUENTIAL:
        return
    alone = Counter(
        next(iter(trunks)) for each in stage.targets if len(trunks := {path.trunk for path in each.paths}) == 1
    )
    for name, phones in alone.items():
        limits = ground.dialplan.trunks[name].limits
        lines = (
            min((each for each in (limits.calls, limits.outward) if each is not None), default=None) if limits else None
        )
        if lines is not None and phones > lines:
            message = f"the stage rings {phones} phones over trunk {quoted(name)}, which has {lines} {'line' if lines == 1 else 'lines'}"
            hint = "give some of them another way, or ring them in two stages"
            ground.report.warning(node.keys["ring"], "NO_LINES", message, hint)
