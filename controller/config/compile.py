"""Models -> the frozen dialplan: names resolved, paths built, timers inherited, numbers indexed.

Owns everything that needs more than one value: unknown and duplicate names, values that contradict each other.
It runs on what validation left over; a dialplan built after an error is thrown away by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

from controller.config.address import HostPort, in_uri, ip_version
from controller.config.diagnostics import Mistake, Report, quoted
from controller.config.model import EndpointModel, FileModel, ProbeModel, StageModel
from controller.config.names import Names
from controller.config.source import ListNode, MapNode, Node
from controller.config.timers import Timers, default_timers, stage_timers
from controller.config.validate import Loc, describe, find
from controller.config.values import OFF, parse_cause
from controller.types import Chain, Dialplan, Listen, Path, Probe, Route, Stage, Target, Trunk, Verdict

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
        trunks = self.trunks(listen)
        targets = self.targets(trunks)
        chains = self.chains(targets)
        routes = self.routes()
        return Dialplan(
            version=version,
            listen=listen,
            trunks=MappingProxyType(trunks),
            chains=MappingProxyType(chains),
            routes=MappingProxyType({did: route for did, route in routes.items() if did != "*"}),
            default=routes.get("*"),
            causes=MappingProxyType(self.causes()),
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
            hint = f"write {in_uri(other.host)} here too ({other.where}); the ports may differ"
            self.report.error(at, "ONE_LISTENER", "UDP and TCP listen on different hosts", hint)
        found[transport] = Listen(address.host, address.port, transport, where=self.where(at))

    def trunks(self, listen: tuple[Listen, ...]) -> dict[str, Trunk]:
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
                    address=f"sip:{address}@{in_uri(trunk.host)}:{trunk.port}{_TRANSPORT[trunk.transport]}",
                )
                for trunk in (trunks[via] for via in used if via in trunks)
            ]
            targets[name] = Target(name, tuple(paths), live=model.live)
        return targets

    def address(self, name: str, model: EndpointModel) -> str:
        node = self.at("endpoints", name)
        assert isinstance(node, MapNode)
        if model.user is not None and model.number is not None:
            message = f"'user' and 'number' exclude each other in endpoint {quoted(name)}"
            hint = "keep user for what a PBX knows, number for what a carrier knows"
            self.report.error(node.keys["number"], "BOTH_KEYS", message, hint)
        elif model.user is None and model.number is None and not node.lost & {"user", "number"}:
            message = f"'user' or 'number' is missing in endpoint {quoted(name)}"
            self.report.error(node, "MISSING_KEY", message, 'add user: "100" (of a PBX) or number: "+15550100"')
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
            **{name: timer.value for name, timer in timers.items()},
        )

    def routes(self) -> dict[str, Route]:
        seen: dict[str, Node] = {}
        routes = {}
        items = find(self.root, ("routes",))
        for index, model in enumerate(self.file.routes):
            assert isinstance(items, ListNode)
            written = model.model_fields_set
            if "chain" in written:
                self.use("chains", model.chain, ("routes", index, "chain"))
            at = self.at("routes", index, "did")
            if model.did in seen and "did" in written:
                hint = f"first at {seen[model.did]}: remove one of the two"
                self.report.error(at, "DUPLICATE", f"duplicate did {quoted(model.did)}", hint)
            seen.setdefault(model.did, at)
            routes[model.did] = Route(model.did, model.chain, where=self.where(items.items[index]))
        return routes

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
        return f"{self.report.file}:{node.line}"


def _probe(model: ProbeModel) -> Probe:
    return replace(Probe(), **model.model_dump(exclude_none=True))


def _show(address: HostPort) -> str:
    return quoted(f"{in_uri(address.host)}:{address.port}")
