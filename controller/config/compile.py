"""Models -> the frozen dialplan: names resolved, paths built, timers inherited, numbers indexed.

Owns everything that needs more than one value: unknown and duplicate names, values that contradict each other.
It runs on what validation left over; a dialplan built after an error is thrown away by the caller.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from controller.config.anchors import Anchors
from controller.config.auth import compile_auth
from controller.config.callers import distinct_sources
from controller.config.certificates import Certificates
from controller.config.diagnostics import Mistake, Report, quoted
from controller.config.dns import compile_dns
from controller.config.facing import build_early_media, build_format, build_identity, build_redirects
from controller.config.hours import DAYS, parse_days
from controller.config.listen import Listeners
from controller.config.messages_compile import build_messaging
from controller.config.missed_compile import build_missed
from controller.config.model import (
    ROUTE_KINDS,
    DeepModel,
    EndpointModel,
    FileModel,
    HoursModel,
    ProbeModel,
    RouteModel,
    StageModel,
    WhenModel,
)
from controller.config.names import Names
from controller.config.ops_compile import build_ops
from controller.config.outbound import Outbound, paths_to
from controller.config.places import Places
from controller.config.register_compile import compile_register
from controller.config.shares import build_limits, build_overflow, build_tenants
from controller.config.source import ListNode, MapNode, Node
from controller.config.timers import Timers, default_timers, stage_timers
from controller.config.users_compile import compile_users, place_of
from controller.config.validate import Loc, describe, find
from controller.config.values import OFF, parse_cause
from controller.rules.numbers import escape_user, write_number
from controller.types import (
    COUNT_FOR,
    LONGEST_RETRY_AFTER,
    Chain,
    DeepProbe,
    Dialplan,
    Hours,
    NumberFormat,
    Order,
    Probe,
    Route,
    Site,
    Stage,
    Target,
    Trunk,
    Verdict,
    When,
)

#: What to do about both of two keys, and about neither.
_ENDPOINT_HINTS = (
    "keep user for what a PBX knows, number for what a carrier knows",
    'add user: "100" (of a PBX) or number: "+15550100"',
)
_DEEP_HINTS = (
    "keep number for a carrier's test number, user for an echo extension of a PBX",
    'add number: "+15550123" (a test number of the carrier) or user: "9196" (an echo extension of a PBX)',
)
_ROUTE_HINTS = (
    "keep did for one number, prefix for all that begin so, outbound for calls of your own PBXs",
    'add did: "+15557000", or prefix: "+1555" for all that begin so',
)
#: Keys that make sense in one kind of route only, and where their like belongs in the other.
_INBOUND_ONLY = {"chain": "an outbound route has its own 'via'", "missed": "only who is called can miss a call"}
_OUTBOUND_ONLY = {
    "from": "anybody may call a number of yours",
    "via": "the endpoints of its chain have their own 'via'",
    **dict.fromkeys(
        ("order", "for", "no_reply", "no_progress", "hedge", "when"), "write it in the stages of its chain"
    ),
    **dict.fromkeys(("countries", "premium", "max_cost"), "it is for numbers that are not yours"),
}


def build(file: FileModel, root: Node, names: Names, report: Report, version: str) -> Dialplan:
    """Compile the models; ``root`` is what they were read from."""
    return _Compiler(file, root, names, report).dialplan(version)


@dataclass(slots=True)
class _Compiler(Places):
    inherited: Timers = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)  # keys of defaults whose values are wrong

    def dialplan(self, version: str) -> Dialplan:
        certificates = Certificates(self.file, self.root, self.names, self.report)
        listeners = Listeners(self.file, self.root, self.names, self.report, certificates)
        listen = listeners.build()
        sites = self.sites()
        trunks = self.trunks(listeners, certificates, sites)
        targets = self.targets(trunks, sites)
        chains = self.chains(targets)
        routes = self.routes()
        outbound = Outbound(self.file, self.root, self.names, self.report, trunks, sites, self.frame, self.shares)
        chains |= outbound.chains()
        return Dialplan(
            version=version,
            listen=listen,
            users=MappingProxyType(compile_users(self, listen, all_known=listeners.all_known)),
            trunks=MappingProxyType(trunks),
            chains=MappingProxyType(chains),
            routes=MappingProxyType({r.did: r for r in routes if not r.prefix and r.did != "*"}),
            default=next((route for route in routes if route.did == "*"), None),
            causes=MappingProxyType(self.causes()),
            prefixes=MappingProxyType({route.did: route for route in routes if route.prefix}),
            hours=MappingProxyType({name: self.hours(name, model) for name, model in self.file.hours.items()}),
            sites=MappingProxyType(sites),
            outbound=MappingProxyType(outbound.routes),
            access=self.file.access,
            tls=certificates.common(),
            tenants=MappingProxyType(build_tenants(self)),
            count_for=self.file.defaults.count_for or COUNT_FOR,
            media=Anchors(self.file, self.root, self.names, self.report).build(listen),
            dns=compile_dns(self),
            messaging=build_messaging(self, certificates),
            ops=build_ops(self, certificates),
        )

    # ----------------------------------------------------------------- sections

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
            where = self.where(self.key("sites", name))
            sites[name] = Site(name, tuple(pbx_names), where, active=model.active or "")
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

    def trunks(self, listeners: Listeners, certificates: Certificates, sites: dict[str, Site]) -> dict[str, Trunk]:
        trunks = {}
        for name, model in self.file.trunks.items():
            listeners.check_trunk(name, model)
            uri = place_of(self, name, model, listeners)
            form = build_format(self, name, model.format)
            patience = model.retry_after, self.file.defaults.retry_after
            trunks[name] = Trunk(
                name,
                uri.host,
                uri.port,
                uri.transport,
                carrier=model.carrier,
                probe=self.probe(name, model.probe or (OFF if uri.registered else None)),
                where=self.where(self.key("trunks", name)),
                large_over_tcp=model.large == "tcp" and model.uri.transport == "udp",
                readmit=model.readmit,
                priority=model.priority,
                weight=model.weight,
                cost=model.cost,
                site=self.site_of(name, model.site, sites),
                anchored=model.media == "anchor",
                deep=self.deep(name, model.deep, form),
                service=model.uri.service,
                listener=model.listener or "",
                format=form,
                sources=distinct_sources(self, name, model.sources, listeners.listen, all_known=listeners.all_known),
                register=compile_register(self, name, model, listeners.listen if listeners.all_known else ()),
                did_from=model.did_from,
                nat=model.nat or uri.registered,
                registered=uri.registered,
                tls=certificates.trunk(name, model),
                sips=model.uri.sips,
                identity=build_identity(self, name, model),
                auth=compile_auth(model.auth),
                limits=build_limits(self, model.limits, ("trunks", name, "limits")),
                retry_after=next((most for most in patience if most is not None), LONGEST_RETRY_AFTER),
                redirects=build_redirects(self, name, model.redirects),
            )
        for name, probe in self.file.probes.items():
            self.check_probe(name, probe)
        return trunks

    def probe(self, trunk: str, name: str | None) -> Probe | None:
        if name == OFF:
            return None
        if name is None or not self.use("probes", name, ("trunks", trunk, "probe")):
            return Probe()
        model = self.file.probes.get(name)
        return Probe() if model is None else _probe(model)

    def deep(self, trunk: str, model: DeepModel | None, form: NumberFormat | None) -> DeepProbe | None:
        if model is None:
            return None
        self.one_of(["user", "number"], ("trunks", trunk, "deep"), _DEEP_HINTS)
        written = model.model_dump(include={"every", "within"}, exclude_none=True)
        number = escape_user(write_number(form, model.number or "", called=True))
        return DeepProbe(model.user or number, expect=tuple(dict.fromkeys(model.expect)), **written)

    def check_probe(self, name: str, model: ProbeModel) -> None:
        node = self.at("probes", name)
        probe = _probe(model)
        assert isinstance(node, MapNode)
        if probe.burst > probe.every and not node.lost & {"burst", "every"}:
            at = node.keys["burst" if "burst" in node.keys else "every"]
            message = f"'burst' is slower than 'every' in probe {quoted(name)}"
            self.report.error(at, "TIMER_ORDER", message, "after a miss probes come faster: lower burst or raise every")

    def targets(self, trunks: dict[str, Trunk], sites: dict[str, Site]) -> dict[str, Target]:
        targets = {}
        for name, model in self.file.endpoints.items():
            address = self.address(name, model)
            used = self.distinct("trunks", model.via, ("endpoints", name, "via"))
            ways = (trunks[via] for via in used if via in trunks)
            paths = paths_to(name, address, ways, sites, is_number=model.user is None)
            targets[name] = Target(name, paths, live=model.live)
        return targets

    def address(self, name: str, model: EndpointModel) -> str:
        self.one_of(["user", "number"], ("endpoints", name), _ENDPOINT_HINTS)
        return model.user or model.number or ""

    def chains(self, targets: dict[str, Target]) -> dict[str, Chain]:
        self.inherit()
        return {
            name: Chain(
                name,
                tuple(self.stage(("chains", name, index), model, targets) for index, model in enumerate(stages)),
                where=self.where(self.key("chains", name)),
            )
            for name, stages in self.file.chains.items()
        }

    def inherit(self) -> None:
        """What stages get from defaults."""
        defaults = find(self.root, ("defaults",))
        node = defaults if isinstance(defaults, MapNode) and defaults is not self.root else None
        self.inherited = default_timers(self.file.defaults, node, self.report)
        self.unsure = node.lost if node else set()

    def stage(self, loc: Loc, model: StageModel, targets: dict[str, Target]) -> Stage:
        used = self.distinct("endpoints", model.ring, (*loc, "ring"), inside=loc)
        stage = self.frame(loc, model)
        rings = tuple(targets[name] for name in used if name in targets)
        early = build_early_media(model, self.file.defaults.early_media)
        after = tuple(dict.fromkeys(model.after))
        return replace(stage, targets=rings, mode=model.mode, after=after, early_media=early)

    def frame(self, loc: Loc, model: StageModel | RouteModel) -> Stage:
        """A stage without targets: its timers, conditions and order; that of an outbound route is framed alike."""
        node = self.at(*loc)
        assert isinstance(node, MapNode)
        timers = stage_timers(model, node, self.inherited, self.unsure, describe(self.root, loc), self.report)
        return Stage(
            (),
            where=self.where(node),
            when=self.when(model.when, (*loc, "when")) if model.when else None,
            order=model.order or self.file.defaults.order or Order.CONFIGURED,
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
            overflow=build_overflow(self, model.overflow, (*loc, "overflow")),
        )

    def routes(self) -> list[Route]:
        seen: dict[tuple[str, str], Node] = {}
        routes = []
        items = find(self.root, ("routes",))
        for index, model in enumerate(self.file.routes):
            assert isinstance(items, ListNode)
            node = items.items[index]
            if model.chain is not None:
                self.use("chains", model.chain, ("routes", index, "chain"))
            key = self.one_of([*ROUTE_KINDS], ("routes", index), _ROUTE_HINTS)
            self.check_kind(key, index)
            number = model.did if key == "did" else model.prefix
            if key in (None, "outbound") or number is None or model.chain is None:
                continue
            at = self.at("routes", index, key)
            if (key, number) in seen:
                hint = f"first at {seen[key, number]}: remove one of the two"
                self.report.error(at, "DUPLICATE", f"duplicate {key} {quoted(number)}", hint)
            seen.setdefault((key, number), at)
            missed = build_missed(self, model.missed, model.tenant or "", ("routes", index, "missed"))
            shares = self.shares(index, model)
            routes.append(Route(number, model.chain, self.where(node), prefix=key == "prefix", missed=missed, **shares))
        return routes

    def shares(self, index: int, model: RouteModel) -> dict[str, Any]:
        """What a route of either kind counts in."""
        loc = ("routes", index)
        if model.tenant is not None:
            self.use("tenants", model.tenant, (*loc, "tenant"))
        return {"limits": build_limits(self, model.limits, (*loc, "limits")), "tenant": model.tenant or ""}

    def check_kind(self, kind: str | None, index: int) -> None:
        """Report what a route of this kind lacks, and what belongs to the other kind only."""
        loc = ("routes", index)
        node = self.at(*loc)
        assert isinstance(node, MapNode)
        needs = ROUTE_KINDS[kind] if kind else "chain"
        wrong = {needs, *ROUTE_KINDS} if kind is None else {needs}
        if needs not in node.entries and not node.lost & wrong:
            (example,) = RouteModel.model_fields[needs].examples or ("",)
            message = f"required key {quoted(needs)} is missing in {self.describe(loc)}"
            self.report.error(node, "MISSING_KEY", message, f"add {needs}: {json.dumps(example)}")
        for key, instead in (_INBOUND_ONLY if kind == "outbound" else _OUTBOUND_ONLY).items():
            if kind and key in node.entries:
                message = f"{quoted(kind)} and {quoted(key)} exclude each other in {self.describe(loc)}"
                self.report.error(node.keys[key], "BOTH_KEYS", message, f"remove {key}: {instead}")

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


def _probe(model: ProbeModel) -> Probe:
    return replace(Probe(), **model.model_dump(exclude_none=True))
