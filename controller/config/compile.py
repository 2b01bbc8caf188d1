"""Models -> the frozen dialplan: names resolved, paths built, timers inherited, numbers indexed.

Owns everything that needs more than one value: unknown and duplicate names, values that contradict each other.
It runs on what validation left over; a dialplan built after an error is thrown away by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

from controller.config.address import HostPort, ip_version
from controller.config.diagnostics import Mistake, Report, quoted
from controller.config.hours import DAYS, parse_days
from controller.config.model import EndpointModel, FileModel, HoursModel, ProbeModel, StageModel, WhenModel
from controller.config.names import Names
from controller.config.source import ListNode, MapNode, Node
from controller.config.timers import Timers, default_timers, stage_timers
from controller.config.validate import Loc, describe, find
from controller.config.values import OFF, parse_cause
from controller.types import (
    Chain,
    Dialplan,
    Hours,
    Listen,
    Path,
    Probe,
    Route,
    Site,
    Stage,
    Target,
    Trunk,
    Verdict,
    When,
)
from sip.uri import bracketed

#: What to do about both of two keys, and about neither.
_ENDPOINT_HINTS = (
    "keep user for what a PBX knows, number for what a carrier knows",
    'add user: "100" (of a PBX) or number: "+15550100"',
)
_ROUTE_HINTS = (
    "keep did for one number, prefix for all that begin so",
    'add did: "+15557000", or prefix: "+1555" for all that begin so',
)

_ADD_UDP = 'add udp: "0.0.0.0:5060"; TCP comes beside UDP, never alone'
_TRANSPORT = {"udp": "", "tcp": ";transport=tcp"}  # in a URI; udp is what one means that says nothing


def build(file: FileModel, root: Node, names: Names, report: Report, version: str) -> Dialplan:
    """Compile the models; ``root`` is what they were read from."""
    return _Compiler(file, root, names, report).dialplan(version)


@dataclass(slots=True)
class _Compiler:
    file: FileModel
    root: Node
    names: Names
    report: Report
    all_known: bool = False  # no listener is wrong itself

    def dialplan(self, version: str) -> Dialplan:
        listen = self.listen()
        sites = self.sites()
        trunks = self.trunks(listen, sites)
        targets = self.targets(trunks)
        chains = self.chains(targets)
        routes = self.routes()
        return Dialplan(
            version=version,
            listen=listen,
            trunks=MappingProxyType(trunks),
            chains=MappingProxyType(chains),
            routes=MappingProxyType({r.did: r for r in routes if not r.prefix and r.did != "*"}),
            default=next((route for route in routes if route.did == "*"), None),
            causes=MappingProxyType(self.causes()),
            prefixes=MappingProxyType({route.did: route for route in routes if route.prefix}),
            hours=MappingProxyType({name: self.hours(name, model) for name, model in self.file.hours.items()}),
            sites=MappingProxyType(sites),
        )

    # ----------------------------------------------------------------- sections

    def listen(self) -> tuple[Listen, ...]:
        """The addresses by transport, UDP first: it is the one that everybody speaks (RFC 3261 §18)."""
        found: dict[str, Listen] = {}
        self.all_known = bool(self.file.listen)
        for index, model in enumerate(self.file.listen):
            node = self.at("listen", index)
            assert isinstance(node, MapNode)
            written = {"udp": model.udp, "tcp": model.tcp}
            if node.lost:
                self.all_known = False
            elif not any(written.values()):
                self.report.error(
                    node, "MISSING_KEY", f"{describe(self.root, ('listen', index))} has no address", _ADD_UDP
                )
            for transport, address in written.items():
                if address is not None:
                    self.keep_listener(found, transport, address, self.at("listen", index, transport))
        if found and "udp" not in found and self.all_known:
            self.report.error(self.at("listen"), "NO_LISTENER", "nothing listens on UDP", _ADD_UDP)
        return tuple(found[transport] for transport in ("udp", "tcp") if transport in found)

    def keep_listener(self, found: dict[str, Listen], transport: str, address: HostPort, at: Node) -> None:
        name = transport.upper()
        if transport in found:
            hint = "keep the first and remove this one; 0.0.0.0 listens on all addresses of this machine"
            self.report.error(at, "ONE_LISTENER", f"this version listens on one {name} address only", hint)
            return
        other = next(iter(found.values()), None)
        if other is not None and other.host != address.host:
            hint = f"write {bracketed(other.host)} here too ({other.where}); the ports may differ"
            self.report.error(at, "ONE_LISTENER", "UDP and TCP listen on different hosts", hint)
        found[transport] = Listen(address.host, address.port, transport, where=self.where(at))

    def sites(self) -> dict[str, Site]:
        sites: dict[str, Site] = {}
        taken: dict[str, str] = {}
        for name, model in self.file.sites.items():
            loc = ("sites", name, "pbx")
            for index, pbx in enumerate(model.pbx):
                if taken.setdefault(pbx, name) != name:
                    message = f"{quoted(pbx)} is a PBX of two sites, {quoted(taken[pbx])} and {quoted(name)}"
                    self.report.error(self.at(*loc, index), "DUPLICATE", message, "a PBX stands in one place")
            pbx_names = self.distinct("trunks", model.pbx, loc)
            node = self.at("sites", name)
            assert isinstance(node, MapNode)
            if model.active is not None and model.active not in model.pbx and "pbx" not in node.lost:
                message = f"{quoted(model.active)} is no PBX of site {quoted(name)}"
                at = self.at("sites", name, "active")
                self.report.error(at, "BAD_CHOICE", message, "name one of its 'pbx', or remove it")
            sites[name] = Site(name, tuple(pbx_names), where=self.where(self.key("sites", name)))
        return sites

    def site_of(self, trunk: str, written: str | None, sites: dict[str, Site]) -> str:
        home = next((site.name for site in sites.values() if trunk in site.pbx), "")
        if written is None or not self.use("sites", written, ("trunks", trunk, "site")):
            return home
        if home and home != written:
            message = f"trunk {quoted(trunk)} is a PBX of site {quoted(home)}, not of {quoted(written)}"
            at = self.at("trunks", trunk, "site")
            self.report.error(at, "TWO_SITES", message, f"write site: {home}, or move it ({sites[home].where})")
        return written

    def hours(self, name: str, model: HoursModel) -> Hours:
        spans: list[tuple[tuple[int, int], ...]] = [()] * len(DAYS)
        written: dict[int, str] = {}
        for key, value in model.open.items():
            keys = self.at("hours", name, "open")
            assert isinstance(keys, MapNode)
            try:
                days = parse_days(key)
            except Mistake as mistake:
                inside = describe(self.root, ("hours", name, "open"))
                self.report.error(keys.keys[key], mistake.code, f"{mistake.message} in {inside}", mistake.hint)
                continue
            for day in days:
                if day in written:
                    message = f"{DAYS[day]} is in {quoted(written[day])} and in {quoted(key)} of {quoted(name)}"
                    self.report.error(keys.keys[key], "DUPLICATE", message, "write each day once")
                    break
                written[day] = key
                spans[day] = tuple(value)
        closed = {day: called for days in model.holidays for day, called in days.items()}
        return Hours(
            name, model.zone, tuple(spans), MappingProxyType(closed), where=self.where(self.key("hours", name))
        )

    def trunks(self, listen: tuple[Listen, ...], sites: dict[str, Site]) -> dict[str, Trunk]:
        trunks = {}
        for name, model in self.file.trunks.items():
            if "uri" in model.model_fields_set:
                self.check_reach(name, model.uri, listen)
            trunks[name] = Trunk(
                name,
                model.uri.host,
                model.uri.port,
                model.uri.transport,
                carrier=model.carrier,
                probe=self.probe(name, model.probe),
                where=self.where(self.key("trunks", name)),
                large_over_tcp=model.large == "tcp" and model.uri.transport == "udp",
                priority=model.priority,
                weight=model.weight,
                cost=model.cost,
                site=self.site_of(name, model.site, sites),
            )
            if model.large == "tcp" and self.all_known and listen and "tcp" not in {ours.transport for ours in listen}:
                message = f"large requests to trunk {quoted(name)} go over TCP, and nothing listens on TCP"
                hint = "add {tcp: \"IP:PORT\"} to 'listen', or remove 'large'"
                self.report.error(self.at("trunks", name, "large"), "NO_LISTENER", message, hint)
        for name, probe in self.file.probes.items():
            self.check_probe(name, probe)
        return trunks

    def check_reach(self, name: str, uri: HostPort, listen: tuple[Listen, ...]) -> None:
        """Calls leave by the sockets they come in by: one of them must reach the trunk, and none be it."""
        at = self.at("trunks", name, "uri")
        for ours in listen:
            if uri == (ours.host, ours.port, ours.transport):
                message = f"trunk {quoted(name)} leads back to the address we listen on"
                hint = f"write the other side's address: calls would run in a circle ({ours.where})"
                self.report.error(at, "LOOP", message, hint)
        family = ip_version(uri.host)  # of a DNS name nothing is known here, nor of a listener that is wrong itself
        all_known = listen and self.all_known
        if all_known and uri.transport == "tcp" and "tcp" not in {ours.transport for ours in listen}:
            message = f"trunk {quoted(name)} is reached over TCP, and nothing listens on TCP"
            hint = "add {tcp: \"IP:PORT\"} to 'listen', or remove ';transport=tcp'"
            self.report.error(at, "NO_LISTENER", message, hint)
        if family and all_known and family not in {ip_version(ours.host) for ours in listen}:
            message = f"trunk {quoted(name)} has an IPv{family} address, and nothing listens on IPv{family}"
            hint = f"listen on an IPv{family} address, or write one of the other kind here"
            self.report.error(at, "NO_LISTENER", message, hint)

    def probe(self, trunk: str, name: str | None) -> Probe | None:
        if name == OFF:
            return None
        if name is None or not self.use("probes", name, ("trunks", trunk, "probe")):
            return Probe()
        model = self.file.probes.get(name)
        return Probe() if model is None else _probe(model)

    def check_probe(self, name: str, model: ProbeModel) -> None:
        node = self.at("probes", name)
        probe = _probe(model)
        assert isinstance(node, MapNode)
        if probe.burst > probe.every and not node.lost & {"burst", "every"}:
            at = node.keys["burst" if "burst" in node.keys else "every"]
            message = f"'burst' is slower than 'every' in probe {quoted(name)}"
            self.report.error(at, "TIMER_ORDER", message, "after a miss probes come faster: lower burst or raise every")

    def targets(self, trunks: dict[str, Trunk]) -> dict[str, Target]:
        targets = {}
        for name, model in self.file.endpoints.items():
            address = self.address(name, model)
            used = self.distinct("trunks", model.via, ("endpoints", name, "via"))
            paths = [
                Path(
                    name=f"{name} via {trunk.name}",
                    endpoint=name,
                    trunk=trunk.name,
                    address=f"sip:{address}@{bracketed(trunk.host)}:{trunk.port}{_TRANSPORT[trunk.transport]}",
                )
                for trunk in (trunks[via] for via in self.active_first(used) if via in trunks)
            ]
            targets[name] = Target(name, tuple(paths), live=model.live)
        return targets

    def active_first(self, via: list[str]) -> list[str]:
        """Of the PBXs of a site the active one is the first; what else there is keeps its place."""
        for site in self.file.sites.values():
            places = [index for index, name in enumerate(via) if name in site.pbx]
            if site.active in via and places:
                via.remove(site.active)
                via.insert(places[0], site.active)
        return via

    def address(self, name: str, model: EndpointModel) -> str:
        self.one_of("user", "number", ("endpoints", name), _ENDPOINT_HINTS)
        return model.user or model.number or ""

    def chains(self, targets: dict[str, Target]) -> dict[str, Chain]:
        defaults = find(self.root, ("defaults",))
        node = defaults if isinstance(defaults, MapNode) and defaults is not self.root else None
        inherited = default_timers(self.file.defaults, node, self.report)
        unsure = node.lost if node else set()
        return {
            name: Chain(
                name,
                tuple(
                    self.stage(("chains", name, index), model, targets, inherited, unsure)
                    for index, model in enumerate(stages)
                ),
                where=self.where(self.key("chains", name)),
            )
            for name, stages in self.file.chains.items()
        }

    def stage(
        self, loc: Loc, model: StageModel, targets: dict[str, Target], inherited: Timers, unsure: set[str]
    ) -> Stage:
        node = self.at(*loc)
        assert isinstance(node, MapNode)
        timers = stage_timers(model, node, inherited, unsure, describe(self.root, loc), self.report)
        used = self.distinct("endpoints", model.ring, (*loc, "ring"), inside=loc)
        return Stage(
            tuple(targets[name] for name in used if name in targets),
            mode=model.mode,
            where=self.where(node),
            when=self.when(model.when, (*loc, "when")) if model.when else None,
            **{name: timer.value for name, timer in timers.items()},
        )

    def when(self, model: WhenModel, loc: Loc) -> When:
        inside = loc[:-1]
        for section, key, name in (("hours", "hours", model.hours), ("hours", "not_hours", model.not_hours)):
            if name is not None:
                self.use(section, name, (*loc, key), inside)
        for section, key, states in (("trunks", "trunk", model.trunk), ("sites", "site", model.site)):
            for name in states:
                node = self.at(*loc, key)
                assert isinstance(node, MapNode)
                self.names.use(section, name, node.keys[name], describe(self.root, inside))
        return When(
            hours=model.hours or "",
            not_hours=model.not_hours or "",
            callers=tuple(model.caller),
            trunks=tuple(model.trunk.items()),
            sites=tuple(model.site.items()),
        )

    def routes(self) -> list[Route]:
        seen: dict[tuple[str, str], Node] = {}
        routes = []
        items = find(self.root, ("routes",))
        for index, model in enumerate(self.file.routes):
            assert isinstance(items, ListNode)
            node = items.items[index]
            if "chain" in model.model_fields_set:
                self.use("chains", model.chain, ("routes", index, "chain"))
            key = self.one_of("did", "prefix", ("routes", index), _ROUTE_HINTS)
            number = model.did if key == "did" else model.prefix
            if key is None or number is None:
                continue
            at = self.at("routes", index, key)
            if (key, number) in seen:
                hint = f"first at {seen[key, number]}: remove one of the two"
                self.report.error(at, "DUPLICATE", f"duplicate {key} {quoted(number)}", hint)
            seen.setdefault((key, number), at)
            routes.append(Route(number, model.chain, where=self.where(node), prefix=key == "prefix"))
        return routes

    def one_of(self, one: str, other: str, loc: Loc, hints: tuple[str, str]) -> str | None:
        """Which of two keys that exclude each other an entry has; both and none are reported."""
        node = self.at(*loc)
        assert isinstance(node, MapNode)
        inside = describe(self.root, loc)
        written = [key for key in (one, other) if key in node.entries]
        if len(written) == 2:
            message = f"{quoted(one)} and {quoted(other)} exclude each other in {inside}"
            self.report.error(node.keys[other], "BOTH_KEYS", message, hints[0])
        elif not written and not node.lost & {one, other}:
            self.report.error(node, "MISSING_KEY", f"{quoted(one)} or {quoted(other)} is missing in {inside}", hints[1])
        return written[0] if written else None

    def causes(self) -> dict[str, Verdict]:
        node = self.at("defaults", "causes")
        for cause in self.file.defaults.causes:
            try:
                parse_cause(cause)
            except Mistake as mistake:
                assert isinstance(node, MapNode)
                inside = describe(self.root, ("defaults", "causes"))
                self.report.error(node.keys[cause], mistake.code, f"{mistake.message} in {inside}", mistake.hint)
        return dict(self.file.defaults.causes)

    # ----------------------------------------------------------------- names and places

    def use(self, section: str, name: str, loc: Loc, inside: Loc | None = None) -> bool:
        return self.names.use(section, name, self.at(*loc), describe(self.root, inside or loc[:-1]))

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

    def at(self, *loc: int | str) -> Node:
        return find(self.root, loc)

    def key(self, section: str, name: str) -> Node:
        node = self.at(section)
        assert isinstance(node, MapNode)
        return node.keys[name]

    def where(self, node: Node) -> str:
        return f"{node.file or self.report.file}:{node.line}"


def _probe(model: ProbeModel) -> Probe:
    return replace(Probe(), **model.model_dump(exclude_none=True))


def _show(address: HostPort) -> str:
    return quoted(f"{bracketed(address.host)}:{address.port}")
