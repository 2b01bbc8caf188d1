"""Outbound routes -> chains of one stage, whose one target is the number that will be dialled.

Owns who may call out: PBXs, never carriers, and only those that can be told from everybody else by their address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from controller.config.diagnostics import quoted
from controller.config.model import RouteModel
from controller.config.places import Places
from controller.config.shares import build_tolls, check_cost
from controller.config.source import MapNode, Node, ScalarNode
from controller.config.validate import Loc, describe
from controller.rules.numbers import escape_user, write_number
from controller.rules.order import put_active_first
from controller.types import DIALLED, Chain, Path, Route, Site, Stage, Target, Trunk
from controller.wording import uri_of


@dataclass(slots=True)
class Outbound(Places):
    """The outbound routes of a file. ``frame`` makes a stage without targets of what stands at a place, ``shares`` what a
    route counts in."""

    trunks: dict[str, Trunk]
    sites: dict[str, Site]
    frame: Callable[[Loc, RouteModel], Stage]
    shares: Callable[[int, RouteModel], dict[str, Any]]
    routes: dict[str, dict[str, Route]] = field(default_factory=dict)  # by prefix, then by trunk; filled by `chains`

    def chains(self) -> dict[str, Chain]:
        """Each outbound route is a chain of one stage, whose one target is whatever was dialled."""
        chains: dict[str, Chain] = {}
        ours = [pbx for site in self.sites.values() for pbx in site.pbx]
        for index, model in enumerate(self.file.routes):
            loc = ("routes", index)
            node = self.map_at(*loc)
            if model.outbound is None or "did" in node.entries or "prefix" in node.entries:
                continue
            via = self.distinct("trunks", model.via or (), (*loc, "via"), inside=loc)
            callers = self.callers(index, model, ours, via)
            if not self.is_written(index):
                continue
            prefix = model.outbound.prefix
            name = f"outbound {prefix or '*'}" + (f" from {', '.join(callers)}" if model.callers else "")
            tolls = build_tolls(model.countries, premium=model.premium)
            check_cost(self, model.max_cost, [self.trunks[each] for each in via if each in self.trunks], loc)
            counted = self.shares(index, model)
            route = Route(prefix, name, self.where(node), prefix=True, outbound=True, tolls=tolls, **counted)
            for caller in callers:
                self.allow(caller, route, index)
            paths = paths_to(name, DIALLED, (self.trunks[each] for each in via if each in self.trunks), self.sites)
            target = Target(name, paths, dialled=True)
            stage = replace(self.frame(loc, model), targets=(target,), max_cost=model.max_cost)
            chains[name] = Chain(name, (stage,), where=route.where)
        return chains

    def callers(self, index: int, model: RouteModel, ours: list[str], via: list[str]) -> list[str]:
        """The trunks whose calls may take an outbound route: PBXs, never who carries calls for money."""
        loc = ("routes", index)
        node = self.map_at(*loc)
        inside = describe(self.root, loc)
        if model.callers is None:
            if not ours and not node.lost and not _is_tried(self.root, "sites"):
                message = f"nobody may use {inside}: there is no site whose PBXs could"
                others = (name for name, trunk in self.trunks.items() if not trunk.carrier and name not in via)
                pbx = next(others, "hq-pbx")
                self.report.error(node, "MISSING_KEY", message, f"add from: [{pbx}], the trunk of your PBX")
            known = ours
        else:
            known = self.distinct("trunks", model.callers, (*loc, "from"), inside=loc)
        for name in known:
            written = model.callers is not None
            at = self.at(*loc, "from", model.callers.index(name)) if model.callers is not None else node
            trunk = self.trunks.get(name)
            if name in via:
                message = f"{quoted(name)} is in 'via' of {inside} and its calls come from there"
                hint = "a call must not go back to where it came from: " + (
                    "remove it from one of the two" if written else "write 'from', or remove it from 'via'"
                )
                self.report.error(at if written else self.at(*loc, "via", via.index(name)), "LOOP", message, hint)
            elif trunk is not None and trunk.carrier:
                message = f"{quoted(name)} is a trunk of carrier {quoted(trunk.carrier)}, which may not use {inside}"
                hint = "name your PBXs only: a carrier's callers would call anywhere at your expense"
                self.report.error(at, "NOT_A_PBX", message, hint)
            elif trunk is not None and (twin := _twin(trunk, self.trunks)):
                message = (
                    f"trunks {quoted(name)} and {quoted(twin)} have one address: nobody can tell their calls apart"
                )
                self.report.error(at, "SAME_ADDRESS", f"{message} in {inside}", "give them ports of their own")
            elif trunk is not None and (shared := _shared_source(trunk, self.trunks)):
                twin, source = shared
                message = (
                    f"trunks {quoted(name)} and {quoted(twin)} both call from {quoted(source)}: nobody can tell their"
                )
                hint = "keep it in 'sources' of one of the two, or name smaller networks"
                self.report.error(at, "SAME_ADDRESS", f"{message} calls apart in {inside}", hint)
        return known

    def allow(self, caller: str, route: Route, index: int) -> None:
        first = self.routes.setdefault(route.did, {}).setdefault(caller, route)
        node = self.at("routes", index, "outbound")
        if first is not route and isinstance(node, MapNode) and "prefix" in node.entries:
            message = f"duplicate outbound prefix {quoted(route.did or '*')} for {quoted(caller)}"
            hint = f"first at {first.where}: remove one of the two, or write 'from' in both"
            self.report.error(node.entries["prefix"], "DUPLICATE", message, hint)

    def is_written(self, index: int) -> bool:
        """Any number is a lot: nobody gets it by a value that he left out, or that came out empty."""
        loc = ("routes", index, "outbound", "prefix")
        node = self.at(*loc)
        if not isinstance(node, ScalarNode) or node.text or not (node.plain or node.origin):
            return True
        at = node if node.origin else self.map_at(*loc[:-1]).keys["prefix"]
        message = f"{describe(self.root, loc)} has no value"
        self.report.error(at, "NO_VALUE", message, 'write "*" if every number is meant')
        return False


def paths_to(
    name: str, user: str, via: Iterable[Trunk], sites: dict[str, Site], *, is_number: bool = False
) -> tuple[Path, ...]:
    """The ways to an endpoint, the active PBX of a site before the others; a number as each trunk writes it."""
    paths = [
        Path(
            name=f"{name} via {trunk.name}",
            endpoint=name,
            trunk=trunk.name,
            address=uri_of(trunk, _write(trunk, user) if is_number else user),
        )
        for trunk in via
    ]
    put_active_first(paths, sites.values())
    return tuple(paths)


def _write(trunk: Trunk, number: str) -> str:
    return escape_user(write_number(trunk.format, number, called=True))


def _twin(trunk: Trunk, trunks: dict[str, Trunk]) -> str:
    """Another trunk with the very address of this one, "" if there is none: phones that register have none, and are told
    apart by their users."""
    if trunk.registered:
        return ""
    address = (trunk.host.lower(), trunk.port, trunk.transport)
    same = (
        each.name
        for each in trunks.values()
        if not each.registered and (each.host.lower(), each.port, each.transport) == address
    )
    return next((name for name in same if name != trunk.name), "")


def _shared_source(trunk: Trunk, trunks: dict[str, Trunk]) -> tuple[str, str] | None:
    """Another trunk that calls from the very network of this one, and that network."""
    for other in trunks.values():
        for source in other.sources if other.name != trunk.name else ():
            if source in trunk.sources:
                return other.name, source
    return None


def _is_tried(root: Node, section: str) -> bool:
    """Whether it is written, be it wrong: then something was said of it already."""
    return isinstance(root, MapNode) and (section in root.entries or section in root.lost)


def _lost(node: Node) -> set[str]:
    return node.lost if isinstance(node, MapNode) else set()
